# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the cluster around the nodes: which nodes there are, who holds the GPUs, namespace, storage, GitOps."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ..findings import Finding, Refusal, Severity, finding
from ..suggest import did_you_mean
from .capacity import is_own, own_units
from .facts import PodFacts
from .quantity import quantity
from .scene import ClusterCheck, Scene
from .select import near_miss, select, without_match

QUOTA_KINDS = ("requests.", "limits.", "")
"""How a ResourceQuota may name an extended resource."""

SHOWN = 5
"""How many names a message lists before it only counts."""


def some(names: list[str]) -> str:
    """The first names and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def nodes_exist(scene: Scene) -> Iterator[Finding]:
    """An empty cluster is never a green one."""
    if not scene.facts.knows("nodes"):
        return
    if not scene.facts.nodes:
        yield finding("gpu-cluster-empty", "cluster", "has no node at all")
    elif not scene.candidates and not scene.settings.gpu_nodes:
        yield finding("gpu-no-gpu-node", "cluster", f"none of {len(scene.facts.nodes)} nodes shows a GPU")


def pins(scene: Scene) -> Iterator[Finding]:
    """Every node that the inventory names must exist."""
    if not scene.facts.nodes:
        return
    known = {n.name for n in scene.facts.nodes} | {n.hostname for n in scene.facts.nodes}
    for index, name in enumerate(scene.settings.gpu_nodes):
        if name not in known:
            guess = did_you_mean(name, known)
            hint = guess or "; " + (near_miss(scene.facts.nodes, "kubernetes.io/hostname", name) or "no name is near")
            yield finding("gpu-node-unknown", f"vllm_gpu_nodes[{index}]", f"no node is called {name!r}{hint}")


def selectors(scene: Scene) -> Iterator[Finding]:
    """Every selector must mean at least one GPU node."""
    if not scene.nodes:
        return
    for selector in scene.settings.selectors:
        try:
            if not select(scene.nodes, selector):
                yield without_match(scene.nodes, selector)
        except Refusal as refusal:
            yield from refusal.findings


def busy(scene: Scene) -> Iterator[Finding]:
    """GPUs that somebody holds are not broken GPUs."""
    for resource in scene.settings.resources:
        yield from _busy(scene, resource)


def _busy(scene: Scene, resource: str) -> Iterator[Finding]:
    offering = {node.name for node in scene.offering if node.offers(resource)}
    free = sum(r.free for name in offering for r in scene.by_name[name].resources if r.name == resource)
    own = own_units(scene.facts, scene.settings.namespace, scene.settings.release)
    ours = sum(own.get(name, {}).get(resource, 0) for name in offering)
    others = _others(scene, resource, offering)
    if ours:
        yield finding("gpu-held-by-own-release", "cluster", f"our own release holds {ours} {resource}")
    if offering and not free and not ours:
        yield finding("gpu-busy", "cluster", f"no {resource} is free; held by {some(others) or 'nobody known'}")
    elif others:
        yield finding("gpu-held-by-others", "cluster", f"{resource}: held by {some(others)}")


def _others(scene: Scene, resource: str, nodes: set[str]) -> list[str]:
    """Who else than our engines holds a resource on some nodes."""
    return [
        f"{pod.namespace}/{pod.name} ({pod.requests[resource]} on {pod.node})"
        for pod in scene.facts.pods
        if pod.holds and pod.node in nodes and pod.requests.get(resource) and not _ours(scene, pod)
    ]


def refused_pods(scene: Scene) -> Iterator[Finding]:
    """Pods that a kubelet refused although the scheduler had sent them."""
    names = {node.name for node in scene.candidates}
    refused = [f"{p.namespace}/{p.name} ({p.reason})" for p in scene.facts.pods if p.reason and p.node in names]
    if refused:
        yield finding("gpu-admission-race", "cluster", f"a kubelet refused {some(refused)}")


def pod_security(scene: Scene) -> Iterator[Finding]:
    """The engines run as root: restricted refuses them."""
    levels = scene.facts.namespaces.get(scene.settings.namespace, {})
    if levels.get("enforce") == "restricted":
        name = f"namespace/{scene.settings.namespace}"
        yield finding("gpu-pod-security-refuses", name, "enforces the pod security level restricted")


def quotas(scene: Scene) -> Iterator[Finding]:
    """A quota must leave room for all engines together, beside what others use."""
    for quota in scene.facts.quotas:
        for key in quota["hard"]:
            needed = _needed(scene, key)
            if needed is None:
                continue
            resource, asked = needed
            hard, used = quantity(quota["hard"][key]), quantity(quota["used"].get(key, "0"))
            own = sum(p.requests.get(resource, 0) for p in scene.facts.pods if _ours(scene, p))
            if hard - (used - own) < asked:
                name = f"resourcequota/{scene.settings.namespace}/{quota['name']}"
                shown = (_amount(resource, value) for value in (used, hard, asked))
                message = "{}: {} of {} are used, the models ask for {}".format(key, *shown)
                yield finding("gpu-quota-exhausted", name, message)


def _needed(scene: Scene, key: str) -> tuple[str, Decimal] | None:
    """What a quota's key is about and how much of it is asked for; None where nothing can be said.

    Main memory and CPU that our own engines use already are not in the snapshot, so those are left alone then.
    """
    kind = next(kind for kind in QUOTA_KINDS if key.startswith(kind))
    resource, asked = key.removeprefix(kind), scene.settings.asked
    if resource in scene.settings.resources:
        return resource, quantity(asked.get(resource, "1"))
    running = any(_ours(scene, pod) for pod in scene.facts.pods)
    if kind == "limits." or running or resource not in asked:
        return None
    return resource, quantity(asked[resource])


def _amount(resource: str, value: Decimal) -> str:
    return f"{value / (1 << 30):.4g}Gi" if resource == "memory" else f"{value.normalize():f}"


def _ours(scene: Scene, pod: PodFacts) -> bool:
    return pod.holds and is_own(pod, scene.settings.namespace, scene.settings.release)


def limit_ranges(scene: Scene) -> Iterator[Finding]:
    """A LimitRange may refuse GPUs, or give the engines a memory limit that kills them."""
    for limit_range in scene.facts.limit_ranges:
        name = f"limitrange/{scene.settings.namespace}/{limit_range['name']}"
        for item in limit_range["limits"]:
            for resource in scene.settings.resources:
                most = item["max"].get(resource)
                if most is not None and quantity(most) < 1:
                    yield finding("gpu-limit-range", name, f"{item['type']} max of {resource} is {most}")
            if item["type"] == "Container" and "memory" in item["default"]:
                message = f"gives every container without a memory limit one of {item['default']['memory']}"
                yield finding("gpu-limit-range-memory", name, message)


def storage(scene: Scene) -> Iterator[Finding]:
    """Every model has a volume, and somebody must provide it."""
    if not scene.facts.knows("storage_classes"):
        return
    known = [c["name"] for c in scene.facts.storage_classes]
    defaults = [c["name"] for c in scene.facts.storage_classes if c["default"]]
    named = scene.settings.storage_classes
    if not defaults and not all(named or ("",)):
        message = f"no StorageClass is the default; there are: {some(known) or 'none at all'}"
        yield finding("gpu-no-default-storage-class", "cluster", message)
    if len(defaults) > 1:
        yield finding("gpu-storage-class-two-defaults", "cluster", f"default are {some(defaults)}")
    for name in sorted({n for n in named if n and n not in known}):
        guess = did_you_mean(name, known) or f"; there are: {some(known) or 'none at all'}"
        yield finding("gpu-storage-class-unknown", f"storageclass/{name}", f"does not exist{guess}")


def claims(scene: Scene) -> Iterator[Finding]:
    """A volume that was lost keeps its engine pending."""
    lost = [claim["name"] for claim in scene.facts.claims if claim["phase"] == "Lost"]
    if lost:
        yield finding("gpu-claim-lost", f"namespace/{scene.settings.namespace}", f"lost their volume: {some(lost)}")


def gitops(scene: Scene) -> Iterator[Finding]:
    """Stages 2 to 4 need Argo CD and the sealed-secrets controller."""
    if scene.facts.api.get("argocd") is False:
        yield finding("gpu-argocd-absent", "cluster", "does not serve applications.argoproj.io")
    if scene.facts.api.get("sealed_secrets") is False:
        yield finding("gpu-sealed-secrets-absent", "cluster", "does not serve sealedsecrets.bitnami.com")
    for name in sorted(name for name, served in scene.facts.api.items() if served is None):
        message = "the API group cannot be read, so nothing is known about it"
        yield finding("gpu-read-failed", f"snapshot.api.{name}", message, severity=Severity.INFO)


def contradictions(scene: Scene) -> Iterator[Finding]:
    """A snapshot that cannot be true was cut, edited or taken while things changed."""
    facts, settings = scene.facts, scene.settings
    known = {node.name for node in facts.nodes}
    stray = sorted({p.node for p in facts.pods if p.holds and p.node not in known}) if facts.knows("nodes") else []
    if stray:
        yield finding("gpu-snapshot-contradiction", "snapshot.pods", f"run on nodes that are not there: {some(stray)}")
    if facts.namespace != settings.namespace:
        message = f"is of namespace {facts.namespace!r}, the site's is {settings.namespace!r}"
        yield finding("gpu-snapshot-contradiction", "snapshot.namespace", message)


def overbooked(scene: Scene) -> Iterator[Finding]:
    """More in use than there is, or more usable than there is."""
    for node in scene.nodes:
        for r in node.resources:
            if r.requested > r.allocatable:
                message = f"pods hold {r.requested} {r.name}, but {r.allocatable} are allocatable"
                severity = Severity.INFO if r.allocatable == 0 else None
                yield finding("gpu-snapshot-contradiction", f"node/{node.name}", message, severity=severity)
    for raw in scene.candidates:
        for resource in scene.settings.resources:
            if raw.offers(resource) > raw.has(resource):
                message = f"more {resource} allocatable than capacity"
                yield finding("gpu-snapshot-contradiction", f"node/{raw.name}", message)


CLUSTER_CHECKS: tuple[ClusterCheck, ...] = (
    nodes_exist,
    pins,
    selectors,
    busy,
    refused_pods,
    pod_security,
    quotas,
    limit_ranges,
    storage,
    claims,
    gitops,
    contradictions,
    overbooked,
)
