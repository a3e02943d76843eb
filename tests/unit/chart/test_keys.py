# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key table, against the reference tables and a real site's file; and what the walk says."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.chart.keys import (
    check_keys,
    children,
    mode,
    releases_with,
    table,
)
from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import check_values
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity, fatal
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_data

OLD, NEW = RELEASES["0.1.8"], RELEASES["0.1.12"]
TOP = ("servingEngineSpec", "routerSpec", "extraObjects")
NAMES = sorted({path.rpartition(".")[2].removesuffix("[]") for path in table()})


@pytest.mark.parametrize("version", ["0.1.8", "0.1.12"])
def test_the_table_is_the_reference_table(version):
    reference = json.loads(shared_data(f"vllm-stack/keys-{version}.json").read_text())
    allowed = {row["path"]: row["mode"] for row in reference["keys"]}
    ours = {path: handling for path in table() if (handling := mode(path, RELEASES[version]))}
    extra = {"global", *reference["subcharts"]}
    assert {path: m for path, m in ours.items() if path not in extra} == allowed


@pytest.mark.parametrize("version", ["0.1.8", "0.1.12"])
def test_the_charts_own_values_are_read(version):
    values = yaml.safe_load(shared_data(f"vllm-stack/values-{version}.yaml").read_text())
    dead = {"0.1.8": {"loraController.replicaCount"},
            "0.1.12": {"loraAdapters[0].loraAdapterDeploymentConfig.labels"}}[version]  # fmt: skip
    unread = {f.subject for f in check_keys(values, RELEASES[version]) if f.code.startswith("values-key")}
    assert unread == dead


@pytest.mark.parametrize("version", RELEASES)
def test_a_real_sites_file_has_no_ignored_key(version):
    text = shared_data("real-gitops-repo/applications/vllm/values.yaml").read_text()
    assert check_keys(yaml.safe_load(text)["vllm"], RELEASES[version]) == []


def test_a_real_site_is_told_what_to_do_better():
    text = shared_data("real-gitops-repo/applications/vllm/values.yaml").read_text()
    found = check_values(yaml.safe_load(text)["vllm"], OLD)
    assert [f.code for f in fatal(found)] == ["values-router-tag-floating"]
    assert {f.code for f in found} >= {"values-runtime-class-empty", "engine-argument-json-key-ignored"}


def subjects(values, release=OLD):
    return [(f.code, f.subject, f.message) for f in check_keys(values, release, "vllm.")]


def test_a_key_of_another_level_is_sent_to_its_place():
    ((code, subject, message),) = subjects({"tolerations": []})
    assert (code, subject) == ("values-key-unknown", "vllm.tolerations")
    assert "servingEngineSpec.tolerations" in message


def test_a_key_of_a_later_release_names_it():
    ((code, _, message),) = subjects({"servingEngineSpec": {"env": []}})
    assert code == "values-key-not-in-version" and "0.1.10 and later" in message


def test_a_key_of_an_earlier_release_names_them():
    ((_, _, message),) = subjects({"cacheserverSpec": {"enabled": True, "tag": "x"}}, NEW)
    assert "0.1.8 to 0.1.10" in message


def test_a_key_that_looks_like_another_gets_a_suggestion():
    ((_, _, message),) = subjects({"servingEngineSpec": {"modelSpecs": []}})
    assert "did you mean 'modelSpec'" in message


def test_a_known_mistake_gets_its_explanation():
    ((_, _, message),) = subjects({"routerSpec": {"tolerations": []}})
    assert "untainted" in message


def test_models_may_be_a_map():
    values = {"servingEngineSpec": {"modelSpec": {"mistral": {"bogus": 1, "repository": "r", "tag": "t"}}}}
    assert [s for _, s, _ in subjects(values)] == [
        "vllm.servingEngineSpec.modelSpec.mistral.bogus",
        "vllm.servingEngineSpec.modelSpec.mistral.requestCPU",
        "vllm.servingEngineSpec.modelSpec.mistral.requestMemory",
    ]


def test_resources_stand_for_requests_where_the_chart_reads_them():
    model = {"repository": "r", "tag": "t", "resources": {}}
    assert subjects({"servingEngineSpec": {"modelSpec": [model]}}, NEW) == []


def test_a_free_map_is_walked():
    assert subjects({"routerSpec": {"route": {"main": {"bogus": 1}}}})[0][1] == "vllm.routerSpec.route.main.bogus"


def test_a_harmless_type_is_a_warning():
    (found,) = check_keys({"routerSpec": {"replicaCount": "1"}}, OLD)
    assert (found.code, found.severity) == ("values-type", Severity.WARNING)


def test_null_is_how_helm_removes_a_default():
    assert check_keys({"routerSpec": None, "servingEngineSpec": {"startupProbe": None}}, OLD) == []


def test_children_and_releases():
    assert "modelSpec" in children("servingEngineSpec", OLD)
    assert releases_with("servingEngineSpec.modelSpec[].modelRevision") == ["0.1.12"]
    assert releases_with("bogus") == []


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6) | st.integers(), below, max_size=5)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(TOP) | st.text(max_size=5), TREES),
       st.sampled_from(sorted(RELEASES)))  # fmt: skip
def test_no_tree_is_a_traceback(values, version):
    for found in check_values(values, RELEASES[version]):
        assert found.lines()


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(NAMES), TREES, max_size=8), st.sampled_from(sorted(RELEASES)))
def test_no_model_is_a_traceback(model, version):
    found = check_values({"servingEngineSpec": {"modelSpec": [model]}}, RELEASES[version])
    assert found
