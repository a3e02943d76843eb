# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes and requests for the planner's tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.gpu.capacity import GpuNode, GpuResource
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import ModelRequest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models

A100 = ("NVIDIA-A100-SXM4-80GB", 81920)
H100 = ("NVIDIA-H100-80GB-HBM3", 81559)
L40S = ("NVIDIA-L40S", 46068)
GRID_80C = ("GRID-A100D-80C", 81920)
GRID_20C = ("GRID-A100D-20C", 20480)

GPU = "nvidia.com/gpu"
MISTRAL = {"name": "mistral", "model": "mistral-small-3.2-24b", "vllm": {"max_model_len": 16384}}
E5 = {"name": "embeddings", "model": "multilingual-e5-large"}


def node(
    name: str,
    gpu: tuple[str, int | None],
    count: int,
    *,
    vgpu: bool = False,
    labels: dict[str, str] | None = None,
    **more: Any,
) -> GpuNode:
    """A GPU node as the preflight describes it; ``more`` goes to the resource or the node, wherever it belongs."""
    product, memory = gpu
    resource = {key: more.pop(key) for key in ("requested", "sharing", "replicas") if key in more}
    resources = (GpuResource(more.pop("resource", GPU), product, memory, count, **resource),)
    told = {"kubernetes.io/hostname": name, "nvidia.com/vgpu.present": str(vgpu).lower(), **(labels or {})}
    if memory is not None:
        told["nvidia.com/gpu.product"] = product
    return GpuNode(
        **{
            "name": name,
            "hostname": name,
            "ready": True,
            "schedulable": True,
            "labels": told,
            "resources": resources,
            "vgpu": vgpu,
            "memory_mib": 131072,
            "cpu_millis": 32000,
            **more,
        }
    )


SITES: dict[str, list[GpuNode]] = {
    "none": [],
    "one-a100": [node("gpu-1", A100, 1)],
    "two-a100": [node("gpu-1", A100, 2)],
    "one-l40s": [node("gpu-1", L40S, 1)],
    "four-h100": [node("gpu-1", H100, 4)],
    "vgpu": [node("vgpu-1", GRID_20C, 1, vgpu=True), node("vgpu-2", GRID_80C, 1, vgpu=True)],
    "mig": [node("gpu-1", (A100[0], 40192), 2, resource="nvidia.com/mig-3g.40gb", sharing="mig")],
    "time-sliced": [node("gpu-1", A100, 4, sharing="time-slicing", replicas=4)],
    "cordoned": [node("gpu-1", A100, 2, schedulable=False)],
    "taken": [node("gpu-1", A100, 2, requested=2)],
    "unlabelled": [node("gpu-1", ("", None), 2)],
}


def models(*entries: dict[str, Any], tag: str | None = "v0.12.0") -> list[ModelRequest]:
    """Requests that must be right."""
    requests, findings = parse_models(list(entries), default_tag=tag)
    assert not findings, findings
    return requests


def model(**entry: Any) -> ModelRequest:
    """One request: Mistral unless told otherwise."""
    return models({"name": "mistral", "model": "mistral-small-3.2-24b", **entry})[0]
