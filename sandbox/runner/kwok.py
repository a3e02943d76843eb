# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of kwok, which plays nodes and kubelets: stages, logs and port-forwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sandbox.runner.programs import HERE

CONFIG = "kwok.x-k8s.io/v1alpha1"
NODE_ANNOTATION = ("kwok.x-k8s.io/node", "fake")
HELD_BACK = ["image-pull", "config-error", "pending"]
"""Values of ``sandbox/fail`` that keep a pod from becoming Ready: kwok's own stage must leave these pods alone."""


def write_config(folder: Path, stages: Path, ports: dict[str, int], log: Path) -> list[Path]:
    """Write kwok's configuration files into ``folder`` and return them in the order in which kwok reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "config.yaml": [configuration(ports["kwok"]), *forwards(ports), default_logs(log)],
        "stages.yaml": [
            held_back(stage) for path in sorted(stages.glob("*.yaml")) for stage in yaml.safe_load_all(path.read_text())
        ],
        "sandbox-stages.yaml": list(yaml.safe_load_all((HERE / "kwok" / "stages.yaml").read_text(encoding="utf-8"))),
    }
    for name, documents in files.items():
        (folder / name).write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return [folder / name for name in files]


def configuration(port: int) -> dict[str, Any]:
    """Return kwok's options. A configuration of one's own has no defaults, so all of them are here."""
    options = {
        "manageAllNodes": False,
        "manageNodesWithAnnotationSelector": "=".join(NODE_ANNOTATION),
        "cidr": "10.244.0.0/16",
        "nodeIP": "127.0.0.1",
        "nodePort": port,
        "serverAddress": f"127.0.0.1:{port}",  # else it would listen on all addresses
        "enableDebuggingHandlers": True,
        "nodeLeaseDurationSeconds": 40,
        "nodeLeaseParallelism": 4,
        "podPlayStageParallelism": 4,
        "nodePlayStageParallelism": 4,
        "enablePodsOnNodeSyncStreamWatch": True,
        "enableCRDs": ["Logs", "PortForward"],
    }
    return {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}


def forwards(ports: dict[str, int]) -> list[dict[str, Any]]:
    """Return where port-forwards go that no PortForward object of a pod names: port 8000 to the simulated router."""
    return [
        forward("sealed-secrets", 8080, ports["sealed-secrets"], {"matchNamespaces": ["kube-system"]}),
        forward("models", 8000, ports["router"], None),
    ]


def forward(name: str, port: int, target: int, selector: dict[str, Any] | None) -> dict[str, Any]:
    """Return one ClusterPortForward to a loopback port."""
    spec: dict[str, Any] = {"forwards": [{"ports": [port], "target": {"port": target, "address": "127.0.0.1"}}]}
    if selector:
        spec["selector"] = selector
    return {"apiVersion": CONFIG, "kind": "ClusterPortForward", "metadata": {"name": name}, "spec": spec}


def default_logs(log: Path) -> dict[str, Any]:
    """Return the log of every pod for which there is no Logs object (yet)."""
    return {
        "apiVersion": CONFIG,
        "kind": "ClusterLogs",
        "metadata": {"name": "default"},
        "spec": {"logs": [{"logsFile": str(log), "follow": False}]},
    }


def held_back(stage: dict[str, Any]) -> dict[str, Any]:
    """Keep kwok's pod-ready away from pods that are to fail before they run: two matching stages would both act."""
    if stage["metadata"]["name"] == "pod-ready":
        stage["spec"]["selector"]["matchExpressions"].append(
            {"key": '.metadata.annotations["sandbox/fail"]', "operator": "NotIn", "values": HELD_BACK}
        )
    return stage
