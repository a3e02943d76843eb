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


def interleaved(
    variants: Mapping[str, Callable[[], object]], runs: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each variant, ``runs`` times; one round runs them all, so that a busy machine hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(runs):
        for name, work in variants.items():
            started = clock()
            work()
            taken[name].append(clock() - started)
    return taken


def processor_seconds(variants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """As :func:`interleaved`, but processor time of this process: for work that waits for nothing."""
    return interleaved(variants, rounds, time.process_time)


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the rounds' ratios: neighbours in time are compared, not the best of one with another's."""
    return median(a / b for a, b in zip(over, under, strict=True))


@dataclass(frozen=True)
class Budget:
    """What a figure may be.

    ``goal`` is what is wanted, ``limit`` what a run is held to (the goal, where there is no other). Both are upper
    bounds, with ``least`` lower ones. ``why`` explains a limit that is not the goal.
    """

    name: str
    title: str
    goal: float
    limit: float | None = None
    least: bool = False
    unit: str = ""
    why: str = ""

    def within(self, value: float, bound: float) -> bool:
        """Whether ``value`` is on the right side of ``bound``."""
        return value >= bound if self.least else value <= bound

    @property
    def held(self) -> float:
        """What a run is held to."""
        return self.goal if self.limit is None else self.limit

    def written(self, bound: float) -> str:
        """A bound as people write it."""
        return f"{'≥' if self.least else '≤'} {bound:g}{self.unit and f' {self.unit}'}"


def budgets(path: Path = BUDGETS) -> dict[str, Budget]:
    """The budgets by name. Raises ``TypeError`` for an unknown key, ``ValueError`` for an unexplained limit."""
    loaded = yaml.safe_load(path.read_text("utf-8"))
    found = {name: Budget(name, **entry) for name, entry in loaded.items()}
    for budget in found.values():
        if budget.held != budget.goal and not budget.why:
            raise ValueError(f"{budget.name}: a limit that is not the goal needs a why")
    return found


def missed(figures: Mapping[str, float], known: Mapping[str, Budget]) -> list[str]:
    """Names of the figures outside their limits. A figure without a budget is a mistake: raises ``KeyError``."""
    return [name for name, value in figures.items() if not known[name].within(value, known[name].held)]
