# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CUDA a vLLM image is built with. Which driver runs it is in gpu/cuda.py.

Sources: ``VLLM_MAIN_CUDA_VERSION`` in vLLM's own envs module (0.11.0 on); before, the torch release that it pins and
its image's build file. The default image is meant; a variant says its CUDA in the tag (``-cu129``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .versions import IMAGE, EngineVersion, engine_version, order

CUDA_OF = (("0.8.0", "12.4"), ("0.9.0", "12.8"), ("0.12.0", "12.9"), ("0.20.0", "13.0"))
"""First vLLM version with a CUDA version, oldest first."""

VARIANT = re.compile(r"cu(1[23])(\d)(?!\d)")


def image_cuda(engine: EngineVersion) -> str | None:
    """The CUDA version of an image, such as ``12.9``; None where the vLLM version is not known."""
    if engine.version is None:
        return None
    variant = VARIANT.search(engine.variant or "")
    if variant:
        return f"{variant[1]}.{variant[2]}"
    return next((cuda for first, cuda in reversed(CUDA_OF) if order(first) <= order(engine.version)), None)


def newest_cuda(tags: Iterable[str]) -> str | None:
    """The newest CUDA among images of vllm/vllm-openai with these tags; None where no tag tells."""
    known = [cuda for tag in tags if (cuda := image_cuda(engine_version(f"vllm/{IMAGE}", tag)))]
    return max(known, key=order, default=None)
