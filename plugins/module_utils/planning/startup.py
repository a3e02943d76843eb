# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download and load time against the budgets that the chart and Kubernetes give a starting engine.

The chart's startup probe kills a container after 15 s + 60 × 10 s; its Deployments fail their progress deadline,
which the chart fixes, after 1200 s (Argo CD then shows Degraded, although the engine may still come up).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..findings import Finding, finding
from .memory import GIB, weights_gib
from .models import ModelRequest
from .settings import effective

PROBE_DELAY_S = 15
PROBE_PERIOD_S = 10
PROBE_PERIODS = 60
PROGRESS_DEADLINE_S = 1200
LOAD_S = 180
"""Loading from the volume, compiling and capturing CUDA graphs: an allowance, not a measurement."""
DOWNLOAD_MARGIN = 1.2


def disk_gib(request: ModelRequest) -> float:
    """Size of the files that vLLM downloads, in GiB: as recorded, else the size of the weights."""
    if request.facts.disk_gib is not None:
        return request.facts.disk_gib
    settings = effective(request)
    return weights_gib(request.facts, settings) * settings.tensor_parallel


def start_seconds(request: ModelRequest, download_mb_s: float) -> float:
    """Seconds from container start to ready, image pull not counted, for a first start with an empty volume."""
    return disk_gib(request) * GIB / 1e6 / download_mb_s * DOWNLOAD_MARGIN + LOAD_S


def startup(
    requests: Sequence[ModelRequest], download_mb_s: float, path: str = "vllm_models"
) -> tuple[int | None, list[Finding]]:
    """The startup probe's failure threshold (periods of 10 s) if the chart's 60 do not do, and what to know about it.

    The chart has one startup probe for all models, so the slowest model sets it.
    """
    seconds = [start_seconds(request, download_mb_s) for request in requests]
    needed = max((math.ceil((second - PROBE_DELAY_S) / PROBE_PERIOD_S) for second in seconds), default=0)
    findings = [
        finding(
            "planning-start-exceeds-deadline",
            f"{path}[{index}]",
            f"'{request.name}' needs about {second / 60:.0f} min to download {disk_gib(request):.1f} GiB at"
            f" {download_mb_s:g} MB/s and to load, longer than the {PROGRESS_DEADLINE_S // 60} min of the deadline",
        )
        for index, (request, second) in enumerate(zip(requests, seconds, strict=True))
        if second > PROGRESS_DEADLINE_S
    ]
    return (needed if needed > PROBE_PERIODS else None), findings
