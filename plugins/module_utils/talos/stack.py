# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a node's GPUs a Kubernetes resource: the device plugin up to Talos 1.12, the GPU operator from 1.13 on.

Each is a wrapper chart for Argo CD, with the values that the guide of that Talos version asks for. On Talos neither may
install drivers or the toolkit: those are extensions of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..chart.text import to_yaml
from ..findings import Finding, finding
from ..gpu.talos_rules import documented_stack
from ..gpu.versions import Version

NONE, AUTO, DEVICE_PLUGIN, GPU_OPERATOR = "none", "auto", "device_plugin", "gpu_operator"
OPERATOR_OWNER = "gpu_operator"
USUAL_TOLERATIONS: tuple[dict[str, str], ...] = (
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
)
"""The charts' own; a list of ours replaces them."""

Rule = dict[str, str]
RBAC: tuple[Rule, ...] = tuple(
    {"group": "rbac.authorization.k8s.io", "kind": kind} for kind in ("ClusterRole", "ClusterRoleBinding")
)
CRD: Rule = {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"}
NAMESPACE: Rule = {"group": "", "kind": "Namespace"}


@dataclass(frozen=True)
class Stack:
    """One wrapper chart: its folder's name, the chart behind it, where it goes, what its project must permit."""

    name: str
    chart: str
    version: str
    repository: str
    namespace: str
    cluster_resources: tuple[Rule, ...]


STACKS: Mapping[str, Stack] = {
    DEVICE_PLUGIN: Stack(
        name="nvidia-device-plugin",
        chart="nvidia-device-plugin",
        version="0.18.0",  # what Talos tests its 1.12 with
        repository="https://nvidia.github.io/k8s-device-plugin",
        namespace="kube-system",  # exempt from pod security on Talos: the plugin mounts host paths
        cluster_resources=(*RBAC, CRD),  # CRD: the node feature discovery of GFD
    ),
    GPU_OPERATOR: Stack(
        name="gpu-operator",
        chart="gpu-operator",
        version="v26.3.1",  # the first that takes "Talos (v1.13…)" for an operating system
        repository="https://helm.ngc.nvidia.com/nvidia",
        namespace="gpu-operator",
        cluster_resources=(
            *RBAC,
            CRD,
            NAMESPACE,
            {"group": "nvidia.com", "kind": "ClusterPolicy"},
            {"group": "nfd.k8s-sigs.io", "kind": "NodeFeatureRule"},
        ),
    ),
}


@dataclass(frozen=True)
class StackRequest:
    """What the inventory says. ``repository`` empty means upstream's; a mirror serves air-gapped sites."""

    kind: str
    runtime_class: str = "nvidia"
    owner: str = "argocd"
    tolerations: Sequence[Mapping[str, Any]] = ()
    repository: str = ""
    folder: str = "applications"


def chosen(kind: str, talos: Version) -> str:
    """``none``, or the stack: ``auto`` is what the guide of this Talos version installs."""
    return documented_stack(talos) if kind == AUTO else kind


def check(request: StackRequest, talos: Version) -> list[Finding]:
    """Whether the stack and the owner of the RuntimeClass fit each other."""
    kind, subject = chosen(request.kind, talos), "vllm_runtime_class_owner"
    if kind == GPU_OPERATOR and request.runtime_class and request.owner != OPERATOR_OWNER:
        message = f"is {request.owner}, but the GPU operator makes and rewrites RuntimeClass {request.runtime_class}"
        return [finding("talos-stack-owner", subject, message)]
    if kind == DEVICE_PLUGIN and request.owner == OPERATOR_OWNER:
        message = "is gpu_operator, but the device plugin makes no RuntimeClass: nobody would"
        return [finding("talos-stack-owner", subject, message)]
    documented = documented_stack(talos)
    if kind not in (NONE, documented):
        message = f"is {kind}; the guide of this Talos version installs {documented}"
        return [finding("talos-stack-undocumented", "vllm_talos.gpu_stack", message)]
    return []


def files(request: StackRequest, talos: Version) -> dict[str, str]:
    """Path in the repository: content, byte for byte the same at every run; nothing for ``none``."""
    kind = chosen(request.kind, talos)
    if kind == NONE:
        return {}
    stack = STACKS[kind]
    values = _device_plugin(request) if kind == DEVICE_PLUGIN else _operator(request)
    parts = {
        "Chart.yaml": to_yaml(_chart(stack, request)),
        "values.yaml": to_yaml({stack.chart: values}),
    }
    if NAMESPACE in stack.cluster_resources:
        parts["templates/namespace.yaml"] = to_yaml(_namespace(stack))
    head = "# Made by inferops.vllm. Change the inventory (vllm_talos), not this file.\n"
    return {f"{request.folder.strip('/')}/{stack.name}/{name}": head + text for name, text in parts.items()}


def _chart(stack: Stack, request: StackRequest) -> dict[str, Any]:
    repository = request.repository or stack.repository
    dependency = {"name": stack.chart, "version": stack.version, "repository": repository}
    return {"apiVersion": "v2", "name": stack.name, "version": "0.1.0", "dependencies": [dependency]}


def _tolerations(request: StackRequest) -> list[dict[str, Any]]:
    ours = [dict(toleration) for toleration in request.tolerations]
    return [*(dict(usual) for usual in USUAL_TOLERATIONS if usual not in ours), *ours]


def _device_plugin(request: StackRequest) -> dict[str, Any]:
    """GFD gives the labels that plans are made of; its workers must reach the tainted nodes too."""
    tolerations = _tolerations(request)
    values: dict[str, Any] = {"runtimeClassName": request.runtime_class} if request.runtime_class else {}
    return {
        **values,
        "gfd": {"enabled": True},
        "tolerations": tolerations,
        "nfd": {"worker": {"tolerations": tolerations}},
    }


def _operator(request: StackRequest) -> dict[str, Any]:
    tolerations = _tolerations(request)
    return {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "hostPaths": {"driverInstallDir": "/usr/local"},
        "daemonsets": {"tolerations": tolerations},
        "node-feature-discovery": {"worker": {"tolerations": tolerations}},
    }


def _namespace(stack: Stack) -> dict[str, Any]:
    """Talos refuses host paths elsewhere by its default pod security."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": stack.namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "privileged"},
            "annotations": {"argocd.argoproj.io/sync-wave": "-1"},
        },
    }
