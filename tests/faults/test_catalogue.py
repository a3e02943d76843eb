# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault catalogue and its judge, without a sandbox: a judge that lets everything pass would prove nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue import CATALOGUE

from sandbox.faultrunner.catalogue import CatalogueError, Fault, read, read_all
from sandbox.faultrunner.cli import Verdict, chosen
from sandbox.faultrunner.judge import Case, complaints
from sandbox.faultrunner.page import table
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
    assert {name for fault in faults for step in fault.breaks for name in step} <= set(ACTIONS)


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


def test_the_table_has_a_row_a_fault() -> None:
    rows = table([Verdict(FAULT, 1.23, (), None), Verdict(GATE, 4.5, ("late",), True)]).splitlines()[2:]
    assert rows == [
        (
            "| A node is cordoned | [gpu-node-cordoned](findings.md#gpu-node-cordoned) "
            "| before anything is committed | 1.2 | passed |"
        ),
        (
            "| Out of memory | [argocd-pod-out-of-memory](findings.md#argocd-pod-out-of-memory) "
            "| at the gate of application | 4.5 | failed |"
        ),
    ]
