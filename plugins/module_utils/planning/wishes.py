# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the planner knows of each model while it looks for places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..gpu.nodes import GpuNode
from ..gpu.quantity import mebibytes, millis
from .memory import utilization
from .models import ModelRequest
from .nodes import Kind, Slot, usable
from .plan import Fit, SelectorRequirement, Verdict
from .settings import effective, release


@dataclass
class Pool:
    """The slots that one combination of pins and resource name allows."""

    nodes: dict[str, GpuNode]
    requirements: tuple[SelectorRequirement, ...]
    slots: list[Slot]

    @cached_property
    def kinds(self) -> dict[Kind, list[Slot]]:
        """The slots that can take new pods, by the kind of their GPUs."""
        kinds: dict[Kind, list[Slot]] = {}
        for slot in self.slots:
            if usable(slot.node):
                kinds.setdefault(slot.kind, []).append(slot)
        return kinds

    @cached_property
    def kind_of(self) -> dict[str, Kind]:
        """The kind of each node's GPUs, by node name."""
        return {slot.node.name: slot.kind for slot in self.slots}


@dataclass
class Wish:
    """One model on its way into the plan."""

    index: int
    request: ModelRequest
    path: str
    pool: Pool
    fits: dict[Kind, Fit]
    """The memory sum on each kind of GPU of the pool."""

    @cached_property
    def memory_mib(self) -> int:
        """Main memory of one replica."""
        return mebibytes(self.request.memory)

    @cached_property
    def cpu_millis(self) -> int:
        """CPU of one replica."""
        return millis(self.request.cpu)

    @cached_property
    def utilization(self) -> float:
        """The share of each of its GPUs that one replica reserves."""
        return utilization(effective(self.request), release(self.request.tag))

    @cached_property
    def fitting(self) -> list[Kind]:
        """The kinds of GPU on which the model can start."""
        return [kind for kind, found in self.fits.items() if found.verdict is not Verdict.NO]

    @cached_property
    def slots(self) -> list[Slot]:
        """The slots on which the model can start, were they free."""
        return [slot for kind in self.fitting for slot in self.pool.kinds[kind]]

    @cached_property
    def nodes(self) -> frozenset[str]:
        """The nodes on which the model can start, were they free."""
        return frozenset(slot.node.name for slot in self.slots)

    @property
    def urgency(self) -> tuple[int, int, float, int]:
        """Sorts the hardest to place first."""
        need = max((found.needed for found in self.fits.values()), default=0.0)
        return (len(self.slots), -self.request.gpu, -need, self.index)

    def unsuitable(self, node: str) -> bool:
        """Whether the scheduler could put the model on this node although it must not run there."""
        found = self.fits.get(self.pool.kind_of.get(node, (None, None)))
        return node not in self.pool.nodes or (found is not None and found.verdict is Verdict.NO)
