# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module talos_node in a real play, with a fake talosctl that replays a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FAKE = r"""#!/bin/sh
case "$*" in
  *"version --client"*) printf 'Client:\n\tTag:         v1.12.6\n' ;;
  *"get extensions"*)
    printf '{"spec": {"metadata": {"name": "schematic", "version": "%s"}}}\n' "$(cat "$0.schematic")" ;;
  *"get pcidevices"*) printf '{"spec": {"vendor_id": "0x10de"}}\n' ;;
  *"get machineconfig"*) printf '{"spec": "machine: {}"}\n' ;;
  *"get modules"*)
    for m in nvidia nvidia_uvm nvidia_drm nvidia_modeset; do printf '{"metadata": {"id": "%s"}}\n' $m; done ;;
esac
echo "$*" >> "$0.calls"
"""


def play(tmp_path: Path, *arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
    result = tmp_path / "result.json"
    node = {"name": "gpu-1", "address": "10.0.0.11", "product": "NVIDIA-A100-SXM4-80GB"}
    task = {"inferops.vllm.talos_node": {"version": "v1.12.6", "cuda": "12.9", "nodes": [node], **options}}
    tasks = [
        {**task, "register": "talos", "ignore_errors": True},
        {"copy": {"content": "{{ talos | to_json }}", "dest": str(result), "mode": "0600"}, "check_mode": False},
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(tmp_path / "play.yml"), *arguments]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(result.read_text())


def test_without_apply_it_makes_files_and_says_the_commands(tmp_path: Path) -> None:
    _, talos = play(tmp_path)
    assert [f["code"] for f in talos["findings"]] == ["talos-apply-off"]
    assert (talos["changed"], talos["done"]) == (False, [])
    assert [f["path"] for f in talos["files"]] == ["talos/gpu-1/schematic.yaml", "talos/gpu-1/patch.yaml"]
    assert (talos["nodes"][0]["flavour"], talos["nodes"][0]["channel"]) == ("open", "lts")
    assert talos["commands"][0].startswith("talosctl --nodes 10.0.0.11 patch")
    assert talos["stack"] == {"name": "", "namespace": "", "cluster_resources": [], "files": []}


def test_the_gpu_stack_of_that_version_comes_along_when_asked(tmp_path: Path) -> None:
    _, talos = play(tmp_path, gpu_stack="auto")
    assert (talos["stack"]["name"], talos["stack"]["namespace"]) == ("nvidia-device-plugin", "kube-system")
    assert [f["path"] for f in talos["stack"]["files"]] == [
        f"applications/nvidia-device-plugin/{name}" for name in ("Chart.yaml", "values.yaml")
    ]


def test_with_apply_talosctl_is_run_and_check_mode_sends_only_dry_runs(tmp_path: Path) -> None:
    fake = tmp_path / "talosctl"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    schematic = play(tmp_path)[1]["nodes"][0]["schematic"]
    (tmp_path / "talosctl.schematic").write_text(schematic)
    _, checked = play(tmp_path, "--check", apply=True, talosctl=str(fake))
    assert checked["done"] == ["gpu-1: patch the machine configuration: kernel modules"]
    patches = [line for line in (tmp_path / "talosctl.calls").read_text().splitlines() if " patch " in line]
    assert patches
    assert all("--dry-run" in line for line in patches)
    _, applied = play(tmp_path, apply=True, talosctl=str(fake))
    assert (applied["changed"], applied["findings"]) == (True, [])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"apply": True, "talosctl": "/nonexistent/talosctl"}, "talos-talosctl-missing"),
        ({"version": "1.3"}, "talos-version-unknown"),
        ({"flavour": "closed"}, "options-invalid"),
        ({"gpu_stack": "gpu_operator"}, "talos-stack-owner"),
    ],
)
def test_refusals(tmp_path: Path, options: dict[str, Any], code: str) -> None:
    _, talos = play(tmp_path, **options)
    assert talos["failed"]
    assert [f["code"] for f in talos["findings"]] == [code]
