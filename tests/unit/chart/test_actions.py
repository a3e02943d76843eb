# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two modules, from options to results."""

from __future__ import annotations

import json
from dataclasses import asdict
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action import upgrade_gate, vllm_values
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import request_to_dict


def run(module, **options):
    task = MagicMock(args=options, check_mode=True, diff=False, async_val=0, environment=[])
    action = module.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    result = action.run(task_vars={})
    json.dumps(result)
    return result


def codes(result):
    return [found["code"] for found in result["findings"]]


@pytest.fixture
def values(requests, plans):
    """Runs vllm_values for the reference site."""

    def run_it(**options):
        models = [request_to_dict(request) for request in requests]
        plan = plans["bare_metal"].to_dict()
        given = {"models": models, "plan": plan, "chart_version": "0.1.8", "render_check": "false", **options}
        return run(vllm_values, **given)

    return run_it


def test_the_files_of_the_reference_site(values, build):
    result = values(service_monitor=True)
    assert not result.get("failed") and not result["changed"]
    assert result["files"] == [asdict(file) for file in build().files]
    assert result["arguments"]["mistral"][0] == "mistralai/Mistral-Small-3.2-24B-Instruct-2506"
    assert result["differences"][0]["path"] == "apiVersion"


def test_the_objects_of_the_whole_folder_are_told(values):
    sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: hf-secret, namespace: vllm}\n"
    folder = "applications/vllm/templates"
    existing = {
        f"{folder}/sealed-hf-secret.yaml": sealed,
        f"{folder}/two.yaml": "---\n" + sealed.replace("hf-secret", "a") + "---\nkind: List\n",
        f"{folder}/helm.yaml": "{{ if .Values.x }}\nkind: Pod\n",
        f"{folder}/broken.yaml": "a: [",
        "applications/vllm/gpu-test.yml": "apiVersion: v1\nkind: Pod\nmetadata: {name: gpu-test}\n",
        "applications/other/templates/x.yaml": sealed,
    }
    result = values(service_monitor_available=True, existing_files=existing, take_over=True)
    found = {(m["kind"], m["metadata"]["name"]) for m in result["objects"]}
    assert {("SealedSecret", "hf-secret"), ("SealedSecret", "a"), ("ServiceMonitor", "vllm-router-metrics")} <= found
    assert ("Deployment", "vllm-mistral-deployment-vllm") in found
    assert not {kind for kind, _ in found} & {"Pod", "List"}
    assert "encryptedData" not in json.dumps(result["objects"])
    assert {m["metadata"].get("namespace") for m in result["objects"]} == {"vllm", None}


def test_without_the_monitors_kind_there_is_no_monitor(values):
    result = values()
    assert codes(result) == ["values-monitor-crd-absent"]
    assert not [f for f in result["files"] if f["path"].endswith("metrics-service.yml")]
    assert codes(values(service_monitor_available=True)) == []
    assert codes(values(service_monitor="false")) == []


def test_a_service_monitor_that_the_cluster_would_refuse_is_refused_before(values):
    refused = values(service_monitor="true", service_monitor_available=False)
    assert codes(refused) == ["values-monitor-crd-absent"]
    assert refused["failed"]
    assert codes(values(service_monitor="true")) == []  # nobody has looked


def test_a_fatal_finding_fails_the_task_and_says_where(values):
    result = values(router={"tag": "latest"}, release="VLLM")
    assert result["failed"] and "files" not in result
    assert set(codes(result)) >= {"values-router-tag-floating", "values-name-invalid"}
    assert "fix: " in result["msg"]


def test_a_chart_that_is_not_known(values):
    assert codes(values(chart_version="0.1.99")) == ["values-chart-version-unknown"]


def test_a_file_of_people(values):
    path = "applications/vllm/values.yaml"
    result = values(existing_files={path: "vllm: {routerSpec: {tag: latest}}"})
    assert "values-takeover-refused" in codes(result)
    result = values(existing_files={path: "vllm: {routerSpec: {tag: latest}}"}, take_over=True)
    assert "values-takeover" in codes(result)
    tag = next(d for d in result["differences"] if d["path"] == "vllm.routerSpec.tag")
    assert (tag["file"], tag["old"]) == (path, "latest")


def test_rendering_is_skipped_aloud_and_refused_where_it_is_demanded(values, tmp_path):
    assert "values-render-skipped" in codes(values(render_check="auto", helm="no-such-helm"))
    assert "values-render-skipped" in codes(values(render_check="auto", helm="sh"))
    assert "values-render-failed" in codes(values(render_check="true", helm="no-such-helm"))
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\necho 'Error: boom' >&2\nexit 1\n")
    helm.chmod(0o755)
    result = values(render_check="true", helm=str(helm), chart_path=str(tmp_path))
    assert codes(result)[-1] == "values-render-failed" and "boom" in result["msg"]


@pytest.mark.parametrize("broken", [{"models": [{"name": "x"}]}, {"plan": {}}, {"models": "x"}, {"tolerations": 1}])
def test_input_that_no_module_made_is_a_finding(values, broken):
    result = values(**broken)
    assert result["failed"] and codes(result) == ["options-invalid"]


# ----------------------------------------------------------------------------------------------- upgrade_gate


def texts(product):
    return {file.path: file.content for file in product.files}


def test_the_refusal_of_an_upgrade_to_the_newest_chart(build):
    old, new = texts(build()), [asdict(file) for file in build(chart="0.1.12").files]
    result = run(upgrade_gate, old_files=old, new_files=new)
    assert result["failed"] and codes(result) == ["upgrade-selector-immutable"]
    assert "kubectl -n vllm delete deployment" in result["msg"]
    result = run(upgrade_gate, old_files=old, new_files=new, allow=["upgrade-selector-immutable"])
    assert not result.get("failed") and len(result["steps"]) == 3
    assert result["restarts"] == {"mistral": "chart version", "embeddings": "chart version"}


def test_a_first_installation(build):
    new = [asdict(file) for file in build().files]
    result = run(upgrade_gate, old_files={}, new_files=new)
    assert result["first"] and codes(result) == ["upgrade-first-install"]


def test_nothing_new_is_no_green(build):
    result = run(upgrade_gate, old_files=texts(build()), new_files=[])
    assert result["failed"] and codes(result) == ["values-file-shape"]


def test_a_driver_that_is_too_old(build):
    new = [asdict(file) for file in build(mistral={"tag": "v0.20.2"}).files]
    result = run(upgrade_gate, old_files=texts(build()), new_files=new, drivers={"gpu1": "550.127.05"})
    assert codes(result)[0] == "upgrade-driver-too-old"
