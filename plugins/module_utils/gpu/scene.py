# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check looks at: the facts, the settings, and which nodes they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..findings import Finding
from .capacity import gpu_nodes, shows_gpu, vgpu_state
from .facts import DaemonSetFacts, Facts, NodeFacts, RuntimeClassFacts
from .nodes import GpuNode
from .settings import Settings
from .talos_rules import Extensions, extensions, talos_version
from .versions import Version


@dataclass(frozen=True)
class Scene:
    """One snapshot under one set of settings; derived views are computed once."""

    facts: Facts
    settings: Settings

    @cached_property
    def nodes(self) -> tuple[GpuNode, ...]:
        """All GPU nodes, and those that the site names."""
        return gpu_nodes(self.facts, self.settings)

    @cached_property
    def by_name(self) -> Mapping[str, GpuNode]:
        """The same by node name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def candidates(self) -> tuple[NodeFacts, ...]:
        """The nodes that the engines may run on: those the site names, else those its GPU mode means."""
        pinned = set(self.settings.gpu_nodes)
        if pinned:
            return tuple(n for n in self.facts.nodes if pinned & {n.name, n.hostname})
        with_gpu = tuple(n for n in self.facts.nodes if shows_gpu(n, self.settings.resources))
        virtual = tuple(n for n in with_gpu if vgpu_state(n.labels))
        return virtual if self.settings.gpu_mode == "vgpu" and virtual else with_gpu

    @cached_property
    def runtime_class(self) -> RuntimeClassFacts | None:
        """The RuntimeClass that the engines will name, where it exists."""
        wanted = self.settings.runtime_class
        return next((c for c in self.facts.runtime_classes if c.name == wanted), None) if wanted else None

    @cached_property
    def tolerations(self) -> tuple[Mapping[str, Any], ...]:
        """The engines' tolerations, with those that admission adds from the RuntimeClass."""
        added = self.runtime_class.tolerations if self.runtime_class else ()
        return (*self.settings.tolerations, *added)

    @cached_property
    def plugins(self) -> tuple[DaemonSetFacts, ...]:
        """The device plugins."""
        return tuple(d for d in self.facts.daemonsets if d.role == "device-plugin")

    @cached_property
    def offering(self) -> tuple[NodeFacts, ...]:
        """The candidates that offer a configured resource."""
        return tuple(node for node in self.candidates if node.offers_any(self.settings.resources))

    @cached_property
    def _talos(self) -> dict[str, tuple[Version | None, Extensions]]:
        return {n.name: (talos_version(n.os_image), extensions(n.labels)) for n in self.candidates}

    def talos(self, node: NodeFacts) -> Version | None:
        """The node's Talos version; None on another operating system."""
        return self._talos[node.name][0]

    def extensions(self, node: NodeFacts) -> Extensions:
        """The node's NVIDIA extensions."""
        return self._talos[node.name][1]


NODE = "node/"
"""How the subject of a finding about one node starts; all others are about the whole cluster."""

ClusterCheck = Callable[[Scene], Iterable[Finding]]
NodeCheck = Callable[[Scene, NodeFacts], Iterable[Finding]]


def subject(node: NodeFacts) -> str:
    """How findings name a node."""
    return f"{NODE}{node.name}"
