# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPU nodes as the planner sees them: indexed once, so that no model scans all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from ..gpu.nodes import GpuNode, GpuResource
from .memory import torch_total

HOSTNAME = "kubernetes.io/hostname"
PRODUCT = "nvidia.com/gpu.product"
VGPU = "nvidia.com/vgpu.present"
Own = Mapping[str, Mapping[str, int]]
Kind: TypeAlias = "tuple[float | None, str | None]"
"""Total memory in GiB as torch reports it, and product."""


@dataclass
class Slot:
    """One resource of one node while a plan is made: how much of it is left."""

    node: GpuNode
    resource: GpuResource
    order: int
    free: int

    @cached_property
    def memory_gib(self) -> float | None:
        """What torch will report as the total of one unit."""
        return None if self.resource.memory_mib is None else torch_total(self.resource.memory_mib)

    @property
    def kind(self) -> Kind:
        """What decides whether a model fits: equal for GPUs of one product."""
        return (self.memory_gib, self.resource.product)

    @property
    def shared(self) -> bool:
        """Whether several engines see the same, whole memory of one GPU."""
        return self.resource.sharing == "time-slicing"

    @property
    def whole(self) -> bool:
        """Whether one unit is one GPU, so that a model may take several."""
        return self.resource.sharing == "none"

    def shared_load(self, utilizations: Iterable[float]) -> float:
        """The largest share of one physical GPU that these engines would reserve together.

        The device plugin spreads engines evenly over the GPUs; which ones meet is not known beforehand.
        """
        loads = sorted(utilizations, reverse=True)
        gpus = max(1, self.resource.allocatable // max(1, self.resource.replicas))
        return sum(loads[: -(-len(loads) // gpus)])


@dataclass
class Room:
    """What is left of a node's main memory (MiB) and CPU (millicores); None where the node does not tell."""

    memory_mib: int | None
    cpu_millis: int | None


class Inventory:
    """All nodes, in the order in which they are to be filled, with indexes by name and by label."""

    def __init__(self, nodes: Sequence[GpuNode], gpu_nodes: Sequence[str], own: Own) -> None:
        self.all = list(nodes)
        self.by_name = {name: node for node in reversed(self.all) for name in (node.name, node.hostname)}
        self.unknown = [name for name in gpu_nodes if name not in self.by_name]
        listed = [self.by_name[name] for name in gpu_nodes if name in self.by_name]
        self.eligible = {node.name: node for node in (listed if gpu_nodes else self.all)}
        self.own = own
        self.rooms = {name: Room(node.memory_mib, node.cpu_millis) for name, node in self.eligible.items()}
        self._labels: dict[str, dict[str, dict[str, GpuNode]]] = {}
        self.slots = self._slots()

    def labelled(self, key: str, values: Iterable[str]) -> dict[str, GpuNode]:
        """All nodes, also those outside ``gpu_nodes``, whose label has one of the values, by node name."""
        if key not in self._labels:
            index: dict[str, dict[str, GpuNode]] = {}
            for node in self.all:
                if key in node.labels:
                    index.setdefault(node.labels[key], {})[node.name] = node
            self._labels[key] = index
        found = [self._labels[key].get(value, {}) for value in values]
        return found[0] if len(found) == 1 else {name: node for part in found for name, node in part.items()}

    def slots_of(self, resource: str, nodes: Mapping[str, GpuNode]) -> list[Slot]:
        """The slots of a resource on some nodes, in the order in which they are to be filled."""
        slots = self.slots.get(resource, {})
        return sorted((slots[name] for name in nodes if name in slots), key=lambda slot: slot.order)

    def values_of(self, key: str) -> list[str]:
        """All values that a label has."""
        return sorted({node.labels[key] for node in self.all if key in node.labels})

    def _slots(self) -> dict[str, dict[str, Slot]]:
        slots: dict[str, dict[str, Slot]] = {}
        for order, node in enumerate(self.eligible.values()):
            for resource in node.resources:
                mine = self.own.get(node.name, {}).get(resource.name, 0)
                taken = max(0, resource.requested - mine)
                free = max(0, resource.allocatable - taken)
                slots.setdefault(resource.name, {})[node.name] = Slot(node, resource, order, free)
        return slots


def usable(node: GpuNode) -> bool:
    """Whether new pods can run on the node."""
    return node.ready and node.schedulable
