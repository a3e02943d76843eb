# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes offer: names, memory of one unit, sharing, what is requested, what is ours; selectors over it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.capacity import (
    GpuResource,
    capacity,
    driver_version,
    node_from_dict,
    own_usage,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.select import select, without_match
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.settings import Selector

from tests.unit.gpu import corpus

LABELS = ["nodes", 1, "labels"]
AMOUNT = [["nodes", 1, "allocatable", "nvidia.com/gpu"], ["nodes", 1, "capacity", "nvidia.com/gpu"]]


def resources(
    labels: dict[str, str] | None = None, amounts: dict[str, str] | None = None, **settings: Any
) -> tuple[GpuResource, ...]:
    snapshot = corpus.base()
    node = snapshot["nodes"][1]
    node["labels"].update(labels or {})
    for offered in (node["allocatable"], node["capacity"]):
        offered.update(amounts or {})
    return capacity(snapshot, corpus.settings(**settings))[0].resources


def test_whole_gpus() -> None:
    assert resources() == (GpuResource("nvidia.com/gpu", "H100-80GB-HBM3", 81559, 2),)


def test_node() -> None:
    node = capacity(corpus.base(), corpus.settings())[0]
    assert (node.name, node.hostname, node.ready, node.schedulable) == ("gpu-1", "gpu-1", True, True)
    assert (node.vgpu, node.driver, node.memory_mib, node.cpu_millis) == (False, "580.126.20", 255859, 31950)
    plain = node.to_dict()
    assert node_from_dict(plain) == node
    assert json.loads(json.dumps(plain)) == plain
    plain["labels"]["x"] = plain["taints"][0]["key"] = "y"
    assert "x" not in node.labels
    assert node.taints[0].key != "y"


def test_time_slicing_does_not_divide_memory() -> None:
    (gpu,) = resources(
        {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.product": "NVIDIA-L4-SHARED"}, {"nvidia.com/gpu": "8"}
    )
    assert (gpu.product, gpu.sharing, gpu.replicas, gpu.memory_mib, gpu.allocatable) == (
        "L4",
        "time-slicing",
        4,
        81559,
        8,
    )


def test_renamed_shares() -> None:
    _, shared = resources({"nvidia.com/gpu.replicas": "4"}, {"nvidia.com/gpu.shared": "8"})
    assert (shared.name, shared.sharing) == ("nvidia.com/gpu.shared", "time-slicing")


def test_mps_divides_memory() -> None:
    (gpu,) = resources({"nvidia.com/gpu.replicas": "2", "nvidia.com/gpu.sharing-strategy": "mps"})
    assert (gpu.sharing, gpu.memory_mib) == ("mps", 40779)


def test_mig_single() -> None:
    (gpu,) = resources(
        {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-3g.40gb", "nvidia.com/gpu.memory": "40320"}
    )
    assert (gpu.product, gpu.sharing, gpu.memory_mib) == ("H100-80GB-HBM3", "mig", 40320)


def test_mig_mixed() -> None:
    labels = {
        "nvidia.com/mig-1g.10gb.memory": "9856",
        "nvidia.com/mig-1g.10gb.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb",
        "nvidia.com/mig-3g.40gb.memory": "40320",
    }
    found = resources(labels, {"nvidia.com/gpu": "0", "nvidia.com/mig-1g.10gb": "4", "nvidia.com/mig-3g.40gb": "2"})
    assert [(r.name, r.product, r.memory_mib, r.sharing, r.allocatable) for r in found] == [
        ("nvidia.com/mig-1g.10gb", "H100-80GB-HBM3", 9856, "mig", 4),
        ("nvidia.com/mig-3g.40gb", "H100-80GB-HBM3", 40320, "mig", 2),
    ]


def test_other_resource_names() -> None:
    found = resources(
        amounts={"nvidia.com/gpumem": "81559", "example.com/gpu": "1", "example.com/fpga": "1"},
        resources=("example.com/gpu",),
    )
    assert [r.name for r in found] == ["example.com/gpu", "nvidia.com/gpu"]


@pytest.mark.parametrize("label", ["0", "", "many", "-5", "1" * 40])
def test_memory_label_that_says_nothing(label: str) -> None:
    assert resources({"nvidia.com/gpu.memory": label})[0].memory_mib is None


@pytest.mark.parametrize(
    ("labels", "driver"),
    [
        ({"nvidia.com/cuda.driver-version.full": "580.159.04"}, "580.159.04"),
        (
            {
                "nvidia.com/cuda.driver-version.major": "580",
                "nvidia.com/cuda.driver-version.minor": "159",
                "nvidia.com/cuda.driver-version.revision": "04",
            },
            "580.159.04",
        ),
        (
            {
                "nvidia.com/cuda.driver.major": "550",
                "nvidia.com/cuda.driver.minor": "90",
                "nvidia.com/cuda.driver.rev": "",
            },
            "550.90",
        ),
        ({"extensions.talos.dev/nonfree-kmod-nvidia-lts": "580.126.20-v1.13.0"}, "580.126.20"),
        ({}, None),
    ],
)
def test_driver(labels: dict[str, str], driver: str | None) -> None:
    assert driver_version(labels) == driver


def pod(name: str, count: int, **more: Any) -> dict[str, Any]:
    base = {"namespace": "vllm", "name": name, "node": "gpu-1", "phase": "Running", "labels": {}}
    return {**base, "requests": {"nvidia.com/gpu": count}, **more}


def test_requested_free_and_own() -> None:
    ours = {"model": "instruct", "helm-release-name": "vllm"}
    snapshot = corpus.base()
    snapshot["pods"] = [
        pod("engine", 1, labels=ours),
        pod("other", 1, namespace="ai"),
        pod("router", 0, labels={"helm-release-name": "vllm"}),
        pod("gone", 1, phase="Failed", labels=ours),
        pod("waiting", 1, node="", phase="Pending", labels=ours),
        pod("elsewhere", 1, namespace="test", labels=ours),
    ]
    (gpu,) = capacity(snapshot, corpus.settings())[0].resources
    assert (gpu.requested, gpu.free) == (3, 0)
    assert own_usage(snapshot, "vllm", "vllm") == {"gpu-1": {"nvidia.com/gpu": 1}}
    assert own_usage(snapshot, "vllm", "other") == {}


def test_node_without_gpu_is_listed_only_when_named() -> None:
    assert [n.name for n in capacity(corpus.base(), corpus.settings(gpu_nodes=[]))] == ["gpu-1"]
    assert [n.name for n in capacity(corpus.base(), corpus.settings(gpu_nodes=["cp-1"]))] == ["cp-1", "gpu-1"]


@pytest.mark.parametrize(
    ("label", "value", "listed"),
    [
        ("feature.node.kubernetes.io/pci-10de.present", "true", True),
        ("feature.node.kubernetes.io/pci-0300_10de.present", "true", True),
        ("feature.node.kubernetes.io/pci-8086.present", "true", False),
        ("nvidia.com/gpu.present", "true", True),
        ("nvidia.com/gpu.present", "false", False),
        ("extensions.talos.dev/nonfree-kmod-nvidia-lts", "580", True),
        ("extensions.talos.dev/iscsi-tools", "1", False),
    ],
)
def test_signs_of_a_gpu(label: str, value: str, listed: bool) -> None:
    snapshot = corpus.base()
    snapshot["nodes"][0]["labels"][label] = value
    assert ("cp-1" in [n.name for n in capacity(snapshot, corpus.settings())]) is listed


VGPU = capacity(corpus.base("healthy-vgpu"), corpus.settings("healthy-vgpu"))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({}, ["vgpu-1", "vgpu-2"]),
        ({"node": "vgpu-2"}, ["vgpu-2"]),
        ({"product": "GRID-A100D-80C"}, ["vgpu-1"]),
        ({"product": "NVIDIA GRID-A100D-80C"}, ["vgpu-1"]),
        ({"labels": {"nvidia.com/vgpu.present": "true"}, "node": "vgpu-1"}, ["vgpu-1"]),
        ({"expression": "labels.\"nvidia.com/gpu.product\" == 'GRID-A100D-20C'"}, ["vgpu-2"]),
        ({"expression": "resources[?memory_mib > `40000` && free > `0`]"}, ["vgpu-1"]),
        ({"expression": "ready"}, ["vgpu-1", "vgpu-2"]),
        ({"expression": "absent"}, []),
    ],
)
def test_select(selector: dict[str, Any], names: list[str]) -> None:
    assert [n.name for n in select(VGPU, Selector("x", **selector))] == names


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        (
            {"labels": {"kubernetes.io/hostname": "GRID-A100D-80C"}},
            "is the value of nvidia.com/gpu.product on node vgpu-1",
        ),
        ({"node": "vgpu1"}, "did you mean 'vgpu-1'?"),
        ({"node": "horsens"}, "kubernetes.io/hostname is one of vgpu-1, vgpu-2"),
        (
            {"labels": {"nvidia.com/gpu.produkt": "A"}},
            "no GPU node has the label nvidia.com/gpu.produkt (did you mean 'nvidia.com/gpu.product'?)",
        ),
        ({"expression": "labels.\"nvidia.com/gpu.product\" == 'GRID-A100-80C'"}, "did you mean 'GRID-A100D-80C'?"),
        ({"expression": "labels.zone == 'GRID-A100D-80C'"}, "no GPU node matches expression = 'GRID-A100D-80C'"),
        ({"expression": "absent"}, "no GPU node matches 'absent'"),
    ],
)
def test_near_miss(selector: dict[str, Any], hint: str) -> None:
    assert hint in without_match(VGPU, Selector("x", **selector)).message
