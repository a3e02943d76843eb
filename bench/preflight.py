# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the preflight grows: 500 and 5,000 nodes, four pods each, against a loopback API server.

Compared are the bare paged LISTs of the same objects (decoded and thrown away) and the whole preflight: reading,
capacity, all checks, table. Every run is a process of its own, so that its peak memory is its own; the server is
another one and encodes its pages when they are asked for, as an API server does. Judged is the processor time of both
together: on a busy machine the clock says more about the neighbours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.preflight import preflight as check
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.settings import Settings
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.snapshot import SOURCES, collect

from bench.measure import ROOT, Measured, Row, ratio

SIZES = (500, 5_000)
PODS_PER_NODE = 4
PAGE = 500
ROUNDS = 3


def node(index: int) -> dict[str, Any]:
    """A node of the size that real ones have: labels of feature discovery, images, managed fields."""
    name = f"gpu-{index:05}"
    labels = {f"feature.node.kubernetes.io/cpu-cpuid.FEATURE{i}": "true" for i in range(60)}
    labels |= {
        "kubernetes.io/hostname": name,
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/cuda.driver-version.full": "580.126.20",
        "extensions.talos.dev/nvidia-container-toolkit-lts": "580.126.20-v1.18.2",
        "extensions.talos.dev/nvidia-open-gpu-kernel-modules-lts": "580.126.20-v1.12.6",
    }
    offered = {"cpu": "128", "memory": "1024Gi", "nvidia.com/gpu": "8"}
    return {
        "metadata": {"name": name, "labels": labels, "managedFields": _managed(40)},
        "spec": {"taints": [{"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule"}]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "allocatable": offered,
            "capacity": offered,
            "images": [{"names": [f"registry.example/image{i}@sha256:{i:064}"], "sizeBytes": i} for i in range(50)],
            "nodeInfo": {"osImage": "Talos (v1.12.6)", "architecture": "amd64"},
            "runtimeHandlers": [{"name": ""}, {"name": "nvidia"}],
        },
    }


def pod(index: int) -> dict[str, Any]:
    """A pod; every fourth one holds a GPU."""
    resources = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}} if index % 4 == 0 else {}
    env = [{"name": f"VARIABLE_{i}", "value": "x" * 20} for i in range(20)]
    return {
        "metadata": {"name": f"pod-{index}", "namespace": "ai", "managedFields": _managed(20)},
        "spec": {
            "nodeName": f"gpu-{index // PODS_PER_NODE:05}",
            "containers": [{"name": "c", "image": "x", "env": env, "resources": resources}],
        },
        "status": {"phase": "Running"},
    }


def _managed(count: int) -> list[dict[str, Any]]:
    return [{"manager": "kubelet", "fieldsV1": {f"f:field{i}": {"f:name": {}} for i in range(count)}}]


def others() -> dict[str, list[dict[str, Any]]]:
    """The short lists."""
    plugin = {
        "metadata": {"name": "nvidia-device-plugin", "namespace": "kube-system"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [{"name": "nvidia-device-plugin-ctr", "image": "k8s-device-plugin"}],
                    "tolerations": [{"operator": "Exists"}],
                }
            }
        },
        "status": {"desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberReady": 1},
    }
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "/apis/apps/v1/daemonsets": [plugin],
        "/apis/node.k8s.io/v1/runtimeclasses": [{"metadata": {"name": "nvidia"}, "handler": "nvidia"}],
        "/apis/storage.k8s.io/v1/storageclasses": [{"metadata": {"name": "default", "annotations": default}}],
    }


def serve(nodes: int) -> None:
    """Print the port, then answer lists until killed."""
    lists = {"/api/v1/nodes": [node(i) for i in range(nodes)], **others()}
    lists["/api/v1/pods"] = [pod(i) for i in range(nodes * PODS_PER_NODE)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            start = int(parse_qs(url.query).get("continue", ["0"])[0])
            entries = lists.get(url.path, [])
            token = str(start + PAGE) if start + PAGE < len(entries) else ""
            page = {"items": entries[start : start + PAGE], "resources": [], "metadata": {"continue": token}}
            body = json.dumps({"cpu": time.process_time()} if url.path == "/cpu" else page).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: it would be measured too."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def measure(what: str, port: int) -> dict[str, float]:
    """Run one variant in this process."""
    cluster, settings = Cluster.connect({"host": f"http://127.0.0.1:{port}"}), Settings(required_cuda="12.9")
    served = cluster.get("/cpu")["cpu"]
    started, clock = time.process_time(), time.perf_counter()
    if what == "lists":
        seen = sum(1 for path, _, _ in SOURCES.values() for _ in cluster.items(path.format(namespace="vllm")))
    else:
        # The tolerations are missing on purpose: every node gives a finding, and all of them must become one.
        seen = len(check(collect(cluster, settings), settings).to_dict()["lines"])
    seconds, elapsed = time.process_time() - started, time.perf_counter() - clock
    seconds += cluster.get("/cpu")["cpu"] - served
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "elapsed": elapsed, "mib": mib, "seen": seen}


def child(*arguments: str) -> subprocess.Popen[str]:
    """Start a variant, or the server, as a process of its own."""
    command = [sys.executable, "-m", "bench.preflight", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def rounds_of(nodes: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """The runs of each variant, interleaved."""
    server = child("--serve", str(nodes))
    assert server.stdout
    port = server.stdout.readline().strip()
    found: dict[str, list[dict[str, float]]] = {"lists": [], "preflight": []}
    try:
        for _ in range(rounds):
            for what, runs in found.items():
                output, _ = child("--measure", what, port).communicate()
                runs.append(json.loads(output))
    finally:
        server.terminate()
        server.wait()
    return found


def preflight(quick: bool = False) -> Measured:
    """Item 5."""
    found, medians = Measured(), []
    for nodes in SIZES:
        runs = rounds_of(nodes, 1 if quick else ROUNDS)
        size = f"{nodes:,} nodes, {nodes * PODS_PER_NODE:,} pods"
        seconds = {what: [run["seconds"] for run in runs[what]] for what in runs}
        found.rows += [
            Row(f"{size}: paged LISTs alone", tuple(seconds["lists"])),
            Row(f"{size}: preflight", tuple(seconds["preflight"])),
            Row(f"{size}: preflight, peak memory", tuple(run["mib"] for run in runs["preflight"]), "MiB"),
        ]
        medians.append(median(seconds["preflight"]))
        found.figures["preflight_over_lists"] = ratio(seconds["preflight"], seconds["lists"])
        found.figures["preflight_memory"] = max(run["mib"] for run in runs["preflight"])
    found.figures["preflight_growth"] = medians[1] / medians[0] * SIZES[0] / SIZES[1]
    return found


def main() -> None:
    """A process of :func:`child`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int)
    parser.add_argument("--measure", nargs=2)
    options = parser.parse_args()
    if options.serve is not None:
        serve(options.serve)
    print(json.dumps(measure(options.measure[0], int(options.measure[1]))))


if __name__ == "__main__":
    main()
