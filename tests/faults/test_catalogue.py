# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault catalogue and its judge, without a sandbox: a judge that lets everything pass would prove nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue import CATALOGUE

from sandbox.faultrunner import record
from sandbox.faultrunner.catalogue import STEPS, CatalogueError, Fault, Meanwhile, read, read_all
from sandbox.faultrunner.cli import Verdict, chosen
from sandbox.faultrunner.judge import Case, complaints
from sandbox.faultrunner.page import PAGE, fault_row, filled, summary
from sandbox.faultrunner.playing import Played, changed_models
from sandbox.faultrunner.steps import ACTIONS, inverse, path_of_policy

FAULT = Fault("cordoned", "A node is cordoned", "gpu-node-cordoned", "gpu-1", "before_commit")
GATE = Fault("oom", "Out of memory", "argocd-pod-out-of-memory", "mistral", "gate: application")
TEXT = "  × gpu-node-cordoned: node/gpu-1: is cordoned\n      fix: kubectl uncordon\n      see: docs/findings.md\n"


def played(text: str = TEXT, code: int = 2, seconds: float = 1.0, **report: Any) -> Played:
    return Played(code, text, report, seconds, seconds)


def test_every_fault_expects_a_code_that_exists() -> None:
    faults = read_all()
    assert len(faults) >= 40
    assert not faults[0].code, "the healthy site comes first"
    assert {fault.code for fault in faults if fault.code} <= set(CATALOGUE)
    assert {name for fault in faults for step in fault.breaks for name in step} <= set(STEPS) == set(ACTIONS)


def test_a_right_answer_has_no_complaint() -> None:
    assert complaints(Case(FAULT, played(), moved=False)) == []


@pytest.mark.parametrize(
    ("answer", "moved", "expected"),
    [
        (played(code=0), False, "exit status 0"),
        (played(TEXT + "  × gpu-busy: node/gpu-1: all taken\n"), False, "fatal codes"),
        (played(TEXT.replace("gpu-1", "gpu-2")), False, "does not match"),
        (played(TEXT.replace("fix: ", "")), False, "not printed"),
        (played(TEXT + "Traceback (most recent call last):\n"), False, "Traceback"),
        (played(), True, "the branch moved"),
        (played(seconds=11.0), False, "budget"),
    ],
)
def test_each_wrong_answer_has_its_complaint(answer: Played, moved: bool, expected: str) -> None:
    (complaint,) = complaints(Case(FAULT, answer, moved))
    assert expected in complaint


def test_a_gate_must_be_the_right_one() -> None:
    text = TEXT.replace("gpu-node-cordoned", GATE.code).replace("gpu-1", "pod/mistral")
    right = played(text, stages=[{"stage": "application", "status": "failed"}])
    wrong = played(text, stages=[{"stage": "verification", "status": "failed"}])
    assert complaints(Case(GATE, right, moved=True)) == []
    assert complaints(Case(GATE, wrong, moved=True)) == ["refused at verification, expected application"]


def test_a_healthy_site_is_quiet_and_verified() -> None:
    healthy = Fault("healthy", "Nothing is broken", "", "", "before_commit")
    assert complaints(Case(healthy, played("", 0, outcome="verified"), moved=False)) == []
    noisy = played("  ‼ sandbox: gpu-mode-differs: node/gpu-1: vGPU\n", 0, outcome="verified")
    assert "gpu-mode-differs" in complaints(Case(healthy, noisy, moved=False))[0]
    assert complaints(Case(healthy, played("", 0, outcome="stopped"), moved=False)) == ["the report says stopped"]


def test_a_warning_that_tells_the_cause_is_demanded() -> None:
    fault = Fault("half", "One GPU is unhealthy", FAULT.code, "gpu-1", "before_commit", warning="gpu-unhealthy")
    assert "gpu-unhealthy" in complaints(Case(fault, played(), moved=False))[0]
    both = played("  ‼ gpu-unhealthy: node/gpu-1: 1 of 2\n" + TEXT)
    assert complaints(Case(fault, both, moved=False)) == []


def test_a_patch_is_taken_back() -> None:
    before = {"spec": {"a": 1, "b": {"c": 2}}}
    assert inverse(before, {"spec": {"a": 5, "b": {"c": None, "d": 1}, "e": 3}}) == {
        "spec": {"a": 1, "b": {"c": 2, "d": None}, "e": None}
    }


def test_the_plural_of_a_policy() -> None:
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "x"}}
    root = "/apis/admissionregistration.k8s.io/v1"
    for kind, plural in (("", "mutatingadmissionpolicies"), ("Binding", "mutatingadmissionpolicybindings")):
        assert path_of_policy({**group, "kind": f"MutatingAdmissionPolicy{kind}"}) == f"{root}/{plural}/x"


def test_models_are_changed_by_name() -> None:
    assert changed_models({}) == {}
    (only,) = changed_models({"embeddings": None, "mistral": {"vllm": {"max_model_len": 8192}}})["vllm_models"]
    assert only["vllm"]["max_model_len"] == 8192
    assert "extra_args" in only["vllm"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: a\nbrake: []\n", "unknown brake"),
        ("title: a\nwhen: 'gate: fifth'\n", "gate: fifth"),
        ("title: a\nbreak: [{pach: {}}]\n", "unknown pach"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=said):
        read(tmp_path / "a.yaml")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(CatalogueError, match="no fault is named nothing-like-it"):
        chosen(["nothing-like-it"])


LIST = {
    # incidents of real deployments
    "selector value under the wrong key": ["selector-under-the-wrong-key"],
    "sealed file in another app's folder": ["sealed-file-of-another-app"],
    "empty sealed file": ["sealed-file-empty", "our-sealed-file-empty"],
    "JSON in .yaml": ["sealed-file-json"],
    "Secret name ≠ consumer": ["secret-name-of-no-consumer", "secret-key-of-no-consumer"],
    "invalid repoUrl": ["repository-url-invalid"],
    "AppProject too narrow": ["project-too-narrow"],
    "broken app-of-apps template": ["app-of-apps-template-broken"],
    "ServiceMonitor CRD absent": ["service-monitor-kind-absent"],
    "chart repository moved": ["chart-repository-moved"],
    # GPUs and nodes
    "runtime class missing": ["runtime-class-not-there"],
    "runtime class foreign": ["runtime-class-foreign"],
    "runtime class with the wrong handler": ["runtime-class-wrong-handler"],
    "device plugin silent": ["gpus-not-offered", "device-plugin-not-selected", "device-plugin-missing"],
    "all GPUs taken": ["all-gpus-taken"],
    "taint unknown": ["taint-unknown"],
    "two models one GPU": ["two-models-one-gpu"],
    'vGPU label "false"': ["vgpu-label-false"],
    # the cluster
    "no StorageClass": ["no-default-storage-class"],
    "PVC pending": ["volume-pending"],
    "image pull failure": ["image-not-there"],
    "CrashLoop with exit code": ["engine-crashes"],
    "CrashLoop out of memory": ["engine-out-of-memory"],
    "probe killed a download": ["probe-kills-the-download"],
    "gated model": ["model-gated"],
    "unsealed by the wrong cluster's key": ["sealed-for-another-cluster"],
    "stale certificate": ["certificate-expired"],
    "sync failed once and not retried": ["sync-failed-once"],
    "Argo CD down": ["argocd-controller-down"],
    "repo-server down": ["argocd-repo-server-down"],
    "API server restart mid-run": ["api-server-restarted"],
    "expired token": ["token-expired"],
    "403 on a read": ["right-missing"],
    "quota": ["quota-without-gpus"],
    "PodSecurity": ["pod-security-restricted"],
    # upgrades, answers, Git
    "upgrade with immutable selector": ["upgrade-immutable-selector"],
    "removed engine flag": ["engine-flag-removed"],
    "router incompatible": ["router-older-than-chart"],
    "served model answers NaN": ["model-answers-nan"],
    "served model answers with the wrong dimension": ["model-wrong-dimension"],
    "served model refuses the key": ["model-wrong-key"],
    "diverged Git": ["branch-rewound", "branch-changed-meanwhile", "file-changed-meanwhile"],
    "protected branch": ["branch-protected"],
}
"""What the catalogue must cover, in the words of the requirement, and the files that do."""


@pytest.mark.parametrize("wish", LIST)
def test_each_known_incident_has_a_fault(wish: str) -> None:
    assert set(LIST[wish]) <= {fault.name for fault in read_all()}


def test_the_page_is_made_of_the_records() -> None:
    assert PAGE.read_text("utf-8") == filled(PAGE.read_text("utf-8")), "run: python -m sandbox.faultrunner.page"


def test_the_catalogue_was_run_as_it_is() -> None:
    """A record for each fault, each passed, with the code that its file names today."""
    cases = record.read("faults")["cases"]
    assert {name: case["code"] for name, case in cases.items()} == {fault.name: fault.code for fault in read_all()}
    assert [name for name, case in cases.items() if case["result"] != "passed"] == []


def test_the_table_has_a_row_a_fault(tmp_path: Path) -> None:
    verdicts = [Verdict(FAULT, 1.23, (), None), Verdict(GATE, 4.5, ("late",), True)]
    record.write("faults", {one.fault.name: one.to_dict() for one in verdicts}, ["cordoned", "oom"], tmp_path)
    known = record.read("faults", tmp_path)
    assert summary(known["cases"], 2).startswith("2 cases: 1 passed, 1 failed (measured ")
    assert fault_row(FAULT, known["cases"]["cordoned"]) == (
        "| A node is cordoned | [gpu-node-cordoned](findings.md#gpu-node-cordoned) "
        "| before anything is committed | 1.2 | passed |"
    )
    assert fault_row(GATE, known["cases"]["oom"]) == (
        "| Out of memory | [argocd-pod-out-of-memory](findings.md#argocd-pod-out-of-memory) "
        "| at the gate of application | 4.5 | failed, then converged |"
    )
    assert fault_row(GATE, None).endswith("| – | not run |")


def test_a_record_keeps_what_was_not_run_again(tmp_path: Path) -> None:
    record.write("chaos", {"a": {"result": "passed"}, "b": {"result": "failed"}}, ["a", "b"], tmp_path)
    record.write("chaos", {"b": {"result": "passed"}}, ["b", "c", "a"], tmp_path)
    assert {name: case["result"] for name, case in record.read("chaos", tmp_path)["cases"].items()} == {
        "b": "passed",
        "a": "passed",
    }
    record.write("chaos", {}, ["b"], tmp_path)
    assert list(record.read("chaos", tmp_path)["cases"]) == ["b"]


def test_what_happens_meanwhile_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("title: a\nmeanwhile: {at: Commit, do: [{restart: [etcd]}]}\n")
    assert read(tmp_path / "a.yaml").meanwhile == Meanwhile("Commit", ({"restart": ["etcd"]},))
    (tmp_path / "a.yaml").write_text("title: a\nmeanwhile: {at: Commit, do: [{restrt: [etcd]}]}\n")
    with pytest.raises(CatalogueError, match="unknown restrt"):
        read(tmp_path / "a.yaml")
