# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rendering check, with a stand-in for helm everywhere and with helm and a chart where they are at hand."""

from __future__ import annotations

import os
import shutil
import stat

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.chart.objects import chart_objects
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES
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

from sandbox.runner import binaries, charts, toolchain
from sandbox.runner.programs import PROGRAMS

NEWEST = list(RELEASES)[-1]
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


@pytest.fixture(scope="session")
def helm():
    """The sandbox's helm. Only where no sandbox has been built may the proof be missing; in CI never."""
    root = binaries.cache_root()
    program = next(p for p in PROGRAMS if p.name == "helm")
    folder = binaries.cache_directory(program.module, root, toolchain.find_go(root).version)
    found = binaries.ready_copy(program, folder / "bin" / "helm") or shutil.which("helm")
    if found is None:
        said = "there is no helm: python -m sandbox.runner binaries"
        if os.environ.get("SANDBOX_TESTS") == "1" or os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return str(found)


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The package of the stand-in chart, by version, as the sandbox serves it."""
    folder = tmp_path_factory.mktemp("charts")

    def of(version):
        charts.entry(folder, version)
        return str(next(folder.glob(f"vllm-stack-{version}.tgz")))

    return of


def renderer(helm, package, version):
    return Helm(helm, package(version), settings_from({"chart_version": version}))


@pytest.mark.parametrize(
    ("mode", "version"), [("bare_metal", "0.1.8"), ("vgpu", "0.1.8"), ("vgpu", list(RELEASES)[-1])]
)
def test_every_value_that_we_write_changes_the_chart(build, plans, helm, package, mode, version):
    values = build(plans[mode], version).built.values
    assert len(list(leaves(values))) > 50
    assert check_render(renderer(helm, package, version), values, seconds=120) == []


@pytest.mark.parametrize("version", RELEASES)
def test_the_arguments_are_those_that_the_chart_renders(build, helm, package, version):
    product = build(chart=version)
    objects = renderer(helm, package, version).objects(product.built.values)
    for model, arguments in product.arguments.items():
        pod = objects["Deployment", f"vllm-{model}-deployment-vllm"]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert [*container.get("command", []), *container.get("args", [])][2:] == arguments


def test_a_key_that_the_templates_do_not_read_is_found(build, helm, package):
    values = build(extra_values={"routerSpec": {"tolerations": [{"operator": "Exists"}]}}).built.values
    rendering = renderer(helm, package, "0.1.8")
    text = rendering.render(values)
    assert not matters(rendering, values, ("routerSpec", "tolerations", 0, "operator"), text)
    assert matters(rendering, values, ("routerSpec", "tag"), text)


@pytest.mark.parametrize("version", ["0.1.8", "0.1.10", "0.1.12"])
def test_the_objects_that_we_declare_are_those_that_the_chart_makes(build, helm, package, version):
    settings = settings_from({"chart_version": version, "release": "town", "namespace": "models"})
    options = {"routerSpec": {"autoscaling": {"enabled": True}}, "servingEngineSpec": {"configs": {"A": "b"}}}
    for extra in ({}, options):
        values = build(chart=version, release="town", extra_values=extra).built.values
        rendered = Helm(helm, package(version), settings).objects(values)
        declared = {(m["kind"], m["metadata"]["name"]): m for m in chart_objects(values, settings)}
        assert declared.keys() == rendered.keys()
        for key, manifest in declared.items():
            assert manifest["apiVersion"] == rendered[key]["apiVersion"]
            assert manifest["metadata"].get("namespace") == rendered[key]["metadata"].get("namespace")
