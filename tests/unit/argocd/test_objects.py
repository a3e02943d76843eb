# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we write, against the shapes that Argo CD 3.2 accepts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd import actions, objects, ownership
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import Action
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue.argocd import ENTRIES

from tests.shared_data import shared_data
from tests.unit.argocd.fakes import OURS, REPO, SERVER, FakeCluster, app, crd

NEW = frozenset({"automated.enabled", "retry.refresh"})
OPTIONS: dict[str, Any] = {
    "name": "vllm",
    "project": "vllm",
    "repo_url": REPO,
    "path": "applications/vllm",
    "namespace": "vllm",
    "value_files": ["values.yaml"],
    "release_name": "vllm",
    "sync_options": ["CreateNamespace=true"],
}
PROJECT = {
    "name": "vllm",
    "source_repos": [REPO],
    "destinations": [{"server": SERVER, "namespace": "vllm", "name": ""}],
    "cluster_resources": [{"group": None, "kind": "Namespace"}],
}


def validate(kind: str, spec: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(shared_data(f"argocd/{kind}-spec.schema.json").read_text())
    jsonschema.validate(spec, schema)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"automated": False},
        {"value_files": [], "release_name": None, "directory": {"recurse": True, "include": "runtimeclass-*.yaml"}},
        {"prune": True, "self_heal": False, "sync_options": []},
    ],
)
def test_an_application_fits_the_strict_schema(more: dict[str, Any]) -> None:
    validate("application", objects.application({**OPTIONS, **more}, "argocd", NEW)["spec"])


def test_a_project_fits_the_strict_schema() -> None:
    made = objects.app_project(PROJECT, "argocd")
    validate("appproject", made["spec"])
    assert made["spec"]["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace"}]
    assert made["spec"]["destinations"] == [{"server": SERVER, "namespace": "vllm"}]
    assert made["metadata"]["namespace"] == "argocd"


def test_newer_fields_only_where_the_definition_has_them() -> None:
    old = objects.application(OPTIONS, "argocd", frozenset())
    new = objects.application(OPTIONS, "argocd", NEW)
    assert "refresh" not in old["spec"]["syncPolicy"]["retry"]
    assert new["spec"]["syncPolicy"]["retry"]["refresh"] is True
    assert {k: v for k, v in new["spec"]["syncPolicy"]["retry"].items() if k != "refresh"} == objects.RETRY


@pytest.mark.parametrize(
    ("features", "version"),
    [((), "< 3.1"), (("automated.enabled",), ">= 3.1"), (("automated.enabled", "retry.refresh"), ">= 3.2")],
)
def test_the_version_is_read_from_the_definition(features: tuple[str, ...], version: str) -> None:
    assert objects.minimum_version(objects.features_of(crd(*features))) == version
    assert objects.features_of({}) == frozenset()


def test_optional_metadata() -> None:
    made = objects.application({**OPTIONS, "sync_wave": -1, "cascade": True}, "argocd", NEW)["metadata"]
    assert made["annotations"] == {"argocd.argoproj.io/sync-wave": "-1"}
    assert made["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    plain = objects.application(OPTIONS, "argocd", NEW)
    assert not {"annotations", "finalizers"} & plain["metadata"].keys()
    assert plain["spec"]["source"]["targetRevision"] == "HEAD"


def test_a_diff_shows_no_bookkeeping() -> None:
    live = app()
    live["metadata"].update(managedFields=[1], annotations={"argocd.argoproj.io/refresh": "hard"})
    shown = objects.managed_part(live)
    assert shown.keys() == {"kind", "metadata", "spec"}
    assert shown["metadata"].keys() == {"name", "namespace", "labels"}
    assert objects.managed_part(None) == {}
    live["metadata"]["annotations"]["keep"] = "me"
    assert objects.managed_part(live)["metadata"]["annotations"] == {"keep": "me"}


def test_an_operation_copies_what_it_would_not_inherit() -> None:
    live = app()
    live["spec"]["syncPolicy"]["retry"] = {"limit": 3}
    live["spec"]["syncPolicy"]["automated"]["prune"] = True
    body = actions.body_of(Action.RESYNC, live)
    assert body["metadata"]["resourceVersion"] == "1"
    assert body["operation"]["sync"] == {
        "revision": OURS,
        "prune": True,
        "syncStrategy": {"hook": {}},
        "syncOptions": ["CreateNamespace=true"],
    }
    assert body["operation"]["retry"] == {"limit": 3}
    assert body["status"] == {"operationState": None}


def test_an_operation_of_a_manual_application() -> None:
    live = app()
    live["spec"]["syncPolicy"] = None
    operation = actions.sync_body(live, OURS)["operation"]
    assert "retry" not in operation
    assert operation["sync"]["prune"] is False


def test_no_operation_over_another() -> None:
    live = app()
    live["operation"] = {"sync": {}}
    cluster = FakeCluster(live)
    assert not actions.perform(cluster, "x", Action.SYNC, live)
    assert cluster.requests == []


def test_other_errors_of_an_action_are_raised() -> None:
    cluster = FakeCluster(app())
    cluster.errors = [ApiError(403, "Forbidden", "no")]
    with pytest.raises(ApiError):
        actions.perform(cluster, next(iter(cluster.objects)), Action.REFRESH, app())


def tracked(live: dict[str, Any], tracking: str) -> dict[str, Any]:
    live["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": tracking}
    return live


def test_who_tracks_an_object() -> None:
    mine = "argo-cd-resources:argoproj.io/Application:argocd/vllm"
    assert ownership.tracked_by(tracked(app(), mine)) == "argo-cd-resources"
    assert ownership.tracked_by(tracked(app(), "x:argoproj.io/Application:argocd/other")) == ""
    assert ownership.tracked_by(tracked(app(), "x:argoproj.io/AppProject:argocd/vllm")) == ""
    assert ownership.tracked_by(app()) == ownership.tracked_by(None) == ""


def test_a_foreign_object_is_adopted_only_when_told_and_a_tracked_one_never() -> None:
    foreign = app()
    del foreign["metadata"]["labels"]
    assert [f.code for f in ownership.check_owner(foreign)] == ["argocd-not-ours"]
    assert ownership.check_owner(foreign, adopt=True) == []
    assert ownership.check_owner(None) == ownership.check_owner(app()) == []
    one = tracked(app(), "p:argoproj.io/Application:argocd/vllm")
    assert [f.code for f in ownership.check_owner(one, adopt=True)] == ["argocd-tracked-elsewhere"]


RUNTIME_CLASS = {"kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"}
WANTED = {"kind": "RuntimeClass", "name": "nvidia", "fields": {"handler": "nvidia"}}


def test_required_objects() -> None:
    owned = tracked(json.loads(json.dumps(RUNTIME_CLASS)), "rc:node.k8s.io/RuntimeClass:kube-system/nvidia")
    assert ownership.check_required(WANTED, owned, "rc") == []
    assert [f.code for f in ownership.check_required(WANTED, None, "rc")] == ["argocd-required-object-missing"]
    other = {**RUNTIME_CLASS, "handler": "runc"}
    differs, shared = ownership.check_required(WANTED, other, "rc")
    assert differs.message == "handler is 'runc', wanted 'nvidia'"
    assert shared.code == "argocd-required-object-shared"
    assert "no Application" in shared.message
    deep = {"kind": "RuntimeClass", "name": "nvidia", "fields": {"scheduling.nodeSelector.gpu": "true"}}
    assert "is unset" in ownership.check_required(deep, owned, "rc")[0].message
    assert (
        "Application gpu-operator"
        in ownership.check_required(
            WANTED,
            tracked(dict(owned, metadata={"name": "nvidia"}), "gpu-operator:node.k8s.io/RuntimeClass:/nvidia"),
            "rc",
        )[0].message
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (409, "argocd-conflict"),
        (422, "argocd-object-refused"),
        (400, "argocd-object-refused"),
        (404, "argocd-namespace-missing"),
        (403, "cluster-forbidden"),
    ],
)
def test_refused_applies_are_explained(status: int, code: str) -> None:
    assert ownership.explain_refusal(ApiError(status, "", "text"), "AppProject/x").code == code


def test_codes_are_of_this_area_and_unique() -> None:
    codes = [entry.code for entry in ENTRIES]
    assert len(codes) == len(set(codes))
    assert all(code.startswith("argocd-") for code in codes)
