# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reason finder over the corpus: one file a broken site, its name is the defect, its first line says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.evidence import collect_evidence
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.reason import find_reason, without_secrets
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.unit.argocd.fakes import FakeCluster, app, project

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "argocd"
CASES = sorted(CORPUS.glob("*.yaml"))


def site(case: dict[str, Any]) -> tuple[FakeCluster, dict[str, Any]]:
    objects = case.get("objects", [])
    managed = [
        {"kind": item["kind"], "name": item["metadata"]["name"], "namespace": "vllm"}
        for item in objects
        if item["kind"] in ("Deployment", "SealedSecret", "PersistentVolumeClaim")
    ]
    live = app(
        sync="OutOfSync",
        health="Progressing",
        **{"operationState": None, "resources": managed, **case.get("status", {})},
    )
    cluster = FakeCluster(live, project(**case.get("project", {})), *objects)
    cluster.logs = case.get("logs", {})
    return cluster, live


def test_the_corpus_is_there() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_first_cause(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    case = yaml.safe_load(text)
    cluster, live = site(case)
    reason = find_reason(collect_evidence(cluster, live))
    expected = case["expect"]
    if expected is None:
        assert reason is None, reason
        return
    assert reason is not None
    found = reason.finding
    assert (found.code, found.subject, reason.terminal) == (expected["code"], expected["subject"], expected["terminal"])
    assert found.severity.value == "fatal" or found.code == "argocd-sync-window"
    assert expected.get("contains", "") in found.message
    assert "lacks" not in expected or expected["lacks"] not in found.message


def test_evidence_costs_few_requests() -> None:
    cluster, live = site({})
    collect_evidence(cluster, live)
    assert len(cluster.requests) == 7


def test_what_may_not_be_read_is_a_gap() -> None:
    cluster, live = site({})
    cluster.lists[path_of("SealedSecret", "vllm")] = ApiError(404, "NotFound", "no such kind")
    cluster.lists[path_of("Event", "vllm")] = ApiError(403, "Forbidden", 'User "x" cannot list resource "events" in')
    evidence = collect_evidence(cluster, live)
    assert evidence.gaps == ('Event (needs list on "events")',)


def test_a_transient_error_is_the_callers() -> None:
    cluster, live = site({})
    cluster.lists[path_of("Pod", "vllm")] = ApiError(503, "", "later")
    with pytest.raises(ApiError):
        collect_evidence(cluster, live)


def test_an_application_without_a_namespace_is_judged_by_itself() -> None:
    cluster, live = site({"status": {"conditions": [{"type": "UnknownError", "message": "x"}]}})
    del live["spec"]["destination"]["namespace"]
    evidence = collect_evidence(cluster, live)
    assert len(cluster.requests) == 1
    reason = find_reason(evidence)
    assert reason and reason.finding.code == "argocd-manifests-failed"


@pytest.mark.parametrize(
    "text",
    ["hf_aBcDeFgHiJk", "'api_key': 'hunter2-long'", "Authorization: Bearer abc.def", "token=abc123", "sk-abcdefgh"],
)
def test_secrets_are_masked(text: str) -> None:
    masked = without_secrets(f"before {text} after")
    assert "********" in masked
    assert "before" in masked and "after" in masked
    for secret in ("aBcDeFgHiJk", "hunter2", "abc.def", "abc123", "abcdefgh"):
        assert secret not in masked


@pytest.mark.parametrize(
    "text", ['secret "hf-secret" not found', "no key could decrypt secret (TOKEN)", "max_num_tokens=4096"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(("restarts", "settle"), [(1, 30), (3, 0)])
def test_a_container_killed_for_memory_again_and_again_convinces_at_once(restarts: int, settle: int) -> None:
    case = yaml.safe_load((CORPUS / "oom-killed.yaml").read_text("utf-8"))
    case["objects"][2]["status"]["containerStatuses"][0]["restartCount"] = restarts
    cluster, live = site(case)
    reason = find_reason(collect_evidence(cluster, live))
    assert reason is not None
    assert (reason.terminal, reason.settle) == (True, settle)


def test_a_crash_tells_its_exit_code_beside_its_last_words() -> None:
    case = yaml.safe_load((CORPUS / "crashes-often.yaml").read_text("utf-8"))
    case["logs"] = {"vllm-instruct-1-x": "something unheard of\n"}
    cluster, live = site(case)
    reason = find_reason(collect_evidence(cluster, live))
    assert reason is not None
    assert "exit code 1, something unheard of" in reason.finding.message
