# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes quantities ("1500m", "56Gi") as numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i))?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def quantity(value: object) -> Decimal:
    """The number that a quantity stands for. Raises ``ValueError`` for anything else."""
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"{value!r} is not a Kubernetes quantity")
    return _parsed(str(value))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Decimal:
    """The nodes of a cluster repeat the same few quantities."""
    matched = _FORM.fullmatch(text)
    if matched is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity")
    number, exponent, suffix = Decimal(matched[1]), int(matched[2] or 0), matched[3] or ""
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    return number.scaleb(_DECIMAL.get(suffix, exponent))


def mebibytes(value: object) -> int:
    """A memory quantity in whole MiB, rounded down."""
    return int(quantity(value) / (1 << 20))


def millis(value: object) -> int:
    """A CPU quantity in thousandths of a core."""
    return int(quantity(value) * 1000)
