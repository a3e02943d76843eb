# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would render to, before it is made: permitted, known, nobody else's, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd import contents
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.application import Request, ensure
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.contents import check, check_orphans
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, Severity

from tests.unit.argocd.fakes import FakeCluster, app, crd, project
from tests.unit.argocd.test_application import FEATURES, FOLLOW, Waits, codes

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "vllm-router-service", "namespace": "vllm"}}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "vllm-m", "namespace": "vllm"}}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "loraadapters.production-stack.vllm.ai"},
}
KINDS = {
    "/api/v1": [("services", "Service", True), ("namespaces", "Namespace", False)],
    "/apis/apps/v1": [("deployments", "Deployment", True), ("deployments/scale", "Scale", True)],
    "/apis/apiextensions.k8s.io/v1": [("customresourcedefinitions", "CustomResourceDefinition", False)],
}
ALL = [{"group": "", "kind": "Namespace"}, {"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"}]


def cluster(*objects: dict[str, Any], **paths: dict[str, Any]) -> FakeCluster:
    made = FakeCluster(crd(*FEATURES), *objects)
    for path, kinds in KINDS.items():
        resources = [{"name": n, "kind": k, "namespaced": scope} for n, k, scope in kinds]
        made.objects[path] = {"resources": resources}
    return made


def managing(*manifests: dict[str, Any], **spec: Any) -> dict[str, Any]:
    resources = [
        {"group": m["apiVersion"].rpartition("/")[0], "kind": m["kind"], "name": m["metadata"]["name"]}
        for m in manifests
    ]
    live = app(resources=resources)
    live["spec"].update(spec)
    return live


def by(application: str, manifest: dict[str, Any]) -> dict[str, Any]:
    group, _, _ = manifest["apiVersion"].rpartition("/")
    metadata = manifest["metadata"]
    track = f"{application}:{group}/{manifest['kind']}:{metadata.get('namespace', '')}/{metadata['name']}"
    return {**manifest, "metadata": {**metadata, "annotations": {"argocd.argoproj.io/tracking-id": track}}}


def test_what_the_application_manages_costs_no_request() -> None:
    fake = cluster()
    live = managing(SERVICE, DEPLOYMENT)
    assert check(fake, project(clusterResourceWhitelist=[]), live, live, [SERVICE, DEPLOYMENT]) == []
    assert fake.requests == []


def test_only_what_is_new_is_asked_about() -> None:
    fake = cluster()
    live = managing(SERVICE)
    (found,) = check(fake, project(), live, live, [SERVICE, CRD])
    assert (found.code, found.severity) == ("argocd-kind-not-permitted", Severity.FATAL)
    assert not [request for request in fake.requests if "services" in request]


def test_the_namespace_that_argo_cd_makes_must_be_permitted_too() -> None:
    found = check(cluster(), project(clusterResourceWhitelist=[]), app(), None, [SERVICE])
    assert [f.code for f in found] == ["argocd-kind-not-permitted"]
    assert "core/Namespace" in found[0].message


@pytest.mark.parametrize(("option", "severity"), [("", Severity.WARNING), (contents.FAIL_ON_SHARED, Severity.FATAL)])
def test_an_object_of_another_application_is_named(option: str, severity: Severity) -> None:
    fake = cluster()
    fake.objects["/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + CRD["metadata"]["name"]] = by(
        "other", CRD
    )
    fake.objects["/api/v1/namespaces/vllm/services/vllm-router-service"] = by("vllm", SERVICE)
    wanted = app()
    wanted["spec"]["syncPolicy"]["syncOptions"].append(option)
    (found,) = check(fake, project(clusterResourceWhitelist=ALL), wanted, None, [SERVICE, DEPLOYMENT, CRD])
    assert (found.code, found.severity) == ("argocd-shared-resource", severity)
    assert found.subject == f"CustomResourceDefinition/{CRD['metadata']['name']}"
    assert "Application other" in found.message


def test_an_object_that_may_not_be_read_is_taken_for_free() -> None:
    class Forbidding(FakeCluster):
        def find(self, path: str, **query: Any) -> dict[str, Any] | None:
            if path.endswith("/vllm-router-service"):
                raise ApiError(403, "Forbidden", "no", path)
            return super().find(path, **query)

    fake = Forbidding()
    fake.objects = cluster().objects
    assert check(fake, project(clusterResourceWhitelist=ALL), app(), None, [SERVICE]) == []


def test_what_leaves_git_and_stays_is_told() -> None:
    old = {**DEPLOYMENT, "metadata": {"name": "vllm-renamed", "namespace": "vllm"}}
    other = {**DEPLOYMENT, "metadata": {"name": "exporter", "namespace": "vllm"}}
    live = managing(SERVICE, DEPLOYMENT, old, other)
    (found,) = check(cluster(), project(), live, live, [SERVICE, DEPLOYMENT])
    assert (found.code, found.severity) == ("argocd-orphans", Severity.WARNING)
    assert found.message == "leave Git and stay: Deployment/vllm-renamed"
    pruning = managing(SERVICE, old, syncPolicy={"automated": {"prune": True}})
    assert check_orphans(pruning, [SERVICE, DEPLOYMENT]) == []
    assert check_orphans(None, [SERVICE]) == []


def test_with_an_app_of_apps_the_rules_of_the_same_commit_count_before_it_is_made() -> None:
    fake = cluster(project(clusterResourceWhitelist=[]))
    wanted = {"name": "vllm", "cluster_resources": ALL, "source_repos": [], "destinations": []}
    options = {"name": "vllm", "namespace": "vllm", "sync_options": [contents.CREATE_NAMESPACE]}
    request = Request("argocd", "app_of_apps", project=wanted, application=options, contents=(SERVICE, CRD))
    assert ensure(fake, request, check=True, wait=Waits(fake)).findings == []
    bare = Request("argocd", "app_of_apps", project={**wanted, "cluster_resources": []}, application=options,
                   contents=(SERVICE, CRD))  # fmt: skip
    with pytest.raises(Refusal) as caught:
        ensure(fake, bare, check=True, wait=Waits(fake))
    assert codes(caught) == ["argocd-kind-not-permitted", "argocd-kind-not-permitted"]
    assert fake.writes == []
    assert ensure(fake, FOLLOW, check=True, wait=Waits(fake)).findings == [], "without a project nothing can be said"
