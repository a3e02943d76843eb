# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPU stack of a Talos version: the chart, its values, its owner, and what its project must permit."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.talos.stack import (
    STACKS,
    StackRequest,
    check,
    chosen,
    files,
)

TAINT = {"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}


def made(kind: str, talos: tuple[int, ...], **more: object) -> dict[str, dict[str, object]]:
    found = files(StackRequest(kind, tolerations=(TAINT,), **more), talos)  # type: ignore[arg-type]
    assert found == files(StackRequest(kind, tolerations=(TAINT,), **more), talos)  # type: ignore[arg-type]
    assert all(text.startswith("# Made by inferops.vllm") for text in found.values())
    return {path: yaml.safe_load(text) for path, text in found.items()}


@pytest.mark.parametrize(
    ("talos", "stack"), [((1, 8), "device_plugin"), ((1, 12, 6), "device_plugin"), ((1, 13, 0), "gpu_operator")]
)
def test_auto_is_what_the_guide_of_that_version_installs(talos: tuple[int, ...], stack: str) -> None:
    assert chosen("auto", talos) == stack
    assert chosen("none", talos) == "none"
    assert files(StackRequest("none"), talos) == {}


def test_the_device_plugin_runs_under_the_runtime_class_and_on_tainted_nodes() -> None:
    found = made("auto", (1, 12, 6))
    chart = found["applications/nvidia-device-plugin/Chart.yaml"]
    assert chart["dependencies"] == [
        {
            "name": "nvidia-device-plugin",
            "version": "0.18.0",
            "repository": "https://nvidia.github.io/k8s-device-plugin",
        }
    ]
    values = found["applications/nvidia-device-plugin/values.yaml"]["nvidia-device-plugin"]
    assert (values["runtimeClassName"], values["gfd"]) == ("nvidia", {"enabled": True})
    assert TAINT in values["tolerations"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in values["tolerations"]
    assert values["nfd"]["worker"]["tolerations"] == values["tolerations"]
    assert len(found) == 2, "kube-system is there already"
    bare = made("device_plugin", (1, 12, 6), runtime_class="")["applications/nvidia-device-plugin/values.yaml"]
    assert "runtimeClassName" not in bare["nvidia-device-plugin"]


def test_the_operator_installs_neither_driver_nor_toolkit_and_has_a_privileged_namespace() -> None:
    found = made("auto", (1, 13, 9), repository="https://mirror.example.org/nvidia", folder="apps/")
    values = found["apps/gpu-operator/values.yaml"]["gpu-operator"]
    assert [values[part]["enabled"] for part in ("driver", "toolkit")] == [False, False]
    assert values["hostPaths"] == {"driverInstallDir": "/usr/local"}
    assert TAINT in values["daemonsets"]["tolerations"]
    namespace = found["apps/gpu-operator/templates/namespace.yaml"]
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "privileged"}
    (dependency,) = found["apps/gpu-operator/Chart.yaml"]["dependencies"]
    assert (dependency["version"], dependency["repository"]) == ("v26.3.1", "https://mirror.example.org/nvidia")
    assert {"group": "", "kind": "Namespace"} in STACKS["gpu_operator"].cluster_resources


@pytest.mark.parametrize(
    ("kind", "talos", "owner", "code"),
    [
        ("auto", (1, 12), "argocd", None),
        ("auto", (1, 12), "collection", None),
        ("auto", (1, 13), "gpu_operator", None),
        ("auto", (1, 13), "argocd", "talos-stack-owner"),
        ("auto", (1, 12), "gpu_operator", "talos-stack-owner"),
        ("device_plugin", (1, 13), "argocd", "talos-stack-undocumented"),
        ("gpu_operator", (1, 12), "gpu_operator", "talos-stack-undocumented"),
        ("none", (1, 13), "argocd", None),
    ],
)
def test_stack_and_owner_must_fit(kind: str, talos: tuple[int, ...], owner: str, code: str | None) -> None:
    assert [f.code for f in check(StackRequest(kind, owner=owner), talos)] == ([code] if code else [])
