# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the GPU nodes offer, and what of it our own release holds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from .facts import Facts, NodeFacts, PodFacts, read
from .nodes import GpuNode, GpuResource, Taint, node_from_dict
from .products import mig_profile, normalise
from .quantity import mebibytes, millis
from .settings import Settings
from .snapshot import Snapshot
from .talos_rules import LABEL, extensions

__all__ = ["GpuNode", "GpuResource", "Taint", "capacity", "gpu_nodes", "node_from_dict", "own_usage"]

VENDOR = "nvidia.com/"
NO_DEVICES = ("nvidia.com/gpumem", "nvidia.com/gpumem-percentage", "nvidia.com/gpucores", "nvidia.com/priority")
"""Extended resources of HAMi that stand for shares of a GPU, not for a device."""

MIG_RESOURCE = re.compile(r"nvidia\.com/mig-(?P<profile>[\w.+-]+)")
SIGNS = ("nvidia.com/gpu.present", "nvidia.com/gpu.product", "nvidia.com/vgpu.present", "nvidia.com/mig.capable")
PCI = re.compile(r"feature\.node\.kubernetes\.io/pci-(?:\w{4}_)?10de(?:_\w+)*\.present")
NVIDIA_EXTENSION = re.compile(re.escape(LABEL) + r"(?:nonfree-kmod-nvidia|nvidia-)")


def capacity(snapshot: Snapshot, settings: Settings) -> tuple[GpuNode, ...]:
    """The GPU nodes of a snapshot, by name; ``requested`` is 0 everywhere when the pods could not be read."""
    return gpu_nodes(read(snapshot)[0], settings)


def gpu_nodes(facts: Facts, settings: Settings) -> tuple[GpuNode, ...]:
    """The same from facts that were read already."""
    requested: dict[str, dict[str, int]] = _by_node(pod for pod in facts.pods if pod.holds)
    pinned = set(settings.gpu_nodes)
    chosen = (n for n in facts.nodes if shows_gpu(n, settings.resources) or pinned & {n.name, n.hostname})
    return tuple(sorted((_gpu_node(n, settings, requested.get(n.name, {})) for n in chosen), key=lambda n: n.name))


def own_usage(snapshot: Snapshot, namespace: str, release: str) -> dict[str, dict[str, int]]:
    """``{node: {resource: units}}`` that our release's engine pods hold: a new plan may count them as free."""
    return own_units(read(snapshot)[0], namespace, release)


def own_units(facts: Facts, namespace: str, release: str) -> dict[str, dict[str, int]]:
    """The same from facts that were read already."""
    return _by_node(pod for pod in facts.pods if pod.holds and is_own(pod, namespace, release))


def is_own(pod: PodFacts, namespace: str, release: str) -> bool:
    """Whether a pod is one of our engines (the chart labels them with model and release)."""
    return pod.namespace == namespace and pod.labels.get("helm-release-name") == release and "model" in pod.labels


def _by_node(pods: Iterable[PodFacts]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for pod in pods:
        for resource, count in pod.requests.items():
            total[pod.node][resource] += count
    return {node: dict(resources) for node, resources in sorted(total.items())}


def is_gpu_resource(name: str, configured: Collection[str]) -> bool:
    """Whether an extended resource stands for GPU devices."""
    return name in configured or (name.startswith(VENDOR) and name not in NO_DEVICES)


def shows_gpu(node: NodeFacts, configured: Collection[str]) -> bool:
    """Whether anything says that the node has a GPU: a resource, a feature label, an extension."""
    if any(is_gpu_resource(name, configured) for name in node.capacity | node.allocatable):
        return True
    return any(
        (key in SIGNS and value != "false") or PCI.fullmatch(key) or NVIDIA_EXTENSION.match(key)
        for key, value in node.labels.items()
    )


def vgpu_state(labels: Mapping[str, str]) -> bool | None:
    """``nvidia.com/vgpu.present`` is written as true OR false on every GPU node; absent says nothing."""
    return {"true": True, "false": False}.get(labels.get("nvidia.com/vgpu.present", ""))


def driver_version(labels: Mapping[str, str]) -> str | None:
    """The driver that GFD measured, else the one of the node's kernel module extension."""
    full = labels.get("nvidia.com/cuda.driver-version.full")
    for prefix, last in (("nvidia.com/cuda.driver-version", "revision"), ("nvidia.com/cuda.driver", "rev")):
        parts = [labels.get(f"{prefix}.{part}") for part in ("major", "minor", last)]
        if not full and all(parts[:2]):
            full = ".".join(part for part in parts if part)
    return full or extensions(labels).driver


def _gpu_node(node: NodeFacts, settings: Settings, requested: Mapping[str, int]) -> GpuNode:
    names = sorted(n for n in node.capacity | node.allocatable if is_gpu_resource(n, settings.resources))
    return GpuNode(
        name=node.name,
        hostname=node.hostname,
        ready=node.ready == "True",
        schedulable=not node.unschedulable,
        labels=node.labels,
        taints=node.taints,
        resources=tuple(
            _resource(node, name, requested.get(name, 0)) for name in names if node.has(name) or node.offers(name)
        ),
        vgpu=vgpu_state(node.labels),
        driver=driver_version(node.labels),
        memory_mib=mebibytes(node.allocatable["memory"]) if "memory" in node.allocatable else None,
        cpu_millis=millis(node.allocatable["cpu"]) if "cpu" in node.allocatable else None,
    )


def _resource(node: NodeFacts, name: str, requested: int) -> GpuResource:
    profile = MIG_RESOURCE.fullmatch(name)
    prefix = f"nvidia.com/mig-{profile['profile'].removesuffix('.shared')}" if profile else "nvidia.com/gpu"
    label = node.labels.get(f"{prefix}.product") or node.labels.get("nvidia.com/gpu.product")
    replicas = _number(node.labels.get(f"{prefix}.replicas")) or 1
    sharing = _sharing(node.labels, prefix, label, name)
    memory = _number(node.labels.get(f"{prefix}.memory"))
    return GpuResource(
        name=name,
        product=normalise(label),
        memory_mib=memory // replicas if memory and sharing == "mps" else memory,
        allocatable=node.offers(name),
        requested=requested,
        sharing=sharing,
        replicas=replicas,
    )


def _sharing(labels: Mapping[str, str], prefix: str, product: str | None, name: str) -> str:
    """Sharing wins over MIG: a shared MIG slice is first of all shared."""
    strategy = labels.get(f"{prefix}.sharing-strategy", "none")
    if strategy in ("mps", "time-slicing"):
        return strategy
    renamed = name.endswith(".shared") or (product or "").endswith("-SHARED")
    if renamed or (_number(labels.get(f"{prefix}.replicas")) or 1) > 1:
        return "time-slicing"
    return "mig" if MIG_RESOURCE.fullmatch(name) or mig_profile(product) else "none"


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,12}", text) and int(text) else None
