# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendering check, with a stand-in for helm everywhere and with helm and a chart where they are at hand."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.chart.render import (
    Helm,
    changed,
    check_objects,
    check_render,
    dotted,
    leaves,
    matters,
    objects_of,
    without,
)
from ansible_collections.inferops.vllm.plugins.module_utils.chart.settings import settings_from
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal

ROOT = Path(__file__).parents[3]
CHART = ROOT / "sandbox" / "chart" / "vllm-stack"
SETTINGS = settings_from({"chart_version": "0.1.8"})

OBJECTS = """
kind: Deployment
metadata: {name: vllm-deployment-router}
---
kind: Service
metadata: {name: vllm-router-service}
---
kind: Deployment
metadata: {name: vllm-m-deployment-vllm}
---
kind: Service
metadata: {name: vllm-m-engine-service}
---
kind: PersistentVolumeClaim
metadata: {name: vllm-m-storage-claim}
"""
VALUES = {"servingEngineSpec": {"modelSpec": [{"name": "m", "pvcStorage": "1Gi"}]}, "routerSpec": {"bogus": 1}}


@pytest.fixture
def stand_in(tmp_path):
    """A program that renders fixed objects, and the values without the key ``bogus``."""

    def make(body):
        program = tmp_path / "helm"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return Helm(str(program), "chart.tgz", SETTINGS)

    return make


def printing(tmp_path):
    objects = tmp_path / "objects.yaml"
    objects.write_text(OBJECTS)
    head = f'cat {objects}; echo "---"; echo "kind: Values"; echo "metadata: {{name: v}}"; echo "text: |"'
    return f"{head}; for f; do :; done; grep -v 'bogus\\|routerSpec' \"$f\" | sed 's/^/  /'"


def test_a_key_that_changes_nothing_is_found(stand_in, tmp_path):
    found = check_render(stand_in(printing(tmp_path)), VALUES)
    assert [(f.code, f.subject) for f in found] == [("values-render-no-effect", "vllm.routerSpec.bogus")]


def test_the_proof_is_bounded_and_says_so(stand_in, tmp_path):
    found = check_render(stand_in(printing(tmp_path)), VALUES, seconds=-1)
    assert [f.code for f in found] == ["values-render-skipped"]


def test_missing_objects_are_counted():
    found = list(check_objects({}, VALUES, SETTINGS))
    assert [f.subject for f in found] == [
        "Deployment/vllm-deployment-router",
        "Service/vllm-router-service",
        "Deployment/vllm-m-deployment-vllm",
        "Service/vllm-m-engine-service",
        "PersistentVolumeClaim/vllm-m-storage-claim",
    ]
    assert {f.code for f in found} == {"values-render-count"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo 'Error: boom' >&2; exit 1", "boom"),
        ("exit 1", "no message"),
        ("echo 'a: ['", "no YAML"),
        ("echo 'a: 1'", "no kind"),
        ("exec sleep 9", "TimeoutExpired"),
    ],
)
def test_a_rendering_that_fails_is_refused(stand_in, monkeypatch, body, words):
    monkeypatch.setattr("ansible_collections.inferops.vllm.plugins.module_utils.chart.render.TIMEOUT", 1)
    with pytest.raises(Refusal) as refusal:
        stand_in(body).objects(VALUES)
    assert refusal.value.findings[0].code == "values-render-failed"
    assert words in refusal.value.findings[0].message


def test_a_program_that_is_not_there_is_refused():
    with pytest.raises(Refusal):
        Helm("/nonexistent/helm", "chart.tgz", SETTINGS).render({})


def test_leaves_are_left_out_and_changed_one_by_one():
    values = {"a": [{"b": True}, 2], "c": {}}
    assert [dotted(path) for path in leaves(values)] == ["a[0].b", "a[1]", "c"]
    assert without(values, ("a", 0, "b")) == {"a": [{}, 2], "c": {}}
    assert changed(values, ("a", 0, "b"))["a"] == [{"b": False}, 2]
    assert changed(values, ("a", 1))["a"][1] == 3
    assert values == {"a": [{"b": True}, 2], "c": {}}


def test_objects_by_kind_and_name():
    assert ("Service", "vllm-router-service") in objects_of(OBJECTS, "chart")


def helm_and_chart():
    places = [os.environ.get("SANDBOX_BIN", ""), str(ROOT / "sandbox" / "bin"), os.environ.get("PATH", "")]
    helm = os.environ.get("HELM") or shutil.which("helm", path=os.pathsep.join(p for p in places if p))
    if not helm:
        pytest.skip("no helm binary at hand (SANDBOX_BIN, PATH)")
    if not (CHART / "Chart.yaml").exists():
        pytest.skip("the stand-in chart is not there")
    return helm, str(CHART)


def test_every_value_that_we_write_changes_the_chart(build):
    helm, chart = helm_and_chart()
    product = build()
    assert check_render(Helm(helm, chart, SETTINGS), product.built.values, seconds=60) == []


def test_the_arguments_are_those_that_the_chart_renders(build):
    helm, chart = helm_and_chart()
    product = build()
    objects = Helm(helm, chart, SETTINGS).objects(product.built.values)
    for model, arguments in product.arguments.items():
        pod = objects["Deployment", f"vllm-{model}-deployment-vllm"]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert [*container.get("command", []), *container.get("args", [])][2:] == arguments


def test_a_key_that_the_real_templates_do_not_read_is_found(build):
    helm, chart = helm_and_chart()
    values = build(extra_values={"routerSpec": {"tolerations": [{"operator": "Exists"}]}}).built.values
    renderer = Helm(helm, chart, SETTINGS)
    text = renderer.render(values)
    assert not matters(renderer, values, ("routerSpec", "tolerations", 0, "operator"), text)
    assert matters(renderer, values, ("routerSpec", "tag"), text)
