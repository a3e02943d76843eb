# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what stands between a node and a GPU pod: RuntimeClass, handler, device plugin, sharing."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Finding, Severity, finding
from ..suggest import did_you_mean
from .facts import DaemonSetFacts, NodeFacts
from .products import mig_profile
from .scene import ClusterCheck, NodeCheck, Scene, subject
from .scheduling import matches_selector, matches_terms, untolerated
from .talos_rules import documented_stack

HANDLER = "nvidia"
"""The containerd handler that the toolkit registers, on Talos and by the GPU operator."""

EXEMPT_NAMESPACES = ("kube-system",)
"""Namespaces that Talos' default PodSecurity configuration leaves alone."""

BROKEN_OPERATORS = ("v26.3.0",)
"""GPU operator versions that cannot parse Talos' OS version."""


def runtime_class(scene: Scene) -> Iterator[Finding]:
    """The class that the engines name must exist (from stage 2 on) and have a handler that nodes have."""
    settings, found = scene.settings, scene.runtime_class
    if not settings.runtime_class or not scene.facts.knows("runtime_classes"):
        return
    name = f"runtimeclass/{settings.runtime_class}"
    if found is None:
        yield _missing_class(scene, name)
    elif not _handler_exists(scene, found.handler):
        yield finding("gpu-runtime-class-handler", name, f"handler is {found.handler!r}, the nodes have {HANDLER!r}")


def _missing_class(scene: Scene, name: str) -> Finding:
    if scene.settings.expect_runtime_class:
        guess = did_you_mean(scene.settings.runtime_class, [c.name for c in scene.facts.runtime_classes])
        operator = scene.settings.runtime_class_owner == "gpu_operator"
        fix = "Install the GPU operator, or repair it: it creates the class." if operator else None
        return finding("gpu-runtime-class-missing", name, f"does not exist{guess}", fix=fix)
    message = "does not exist yet; stage 2 creates it"
    return finding("gpu-runtime-class-missing", name, message, severity=Severity.INFO)


def _handler_exists(scene: Scene, handler: str) -> bool:
    if handler == HANDLER:
        return True
    listed = [node.handlers for node in scene.candidates if node.handlers is not None]
    return bool(listed) and all(handler in handlers for handlers in listed)


def runtime_class_owner(scene: Scene) -> Iterator[Finding]:
    """Exactly one of Argo CD, this collection and the GPU operator may write the class."""
    found = scene.runtime_class
    if found is None:
        return
    operator = any(owner.startswith("ClusterPolicy/") for owner in found.owners)
    actual = "gpu_operator" if operator else "argocd" if found.tracking else ""
    wanted, name = scene.settings.runtime_class_owner, f"runtimeclass/{found.name}"
    if actual and actual != wanted:
        who = found.owners[0] if operator else f"Argo CD application {found.tracking}"
        yield finding("gpu-runtime-class-owner", name, f"belongs to {who}, but vllm_runtime_class_owner is {wanted}")
    elif operator and found.tracking:
        message = f"is written by both {found.owners[0]} and Argo CD application {found.tracking}"
        yield finding("gpu-runtime-class-owner", name, message)
    elif not actual and wanted == "gpu_operator":
        message = "exists, but the GPU operator does not own it"
        yield finding("gpu-runtime-class-owner", name, message, severity=Severity.WARNING)


def runtime_class_scheduling(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The class may send pods to other nodes than ours."""
    found = scene.runtime_class
    if found and not matches_selector(node.labels, found.node_selector):
        wanted = ", ".join(f"{k}={v}" for k, v in sorted(found.node_selector.items()) if node.labels.get(k) != v)
        message = f"lacks {wanted}, which RuntimeClass {found.name} demands in scheduling.nodeSelector"
        yield finding("gpu-runtime-class-scheduling", subject(node), message)


def handler(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The node's container runtime must know the handler; a node without a list says nothing."""
    if not scene.settings.runtime_class:
        return
    wanted = scene.runtime_class.handler if scene.runtime_class else HANDLER
    if node.handlers is None:
        yield finding("gpu-runtime-handler-unknown", subject(node), f"does not say whether it has handler {wanted!r}")
    elif wanted not in node.handlers:
        known = ", ".join(name for name in node.handlers if name) or "none"
        message = f"container runtime has no handler {wanted!r} (it has: {known})"
        yield finding("gpu-runtime-handler-absent", subject(node), message)


def plugin_missing(scene: Scene) -> Iterator[Finding]:
    """Something must register the GPUs with the kubelet."""
    if scene.candidates and not scene.offering and scene.facts.knows("daemonsets") and not scene.plugins:
        message = f"no device plugin DaemonSet, so no node offers {scene.settings.wanted}"
        yield finding("gpu-device-plugin-missing", "cluster", message)


def offered(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """A candidate must offer a configured resource; if not, exactly one reason is given."""
    if node.offers_any(scene.settings.resources):
        for resource in scene.settings.resources:
            total, usable = node.has(resource), node.offers(resource)
            if usable < total:
                message = f"{usable} of {total} {resource} are allocatable: the others are unhealthy"
                yield finding("gpu-unhealthy", subject(node), message, severity=Severity.WARNING)
    else:
        yield _other_resource(scene, node) or _plugin_problem(scene, node) or _nothing_usable(scene, node)


def _other_resource(scene: Scene, node: NodeFacts) -> Finding | None:
    """The GPUs are there, under another name or in an invalid partition."""
    resource, product = scene.settings.resource, node.labels.get("nvidia.com/gpu.product")
    if mig_profile(product) == "INVALID":
        return finding("gpu-mig-invalid", subject(node), f"GPU feature discovery says {product}")
    others = [r.name for r in scene.by_name[node.name].resources if r.allocatable]
    if not others:
        return None
    message = f"offers {', '.join(others)} but no {scene.settings.wanted}{did_you_mean(resource, others)}"
    return finding("gpu-resource-name-differs", subject(node), message)


def _nothing_usable(scene: Scene, node: NodeFacts) -> Finding:
    for resource in scene.settings.resources:
        if total := node.has(resource):
            return finding("gpu-unhealthy", subject(node), f"none of {total} {resource} is allocatable")
    why = "the device plugin runs, but the node" if scene.plugins else "the node"
    return finding("gpu-not-offered", subject(node), f"{why} offers no {scene.settings.wanted}")


def _plugin_problem(scene: Scene, node: NodeFacts) -> Finding | None:
    """Why the device plugin does not do its work on this node; None when nothing in the API says so."""
    if not scene.plugins:
        return None
    matching = [p for p in scene.plugins if _selects(p, node)]
    if not matching:
        message = "has none of the labels that the device plugin selects its nodes by"
        return finding("gpu-present-label-missing", subject(node), message)
    tolerated = [p for p in matching if not untolerated(node.taints, p.tolerations)]
    if not tolerated:
        blocking = untolerated(node.taints, matching[0].tolerations)[0]
        message = f"{matching[0].subject} does not tolerate {blocking.key}:{blocking.effect}"
        return finding("gpu-device-plugin-taint", subject(node), message)
    return _plugin_unready(scene, node, tolerated[0])


def _plugin_unready(scene: Scene, node: NodeFacts, plugin: DaemonSetFacts) -> Finding | None:
    if plugin.ready >= plugin.desired > 0:
        return None
    if plugin.current == 0 and plugin.desired:
        classes = {c.name for c in scene.facts.runtime_classes}
        if plugin.runtime_class and scene.facts.knows("runtime_classes") and plugin.runtime_class not in classes:
            return _waits_for_class(scene, node, plugin)
        if level := _enforced(scene, plugin.namespace):
            message = f"{plugin.subject}: its namespace enforces {level}, which refuses hostPath volumes"
            return finding("gpu-device-plugin-pod-security", subject(node), message)
    message = f"{plugin.subject}: {plugin.ready} of {plugin.desired} pods are ready"
    return finding("gpu-device-plugin-not-ready", subject(node), message)


def _waits_for_class(scene: Scene, node: NodeFacts, plugin: DaemonSetFacts) -> Finding:
    """Before stage 2 that is the order of things: no GPU can be visible yet."""
    due = plugin.runtime_class != scene.settings.runtime_class or scene.settings.expect_runtime_class
    message = f"{plugin.subject}: its RuntimeClass {plugin.runtime_class} does not exist, so its pods are refused"
    later = "" if due else "; no GPU is visible before stage 2 creates the class"
    severity = None if due else Severity.WARNING
    return finding("gpu-device-plugin-runtime-class", subject(node), message + later, severity=severity)


def _enforced(scene: Scene, namespace: str) -> str | None:
    """The pod security level that refuses a device plugin in this namespace, or None."""
    if not scene.facts.knows("namespaces") or namespace in EXEMPT_NAMESPACES:
        return None
    level = scene.facts.namespaces.get(namespace, {}).get("enforce")
    if level is None and any(scene.talos(node) for node in scene.candidates):
        return "baseline (Talos' default)"
    return level if level in ("baseline", "restricted") else None


def _selects(plugin: DaemonSetFacts, node: NodeFacts) -> bool:
    return matches_selector(node.labels, plugin.node_selector) and matches_terms(node.labels, plugin.terms)


def two_stacks(scene: Scene) -> Iterator[Finding]:
    """Two device plugins that select the same node register the same resource."""
    for node in scene.candidates:
        chosen = [p for p in scene.plugins if _selects(p, node) and not untolerated(node.taints, p.tolerations)]
        if len(chosen) > 1:
            names = " and ".join(sorted(p.subject for p in chosen))
            yield finding("gpu-two-stacks", "cluster", f"{names} both select node {node.name}")
            return


def stack_of_talos(scene: Scene) -> Iterator[Finding]:
    """Talos 1.13 changed which stack its guide installs."""
    releases = {release for node in scene.candidates if (release := scene.talos(node))}
    if len(releases) != 1 or not scene.plugins:
        return
    release, installed = releases.pop(), "gpu_operator" if any(p.operator for p in scene.plugins) else "device_plugin"
    documented = documented_stack(release)
    if installed != documented:
        message = f"Talos {release[0]}.{release[1]} documents {documented}, the cluster runs {installed}"
        yield finding("gpu-stack-undocumented", "cluster", message)


def operator_version(scene: Scene) -> Iterator[Finding]:
    """One GPU operator release cannot start on Talos."""
    if not any(scene.talos(node) for node in scene.candidates):
        return
    for deployment in scene.facts.deployments:
        tag = deployment["image"].rpartition(":")[2]
        if deployment["role"] == "gpu-operator" and tag in BROKEN_OPERATORS:
            name = f"deployment/{deployment['namespace']}/{deployment['name']}"
            yield finding("gpu-operator-broken", name, f"version {tag} cannot parse Talos' OS version")


def sharing(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """A shared GPU is not a whole one."""
    for resource in scene.by_name[node.name].resources:
        if resource.name not in scene.settings.resources or not resource.allocatable:
            continue
        if resource.sharing == "time-slicing":
            message = f"{resource.name} is shared by {resource.replicas} pods without memory isolation"
            yield finding("gpu-time-slicing", subject(node), message)
        elif resource.sharing == "mps":
            message = f"{resource.name} is one of {resource.replicas} MPS shares of a GPU"
            yield finding("gpu-mps", subject(node), message)
        elif resource.sharing == "mig":
            yield finding("gpu-mig", subject(node), f"{resource.name} is a MIG slice, not a whole GPU")


def described(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """Without feature discovery nobody knows what the GPU is."""
    for resource in scene.by_name[node.name].resources:
        unknown = [w for w, known in (("product", resource.product), ("memory", resource.memory_mib)) if not known]
        if resource.name in scene.settings.resources and resource.allocatable and unknown:
            message = f"no label states the {' or the '.join(unknown)} of its GPUs"
            yield finding("gpu-facts-unknown", subject(node), message)


CLUSTER_CHECKS: tuple[ClusterCheck, ...] = (
    runtime_class,
    runtime_class_owner,
    plugin_missing,
    two_stacks,
    stack_of_talos,
    operator_version,
)
NODE_CHECKS: tuple[NodeCheck, ...] = (runtime_class_scheduling, handler, offered, sharing, described)
