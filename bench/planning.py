# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the planner and the values grow: 2, 50 and 500 models on 1,000 nodes.

From 50 to 500 models the time may grow tenfold, plus the fixed cost of reading the nodes; more would mean that somebody
scans all nodes for every model.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import produce
from ansible_collections.inferops.vllm.plugins.module_utils.chart.settings import settings_from
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.nodes import GpuNode, GpuResource
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models

from bench.measure import Measured, Row, processor_seconds

NODES = 1000
COUNTS = (2, 50, 500)
ROUNDS = 5
KINDS = ("free", "zones", "pinned", "two GPUs")
PRODUCTS = (("GRID-A100D-80C", 81920), ("GRID-A100D-20C", 20480), ("NVIDIA-L40S", 46068))


def node(index: int) -> GpuNode:
    """A node with one or two GPUs, every third of another product."""
    product, memory = PRODUCTS[index % len(PRODUCTS)]
    name = f"gpu-{index:04}"
    labels = {
        "kubernetes.io/hostname": name,
        "nvidia.com/vgpu.present": "true",
        "nvidia.com/gpu.product": product,
        "zone": f"z{index % 10}",
    }
    resources = (GpuResource("nvidia.com/gpu", product, memory, 1 + index % 2),)
    return GpuNode(name, name, True, True, labels, (), resources, True, None, 262144, 64000)


def entry(index: int, kind: str) -> dict[str, Any]:
    """A model; ``kind`` says what makes the search hard."""
    large = index % 2 == 0
    found: dict[str, Any] = {
        "name": f"m{index}",
        "model": "mistral-small-3.2-24b" if large else "multilingual-e5-large",
        "vllm": {"max_model_len": 16384 if large else 512},
    }
    if kind == "pinned":
        found["placement"] = {"node": f"gpu-{(index * 6) % 996:04}"}
    if kind == "zones":
        found["placement"] = {"labels": {"zone": f"z{index % 10}"}}
    if kind == "two GPUs":
        found["gpu"] = 2 if large else 1
    return found


def planning(quick: bool = False) -> Measured:
    """Item 7: the plan for each kind of wish in both GPU modes, then the files of the chart."""
    nodes, found = [node(index) for index in range(NODES)], Measured()
    growth = []
    for kind in KINDS[:1] if quick else KINDS:
        for mode in ("bare_metal", "vgpu"):
            taken = _plans(kind, mode, nodes, 2 if quick else ROUNDS)
            found.rows += [Row(f"plan {n} models, {kind}, {mode}", tuple(s), "s") for n, s in taken.items()]
            growth.append(median(taken[COUNTS[2]]) / median(taken[COUNTS[1]]) * COUNTS[1] / COUNTS[2])
    files = _values(nodes, 2 if quick else ROUNDS)
    found.rows += [Row(f"values of {n} models", tuple(s), "s") for n, s in files.items()]
    found.figures["planning_growth"] = max(growth)
    found.figures["values_growth"] = median(files[COUNTS[2]]) / median(files[COUNTS[1]]) * COUNTS[1] / COUNTS[2]
    return found


def _plans(kind: str, mode: str, nodes: list[GpuNode], rounds: int) -> dict[int, list[float]]:
    """Processor seconds by number of models, reading the wishes included."""

    def work(count: int) -> Callable[[], object]:
        wishes = [entry(index, kind) for index in range(count)]
        return lambda: plan_models(parse_models(wishes, default_tag="v0.12.0")[0], nodes, mode)

    taken = processor_seconds({str(count): work(count) for count in COUNTS}, rounds)
    return {int(count): seconds for count, seconds in taken.items()}


def _values(nodes: list[GpuNode], rounds: int) -> dict[int, list[float]]:
    """Processor seconds by number of models, of a plan that is there."""
    settings = settings_from({"chart_version": "0.1.8", "release": "vllm", "namespace": "vllm"})

    def work(count: int) -> Callable[[], object]:
        requests, _ = parse_models([entry(index, "free") for index in range(count)], default_tag="v0.12.0")
        plan, _ = plan_models(requests, nodes, "bare_metal")
        if plan is None:
            raise AssertionError("the sample models fit")
        return lambda: produce(tuple(requests), plan, settings, "applications/vllm")

    taken = processor_seconds({str(count): work(count) for count in COUNTS}, rounds)
    return {int(count): seconds for count, seconds in taken.items()}
