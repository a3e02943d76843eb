# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight is asked to judge the cluster by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

GPU_MODES = ("bare_metal", "vgpu")
OWNERS = ("argocd", "collection", "gpu_operator")


@dataclass(frozen=True)
class Selector:
    """One place where a model may run: all parts that are set must hold for a node.

    ``subject`` is how findings name it; ``product`` is compared normalised; ``expression`` is JMESPath over
    one node as :meth:`GpuNode.to_dict` states it and must come out true.
    """

    subject: str
    node: str | None = None
    product: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    expression: str | None = None


@dataclass(frozen=True)
class Settings:
    """The site's side of the preflight; the defaults are those of the inventory.

    ``resources`` stand for GPUs, each model asks for one of them; the first is the one that messages name.
    ``expect_runtime_class`` is False before stage 2, which is what creates the class. ``required_cuda`` is
    the CUDA version ("12.9") of the pinned image, None when it is not known. ``storage_classes`` are the
    classes that the models' volumes name; an empty name (or none at all) means the cluster's default.
    ``asked`` is what all engines ask for together, by resource.
    """

    gpu_mode: str = "bare_metal"
    gpu_nodes: tuple[str, ...] = ()
    resources: tuple[str, ...] = ("nvidia.com/gpu",)
    runtime_class: str = "nvidia"
    runtime_class_owner: str = "argocd"
    expect_runtime_class: bool = True
    tolerations: tuple[Mapping[str, Any], ...] = ()
    namespace: str = "vllm"
    release: str = "vllm"
    required_cuda: str | None = None
    selectors: tuple[Selector, ...] = ()
    storage_classes: tuple[str, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """The first of the resources."""
        return self.resources[0]

    @property
    def wanted(self) -> str:
        """All of them, as messages name them."""
        return " or ".join(self.resources)
