# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reference data that lies beside some checkouts and is never part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def shared_data(name: str) -> Path:
    """Path of the reference file or folder ``name``; skips the test where it is absent."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"reference data {name} is not beside this checkout")
    return path
