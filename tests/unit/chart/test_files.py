# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text in and out, files of people, names, and the arguments as Helm writes them."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.chart.arguments import helm_text, rendered_arguments
from ansible_collections.inferops.vllm.plugins.module_utils.chart.compare import (
    check_takeover,
    compare_files,
    differences,
)
from ansible_collections.inferops.vllm.plugins.module_utils.chart.files import TextFile, is_ours
from ansible_collections.inferops.vllm.plugins.module_utils.chart.names import Names, check_names, injected_variable
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES
from ansible_collections.inferops.vllm.plugins.module_utils.chart.scene import quantity
from ansible_collections.inferops.vllm.plugins.module_utils.chart.text import from_yaml, to_yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, fatal
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_data

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text(), TREES, max_size=4))
def test_what_is_written_is_read_back(data):
    assert yaml.safe_load(to_yaml(data)) == data


@pytest.mark.parametrize(
    "text",
    ["1e6", "0o17", "0x10", "1_000", "yes", "On", "null", "~", "", "16Gi", "12:30", "1.5", ".inf", "- a", "a: b", "#"],
)
def test_text_that_a_parser_may_take_for_something_else_is_quoted(text):
    assert to_yaml({"a": text}) == f'a: "{text}"\n'


def test_plain_words_and_json_stay_readable():
    assert to_yaml({"a": "Recreate", "b": '{"mode":0}', "on": 1}) == 'a: Recreate\nb: \'{"mode":0}\'\n"on": 1\n'


def test_shared_parts_are_written_out():
    part = {"b": 1}
    assert "&" not in to_yaml({"a": part, "c": part})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "line"),
        ("a: 1\na: 2", "given twice at line 2"),
        ("a: {{ .Values.x }}", "line 1"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: &a [*a]", "cannot be read"),
        ("a: 2026-99-99", "cannot be read"),
        ("\x00", "no YAML"),
    ],
)
def test_bad_yaml_is_a_finding(text, words):
    with pytest.raises(Refusal) as refusal:
        from_yaml(text, "values.yaml")
    (found,) = refusal.value.findings
    assert (found.code, found.subject) == ("values-file-unreadable", "values.yaml")
    assert words in found.message


def test_aliases_do_not_fill_the_memory():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    with pytest.raises(Refusal):
        from_yaml(bomb, "values.yaml")


def test_merge_keys_are_yaml_too():
    assert from_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}", "f")["b"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (16384, "16384"),
        (999_999, "999999"),
        (1_000_000, "1e+06"),
        (1_048_576, "1.048576e+06"),
        ("1048576", "1048576"),
        (0.85, "0.85"),
        (2.0, "2"),
        (0.00005, "5e-05"),
        (-1_500_000, "-1.5e+06"),
        (True, "true"),
        (None, ""),
        (float("inf"), "inf"),
    ],
)
def test_numbers_come_out_as_helm_writes_them(value, text):
    assert helm_text(value) == text


def test_every_argument_that_the_chart_can_write():
    model = {
        "name": "m",
        "modelURL": "org/m",
        "enableLoRA": True,
        "enableTool": True,
        "toolCallParser": "mistral",
        "vllmConfig": {"maxLoras": 4, "convert": "embed", "extraArgs": ["--seed", 1, True, 1_000_000]},
        "modelRevision": "main",
        "lmcacheConfig": {"enabled": True},
        "chatTemplate": "t.jinja",
    }
    values = {"servingEngineSpec": {"modelSpec": [model], "containerPort": 8000}}
    ((path, arguments),) = rendered_arguments(values, RELEASES["0.1.12"], "vllm.").items()
    assert path == "vllm.servingEngineSpec.modelSpec[0]"
    assert [a.text for a in arguments] == [
        *("org/m", "--host", "0.0.0.0", "--port", "8000", "--enable-lora", "--enable-auto-tool-choice"),
        *("--tool-call-parser", "mistral", "--no-enable-prefix-caching", "--max_loras", "4", "--convert", "embed"),
        *("--seed", "1", True, 1_000_000, "--revision", "main", "--kv-transfer-config"),
        *('{"kv_connector": "LMCacheConnectorV1", "kv_role": "kv_both"}', "--chat-template", "/templates/t.jinja"),
    ]
    old = rendered_arguments(values, RELEASES["0.1.8"])["servingEngineSpec.modelSpec[0]"]
    assert "--revision" not in [a.text for a in old] and "--convert" not in [a.text for a in old]


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("16Gi", 16 * 2**30), (2, 2.0), ("56GB", None), ("", None), (True, None)]
)
def test_quantities(text, value):
    assert quantity(text) == value


def test_names_are_those_of_the_chart():
    names = Names("vllm")
    assert names.service("mistral") == "vllm-mistral-engine-service"
    assert names.hostname("mistral") == "vllm-mistral-vllm"
    assert (names.router_deployment, names.router_service) == ("vllm-deployment-router", "vllm-router-service")
    assert names.claim("mistral") == "vllm-mistral-storage-claim"


def test_the_room_for_a_name_is_told():
    (found,) = check_names("vllm", [("vllm_models[0].name", "m" * 44)])
    assert "has room for 43" in found.message
    (found,) = check_names("r" * 60, [("vllm_models[0].name", "m")])
    assert "release name is too long" in found.message
    assert check_names("vllm", [("vllm_models[0].name", "m" * 43)]) == []


def test_an_empty_or_bad_release_name():
    assert [f.subject for f in check_names("", [])] == ["release"]
    assert [f.code for f in check_names("VLLM", [])] == ["values-name-invalid"]


def test_services_that_would_stop_the_engines():
    assert injected_variable("vllm") == "VLLM_PORT"
    assert injected_variable("vllm-dp-master") == "VLLM_DP_MASTER_PORT"
    assert injected_variable("vllm-router-service") is None


# ------------------------------------------------------------------------------------------- files of people


def test_our_files_carry_their_header(build):
    assert all(is_ours(file.content) for file in build().files)


def test_our_own_file_needs_no_permission(build):
    files = build().files
    old = {f.path: f.content.replace("200Gi", "100Gi") for f in files}
    assert check_takeover(old, files, take_over=False) == []
    assert [str(c) for c in compare_files(old, files)] == [
        "vllm.servingEngineSpec.modelSpec.[mistral].pvcStorage: '100Gi' → '200Gi'"
    ]


def test_a_file_of_people_is_replaced_only_when_told(build, plans):
    files = build(plan=plans["vgpu"]).files
    folder = shared_data("real-gitops-repo/applications/vllm")
    names = ("Chart.yaml", "values.yaml", "gpu-test.yml", "templates/metrics-service.yml")
    old = {f"applications/vllm/{name}": (folder / name).read_text() for name in names}
    found = check_takeover(old, files, take_over=False)
    assert {f.code for f in found} == {"values-takeover-refused"}
    assert "applications/vllm/Chart.yaml" not in [f.subject for f in found]  # the same in other words
    assert not fatal(check_takeover(old, files, take_over=True))
    changed = {c.path for c in compare_files(old, files)}
    assert "vllm.servingEngineSpec.modelSpec.[embeddings].vllmConfig.extraArgs" in changed
    assert "vllm.servingEngineSpec.modelSpec.[mistral].nodeSelectorTerms" not in changed


def test_a_file_of_people_that_says_the_same_is_left_alone():
    ours = [TextFile("a.yaml", "# Written by the Ansible collection inferops.vllm.\nx: 2\n")]
    assert check_takeover({"a.yaml": "x: '2'   # two\n"}, ours, take_over=False) == []


def test_a_helm_template_of_people_differs_as_a_whole():
    old = {"a.yaml": "x: {{ .Values.x }}\n"}
    ours = [TextFile("a.yaml", "x: 2\n")]
    (found,) = check_takeover(old, ours, take_over=False)
    assert found.code == "values-takeover-refused" and "the whole file" in found.message
    assert [c.path for c in compare_files(old, ours)] == ["(the whole file)"]


def test_differences_are_values_not_lines():
    assert list(differences({"a": [1, {"b": 2}]}, {"a": ["1", {"b": "2"}]})) == []
    assert [d.to_dict() for d in differences({"a": {"b": 1}}, {}, "f")] == [
        {"file": "f", "path": "a.b", "old": 1, "new": None}
    ]
    assert [str(d) for d in differences({"a": True}, {"a": "true"})] == ["a: True → 'true'"]
    assert str(next(differences({}, {"a": {"b": "x" * 99}}))).startswith("a.b: nothing → 'xxx")
    assert [d.path for d in differences({"m": [{"name": "a"}]}, {"m": [{"name": "b"}]})] == ["m.[a].name", "m.[b].name"]


def test_many_differences_are_counted():
    old = {"a.yaml": "\n".join(f"k{i}: 1" for i in range(9))}
    (found,) = check_takeover(old, [TextFile("a.yaml", "k0: 1\n")], take_over=False)
    assert found.message.startswith("8 values differ") and found.message.endswith("and 5 more")
