# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of 5,000 nodes and 20,000 pods in the sandbox's real API server: ``python -m bench.large_cluster``.

A sandbox of its own; everything but etcd and the API server is halted while it is filled and read, because controllers
that look after 5,000 nodes would be what is measured. Pods are bound as they are created. Compared are the bare paged
LISTs and the whole preflight, each a process of its own, in rounds; judged is the processor time of both ends together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.preflight import preflight as check
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.settings import Settings
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.snapshot import SOURCES, collect

from bench.bed import Bed
from bench.measure import CACHE, ROOT, Measured, Row, ratio
from bench.preflight import PODS_PER_NODE, node, pod

NODES = 5_000
FILLERS = 2
ROUNDS = 3
KEPT = ("etcd", "kube-apiserver")
TICKS = os.sysconf("SC_CLK_TCK")


def fill(kubeconfig: str, first: int, last: int) -> None:
    """Create the nodes of a range and their pods."""
    cluster = Cluster.connect({"kubeconfig": kubeconfig})
    for index in range(first, last):
        cluster.create(_stored("Node", node(index)))
        for one in range(index * PODS_PER_NODE, (index + 1) * PODS_PER_NODE):
            cluster.create(_stored("Pod", pod(one)))


def _stored(kind: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as an API server takes it: it keeps its own books on managed fields."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    spec = dict(manifest["spec"])
    if kind == "Pod":
        spec["automountServiceAccountToken"] = False
        spec["tolerations"] = [{"operator": "Exists"}]
    return {"apiVersion": "v1", "kind": kind, **manifest, "metadata": metadata, "spec": spec}


def measure(what: str, kubeconfig: str, server: int) -> dict[str, float]:
    """Run one variant in this process; ``server`` is the API server's process."""
    cluster, settings = Cluster.connect({"kubeconfig": kubeconfig}), Settings(required_cuda="12.9")
    cluster.get("/version")
    served, started, clock = _cpu(server), time.process_time(), time.perf_counter()
    if what == "lists":
        seen = sum(
            1 for path, _, query in SOURCES.values() for _ in cluster.items(path.format(namespace="vllm"), **query)
        )
    else:
        # The tolerations are missing on purpose: every node gives a finding, and all of them must become one.
        seen = len(check(collect(cluster, settings), settings).to_dict()["lines"])
    seconds, elapsed = time.process_time() - started + _cpu(server) - served, time.perf_counter() - clock
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "elapsed": elapsed, "mib": mib, "seen": seen}


def _cpu(pid: int) -> float:
    """Processor seconds of another process (the sandbox runs on Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def child(*arguments: object) -> subprocess.Popen[str]:
    """Start this module as a process of its own."""
    command = [sys.executable, "-m", "bench.large_cluster", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _done(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a process of the benchmark ended with {process.returncode}")
    return output


def large_cluster(nodes: int = NODES, rounds: int = ROUNDS) -> Measured:
    """Fill an empty sandbox, measure, throw it away."""
    bed = Bed(CACHE / "large")
    bed.runner("up")
    try:
        bed.runner("reset")
        return _measured(bed, nodes, rounds)
    finally:
        bed.runner("down")


def _measured(bed: Bed, nodes: int, rounds: int) -> Measured:
    kubeconfig = bed.state["kubeconfig"]
    Cluster.connect({"kubeconfig": kubeconfig}).create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ai"}}
    )
    _wait_for_account(kubeconfig)
    pids = {path.stem: int(path.read_text("ascii").split()[0]) for path in (bed.root / "run").glob("*.pid")}
    halted = [pid for name, pid in pids.items() if name not in KEPT]
    for pid in halted:
        os.kill(pid, signal.SIGSTOP)
    try:
        started, step = time.perf_counter(), nodes // FILLERS
        for filler in [child("--fill", kubeconfig, i * step, (i + 1) * step) for i in range(FILLERS)]:
            _done(filler)
        filled = time.perf_counter() - started
        variants = ("lists", "preflight")
        runs: dict[str, list[dict[str, float]]] = {what: [] for what in variants}
        for _ in range(rounds):
            for what in variants:
                runs[what].append(json.loads(_done(child("--measure", what, kubeconfig, pids["kube-apiserver"]))))
    finally:
        for pid in halted:
            os.kill(pid, signal.SIGCONT)
    return _result(runs, nodes, filled)


def _wait_for_account(kubeconfig: str) -> None:
    """Pods need the namespace's service account, which a controller makes."""
    cluster = Cluster.connect({"kubeconfig": kubeconfig})
    while cluster.find("/api/v1/namespaces/ai/serviceaccounts/default") is None:
        time.sleep(0.1)


def _result(runs: dict[str, list[dict[str, float]]], nodes: int, filled: float) -> Measured:
    size = f"{nodes:,} nodes, {nodes * PODS_PER_NODE:,} pods in a real API server"
    seconds = {what: [run["seconds"] for run in found] for what, found in runs.items()}
    clock = {what: [run["elapsed"] for run in found] for what, found in runs.items()}
    memory = [run["mib"] for run in runs["preflight"]]
    rows = [
        Row(f"{size}: paged LISTs alone, processor", tuple(seconds["lists"])),
        Row(f"{size}: preflight, processor", tuple(seconds["preflight"])),
        Row(f"{size}: paged LISTs alone, clock", tuple(clock["lists"])),
        Row(f"{size}: preflight, clock", tuple(clock["preflight"])),
        Row(f"{size}: preflight, peak memory", tuple(memory), "MiB"),
    ]
    found = Measured(rows, notes=[f"the API server was filled in {filled:.0f} s"])
    found.figures["real_preflight_over_lists"] = ratio(seconds["preflight"], seconds["lists"])
    found.figures["real_preflight_memory"] = max(memory)
    return found


def main() -> None:
    """The whole benchmark, or one process of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--fill", nargs=3)
    parser.add_argument("--measure", nargs=3)
    options = parser.parse_args()
    if options.fill:
        fill(options.fill[0], int(options.fill[1]), int(options.fill[2]))
    elif options.measure:
        print(json.dumps(measure(options.measure[0], options.measure[1], int(options.measure[2]))))
    else:
        print(json.dumps(large_cluster(options.nodes).to_dict(), indent=1))


if __name__ == "__main__":
    main()
