# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: what the planner decides and every later stage reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class Verdict(str, Enum):
    """Whether a model fits: ``tight`` leaves less than 1 GiB, ``unknown`` means that the GPU's memory is not known."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fit:
    """The memory sum of one model on one GPU, in GiB; the formula is in docs/memory-fit.md."""

    total: float
    reserved: float
    weights: float
    activation: float
    overhead: float
    kv_room: float
    kv_needed: float
    verdict: Verdict
    reason: str

    @property
    def needed(self) -> float:
        """What the model must have to start: weights, activation, overhead and one full-length request."""
        return self.weights + self.activation + self.overhead + self.kv_needed


@dataclass(frozen=True)
class SelectorRequirement:
    """One matchExpression of a node selector term."""

    key: str
    values: tuple[str, ...]
    operator: str = "In"


@dataclass(frozen=True)
class Placement:
    """Where one model goes. ``selector`` is ANDed; it is what the pod's node affinity will say."""

    model: str
    nodes: tuple[str, ...]
    selector: tuple[SelectorRequirement, ...]
    gpu_resource: str
    gpus: int
    fit: Fit

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a module returns it."""
        fit = {**asdict(self.fit), "verdict": self.fit.verdict.value, "needed": round(self.fit.needed, 2)}
        selector = [{**asdict(requirement), "values": list(requirement.values)} for requirement in self.selector]
        return {**asdict(self), "nodes": list(self.nodes), "selector": selector, "fit": fit}


@dataclass(frozen=True)
class Plan:
    """The whole plan of a site, in the order of ``vllm_models``."""

    placements: tuple[Placement, ...]
    startup_failure_threshold: int | None = None
    """Startup probe override (periods of 10 s) when download and load need more than the chart's 615 s."""
    notes: tuple[str, ...] = field(default=())

    def of(self, model: str) -> Placement:
        """The placement of the model with that name."""
        return next(p for p in self.placements if p.model == model)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a module returns it."""
        return {
            "placements": [placement.to_dict() for placement in self.placements],
            "startup_failure_threshold": self.startup_failure_threshold,
            "notes": list(self.notes),
        }


def plan_from_dict(data: dict[str, Any]) -> Plan:
    """The inverse of :meth:`Plan.to_dict`."""
    placements = tuple(_placement(plain) for plain in data["placements"])
    return Plan(placements, data.get("startup_failure_threshold"), tuple(data.get("notes", ())))


def _placement(plain: dict[str, Any]) -> Placement:
    fit = {key: value for key, value in plain["fit"].items() if key != "needed"}
    selector = tuple(SelectorRequirement(s["key"], tuple(s["values"]), s["operator"]) for s in plain["selector"])
    return Placement(
        model=plain["model"],
        nodes=tuple(plain["nodes"]),
        selector=selector,
        gpu_resource=plain["gpu_resource"],
        gpus=plain["gpus"],
        fit=Fit(**{**fit, "verdict": Verdict(fit["verdict"])}),
    )
