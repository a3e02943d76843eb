# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose Talos nodes are prepared: files in Git, talosctl, labels and taints, the GPU stack through Argo CD.

Real: Git, the Kubernetes API, Argo CD and Helm. A fake talosctl keeps one node's state and prints what the real one
prints; the device plugin's chart is a stand-in that lies in the repository.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.talos.schematic import schematic_id

from tests.integration.conftest import ROOT, Played, Sandbox
from tests.integration.test_app_of_apps import cloned, push

pytestmark = pytest.mark.sandbox

# Keeps the machine configuration and the running schematic in files beside itself.
TALOSCTL = r"""#!/usr/bin/env python3
import json, pathlib, sys
import yaml
home, words = pathlib.Path(__file__).parent, sys.argv[1:]
config, image = home / "config.yaml", home / "schematic"
with (home / "calls").open("a") as calls:
    calls.write(" ".join(words) + "\n")
show = lambda *items: print("\n".join(json.dumps(item, indent=4) for item in items))
if "version" in words:
    print("Client:\n\tTag:         v1.12.6")
elif "extensions" in words and image.exists():
    show({"spec": {"metadata": {"name": "schematic", "version": image.read_text()}}})
elif "pcidevices" in words:
    show({"spec": {"vendor_id": "0x10de"}})
elif "get" in words and "machineconfig" in words:
    show({"node": "10.0.0.11", "spec": config.read_text() if config.exists() else "machine: {}"})
elif "patch" in words and "--dry-run" not in words:
    current = yaml.safe_load(config.read_text()) if config.exists() else {"machine": {}}
    change = json.loads(words[words.index("--patch") + 1])["machine"]
    modules = current["machine"].setdefault("kernel", {}).setdefault("modules", [])
    modules.extend(change.get("kernel", {}).get("modules", []))  # a strategic merge appends
    current["machine"].setdefault("sysctls", {}).update(change.get("sysctls", {}))
    config.write_text(yaml.safe_dump(current))
elif "upgrade" in words:
    image.write_text(words[words.index("--image") + 1].split("/")[-1].split(":")[0])
elif "modules" in words:
    names = [m["name"] for m in yaml.safe_load(config.read_text())["machine"]["kernel"]["modules"]]
    show(*({"metadata": {"id": name}} for name in names))
"""
CHART = "apiVersion: v2\nname: nvidia-device-plugin\nversion: 0.18.0\ndescription: a stand-in\n"
DAEMONSET = """apiVersion: apps/v1
kind: DaemonSet
metadata: {name: stand-in-device-plugin, namespace: {{ .Release.Namespace }}}
spec:
  selector: {matchLabels: {name: stand-in-device-plugin}}
  template:
    metadata: {labels: {name: stand-in-device-plugin}}
    spec:
      runtimeClassName: {{ .Values.runtimeClassName }}
      tolerations: {{- toYaml .Values.tolerations | nindent 8 }}
      nodeSelector: {nvidia.com/gpu.present: "true"}
      containers: [{name: stand-in, image: "registry.example.org/stand-in:1"}]
"""
LABELS = {"nvidia.com/gpu.present": "true", "town": "horsens"}
TAINT = {"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule"}


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    known = fresh("bare_metal")
    known.kubectl("apply", "-f", str(ROOT / "docs" / "rbac" / "nodes.yaml"))
    clone = cloned(known, tmp_path_factory.mktemp("town") / "clone")
    for name, text in (("Chart.yaml", CHART), ("values.yaml", "{}\n"), ("templates/plugin.yaml", DAEMONSET)):
        place = clone / "stand-ins" / "device-plugin" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    push(clone)
    return known


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    (folder / "talosctl").write_text(TALOSCTL)
    (folder / "talosctl").chmod(0o755)
    return folder


def play(sandbox: Sandbox, node: Path, tmp_path: Path, *arguments: str, **talos: Any) -> Played:
    settings = {
        "vllm_report_directory": str(tmp_path),
        "vllm_talos": {
            "version": "v1.12.6",
            "nodes": [{"name": "gpu-1", "address": "10.0.0.11", "product": "NVIDIA-A100-SXM4-80GB"}],
            "labels": LABELS,
            "taints": [TAINT],
            "apply": True,
            "talosctl": str(node / "talosctl"),
            "gpu_stack": "auto",
            "stack_repository": "file://../../stand-ins/device-plugin",
            **talos,
        },
    }
    return sandbox.play("-e", json.dumps(settings), *arguments)


def registered(sandbox: Sandbox) -> str:
    """The schematic that the committed file means; posting it is the one thing that needs the Image Factory."""
    return schematic_id(yaml.safe_load(sandbox.git("show", "main:talos/gpu-1/schematic.yaml")))


def test_a_check_changes_neither_git_nor_cluster_nor_node(sandbox: Sandbox, node: Path, tmp_path: Path) -> None:
    head, before = sandbox.head, sandbox.cluster.get(path_of("Node", None, "gpu-1"))
    played = play(sandbox, node, tmp_path, "--check", "--diff")
    assert played.code == 0, played.text
    assert "+# Made by inferops.vllm: the Image Factory schematic of this node." in played.text
    assert sandbox.head == head
    after = sandbox.cluster.get(path_of("Node", None, "gpu-1"))
    assert (after["metadata"]["labels"], after["spec"]) == (before["metadata"]["labels"], before["spec"])
    calls = (node / "calls").read_text().splitlines()
    assert not [call for call in calls if "upgrade" in call or (" patch " in call and "--dry-run" not in call)]


def test_the_site_is_served_on_prepared_nodes_and_a_second_run_changes_nothing(
    sandbox: Sandbox, node: Path, tmp_path: Path
) -> None:
    played = play(sandbox, node, tmp_path, apply=False)  # the Image Factory cannot be reached from here
    assert played.code == 0, played.text
    live = sandbox.cluster.get(path_of("Node", None, "gpu-1"))
    assert live["metadata"]["labels"].items() >= LABELS.items()
    assert TAINT in [{k: t[k] for k in TAINT} for t in live["spec"]["taints"]]
    plugin = sandbox.cluster.get(path_of("DaemonSet", "kube-system", "stand-in-device-plugin"))
    assert plugin["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    status = sandbox.cluster.get(path_of("Application", "argocd", "nvidia-device-plugin"))["status"]
    assert (status["sync"]["status"], status["health"]["status"]) == ("Synced", "Healthy")
    stages = sandbox.git("log", "--reverse", "--format=%(trailers:key=Inferops-Stage,valueonly,separator=)", "main")
    assert [s for s in stages.splitlines() if s] == [
        *("gpu_node", "runtime_class", "gpu_node", "sealed_secrets", "application"),
    ]
    head = sandbox.head
    again = play(sandbox, node, tmp_path, apply=False)
    assert (again.code, again.changed, sandbox.head) == (0, 0, head), again.text


def test_talosctl_patches_a_stale_node_once(sandbox: Sandbox, node: Path, tmp_path: Path) -> None:
    (node / "schematic").write_text(registered(sandbox))
    (node / "config.yaml").write_text(yaml.safe_dump({"machine": {"kernel": {"modules": [{"name": "nvidia"}]}}}))
    played = play(sandbox, node, tmp_path)
    assert (played.code, played.changed) == (0, 1), played.text
    config = yaml.safe_load((node / "config.yaml").read_text())["machine"]
    names = [module["name"] for module in config["kernel"]["modules"]]
    assert names == ["nvidia", "nvidia_uvm", "nvidia_drm", "nvidia_modeset"]
    assert config["sysctls"] == {"net.core.bpf_jit_harden": "1"}
    again = play(sandbox, node, tmp_path)
    assert (again.code, again.changed) == (0, 0), again.text
    assert yaml.safe_load((node / "config.yaml").read_text())["machine"] == config


def test_a_talosctl_of_another_line_is_refused(sandbox: Sandbox, node: Path, tmp_path: Path) -> None:
    other = node / "other"
    other.mkdir()
    (other / "talosctl").write_text(TALOSCTL.replace("v1.12.6", "v1.13.9"))
    (other / "talosctl").chmod(0o755)
    head = sandbox.head
    played = play(sandbox, node, tmp_path, talosctl=str(other / "talosctl"))
    assert (played.code != 0, played.codes) == (True, {"talos-talosctl-version"})
    assert sandbox.head == head
    assert subprocess.run([str(other / "talosctl"), "version"], capture_output=True, check=True).stdout
