# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines' pods as admission sees them, for a dry run before there is a plan or a commit.

Admission looks at the runtime class, resources, tolerations and security of a pod, which are the chart's; where the pod
goes is the scheduler's business and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..gpu.quantity import quantity
from .models import ModelRequest

CONTAINER = "vllm"


def engine_pods(
    requests: Iterable[ModelRequest], *, release: str, runtime_class: str, tolerations: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One pod manifest a model, without a namespace."""
    return [_pod(request, release, runtime_class, tolerations) for request in requests]


def _pod(
    request: ModelRequest, release: str, runtime_class: str, tolerations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    gpus = {request.gpu_resource: str(request.gpu)}
    spec: dict[str, Any] = {
        "tolerations": [dict(toleration) for toleration in tolerations],
        "containers": [
            {
                "name": CONTAINER,
                "image": f"{request.image}:{request.tag}",
                "resources": {"requests": {"cpu": request.cpu, "memory": request.memory, **gpus}, "limits": gpus},
                "securityContext": {"runAsNonRoot": False},
            }
        ],
    }
    if runtime_class:
        spec["runtimeClassName"] = runtime_class
    labels = {"model": request.name, "helm-release-name": release}
    name = f"{release}-{request.name}"
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}


def totals(requests: Iterable[ModelRequest]) -> dict[str, str]:
    """What all replicas of all models ask for together, by resource, as quantities."""
    sums: dict[str, Decimal] = {}
    for request in requests:
        for name, amount in (("cpu", request.cpu), ("memory", request.memory), (request.gpu_resource, request.gpu)):
            sums[name] = sums.get(name, Decimal(0)) + quantity(amount) * request.replicas
    return {name: f"{value.normalize():f}" for name, value in sums.items()}


def gpu_resources(requests: Iterable[ModelRequest]) -> list[str]:
    """The extended resources that the models ask for, each once, in their order."""
    return list(dict.fromkeys(request.gpu_resource for request in requests))
