# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that say what the GPU nodes offer: the preflight's half of the planner's input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Taint:
    """A node taint as Kubernetes states it."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True)
class GpuResource:
    """One extended resource of a node, and what it stands for.

    ``memory_mib`` is the memory of ONE unit in MiB (None when no label tells);
    ``sharing`` is none, time-slicing, mps or mig; ``product`` is normalised ("A100-SXM4-80GB").
    """

    name: str
    product: str | None
    memory_mib: int | None
    allocatable: int
    requested: int = 0
    sharing: str = "none"
    replicas: int = 1

    @property
    def free(self) -> int:
        """Units that no running or pending pod on the node has requested."""
        return max(0, self.allocatable - self.requested)


@dataclass(frozen=True)
class GpuNode:
    """One node that offers a GPU resource, shows another sign of a GPU, or is named by a pin."""

    name: str
    hostname: str
    ready: bool
    schedulable: bool
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    resources: tuple[GpuResource, ...] = ()
    vgpu: bool | None = None
    driver: str | None = None
    """Driver version, from GFD or the Talos extension labels; None when neither tells."""
    memory_mib: int | None = None
    """Allocatable main memory in MiB."""
    cpu_millis: int | None = None
    """Allocatable CPU in thousandths of a core."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a module returns it."""
        # Not dataclasses.asdict: it copies every label deeply, which is half the time on thousands of nodes.
        return {
            **vars(self),
            "labels": dict(self.labels),
            "taints": [dict(vars(taint)) for taint in self.taints],
            "resources": [{**vars(resource), "free": resource.free} for resource in self.resources],
        }


def node_from_dict(data: dict[str, Any]) -> GpuNode:
    """The inverse of :meth:`GpuNode.to_dict` (how a later task reads an earlier task's result)."""
    plain = dict(data)
    plain["taints"] = tuple(Taint(**taint) for taint in plain.get("taints", ()))
    plain["resources"] = tuple(
        GpuResource(**{k: v for k, v in resource.items() if k != "free"}) for resource in plain.get("resources", ())
    )
    return GpuNode(**plain)
