# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU product names: one spelling for labels and nvidia-smi, and the generation behind a name."""

from __future__ import annotations

import re
from functools import lru_cache

SHARED = "-SHARED"
MIG = re.compile(r"-MIG-(?P<profile>.+)$")

GENERATIONS: tuple[tuple[str, str], ...] = (
    ("gb10", r"GB10\b"),
    ("blackwell", r"\b(?:G?B[123]00|RTX-PRO-\d+|(?:GeForce-)?RTX-50\d0)|Blackwell"),
    ("hopper", r"\b(?:GH200|H100|H200|H800|H20)\b"),
    ("ada", r"\b(?:L2|L4|L20|L40S?|RTX-40\d0)\b|-Ada\b"),
    ("ampere", r"\b(?:A100D?X?|A800|A30X?|A40|A10G?|A16|A2|RTX-A\d+|RTX-30\d0)\b"),
    ("turing", r"\b(?:T4G?|RTX-20\d0|Quadro-RTX-\d+|GTX-16\d0|T1000|T600|T400)\b"),
    ("volta", r"\b(?:V100S?|TITAN-V|GV100)\b"),
    ("pascal", r"\b(?:P100|P40|P6|P4|GTX-10\d0|TITAN-Xp?|Quadro-P\d+)\b"),
    ("maxwell", r"\b(?:M10|M4|M40|M60|GTX-9\d0|Quadro-M\d+)\b"),
)
"""Generation and the product names that belong to it; the first match wins."""


@lru_cache(maxsize=1024)
def normalise(product: str | None) -> str | None:
    """The product without vendor, sharing and MIG suffix ("H100-80GB-HBM3"); None when nothing is left."""
    if not product:
        return None
    name = re.sub(r"\s+", "-", product.strip()).removeprefix("NVIDIA-")
    return MIG.sub("", name.removesuffix(SHARED)).removesuffix(SHARED) or None


def mig_profile(product: str | None) -> str | None:
    """The MIG profile that GFD's single strategy appends to the product ("1g.5gb", "INVALID")."""
    matched = MIG.search((product or "").removesuffix(SHARED))
    return matched["profile"] if matched else None


@lru_cache(maxsize=1024)
def generation(product: str | None, family: str | None = None) -> str | None:
    """``blackwell``, ``hopper``, … from GFD's family label, or from the name where there is none."""
    name = normalise(product) or ""
    if re.search(GENERATIONS[0][1], name):
        return "gb10"
    if family and family != "undefined":
        return {"ada-lovelace": "ada"}.get(family, family)
    return next((era for era, names in GENERATIONS if re.search(names, name)), None)
