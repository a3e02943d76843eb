# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dotted versions as tuples of numbers."""

from __future__ import annotations

import re
from functools import lru_cache

Version = tuple[int, ...]


@lru_cache(maxsize=4096)
def version(text: str | None) -> Version | None:
    """``(580, 159, 4)`` for "580.159.04"; None for anything that is not a dotted number."""
    if text is None or not re.fullmatch(r"v?\d{1,9}(?:\.\d{1,9})*", text, re.ASCII):
        return None
    return tuple(int(part) for part in text.lstrip("v").split("."))
