# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CUDA a vLLM release is built with, and the oldest NVIDIA driver that runs it.

Sources: ``VLLM_MAIN_CUDA_VERSION`` in vLLM's own envs module (0.11.0 on) and the torch release it pins (before);
NVIDIA's CUDA compatibility guide, minor version compatibility: CUDA 12 runs on driver 525 or newer, CUDA 13 on 580.
The image states more: it asks the container runtime for ``cuda>=`` its own version (NVIDIA_REQUIRE_CUDA), so a
driver whose own CUDA is older than that is refused at container start even where the guide would allow it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .versions import EngineVersion, order

CUDA_OF = (("0.8.0", "12.4"), ("0.9.0", "12.8"), ("0.12.0", "12.9"), ("0.20.0", "13.0"))
"""First vLLM version with a CUDA version, oldest first."""

DRIVER_OF_MAJOR = {12: 525, 13: 580}

CUDA_OF_DRIVER = ((525, "12.0"), (530, "12.1"), (535, "12.2"), (545, "12.3"), (550, "12.4"), (555, "12.5"),
                  (560, "12.6"), (565, "12.7"), (570, "12.8"), (575, "12.9"), (580, "13.0"), (590, "13.1"))  # fmt: skip
"""The newest CUDA of a driver branch (what nvidia-smi prints), oldest first."""


@dataclass(frozen=True)
class CudaNeed:
    """What an image needs: ``cuda``, the driver branch that can run it at all, and the one that the image asks for."""

    cuda: str
    minimum_driver: int
    required_driver: int


def cuda_need(engine: EngineVersion) -> CudaNeed | None:
    """What the image needs; None where the version is not known."""
    if engine.version is None:
        return None
    cuda = _variant(engine.variant) or _newest(CUDA_OF, engine.version)
    if cuda is None:
        return None
    required = next(
        (branch for branch, newest in CUDA_OF_DRIVER if order(newest) >= order(cuda)), CUDA_OF_DRIVER[-1][0]
    )
    return CudaNeed(cuda, DRIVER_OF_MAJOR[order(cuda)[0]], required)


def driver_branch(driver: str) -> int | None:
    """The branch of a driver version (``580.95.05`` is of branch 580); None for text that is no version."""
    numbers = order(driver)
    return numbers[0] if numbers else None


def _variant(suffix: str | None) -> str | None:
    """CUDA version of an image variant such as ``-cu129``."""
    digits = (suffix or "").partition("cu")[2][:3]
    return f"{digits[:2]}.{digits[2]}" if len(digits) == 3 and digits.isdigit() and digits[:2] in ("12", "13") else None


def _newest(rows: tuple[tuple[str, str], ...], version: str) -> str | None:
    return next((cuda for first, cuda in reversed(rows) if order(first) <= order(version)), None)
