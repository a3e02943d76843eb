# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects cut down to what a check reads: one small record an object, nothing secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

DROPPED_LABELS = ("feature.node.kubernetes.io/cpu-", "feature.node.kubernetes.io/kernel-", "beta.kubernetes.io/")
"""NFD writes a hundred of these on every node and no check reads them."""

TEST_POD_LABELS = {"app.kubernetes.io/managed-by": "inferops-vllm", "app.kubernetes.io/component": "gpu-test"}
"""Our own test pods. They end within seconds, and one that a killed run left behind goes before the next test."""

POD_LABELS = ("model", "helm-release-name", "app.kubernetes.io/managed-by")
FINISHED = ("Succeeded", "Failed")
SECURITY = "pod-security.kubernetes.io/"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
TRACKING = ("argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance")
"""Marks of an Argo CD application; the label is also Helm's, where Helm's own annotation stands beside it."""

HELM_RELEASE = "meta.helm.sh/release-name"


def node(raw: Mapping[str, Any]) -> Record:
    """A node: labels, taints, readiness, what it offers, what it runs."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    info = status.get("nodeInfo") or {}
    ready: Record = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    labels = metadata.get("labels") or {}
    handlers = status.get("runtimeHandlers")
    return {
        "name": metadata["name"],
        "labels": {key: value for key, value in labels.items() if not key.startswith(DROPPED_LABELS)},
        "unschedulable": bool(spec.get("unschedulable")),
        "taints": [
            {key: taint[key] for key in ("key", "value", "effect") if taint.get(key)}
            for taint in spec.get("taints") or ()
        ],
        "ready": ready.get("status", "Unknown"),
        "ready_reason": ready.get("reason", ""),
        "allocatable": _offered(status.get("allocatable") or {}),
        "capacity": _offered(status.get("capacity") or {}),
        "os_image": info.get("osImage", ""),
        "architecture": info.get("architecture", ""),
        "handlers": None if handlers is None else [handler.get("name", "") for handler in handlers],
    }


def _offered(resources: Mapping[str, Any]) -> Record:
    return {name: value for name, value in resources.items() if "/" in name or name in ("cpu", "memory")}


def pod(raw: Mapping[str, Any]) -> Record | None:
    """A pod that holds or waits for an extended resource, or was refused one by a kubelet; our tests are none."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    refused = str(status.get("reason") or "").startswith(("OutOf", "UnexpectedAdmissionError"))
    if status.get("phase") in FINISHED and not refused:
        return None
    requests = extended_requests(spec)
    if not requests:
        return None
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    if TEST_POD_LABELS.items() <= labels.items():
        return None
    return {
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "node": spec.get("nodeName") or "",
        "phase": status.get("phase", "Unknown"),
        "reason": status.get("reason", "") if refused else "",
        "labels": {key: labels[key] for key in POD_LABELS if key in labels},
        "requests": requests,
    }


def extended_requests(spec: Mapping[str, Any]) -> dict[str, int]:
    """Extended resources that the scheduler reserves for a pod.

    Containers add up, sidecars (init containers that restart) with them; an ordinary init container counts
    only as far as it asks for more than what runs later.
    """
    running: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _add(running, container)
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(running, container)
        else:
            for name, count in _extended(container):
                peak[name] = max(peak.get(name, 0), count)
    return {name: max(running.get(name, 0), peak.get(name, 0)) for name in sorted({*running, *peak})}


def _add(total: dict[str, int], container: Mapping[str, Any]) -> None:
    for name, count in _extended(container):
        total[name] = total.get(name, 0) + count


def _extended(container: Mapping[str, Any]) -> list[tuple[str, int]]:
    resources = container.get("resources")
    if not resources:
        return []
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    whole = ((name, str(count)) for name, count in asked.items() if "/" in name)
    return [(name, int(count)) for name, count in whole if count.isdecimal() and int(count)]


def runtime_class(raw: Mapping[str, Any]) -> Record:
    """A RuntimeClass: handler, scheduling, and who owns it."""
    metadata, scheduling = raw["metadata"], raw.get("scheduling") or {}
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    tracked = TRACKING[:1] if HELM_RELEASE in marks else TRACKING
    return {
        "name": metadata["name"],
        "handler": raw.get("handler", ""),
        "node_selector": scheduling.get("nodeSelector") or {},
        "tolerations": scheduling.get("tolerations") or [],
        "owners": [f"{owner.get('kind')}/{owner.get('name')}" for owner in metadata.get("ownerReferences") or ()],
        "tracking": next((str(marks[key]).partition(":")[0] for key in tracked if marks.get(key)), ""),
    }


def daemonset(raw: Mapping[str, Any]) -> Record | None:
    """A DaemonSet of a GPU stack; None for all others."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    pod_spec = (spec.get("template") or {}).get("spec") or {}
    role = daemonset_role(metadata["name"], pod_spec)
    if role is None:
        return None
    affinity = (pod_spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    labels = metadata.get("labels") or {}
    owners = {owner.get("kind") for owner in metadata.get("ownerReferences") or ()}
    return {
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "role": role,
        "operator": "ClusterPolicy" in owners or labels.get("app.kubernetes.io/managed-by") == "gpu-operator",
        "runtime_class": pod_spec.get("runtimeClassName") or "",
        "node_selector": pod_spec.get("nodeSelector") or {},
        "terms": required.get("nodeSelectorTerms") or [],
        "tolerations": pod_spec.get("tolerations") or [],
        "desired": status.get("desiredNumberScheduled", 0),
        "current": status.get("currentNumberScheduled", 0),
        "ready": status.get("numberReady", 0),
    }


def daemonset_role(name: str, pod_spec: Mapping[str, Any]) -> str | None:
    """What a DaemonSet does for GPUs, by its containers' names and images; None when it has nothing to do with them."""
    containers = pod_spec.get("containers") or ()
    words = " ".join([name, *(f"{c.get('name', '')} {c.get('image', '')}" for c in containers)])
    names = " ".join([name, *(str(c.get("name", "")) for c in containers)])
    if "mps-control" in names:
        return "mps"
    if "feature-discovery" in names and "node-feature-discovery" not in names:
        return "gfd"
    if "node-feature-discovery" in words:
        return "nfd"
    return "device-plugin" if "device-plugin" in names and ("nvidia" in words or "hami" in words) else None


DEPLOYMENT_ROLES = {"argocd-repo-server": "argocd", "sealed-secrets": "sealed-secrets", "gpu-operator": "gpu-operator"}
"""Value of app.kubernetes.io/name: what it is to us."""


def deployment(raw: Mapping[str, Any]) -> Record:
    """A controller that a later stage needs, or the GPU operator."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    containers = (((raw.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or [{}]
    return {
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "role": DEPLOYMENT_ROLES.get((metadata.get("labels") or {}).get("app.kubernetes.io/name", ""), ""),
        "image": containers[0].get("image", ""),
        "ready": status.get("readyReplicas", 0),
    }


def namespace(raw: Mapping[str, Any]) -> Record:
    """A namespace and its pod security levels."""
    labels = raw["metadata"].get("labels") or {}
    levels = {key.removeprefix(SECURITY): value for key, value in labels.items() if key.startswith(SECURITY)}
    return {"name": raw["metadata"]["name"], "security": levels}


def quota(raw: Mapping[str, Any]) -> Record:
    """A ResourceQuota: limits and use."""
    status = raw.get("status") or {}
    hard = status.get("hard") or (raw.get("spec") or {}).get("hard") or {}
    return {"name": raw["metadata"]["name"], "hard": hard, "used": status.get("used") or {}}


def limit_range(raw: Mapping[str, Any]) -> Record:
    """A LimitRange: its items as they stand."""
    return {"name": raw["metadata"]["name"], "limits": (raw.get("spec") or {}).get("limits") or []}


def storage_class(raw: Mapping[str, Any]) -> Record:
    """A StorageClass."""
    metadata = raw["metadata"]
    return {
        "name": metadata["name"],
        "default": (metadata.get("annotations") or {}).get(DEFAULT_CLASS) == "true",
        "provisioner": raw.get("provisioner", ""),
        "binding": raw.get("volumeBindingMode", "Immediate"),
        "expandable": bool(raw.get("allowVolumeExpansion")),
    }


def claim(raw: Mapping[str, Any]) -> Record:
    """A PersistentVolumeClaim of the target namespace."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    return {
        "name": raw["metadata"]["name"],
        "phase": status.get("phase", "Unknown"),
        "storage_class": spec.get("storageClassName") or "",
        "size": ((spec.get("resources") or {}).get("requests") or {}).get("storage", ""),
    }
