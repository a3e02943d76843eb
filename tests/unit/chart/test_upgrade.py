# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every upgrade that would break a live site is refused, with the way to do it; the others go through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES
from ansible_collections.inferops.vllm.plugins.module_utils.chart.state import read_state
from ansible_collections.inferops.vllm.plugins.module_utils.chart.upgrade import Upgrade, first_install, gate
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, Severity, fatal
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import EngineSettings
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Plan
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_data

FOLDER = "applications/vllm"
PINNED = {"router": {"tag": RELEASES["0.1.12"].router_commit}}


def state(product):
    return read_state({file.path: file.content for file in product.files}, FOLDER)


@pytest.fixture
def go(build):
    """From the reference site on chart 0.1.8 to a variant of it."""

    def from_to(before=None, allow=(), drivers=None, **after):
        old = state(build(**{**PINNED, **(before or {})}))
        new = state(build(**{**PINNED, **after}))
        return gate(Upgrade(old, new, drivers=drivers or {}), allow)

    return from_to


def codes(outcome):
    return [f.code for f in outcome.findings]


def test_the_same_files_change_nothing(go):
    outcome = go()
    assert (outcome.findings, outcome.steps, outcome.restarts) == ([], [], {})


def test_nothing_before_is_said_not_passed_over():
    assert first_install().severity is Severity.INFO


@pytest.mark.parametrize("old", RELEASES)
@pytest.mark.parametrize("new", RELEASES)
def test_selectors_change_between_0_1_9_and_0_1_10_only(go, old, new):
    outcome = go({"chart": old}, chart=new)
    crossed = RELEASES[old].selectors != RELEASES[new].selectors
    assert ("upgrade-selector-immutable" in codes(outcome)) == crossed
    assert bool(outcome.steps) == crossed


def test_the_procedure_names_every_deployment_and_spares_the_claims(go):
    outcome = go(chart="0.1.12")
    (found,) = fatal(outcome.findings)
    deployments = "vllm-mistral-deployment-vllm vllm-embeddings-deployment-vllm vllm-deployment-router"
    assert f"kubectl -n vllm delete deployment {deployments} --cascade=foreground" in found.fix
    assert [step.path for step in outcome.steps] == [
        f"/apis/apps/v1/namespaces/vllm/deployments/{name}" for name in deployments.split()
    ]
    assert outcome.steps[0].to_dict()["query"] == {"propagationPolicy": "Foreground"}
    assert outcome.restarts == dict.fromkeys(("mistral", "embeddings"), "chart version")


def test_the_procedure_is_one_play_and_the_page_shows_it(go):
    (found,) = fatal(go(chart="0.1.12").findings)
    assert """playbooks/upgrade.yml with -e '{"vllm_upgrade_allow": ["upgrade-selector-immutable"]}'""" in found.fix
    page = (Path(__file__).parents[3] / "docs" / "upgrades.md").read_text("utf-8")
    assert "\n".join(found.lines()[:2]) in page


def test_what_is_allowed_becomes_a_warning_and_keeps_its_steps(go):
    outcome = go(chart="0.1.12", allow=["upgrade-selector-immutable"])
    assert not fatal(outcome.findings)
    assert "(allowed)" in outcome.findings[0].message and outcome.steps


@pytest.mark.parametrize("code", ["upgrade-selector-imutable", "engine-argument-removed"])
def test_an_allowance_that_means_nothing_is_refused(go, code):
    with pytest.raises(Refusal) as refusal:
        go(allow=[code])
    assert refusal.value.findings[0].code == "upgrade-allow-unknown"


def test_other_labels_are_other_selectors(go):
    outcome = go(extra_values={"servingEngineSpec": {"labels": {"environment": "prod", "release": "prod"}}})
    assert "upgrade-selector-immutable" in codes(outcome)
    assert len(outcome.steps) == 2
    outcome = go(extra_values={"routerSpec": {"labels": {"environment": "router", "release": "prod"}}})
    assert [step.path.rpartition("/")[2] for step in outcome.steps] == ["vllm-deployment-router"]


def test_claims_do_not_shrink(go):
    outcome = go(mistral={"storage": "100Gi"})
    (found,) = fatal(outcome.findings)
    assert (found.code, found.subject) == (
        "upgrade-claim-shrinks",
        "PersistentVolumeClaim/vllm-mistral-storage-claim",
    )
    assert "200Gi → 100Gi" in found.message and "Keep 200Gi" in found.fix


def test_claims_grow_where_the_class_allows(go):
    assert codes(go(mistral={"storage": "0.5Ti"})) == ["upgrade-claim-grows"]
    assert codes(go(mistral={"storage": "204800Mi"})) == []


def test_claims_keep_their_class(go):
    outcome = go(mistral={"storage_class": "fast"})
    assert [f.code for f in fatal(outcome.findings)] == ["upgrade-claim-immutable"]
    assert [step.path for step in outcome.steps] == [
        "/apis/apps/v1/namespaces/vllm/deployments/vllm-mistral-deployment-vllm",
        "/api/v1/namespaces/vllm/persistentvolumeclaims/vllm-mistral-storage-claim",
    ]


def renamed(plan, old, new):
    return Plan(tuple(replace(p, model=new) if p.model == old else p for p in plan.placements))


def test_a_renamed_model_loses_its_download(go, plans):
    outcome = go({"plan": plans["vgpu"]}, plan=renamed(plans["vgpu"], "mistral", "large"), mistral={"name": "large"})
    (found,) = fatal(outcome.findings)
    assert found.code == "upgrade-claim-pruned" and "mistral is now called large" in found.message


def test_a_model_that_goes_loses_its_download(go, requests, plans):
    outcome = go({"plan": plans["vgpu"]}, models=requests[:1], plan=plans["vgpu"])
    (found,) = fatal(outcome.findings)
    assert "embeddings is gone" in found.message


def test_a_swapped_model_is_a_warning(go, requests):
    other = replace(requests[0].facts, repository="mistralai/Ministral-8B-Instruct-2410")
    outcome = go(mistral={"facts": other})
    assert [(f.code, f.severity) for f in outcome.findings] == [("upgrade-model-swapped", Severity.WARNING)]
    assert "clients must send the new id" in outcome.findings[0].message
    assert outcome.restarts == {"mistral": "engine arguments"}


OLD_EMBEDDINGS = EngineSettings(
    max_model_len=512,
    extra_args=("--compilation-config", '{"level": 0, "use_cudagraph": false}', "--disable-log-requests"),
)


def test_an_image_bump_that_kills_the_embeddings_is_refused(go):
    """The real case: what runs on 0.12.0 does not start on 0.17.1."""
    vllm = {"vllm": OLD_EMBEDDINGS, "tag": "v0.12.0"}
    outcome = go({"embeddings": vllm}, embeddings={**vllm, "tag": "v0.17.1"}, drivers={"gpu1": "580.95.05"})
    assert [f.code for f in fatal(outcome.findings)] == ["engine-argument-json-key", "engine-argument-removed"]
    assert "image vllm/vllm-openai:v0.12.0 → vllm/vllm-openai:v0.17.1" in outcome.restarts["embeddings"]


def test_a_key_that_the_new_chart_drops_is_refused(go):
    extra = {"extra_values": {"servingEngineSpec": {"maxUnavailablePodDisruptionBudget": "1"}}}
    outcome = go({"chart": "0.1.10", **extra}, chart="0.1.12", **extra)
    assert [f.code for f in fatal(outcome.findings)] == ["values-key-not-in-version"]


@pytest.mark.parametrize(
    ("drivers", "code"),
    [
        ({"gpu1": "550.127.05"}, "upgrade-driver-too-old"),
        ({}, "upgrade-driver-unknown"),
        ({"gpu1": "580.95.05"}, None),
        ({"gpu1": "unknown"}, None),
    ],
)
def test_a_new_image_needs_its_driver(go, drivers, code):
    outcome = go(mistral={"tag": "v0.20.2"}, drivers=drivers)
    assert [c for c in codes(outcome) if c.startswith("upgrade-driver")] == ([code] if code else [])


def test_a_driver_that_would_do_but_is_not_asked_for(go):
    outcome = go(mistral={"tag": "v0.13.0"}, drivers={"gpu1": "550.127.05"})
    assert "upgrade-driver-borderline" in codes(outcome)
    assert not [c for c in codes(go(mistral={"tag": "latest-x"})) if c.startswith("upgrade-driver")]


def test_a_router_older_than_the_chart_is_refused(go):
    old = {"router": {"tag": RELEASES["0.1.10"].router_commit}}
    outcome = go({"chart": "0.1.10"}, chart="0.1.12", **old)
    assert "upgrade-router-older" in [f.code for f in fatal(outcome.findings)]


def test_a_setting_that_gets_lost_is_a_warning(go):
    outcome = go({"extra_values": {"routerSpec": {"serviceType": "NodePort"}}})
    assert [(f.code, f.subject) for f in outcome.findings] == [("upgrade-setting-lost", "vllm.routerSpec.serviceType")]


def test_settings_that_did_nothing_are_not_missed(go):
    assert codes(go({"extra_values": {"routerSpec": {"tolerations": [{"operator": "Exists"}]}}})) == []


def test_a_change_for_all_engines_restarts_all(go):
    outcome = go(runtime_class="nvidia-legacy")
    assert outcome.restarts == dict.fromkeys(("mistral", "embeddings"), "runtimeClassName")


def test_an_unknown_old_chart_is_refused_unless_allowed(build):
    files = {f.path: f.content for f in build(**PINNED).files}
    chart = files[f"{FOLDER}/Chart.yaml"].replace('"0.1.8"', '"0.1.5"')
    old = read_state({**files, f"{FOLDER}/Chart.yaml": chart}, FOLDER)
    outcome = gate(Upgrade(old, read_state(files, FOLDER)))
    assert [f.code for f in fatal(outcome.findings)] == ["upgrade-old-unknown"]
    assert not fatal(gate(Upgrade(old, read_state(files, FOLDER)), ["upgrade-old-unknown"]).findings)
    outcome = gate(Upgrade(read_state(files, FOLDER), old))
    assert "values-chart-version-unknown" in codes(outcome)


def test_a_real_site_can_be_taken_through_the_gate(build, plans):
    folder = shared_data("real-gitops-repo/applications/vllm")
    files = {f"{FOLDER}/{name}": (folder / name).read_text() for name in ("Chart.yaml", "values.yaml")}
    outcome = gate(Upgrade(read_state(files, FOLDER), state(build(plan=plans["vgpu"]))), ["upgrade-claim-pruned"])
    assert not fatal(outcome.findings)
    assert {f.code for f in outcome.findings} == {"upgrade-setting-lost"}
    outcome = gate(Upgrade(read_state(files, FOLDER), state(build(plan=plans["vgpu"], chart="0.1.12"))))
    assert [f.code for f in fatal(outcome.findings)] == ["upgrade-selector-immutable"]


@pytest.mark.parametrize(
    ("chart", "values", "code"),
    [
        ("a: [", "", "values-file-unreadable"),
        ("dependencies: no", "vllm: {}", "values-file-shape"),
        ("dependencies: [{name: vllm-stack, version: 0.1.8}]", "vllm: {}", "values-file-shape"),
        ("dependencies: [{name: vllm-stack, alias: vllm, version: 0.1.8}]", "a: 1\na: 2", "values-file-unreadable"),
    ],
)
def test_files_of_another_shape_are_refused(chart, values, code):
    with pytest.raises(Refusal) as refusal:
        read_state({f"{FOLDER}/Chart.yaml": chart, f"{FOLDER}/values.yaml": values}, FOLDER)
    assert refusal.value.findings[0].code == code


def test_no_chart_is_no_state():
    assert read_state({}, FOLDER) is None
    assert read_state({f"{FOLDER}/Chart.yaml": "  \n"}, FOLDER) is None


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "tag", "pvcStorage", "modelURL", "vllmConfig", "extraArgs"]), below)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(TREES, max_size=3), st.lists(TREES, max_size=3), st.sampled_from(sorted(RELEASES)))
def test_no_two_states_are_a_traceback(old, new, version):
    def made(specs, chart):
        files = {
            f"{FOLDER}/Chart.yaml": f"dependencies: [{{name: vllm-stack, alias: vllm, version: {chart}}}]",
            f"{FOLDER}/values.yaml": "vllm: {servingEngineSpec: {}}",
        }
        found = read_state(files, FOLDER)
        found.values["servingEngineSpec"]["modelSpec"] = specs
        return found

    gate(Upgrade(made(old, "0.1.8"), made(new, version)))
