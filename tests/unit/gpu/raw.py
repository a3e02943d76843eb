# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects as the API server lists them, cut to the parts that matter plus some that must be dropped."""

from __future__ import annotations

from typing import Any

SECRET = "hf_thisMustNeverBeInASnapshot"


def node(name: str = "gpu-1", gpus: int = 2, **labels: str) -> dict[str, Any]:
    offered = {"cpu": "32", "memory": "256Gi", "pods": "110", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "feature.node.kubernetes.io/cpu-cpuid.AVX512": "true",
                **labels,
            },
            "annotations": {"token": SECRET},
        },
        "spec": {"taints": [{"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule", "timeAdded": "x"}]},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": "True", "reason": "KubeletReady"},
            ],
            "allocatable": offered,
            "capacity": offered,
            "nodeInfo": {"osImage": "Talos (v1.12.6)", "architecture": "amd64"},
            "runtimeHandlers": [{"name": ""}, {"name": "nvidia", "features": {}}],
        },
    }


def container(gpus: int = 0, **more: Any) -> dict[str, Any]:
    resources = (
        {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {"cpu": "1", "nvidia.com/gpu": str(gpus)}} if gpus else {}
    )
    return {"name": "c", "image": "x", "env": [{"name": "HF_TOKEN", "value": SECRET}], "resources": resources, **more}


def pod(
    name: str = "engine", gpus: int = 1, phase: str = "Running", node_name: str | None = "gpu-1", **status: Any
) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "vllm",
            "labels": {"model": "m", "helm-release-name": "vllm", "x": SECRET},
        },
        "spec": {"nodeName": node_name, "containers": [container(gpus)]},
        "status": {"phase": phase, **status},
    }


def daemonset(name: str, container_name: str, image: str, **more: Any) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    spec = {
        "containers": [{"name": container_name, "image": image}],
        "affinity": affinity,
        "runtimeClassName": "nvidia",
    }
    return {
        "metadata": {"name": name, "namespace": "kube-system", **more},
        "spec": {"template": {"spec": spec}},
        "status": {"desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberReady": 1},
    }


def runtime_class(name: str = "nvidia", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "handler": "nvidia"}


def resources(*names: str) -> dict[str, Any]:
    return {"kind": "APIResourceList", "resources": [{"name": name} for name in names]}


def lists() -> dict[str, list[dict[str, Any]]]:
    """A healthy cluster as lists by path."""
    plugin = daemonset("nvidia-device-plugin", "nvidia-device-plugin-ctr", "nvcr.io/nvidia/k8s-device-plugin:v0.18.0")
    plugin["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
    return {
        "/api/v1/nodes": [node(), node("cp-1", 0)],
        "/api/v1/pods": [pod(), pod("done", phase="Succeeded"), pod("web", 0), pod("late", 1, "Pending", None)],
        "/apis/node.k8s.io/v1/runtimeclasses": [runtime_class()],
        "/apis/apps/v1/daemonsets": [plugin, daemonset("kube-proxy", "kube-proxy", "kube-proxy:v1")],
        "/apis/apps/v1/deployments": [
            {
                "metadata": {
                    "name": "argocd-repo-server",
                    "namespace": "argocd",
                    "labels": {"app.kubernetes.io/name": "argocd-repo-server"},
                },
                "spec": {"template": {"spec": {"containers": [{"image": "argocd:v3"}]}}},
                "status": {"readyReplicas": 1},
            }
        ],
        "/api/v1/namespaces": [
            {"metadata": {"name": "vllm", "labels": {"pod-security.kubernetes.io/enforce": "baseline", "team": SECRET}}}
        ],
        "/api/v1/namespaces/vllm/resourcequotas": [{"metadata": {"name": "q"}, "spec": {"hard": {"pods": "10"}}}],
        "/api/v1/namespaces/vllm/limitranges": [
            {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Pod", "max": {"cpu": "64"}}]}}
        ],
        "/apis/storage.k8s.io/v1/storageclasses": [
            {
                "metadata": {
                    "name": "longhorn",
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": "driver.longhorn.io",
                "allowVolumeExpansion": True,
                "parameters": {"secret": SECRET},
            }
        ],
        "/api/v1/namespaces/vllm/persistentvolumeclaims": [
            {
                "metadata": {"name": "claim"},
                "spec": {"storageClassName": "longhorn", "resources": {"requests": {"storage": "50Gi"}}},
                "status": {"phase": "Bound"},
            }
        ],
    }


def groups() -> dict[str, dict[str, Any]]:
    """API groups by path."""
    return {
        "/apis/argoproj.io/v1alpha1": resources("applications", "appprojects"),
        "/apis/bitnami.com/v1alpha1": resources("sealedsecrets"),
        "/apis/monitoring.coreos.com/v1": resources("prometheuses"),
    }
