# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, on what: a figure without its machine and versions is worth nothing."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

from sandbox.runner import programs

BUSY = 0.5
"""Load a processor before the start of a benchmark, above which the machine was not quiet."""


def machine() -> dict[str, str]:
    """The machine and the versions, in words."""
    return {
        "processor": f"{os.cpu_count()} × {_field('/proc/cpuinfo', r'model name[^:]*: (.+)') or platform.machine()}",
        "memory": f"{int(_field('/proc/meminfo', r'MemTotal: +([0-9]+)') or 0) / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "Kubernetes": programs.KUBERNETES,
        "Argo CD": programs.ARGOCD,
        "sealed-secrets": programs.SEALED_SECRETS,
    }


def _field(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text("utf-8"))
    return found[1].strip() if found else ""


def load() -> float:
    """Load of the last minute, as the kernel averages it."""
    return round(os.getloadavg()[0], 2)


def busy(loads: list[float]) -> bool:
    """Whether something else ran on the machine when a benchmark began."""
    return loads[0] > BUSY * (os.cpu_count() or 1)
