# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on real control planes: from an empty cluster to a verified site, once, and then never again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.integration.conftest import Played, Sandbox

pytestmark = pytest.mark.sandbox

PLACES = {
    "bare_metal": {"mistral": "gpu-1", "embeddings": "gpu-1"},
    "vgpu": {"mistral": "vgpu-80c", "embeddings": "vgpu-20c"},
}
ORDER = ["runtime_class", "sealed_secrets", "application"]


@pytest.fixture(scope="module", params=sorted(PLACES))
def sandbox(request: pytest.FixtureRequest, fresh: Callable[[str], Sandbox]) -> Sandbox:
    return fresh(request.param)


def play(sandbox: Sandbox, tmp_path: Path, *arguments: str) -> tuple[Played, dict[str, Any]]:
    played = sandbox.play("-e", f"vllm_report_directory={tmp_path}", *arguments)
    report = tmp_path / "sandbox.json"
    return played, json.loads(report.read_text()) if report.exists() else {}


@pytest.fixture(scope="module")
def first(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, dict[str, Any]]:
    """The first run, after a check run that must have changed nothing."""
    folder = tmp_path_factory.mktemp("first")
    head = sandbox.head
    checked, _ = play(sandbox, folder, "--check", "--diff")
    assert (checked.code, checked.failed) == (0, 0), checked.text
    assert checked.changed > 0
    assert "+  servingEngineSpec:" in checked.text, "the diff shows every file"
    assert sandbox.head == head, "a check run pushes nothing"
    assert list(sandbox.cluster.items(path_of("Application"))) == []
    return play(sandbox, folder)


def test_the_first_run_is_verified(sandbox: Sandbox, first: tuple[Played, dict[str, Any]]) -> None:
    played, report = first
    assert (played.code, played.failed) == (0, 0), played.text
    assert report["outcome"] == "verified"
    assert {stage["status"] for stage in report["stages"]} <= {"ok", "changed"}, report["stages"]
    assert not [f for f in report["findings"] if f["severity"] != "info"]


def test_commits_are_legible_and_in_the_recommended_order(
    sandbox: Sandbox, first: tuple[Played, dict[str, Any]]
) -> None:
    log = sandbox.git("log", "--reverse", "--format=%(trailers:key=Inferops-Stage,valueonly,separator=)", "main")
    assert [stage for stage in log.splitlines() if stage] == ORDER
    assert sandbox.git("log", "-1", "--format=%s", "main") == "Serve mistral and embeddings"


def test_the_cluster_is_what_git_says(sandbox: Sandbox, first: tuple[Played, dict[str, Any]]) -> None:
    cluster = sandbox.cluster
    assert cluster.get(path_of("RuntimeClass", None, "nvidia"))["handler"] == "nvidia"
    for name, key in (("hf-secret", "TOKEN"), ("vllm-secret", "KEY")):
        sealed = cluster.get(path_of("SealedSecret", "vllm", name))
        assert sealed["status"]["conditions"][0] | {"lastTransitionTime": "", "lastUpdateTime": ""} == {
            "lastTransitionTime": "",
            "lastUpdateTime": "",
            "status": "True",
            "type": "Synced",
        }
        assert set(cluster.get(path_of("Secret", "vllm", name))["data"]) == {key}
    for name in ("runtime-class", "vllm"):
        status = cluster.get(path_of("Application", "argocd", name))["status"]
        assert (status["sync"]["status"], status["health"]["status"]) == ("Synced", "Healthy")
    assert status["sync"]["revision"] == sandbox.head


def test_pods_run_where_the_plan_says(sandbox: Sandbox, first: tuple[Played, dict[str, Any]]) -> None:
    pods = list(sandbox.cluster.items(path_of("Pod", "vllm"), labelSelector="model"))
    assert {pod["metadata"]["labels"]["model"]: pod["spec"]["nodeName"] for pod in pods} == PLACES[sandbox.profile]
    assert {pod["spec"]["runtimeClassName"] for pod in pods} == {"nvidia"}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


def test_no_gpu_test_pod_is_left(sandbox: Sandbox, first: tuple[Played, dict[str, Any]]) -> None:
    names = [pod["metadata"]["name"] for pod in sandbox.cluster.items(path_of("Pod"))]
    assert not [name for name in names if name.startswith("gpu-test")]


@pytest.mark.parametrize("arguments", [(), ("--check", "--diff")])
def test_a_second_run_changes_nothing(
    sandbox: Sandbox, first: tuple[Played, dict[str, Any]], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    head = sandbox.head
    played, _ = play(sandbox, tmp_path, *arguments)
    assert (played.code, played.failed, played.changed) == (0, 0, 0), played.text
    assert sandbox.head == head
    assert "+++" not in played.text


@pytest.mark.parametrize("stage", ["gpu_node", *ORDER, "verification"])
def test_a_stage_runs_alone_by_its_tag(
    sandbox: Sandbox, first: tuple[Played, dict[str, Any]], tmp_path: Path, stage: str
) -> None:
    head = sandbox.head
    played, report = play(sandbox, tmp_path, "--tags", stage)
    assert (played.code, played.failed, played.changed) == (0, 0, 0), played.text
    assert stage in {each["stage"] for each in report["stages"] if each["status"] == "ok"}, report["stages"]
    assert sandbox.head == head


def test_no_secret_is_shown_or_committed(
    sandbox: Sandbox, first: tuple[Played, dict[str, Any]], tmp_path: Path
) -> None:
    secrets = [
        line.partition(":")[2].strip()
        for path in (sandbox.root / "local-secrets").glob("*.yaml")
        for line in path.read_text().splitlines()
        if line.lstrip().startswith(("TOKEN:", "KEY:"))
    ]
    assert len(secrets) == 2
    again = sandbox.play("-vvv", "-e", f"vllm_report_directory={tmp_path}")
    seen = again.text + first[0].text + json.dumps(first[1]) + sandbox.git("log", "-p", "main")
    assert not [secret for secret in secrets if secret in seen]
