# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of files that people own: the wanted lines and no others, or a refusal."""

from __future__ import annotations

import contextlib
import difflib
from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.app_of_apps import app_entry, project_rules
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.lines import scalar
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared_data

CORPUS = Path(__file__).parents[2] / "corpus" / "gitops"
RESOURCES = "real-gitops-repo/applications/argo-cd-resources"
VLLM = {"name": "vllm", "project": "vllm", "namespace": "vllm", "automated": True, "valueFiles": ["values.yaml"]}
RUNTIME_CLASS = {"group": "node.k8s.io", "kind": "RuntimeClass"}
LOCAL = "https://kubernetes.default.svc"


def diff(before: str, after: str) -> list[str]:
    """Removed and added lines with their ends, in order."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), n=0)
    return [line for line in lines if line[0] in "+-"][2:]


def edited(edit, text: str) -> list[str]:
    """The diff of an edit; doing it again must change nothing."""
    once = edit("f", text)
    assert edit("f", once) == once
    return diff(text, once)


# -- the reference repository ---------------------------------------------------------------------


def reference(name: str) -> str:
    return (shared_data(RESOURCES) / name).read_text()


def test_the_reference_has_vllm_already():
    assert edited(app_entry(VLLM), reference("values.yaml")) == []


def test_switching_an_application_on_is_one_line():
    text = reference("values.yaml")
    assert edited(app_entry({"name": "authentik", "automated": True}), text) == [
        "-    automated: false\n",
        "+    automated: true\n",
    ]


def test_a_new_application_comes_last_and_looks_like_its_neighbours():
    text = reference("values.yaml")
    assert edited(app_entry({**VLLM, "name": "gpu"}), text) == [
        "+\n",
        "+  - name: gpu\n",
        "+    project: vllm\n",
        "+    namespace: vllm\n",
        "+    automated: true\n",
        "+    valueFiles:\n",
        "+      - values.yaml\n",
    ]


def test_runtime_class_is_allowed_in_two_lines():
    text = reference("templates/projects/cluster-resources.yaml")
    assert edited(project_rules([RUNTIME_CLASS]), text) == [
        "+  - group: node.k8s.io\n",
        "+    kind: RuntimeClass\n",
    ]


def test_the_namespace_of_a_project_only_when_asked():
    text = reference("templates/projects/cluster-resources.yaml")
    assert edited(project_rules(namespace="argo-cd"), text) == ["+  namespace: argo-cd\n"]
    assert edited(project_rules(namespace="other"), reference("templates/projects/vllm.yaml")) == []


def test_a_destination_is_written_like_the_present_ones():
    text = reference("templates/projects/vllm.yaml")
    lines = text.splitlines(keepends=True)
    behind = next(i for i, line in enumerate(lines) if "server:" in line) + 1
    lines[behind:behind] = ["  - name: in-cluster\n", "    namespace: gpu\n", f"    server: {LOCAL}\n"]
    assert project_rules(destinations=[{"namespace": "gpu", "server": LOCAL}])("f", text) == "".join(lines)
    assert edited(project_rules(destinations=[{"namespace": "vllm", "server": LOCAL}]), text) == []


# -- forms of the list of applications ------------------------------------------------------------

NEW_APP = ["+  - name: vllm\n", "+    project: x\n"]
FORMS = {
    "no final newline": (
        "apps:\n- name: a\n  project: p",
        ["-  project: p", "+  project: p\n", "+- name: vllm\n", "+  project: x"],
    ),
    "CRLF": ("apps:\r\n  - name: a\r\n", ["+  - name: vllm\r\n", "+    project: x\r\n"]),
    "empty brackets": (
        "apps: []  # none yet\nb: 1\n",
        ["-apps: []  # none yet\n", "+apps:  # none yet\n", *NEW_APP],
    ),
    "null": ("apps:\n", NEW_APP),
    "last is a comment": ("apps:\n  - name: a\n  # the end\nb: 1\n", NEW_APP),
    "wide dash": (
        "apps:\n  -   name: vllm\n      project: y # z\n",
        ["-      project: y # z\n", "+      project: x # z\n"],
    ),
    "first key": ("apps:\n  - project: y\n    name: vllm\n", ["-  - project: y\n", "+  - project: x\n"]),
    "key is missing": ("apps:\n  - name: vllm\n\n  - name: b\n", ["+    project: x\n"]),
    "value is empty": ("apps:\n  - name: vllm\n    project:\n", ["-    project:\n", "+    project: x\n"]),
    "quoted": ("apps:\n  - \"name\": 'vllm'\n    'project': \"x\"\n", []),
    "in braces": (
        "apps:\n  - {name: vllm, project: y}  # c\n",
        ["-  - {name: vllm, project: y}  # c\n", "+  - {name: vllm, project: x}  # c\n"],
    ),
    "in braces, missing": ("apps:\n  - {name: vllm}\n", ["-  - {name: vllm}\n", "+  - {name: vllm, project: x}\n"]),
    "in braces, same": ("apps:\n  - {name: vllm, project: x}\n", []),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_the_list(name):
    text, expected = FORMS[name]
    assert edited(app_entry({"name": "vllm", "project": "x"}), text) == expected


LISTS = {
    "block": ("    valueFiles:\n    - a.yaml\n", ["+    - b.yaml\n"]),
    "deeper": ("    valueFiles:\n        - a.yaml\n    automated: true\n", ["+        - b.yaml\n"]),
    "brackets": (
        "    valueFiles: [a.yaml] # x\n",
        ["-    valueFiles: [a.yaml] # x\n", "+    valueFiles: [a.yaml, b.yaml] # x\n"],
    ),
    "null": ("    valueFiles:\n", ["+      - b.yaml\n"]),
    "absent": ("", ["+    valueFiles:\n", "+      - b.yaml\n"]),
    "present": ("    valueFiles: [b.yaml]\n", []),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_an_entry_grow(name):
    rest, expected = LISTS[name]
    assert edited(app_entry({"name": "vllm", "valueFiles": ["b.yaml"]}), f"apps:\n  - name: vllm\n{rest}") == expected


def test_a_list_in_braces_grows():
    text = "apps:\n  - {name: vllm, valueFiles: [a.yaml], x: 1}\n"
    assert edited(app_entry({"name": "vllm", "valueFiles": ["b.yaml"]}), text)[1] == (
        "+  - {name: vllm, valueFiles: [a.yaml, b.yaml], x: 1}\n"
    )


# -- forms of the AppProject ----------------------------------------------------------------------

HEAD = "kind: AppProject\nmetadata:\n  name: p\nspec:\n"
NEW_ITEM = ["+  - group: node.k8s.io\n", "+    kind: RuntimeClass\n"]
NEW_LIST = ["+  clusterResourceWhitelist:\n", *NEW_ITEM]
PROJECTS = {
    "absent": (
        "  a: 1\n",
        NEW_LIST,
    ),
    "behind destinations": (
        "  destinations:\n  - server: x\n  z: {{ .Values.z }}\n",
        NEW_LIST,
    ),
    "empty": (
        "  clusterResourceWhitelist: []\n",
        [
            "-  clusterResourceWhitelist: []\n",
            "+  clusterResourceWhitelist:\n",
            "+  - group: node.k8s.io\n",
            "+    kind: RuntimeClass\n",
        ],
    ),
    "deeper": (
        "  clusterResourceWhitelist:\n    - kind: A\n      group: ''\n",
        ["+    - kind: RuntimeClass\n", "+      group: node.k8s.io\n"],
    ),
    "wildcard": ("  clusterResourceWhitelist:\n  - group: '*'\n    kind: '*'\n", []),
    "in braces": ("  clusterResourceWhitelist:\n  - {group: node.k8s.io, kind: RuntimeClass}\n", []),
    "no newline": (
        "  a: 1",
        [
            "-  a: 1",
            "+  a: 1\n",
            "+  clusterResourceWhitelist:\n",
            "+  - group: node.k8s.io\n",
            "+    kind: RuntimeClass",
        ],
    ),
    "templated rule": (
        "  clusterResourceWhitelist:\n  - group: {{ .Values.g }}\n    kind: X\n",
        NEW_ITEM,
    ),
    "templated body": (
        "  {{- if .Values.a }}\n  a: 1\n  {{- end }}\n",
        NEW_LIST,
    ),
    "not YAML even without its actions": (
        "  a: {{ if b }}: : x\n",
        NEW_LIST,
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_forms_of_the_project(name):
    body, expected = PROJECTS[name]
    assert edited(project_rules([RUNTIME_CLASS]), HEAD + body) == expected


def test_one_of_several_documents():
    other = HEAD.replace("name: p", "name: q") + "  a: 1\n"
    text = f"{other}---\n{HEAD}  a: 1\n"
    after = project_rules([RUNTIME_CLASS], project="p")("f", text)
    assert after.startswith(other) and after.endswith("RuntimeClass\n")


# -- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((CORPUS / "values").iterdir()), ids=lambda p: p.stem)
def test_values_that_are_refused(path):
    with pytest.raises(Refusal) as caught:
        app_entry(VLLM)("values.yaml", path.read_text())
    expected = "gitops-conflict-markers" if "conflict" in path.stem else "gitops-values-malformed"
    assert [f.code for f in caught.value.findings] == [expected]


@pytest.mark.parametrize("path", sorted((CORPUS / "projects").iterdir()), ids=lambda p: p.stem)
def test_projects_that_are_refused(path):
    with pytest.raises(Refusal) as caught:
        project_rules([RUNTIME_CLASS], [{"namespace": "vllm", "server": LOCAL}])("p.yaml", path.read_text())
    (found,) = caught.value.findings
    assert found.code == "gitops-project-malformed" and "RuntimeClass" in found.message


@pytest.mark.parametrize("app", [{"nmae": "x"}, {"name": ""}, {"name": "x", "projct": "y"}])
def test_options_of_an_entry(app):
    with pytest.raises(Refusal) as caught:
        app_entry(app)
    assert caught.value.findings[0].code == "gitops-files-invalid"


FRAGMENTS = st.sampled_from(
    [
        *("apps:", "apps: []", "  - name: vllm", "- name: a", "  - {name: vllm, project: {a: b}}", "    project: y"),
        *(
            "    valueFiles:",
            "      - a.yaml",
            "    valueFiles: [",
            "]",
            "  # c",
            "",
            "---",
            "\t",
            "a: |",
            "\ufeff",
            "-",
        ),
        *(
            "kind: AppProject",
            "metadata:",
            "  name: p",
            "spec:",
            "  clusterResourceWhitelist:",
            "  - group: a",
            "    kind: b",
        ),
        *("  destinations: []", "{{- if x }}", "  {{ y }}", "&a", "*a", "<<: *a", "    automated: !!bool false", "- b"),
    ]
)


@given(st.sampled_from(["", "apps:\n", HEAD]), st.lists(FRAGMENTS, max_size=12).map("\n".join))
def test_any_text_is_edited_for_good_or_refused(head, rest):
    rules = project_rules([RUNTIME_CLASS], [{"namespace": "vllm", "server": LOCAL}], namespace="argo-cd")
    for edit in (app_entry(VLLM), rules):
        with contextlib.suppress(Refusal):
            after = edit("f", head + rest)
            assert edit("f", after) == after


# -- properties -------------------------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


@given(NAMES)
def test_scalars_read_back(text):
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}


@pytest.mark.parametrize(
    "text", ["true", "no", "1", "1.5", "null", "2024-01-01", "*", "x:", "=", "-", "a: b", "a #b", ""]
)
def test_scalars_that_need_quotes(text):
    assert yaml.safe_load(f"a: {scalar(text)}") == {"a": text}


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.booleans(), st.integers(0, 4), st.booleans())
def test_an_added_entry_reads_back_and_moves_no_other_byte(names, gap, indent, newline):
    entries = [f"{' ' * indent}- name: {scalar(name)}\n" for name in names]
    text = "a: 1\napps:\n" + ("\n" if gap else "").join(entries)
    text = text if newline else text.rstrip("\n")
    after = app_entry({"name": "added!", "automated": True})("f", text)
    assert after.startswith(text)
    assert [a["name"] for a in yaml.safe_load(after)["apps"]] == [*names, "added!"]
    assert after.endswith("\n") == newline
