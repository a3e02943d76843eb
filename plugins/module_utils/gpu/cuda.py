# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver runs which CUDA.

Source of the figures: NVIDIA's CUDA release notes (Linux x86_64, toolkit driver versions) and its CUDA
compatibility guide (minor-version compatibility).
"""

from __future__ import annotations

from enum import Enum

from .versions import Version, version

NATIVE: dict[Version, Version] = {
    (12, 0): (525, 60, 13),
    (12, 1): (530, 30, 2),
    (12, 2): (535, 54, 3),
    (12, 3): (545, 23, 6),
    (12, 4): (550, 54, 14),
    (12, 5): (555, 42, 2),
    (12, 6): (560, 28, 3),
    (12, 8): (570, 26),
    (12, 9): (575, 51, 3),
    (13, 0): (580, 65, 6),
    (13, 1): (590, 44, 1),
}
"""CUDA release: the oldest driver that ships with all of it."""

FAMILY: dict[int, Version] = {12: (525,), 13: (580,)}
"""CUDA major release: the oldest driver that runs it by minor-version compatibility (without PTX compilation)."""


class Support(str, Enum):
    """How far a driver carries a CUDA release."""

    NATIVE = "native"
    MINOR = "minor-version compatibility"
    NONE = "none"
    UNKNOWN = "unknown"


def support(driver: str | None, cuda: str | None) -> Support:
    """Whether ``driver`` ("580.159.04") runs a program built for ``cuda`` ("12.9").

    UNKNOWN where either is not a version or the CUDA major release is newer than this table.
    """
    have, want = version(driver), version(cuda)
    if have is None or want is None or want[0] not in FAMILY:
        return Support.UNKNOWN
    if have < FAMILY[want[0]]:
        return Support.NONE
    needed = NATIVE.get(want[:2])
    return Support.NATIVE if needed and have >= needed else Support.MINOR


def oldest_driver(cuda: str) -> str:
    """The driver to ask for: native where the table has it, the family's oldest otherwise, in plain figures."""
    want = version(cuda) or ()
    needed = NATIVE.get(want[:2]) or FAMILY.get(want[0] if want else 0) or ()
    return ".".join(f"{part:02d}" for part in needed) or "unknown"
