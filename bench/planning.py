# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the planner grows: 2, 50 and 500 models on 1,000 nodes. ``python -m bench.planning``.

Prints seconds per plan and per model. From 50 to 500 models the time may grow tenfold, plus the fixed cost of reading
the nodes; more would mean that somebody scans all nodes for every model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "collections"))

from ansible_collections.inferops.vllm.plugins.module_utils.gpu.nodes import GpuNode, GpuResource
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models

NODES = 1000
COUNTS = (2, 50, 500)
REPEAT = 5
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


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs."""
    times = []
    for _ in range(REPEAT):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print one line a case."""
    nodes = [node(index) for index in range(NODES)]
    print(f"{'case':<10} {'mode':<11} {'models':>6} {'plan, ms':>9} {'ms/model':>9}  result")
    for kind in ("free", "zones", "pinned", "two GPUs"):
        for mode in ("bare_metal", "vgpu"):
            for count in COUNTS:
                entries = [entry(index, kind) for index in range(count)]
                requests, findings = parse_models(entries, default_tag="v0.12.0")
                plan, refused = plan_models(requests, nodes, mode)
                seconds = best(lambda r=requests, m=mode: plan_models(r, nodes, m)) * 1000  # type: ignore[misc]
                result = "plan" if plan else f"{len(findings) + len(refused)} findings, {refused[0].code}"
                print(f"{kind:<10} {mode:<11} {count:>6} {seconds:>9.1f} {seconds / count:>9.2f}  {result}")
    entries = [entry(index, "free") for index in range(500)]
    print(f"parse 500 models: {best(lambda: parse_models(entries, default_tag='v0.12.0')) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
