# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as data: its schema, its outcome, its lines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.site.page import render
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import (
    STAGES,
    Run,
    build,
    summary_lines,
    without_credentials,
)

from tests.unit.site_report.samples import INSTRUCT, RUNS, WHEN, fresh, served, stage, stopped, verification

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())


@pytest.mark.parametrize("name", RUNS)
def test_every_report_follows_the_documented_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(json.dumps(build(RUNS[name]()))), SCHEMA)


@pytest.mark.parametrize(
    ("name", "outcome", "headline"),
    [
        ("served", "verified", "Both models answer."),
        ("stopped", "failed", "Stopped at Verification. The engine crashes: model/mistral."),
        ("fresh", "incomplete", "This is what a run would do; nothing was changed."),
        ("empty", "incomplete", "No model is known yet."),
    ],
)
def test_outcome(name: str, outcome: str, headline: str) -> None:
    document = build(RUNS[name]())
    assert (document["outcome"], document["headline"]) == (outcome, headline)


def test_the_stages_are_those_of_the_play() -> None:
    play = (ROOT / "playbooks" / "site.yml").read_text()
    places = [play.index(f"name: inferops.vllm.{stage.name}\n") for stage in STAGES]
    assert places == sorted(places)


def test_lines_of_a_served_site() -> None:
    embedded = "answered in 60 ms, 1024 dimensions, same meaning 0.93 > unrelated 0.71"
    assert summary_lines(build(served())) == [
        "horsens: verified: Both models answer.",
        "committed: 3f2a1c9e8b (vllm)",
        "mistral on gpu-1 (needs 49.6, reserves 71.4 of 79.3 GiB): 32 tokens in 0.91 s, 35.2 tokens/s",
        f"embeddings on gpu-2 (needs 2.2, reserves 16.5 of 19.4 GiB): {embedded}",
        "findings: 0 fatal, 1 warning; docs/findings.md explains each code",
    ]


def test_a_model_without_plan_and_answer_is_still_named() -> None:
    lines = summary_lines(build(Run("s", WHEN, models=[{"name": "m", "model": "r", "role": "instruct"}])))
    assert lines == ["s: incomplete: 0 of 1 models answered.", "m on no node yet: not asked or no answer"]


def test_nothing_verified_is_not_verified() -> None:
    """No vacuous pass: the last stage says ok, but no model was there."""
    assert build(Run("s", WHEN, stages=[stage("verification")]))["outcome"] == "incomplete"


def test_one_wrong_answer_is_not_verified() -> None:
    proof = verification()
    proof["answers"] = [{**proof["answers"][0], "ok": False}, proof["answers"][1]]
    assert build(replace(served(), verification=proof))["outcome"] == "incomplete"


def test_a_rehearsal_says_that_it_is_one() -> None:
    document = build(RUNS["rehearsed"]())
    assert document["rehearsal"]
    assert summary_lines(document)[0].endswith("(rehearsal: the models are simulated)")
    assert "Rehearsal: simulated models" in render(document)
    assert "Rehearsal" not in render(build(served()))


def test_a_model_of_the_catalogue_is_shown_with_its_repository() -> None:
    assert build(RUNS["rehearsed"]())["models"][0]["repository"] == INSTRUCT


def test_three_models_and_one() -> None:
    answer = verification()["answers"][0]
    for count, text in ((1, "The model answers."), (3, "All 3 models answer.")):
        models = [{"name": f"m{i}", "model": "r"} for i in range(count)]
        proof = {"answers": [{**answer, "model": model["name"]} for model in models]}
        run = Run("s", WHEN, stages=[stage("verification")], models=models, verification=proof)
        assert build(run)["headline"] == text


def test_a_failure_without_findings_names_the_stage() -> None:
    run = Run("s", WHEN, stages=[stage("runtime_class", failed=True)])
    assert build(run)["headline"] == "Stopped at RuntimeClass."


def test_stage_status() -> None:
    def status(*results: dict) -> str:
        run = Run("s", WHEN, stages=[{"stage": "gpu_node", "results": results}])
        return str(build(run)["stages"][0]["status"])

    assert status() == "not_run"
    assert status({}, {"skipped": True}) == "not_run"
    assert status({"changed": False}) == "ok"
    assert status({"changed": True}, {"changed": False}) == "changed"
    assert status({"changed": True}, {"failed": True}) == "failed"


def test_a_model_is_drawn_where_its_pod_runs() -> None:
    proof = verification()
    proof["pods"][2]["node"] = "gpu-1"
    nodes = build(replace(served(), verification=proof))["nodes"]
    assert nodes[0]["gpus"][0]["units"] == ["mistral", "embeddings"]
    assert nodes[1]["gpus"][0]["units"] == [None]


def test_more_models_than_gpus_are_all_drawn() -> None:
    plan = served().plan["placements"]
    crowded = {"placements": [{**plan[0], "gpus": 3}]}
    document = build(replace(fresh(), plan=crowded))
    assert document["nodes"][0]["gpus"][0]["units"] == ["mistral"] * 3


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://bot:sesame@git.example.org/a.git", "https://git.example.org/a.git"),
        ("https://sesame@git.example.org:8443/a.git", "https://git.example.org:8443/a.git"),
        ("https://git.example.org/a.git", "https://git.example.org/a.git"),
        ("ssh://git@git.example.org/a.git", "ssh://git@git.example.org/a.git"),
        ("git@git.example.org:a.git", "git@git.example.org:a.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_no_credential_of_a_url_is_shown(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_the_token_is_nowhere_in_the_document() -> None:
    assert "sesame" not in json.dumps(build(served()))


def test_an_unknown_stage_is_refused_with_a_near_miss() -> None:
    with pytest.raises(Refusal, match="did you mean 'gpu_node'"):
        build(Run("s", WHEN, stages=[stage("gpu_nodes")]))


@pytest.mark.parametrize(
    "run",
    [
        Run("s", WHEN, plan={"placements": [{"model": "m"}]}),
        Run("s", WHEN, nodes=[{"nome": "gpu-1"}]),
        Run("s", WHEN, models=[{"model": "no name"}]),
        Run("s", WHEN, models=["text"]),  # type: ignore[list-item]
        Run("s", WHEN, stages=[stage("gpu_node", findings=[{"code": "x", "severity": "bad"}])]),
        Run("s", WHEN, revisions=[{"repository": "x"}]),
    ],
)
def test_input_of_another_form_is_refused(run: Run) -> None:
    with pytest.raises(Refusal, match="serving-report-input-invalid"):
        build(run)


def test_fatal_findings_come_first() -> None:
    assert [f["severity"] for f in build(stopped())["findings"]] == ["fatal", "warning"]
