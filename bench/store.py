# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last result of each benchmark, so that one can be repeated alone and the page still has all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.measure import CACHE

RESULTS = CACHE / "results.json"
Results = dict[str, Any]


def read(path: Path = RESULTS) -> Results:
    """``{"machine": {…}, "benchmarks": {name: result}}``; nothing where nothing was measured."""
    if not path.exists():
        return {"machine": {}, "benchmarks": {}}
    found: Results = json.loads(path.read_text("utf-8"))
    return found


def merged(old: Mapping[str, Any], machine: Mapping[str, str], new: Mapping[str, Any]) -> Results:
    """``old`` with the results of ``new``; what another machine or other versions measured is dropped."""
    kept = old["benchmarks"] if old["machine"] == machine else {}
    return {"machine": dict(machine), "benchmarks": {**kept, **new}}


def write(results: Results, path: Path = RESULTS) -> None:
    """Replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def figures(results: Mapping[str, Any]) -> dict[str, float]:
    """The figures of all benchmarks."""
    return {name: value for one in results["benchmarks"].values() for name, value in one["figures"].items()}
