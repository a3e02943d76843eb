# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Argo CD would refuse, known before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.argocd import permissions
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.permissions import (
    check_contents,
    check_project,
    check_repo_url,
    contents_of,
    permits_destination,
    permits_kind,
    permits_repository,
    read_kinds,
    scopes_of,
)

from tests.unit.argocd.fakes import REPO, SERVER, app, project


@pytest.mark.parametrize(
    "url",
    [
        REPO,
        "http://git.example.org:3000/town/site",
        "git@git.example.org:town/site.git",
        "ssh://git@git.example.org:2222/town/site.git",
        "file:///srv/site.git",
    ],
)
def test_usable_urls(url: str) -> None:
    assert check_repo_url(url) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://git.example.org:town/site.git", "no port"),
        ("git.example.org/town/site.git", "must start with"),
        ("git@git.example.org", "needs a colon"),
        ("https://git.example.org/", "no host or no repository"),
        ("https:///town/site", "no host or no repository"),
        ("https://robot:hunter2@git.example.org/town/site.git", "credentials"),
        ("", "must start with"),
    ],
)
def test_unusable_urls(url: str, why: str) -> None:
    (found,) = check_repo_url(url)
    assert found.code == "argocd-repo-url-invalid"
    assert why in found.message
    assert "hunter2" not in found.message


@pytest.mark.parametrize(
    ("patterns", "url", "permitted"),
    [
        ([REPO], REPO, True),
        ([REPO], "https://GIT.example.org/town/site", True),
        (["https://git.example.org/town/*"], REPO, True),
        (["https://git.example.org/*"], REPO, False),
        (["https://git.example.org/**"], REPO, True),
        (["*"], REPO, True),
        ([], REPO, False),
        (["*", "!https://git.example.org/town/*"], REPO, False),
        (["!https://git.example.org/other/*"], REPO, True),
        (["git@git.example.org:town/site.git"], "ssh://git@git.example.org/town/site", True),
        (["https://git.example.org/town/sit?"], REPO, True),
    ],
)
def test_source_repos(patterns: list[str], url: str, permitted: bool) -> None:
    assert permits_repository(project(sourceRepos=patterns), url) is permitted


@pytest.mark.parametrize(
    ("destinations", "namespace", "permitted"),
    [
        ([{"server": SERVER, "namespace": "vllm"}], "vllm", True),
        ([{"name": "in-cluster", "namespace": "vllm"}], "vllm", True),
        ([{"server": "*", "namespace": "vl*"}], "vllm", True),
        ([{"server": SERVER, "namespace": "other"}], "vllm", False),
        ([{"server": "https://elsewhere", "namespace": "*"}], "vllm", False),
        ([], "vllm", False),
        ([{"server": "*", "namespace": "*"}, {"server": "*", "namespace": "!kube-system"}], "kube-system", False),
        ([{"server": "*", "namespace": "*"}, {"server": f"!{SERVER}", "namespace": "*"}], "vllm", False),
        ([{"server": "*", "namespace": "*"}, {"name": "!in-cluster", "namespace": "*"}], "vllm", False),
        ([{"server": SERVER, "namespace": "!kube-system"}], "vllm", True),
    ],
)
def test_destinations(destinations: list[dict[str, str]], namespace: str, permitted: bool) -> None:
    for destination in ({"server": SERVER}, {"name": "in-cluster"}):
        assert permits_destination(project(destinations=destinations), destination, namespace) is permitted


def test_another_cluster_is_not_the_own() -> None:
    assert not permits_destination(project(), {"server": "https://elsewhere"}, "vllm")


@pytest.mark.parametrize(
    ("spec", "group", "kind", "namespaced", "permitted"),
    [
        ({}, "", "Namespace", False, True),
        ({}, "node.k8s.io", "RuntimeClass", False, False),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, "node.k8s.io", "RuntimeClass", False, True),
        ({"clusterResourceWhitelist": []}, "", "Namespace", False, False),
        ({"clusterResourceBlacklist": [{"group": "", "kind": "Namespace"}]}, "", "Namespace", False, False),
        ({}, "apps", "Deployment", True, True),
        ({"namespaceResourceWhitelist": []}, "apps", "Deployment", True, False),
        ({"namespaceResourceWhitelist": [{"group": "apps", "kind": "Deploy*"}]}, "apps", "Deployment", True, True),
        ({"namespaceResourceBlacklist": [{"group": "apps", "kind": "*"}]}, "apps", "Deployment", True, False),
    ],
)
def test_kinds(spec: dict[str, Any], group: str, kind: str, namespaced: bool, permitted: bool) -> None:
    assert permits_kind(project(**spec), group, kind, namespaced=namespaced) is permitted


def test_a_permitted_application_has_no_findings() -> None:
    assert check_project(project(), app()) == []


def test_every_refusal_of_a_project_is_named_at_once() -> None:
    found = check_project(project(sourceRepos=["https://x/y"], destinations=[], signatureKeys=[{"keyID": "1"}]), app())
    assert [f.code for f in found] == [
        "argocd-repo-not-permitted",
        "argocd-destination-not-permitted",
        "argocd-signature-required",
    ]
    assert "https://x/y" in found[0].message
    assert "it has: none" in found[1].message


def test_a_missing_project_and_several_sources() -> None:
    assert [f.code for f in check_project(None, app())] == ["argocd-project-missing"]
    several = app()
    several["spec"]["sources"] = [several["spec"].pop("source"), {"repoURL": "https://x/z"}]
    (found,) = check_project(project(), several)
    assert "https://x/z" in found.message


class Discovery:
    def find(self, path: str, **_query: Any) -> dict[str, Any] | None:
        known = {
            "/api/v1": [("Namespace", False), ("Service", True)],
            "/apis/apiextensions.k8s.io/v1": [("CustomResourceDefinition", False)],
            "/apis/apps/v1": [("Deployment", True)],
            "/apis/node.k8s.io/v1": [("RuntimeClass", False)],
        }
        found = known.get(path)
        return {"resources": [{"kind": k, "namespaced": n} for k, n in found]} if found else None


def manifest(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
    }


def check(*manifests: dict[str, Any], **spec: Any) -> list[Any]:
    scopes = scopes_of(read_kinds(Discovery(), manifests))
    return check_contents(project(**spec), {"server": SERVER, "namespace": "vllm"}, contents_of(manifests, scopes))


def test_a_render_that_fits() -> None:
    assert (
        check(
            manifest("v1", "Namespace", "vllm"),
            manifest("v1", "Service", "s"),
            manifest("apps/v1", "Deployment", "d", "vllm"),
        )
        == []
    )


def test_an_empty_render_is_no_pass() -> None:
    assert [f.code for f in check()] == ["argocd-nothing-rendered"]


def test_what_a_render_must_not_hold() -> None:
    found = check(
        manifest("node.k8s.io/v1", "RuntimeClass", "nvidia"),
        manifest("monitoring.coreos.com/v1", "ServiceMonitor", "m", "vllm"),
        manifest("monitoring.coreos.com/v1", "ServiceMonitor", "n", "vllm"),
        manifest("v1", "Service", "s", "openwebui"),
        clusterResourceWhitelist=[{"group": "node.k8s.io", "kind": "RuntimeClas"}],
    )
    assert [f.code for f in found] == [
        "argocd-kind-not-permitted",
        "argocd-crd-missing",
        "argocd-namespace-not-permitted",
    ]
    assert "did you mean 'RuntimeClas'" in found[0].message
    assert "{group: 'node.k8s.io', kind: RuntimeClass}" in found[0].fix
    assert found[1].subject == "ServiceMonitor/m"
    assert "Service/openwebui/s" in found[2].message


def test_a_kind_that_the_render_brings_along_is_known() -> None:
    crd = manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "loraadapters.production-stack.vllm.ai")
    lora = manifest("production-stack.vllm.ai/v1alpha1", "LoraAdapter", "l", "vllm")
    white = [{"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"}]
    assert check(crd, lora, clusterResourceWhitelist=white) == []
    assert [f.code for f in check(lora)] == ["argocd-crd-missing"]
    assert permissions.normalized_url(" Git@Host:A/B.git ") == "git@host/a/b"
