# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every benchmark returns, and how variants are compared: side by side, round by round, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "bench"
BUDGETS = Path(__file__).with_name("budgets.yml")


@dataclass(frozen=True)
class Row:
    """One thing that was measured, some times over."""

    what: str
    values: tuple[float, ...]
    unit: str = "s"

    def to_dict(self) -> dict[str, Any]:
        """Plain data with median, minimum and maximum."""
        low, high = min(self.values), max(self.values)
        return {
            "what": self.what,
            "unit": self.unit,
            "median": round(median(self.values), 4),
            "min": round(low, 4),
            "max": round(high, 4),
            "runs": len(self.values),
        }


@dataclass
class Measured:
    """What one benchmark found. ``figures`` are what ``budgets.yml`` bounds; ``notes`` say what was skipped and why."""

    rows: list[Row] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it is stored."""
        figures = {name: round(value, 3) for name, value in self.figures.items()}
        rows = [row.to_dict() for row in self.rows]
        return {"rows": rows, "figures": figures, "notes": self.notes, "details": self.details}


def interleaved(variants: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each variant, ``runs`` times; one round runs them all, so that a busy machine hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(runs):
        for name, work in variants.items():
            started = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - started)
    return taken


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the rounds' ratios: neighbours in time are compared, not the best of one with the best of another."""
    return median(a / b for a, b in zip(over, under, strict=True))


@dataclass(frozen=True)
class Budget:
    """What a figure may be. ``limit`` is an upper bound, with ``least`` a lower one; ``why`` explains a known miss."""

    name: str
    title: str
    limit: float
    least: bool = False
    why: str = ""

    def met(self, value: float) -> bool:
        """Whether ``value`` is within the budget."""
        return value >= self.limit if self.least else value <= self.limit

    @property
    def bound(self) -> str:
        """The bound as people write it."""
        return f"{'≥' if self.least else '≤'} {self.limit:g}"


def budgets(path: Path = BUDGETS) -> dict[str, Budget]:
    """The budgets by name. Raises ``TypeError`` for a key that is none of a budget's."""
    loaded = yaml.safe_load(path.read_text("utf-8"))
    return {name: Budget(name, **entry) for name, entry in loaded.items()}


def missed(figures: Mapping[str, float], known: Mapping[str, Budget]) -> list[str]:
    """Names of the figures outside their budgets. A figure without a budget is a mistake: raises ``KeyError``."""
    return [name for name, value in figures.items() if not known[name].met(value)]
