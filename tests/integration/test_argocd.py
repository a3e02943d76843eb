# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects, Applications and gates against the sandbox's real Argo CD and API server.

Every test has its own names and folder, removes what it made, and asserts how long a diagnosis took: a reason that
comes only with the end of a budget is no reason.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.application import Request, ensure, waiter
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import Target
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.removal import remove
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.wait import Budgets
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster, path_of
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding, Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Request as CommitRequest
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import commit, files
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.descent import Descent
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import Credentials
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository

from tests.integration.conftest import Sandbox

pytestmark = pytest.mark.sandbox

SERVER = "https://kubernetes.default.svc"
BUDGETS = Budgets(refresh=15, sync=60, health=60)
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Counting:
    """A cluster connection that counts its requests."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self.requests = cluster, 0

    def __getattr__(self, name: str) -> Any:
        self.requests += 1
        return getattr(self._cluster, name)


class Site:
    """One test's corner of the sandbox: a folder, a namespace, a project and an Application of one name."""

    def __init__(self, state: dict[str, Any], cluster: Cluster, clone: Path, name: str) -> None:
        self.state, self.cluster, self.clone, self.name = state, cluster, clone, name
        self.lines: list[str] = []
        self.argocd = state["argocd_namespace"]

    def commit(self, *manifests: dict[str, Any], folder: str = "") -> str:
        """Push these manifests as the whole folder; returns the commit."""
        place = self.clone / "it" / (folder or self.name)
        place.mkdir(parents=True, exist_ok=True)
        (place / "all.yaml").write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
        git(self.clone, "add", "it")
        git(self.clone, "commit", "--quiet", "--allow-empty", "--message", f"test {self.name}")
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")

    def project(self, *kinds: tuple[str, str], **more: Any) -> dict[str, Any]:
        destinations = [{"server": SERVER, "namespace": self.name}]
        listed = [{"group": group, "kind": kind} for group, kind in (("", "Namespace"), *kinds)]
        return {
            "name": self.name,
            "source_repos": [self.state["git_url"]],
            "destinations": destinations,
            "cluster_resources": listed,
            **more,
        }

    def application(self, **more: Any) -> dict[str, Any]:
        return {
            "name": self.name,
            "project": self.name,
            "repo_url": self.state["git_url"],
            "path": f"it/{self.name}",
            "target_revision": self.state["git_branch"],
            "namespace": self.name,
            "sync_options": ["CreateNamespace=true"],
            **more,
        }

    def request(self, revision: str = "", **more: Any) -> Request:
        return Request(
            **{
                "namespace": self.argocd,
                "project": self.project(),
                "application": self.application(),
                "target": Target(revision),
                "budgets": BUDGETS,
                **more,
            }
        )

    def ensure(self, revision: str = "", *, check: bool = False, **more: Any) -> dict[str, Any]:
        counting = Counting(self.cluster)
        wait = waiter(self.cluster, self.argocd, self.lines.append)
        outcome = ensure(counting, self.request(revision, **more), check=check, wait=wait)  # type: ignore[arg-type]
        return {**outcome.to_dict(), "requests": counting.requests}

    def refused(self, revision: str = "", *, within: float, **more: Any) -> list[Finding]:
        started = time.monotonic()
        with pytest.raises(Refusal) as caught:
            self.ensure(revision, **more)
        assert time.monotonic() - started < within, caught.value
        return caught.value.findings

    def live(self, kind: str = "Application", namespace: str | None = None, name: str = "") -> dict[str, Any] | None:
        return self.cluster.find(path_of(kind, namespace or self.argocd, name or self.name))

    def clean(self) -> None:
        for path in self.cluster.items(path_of("Application", self.argocd)):
            if path["metadata"]["name"].startswith(self.name):
                own = path_of("Application", self.argocd, path["metadata"]["name"])
                with suppress(ApiError):
                    self.cluster.patch(own, {"metadata": {"finalizers": None}})
                self.cluster.delete(own)
        self.cluster.delete(path_of("AppProject", self.argocd, self.name))
        self.cluster.delete(path_of("RuntimeClass", None, self.name))
        self.cluster.delete(path_of("Namespace", None, self.name))


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=it", "-c", "user.email=it@sandbox.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def state(sandbox_of: Callable[[str], Sandbox]) -> dict[str, Any]:
    return sandbox_of("bare_metal").state


@pytest.fixture(scope="module")
def cluster(sandbox_of: Callable[[str], Sandbox]) -> Cluster:
    return sandbox_of("bare_metal").cluster


@pytest.fixture
def site(state: dict[str, Any], cluster: Cluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", state["git_branch"], state["git_url"], str(clone))
    name = request.node.name.removeprefix("test_").replace("_", "-")[:30].strip("-") + f"-{os.getpid() % 10000}"
    made = Site(state, cluster, clone, name)
    yield made
    made.clean()


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def runtime_class(name: str) -> dict[str, Any]:
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "nvidia"}


def deployment(**pod: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.example.org/c:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {"containers": [container], **pod}},
        },
    }


def test_happy(site: Site) -> None:
    first = site.commit(config_map("a", x="1"))
    plan = site.ensure(first, check=True)
    assert plan["changed"]
    assert site.live() is None
    assert site.live("AppProject") is None
    result = site.ensure(first)
    assert result["changed"]
    assert (result["revision"], result["sync"], result["health"]) == (first, "Synced", "Healthy")
    assert result["argocd_version"] == ">= 3.2"
    again = site.ensure(first)
    assert (again["changed"], again["diff"]) == (False, [])
    assert again["requests"] <= 6
    assert not site.ensure(first, check=True)["changed"]
    second = site.commit(config_map("a", x="2"))
    moved = site.ensure(second)
    assert (moved["changed"], moved["revision"]) == (False, second)
    live = site.live("ConfigMap", site.name, "a")
    assert live and live["data"] == {"x": "2"}
    third = site.commit(config_map("other"), folder=f"{site.name}-elsewhere")
    assert site.ensure(third)["revision"] == third


def test_a_missing_whitelist_is_named_and_the_same_commit_passes_once_it_is_mended(site: Site) -> None:
    commit = site.commit(runtime_class(site.name))
    (found,) = site.refused(commit, within=15)
    assert found.code == "argocd-kind-not-permitted"
    assert found.subject == f"RuntimeClass/{site.name} of Application/{site.name}"
    assert f"is not permitted in project {site.name}" in found.message
    wanted = {"kind": "RuntimeClass", "name": site.name, "fields": {"handler": "nvidia"}}
    wider = site.project(("node.k8s.io", "RuntimeClass"))
    started = time.monotonic()
    result = site.ensure(commit, project=wider, requires=(wanted,))
    assert time.monotonic() - started < 45
    assert result["changed"]
    assert (result["revision"], result["sync"], result["health"]) == (commit, "Synced", "Healthy")
    assert result["unstuck"]
    assert result["findings"] == []


def test_contents_find_the_missing_whitelist_before_anything_is_written(site: Site) -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    found = site.refused("", within=5, contents=(runtime_class(site.name), widget))
    assert [f.code for f in found] == ["argocd-kind-not-permitted", "argocd-crd-missing"]
    assert site.live("AppProject") is None


def test_contents_find_what_another_application_has_already(site: Site) -> None:
    name = f"{site.name}-other"
    theirs = site.commit(config_map("shared", x="theirs"), folder=name)
    other = site.application(name=name, path=f"it/{name}")
    site.ensure(theirs, application=other)
    options = ["CreateNamespace=true", "FailOnSharedResource=true"]
    shared = {**config_map("shared"), "metadata": {"name": "shared", "namespace": site.name}}
    wanted = site.application(sync_options=options)
    (found,) = site.refused("", within=5, application=wanted, contents=(shared, config_map("own")))
    assert (found.code, found.subject) == ("argocd-shared-resource", "ConfigMap/shared")
    assert f"Application {name}" in found.message
    assert site.live() is None, "nothing was written"


def writer(url: str, folder: str, name: str, pushes: int) -> None:
    """One run of several on one branch, each with a file of its own; lost races are run again, as people do."""
    for number in range(pushes):
        text = yaml.safe_dump(config_map(name, number=str(number))).encode()
        while True:
            try:
                with Repository(url) as repository:
                    commit(
                        repository, CommitRequest(files([Wanted(f"{folder}/{name}.yaml", text)]), f"{name} {number}")
                    )
                break
            except Refusal as refusal:
                if refusal.findings[0].code != "gitops-push-race":
                    raise


def test_four_writers_of_ten_pushes_all_land_and_a_commit_among_them_passes_its_gate(site: Site) -> None:
    """Argo CD compares at the newest commit; a gate on an older one of ours asks Git whether it is contained."""
    url, folder = site.state["git_url"], f"it/{site.name}"
    first = site.commit(config_map("first", x="1"))
    runs = [get_context("fork").Process(target=writer, args=(url, folder, f"town{i}", 10)) for i in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [run.exitcode for run in runs] == [0] * 4
    git(site.clone, "fetch", "--quiet", "origin", "main")
    head = git(site.clone, "rev-parse", "FETCH_HEAD")
    assert git(site.clone, "rev-list", "--count", f"{first}..{head}") == "40"
    assert git(site.clone, "rev-list", "--merges", f"{first}..{head}") == ""
    descent = Descent(url, Credentials(), "main", first)
    result = site.ensure(target=Target(first, is_descendant=descent))
    assert (result["revision"], result["sync"]) == (head, "Synced")
    live = [site.live("ConfigMap", site.name, f"town{i}") for i in range(4)]
    assert [item and item["data"] for item in live] == [{"number": "9"}] * 4
    with pytest.raises(Refusal) as caught:
        site.ensure(target=Target(first), budgets=Budgets(refresh=3, sync=5, health=5))
    assert caught.value.findings[0].code == "argocd-revision-not-reached", "without Git it cannot be known"


def test_a_commit_that_was_never_pushed(site: Site) -> None:
    site.commit(config_map("a"))
    (found,) = site.refused("f" * 40, within=30)
    assert found.code == "argocd-revision-not-reached"
    assert "wanted fffffffff" in found.message


def test_a_branch_that_does_not_exist(site: Site) -> None:
    site.commit(config_map("a"))
    (found,) = site.refused(within=30, application=site.application(target_revision="mian"))
    assert found.code == "argocd-revision-unknown"
    assert "mian" in found.message


def test_a_path_that_does_not_exist(site: Site) -> None:
    commit = site.commit(config_map("a"))
    (found,) = site.refused(commit, within=30, application=site.application(path="it/nowhere"))
    assert found.code == "argocd-path-missing"


def test_a_project_that_does_not_exist(site: Site) -> None:
    commit = site.commit(config_map("a"))
    (found,) = site.refused(commit, within=5, project=None)
    assert found.code == "argocd-project-missing"
    assert site.live() is None
    site.ensure(commit)
    site.cluster.delete(path_of("AppProject", site.argocd, site.name))
    found_, *_ = site.refused(commit, within=30, project=None, registration="app_of_apps")
    assert found_.code == "argocd-project-missing"


def test_argo_cds_own_refusals(site: Site) -> None:
    """What only the wait can see: the project changes under a live Application."""
    commit = site.commit(config_map("a"))
    site.ensure(commit)
    narrow = {"spec": {"destinations": [{"server": SERVER, "namespace": "elsewhere"}]}}
    site.cluster.patch(path_of("AppProject", site.argocd, site.name), narrow)
    wait = waiter(site.cluster, site.argocd, site.lines.append)
    with pytest.raises(Refusal) as caught:
        wait(site.name, Target(commit), BUDGETS, True)
    assert caught.value.findings[0].code == "argocd-destination-not-permitted"


def test_two_applications_claim_one_object(site: Site) -> None:
    commit = site.commit(runtime_class(site.name))
    project = site.project(("node.k8s.io", "RuntimeClass"))
    site.ensure(commit, project=project)
    second = site.application(name=f"{site.name}-b", sync_options=["CreateNamespace=true", "FailOnSharedResource=true"])
    found, *_ = site.refused(commit, within=45, project=project, application=second)
    assert found.code == "argocd-shared-resource"
    assert site.name in found.message
    wanted = {"kind": "RuntimeClass", "name": site.name}
    result = site.ensure(commit, project=project, requires=(wanted,))
    assert result["revision"] == commit


def test_a_sealed_secret_that_cannot_be_opened(site: Site) -> None:
    sealed = {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"name": "hf-secret", "annotations": {"argocd.argoproj.io/sync-wave": "-1"}},
        "spec": {"encryptedData": {"TOKEN": "AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq"}, "template": {}},
    }
    commit = site.commit(sealed, deployment())
    (found,) = site.refused(commit, within=45)
    assert found.code == "argocd-secret-cannot-be-opened"
    assert "SealedSecret/hf-secret" in found.subject
    assert site.live("Deployment", site.name, "d") is None


def test_a_runtime_class_that_is_missing_shows_only_on_the_deployment(site: Site) -> None:
    commit = site.commit(deployment(runtimeClassName="absent"))
    (found,) = site.refused(commit, within=50)
    assert found.code == "argocd-runtime-class-missing"
    assert found.subject == "Deployment/d"
    assert 'RuntimeClass "absent" not found' in found.message


def test_a_pod_that_no_node_takes_is_named_when_it_settles(site: Site) -> None:
    commit = site.commit(deployment(nodeSelector={"kubernetes.io/hostname": "NVIDIA-A100"}))
    (found,) = site.refused(commit, within=90)
    assert found.code == "argocd-pod-unschedulable"
    assert "node affinity/selector" in found.message


def test_a_missing_kind_is_named_and_the_same_commit_passes_once_it_exists(site: Site) -> None:
    group = f"{site.name}.example.org"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}}
    commit = site.commit(widget)
    (found,) = site.refused(commit, within=30)
    assert found.code == "argocd-crd-missing"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": "widgets", "kind": "Widget"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    site.cluster.create(definition)
    try:
        result = site.ensure(commit)
        assert (result["revision"], result["sync"]) == (commit, "Synced")
    finally:
        site.cluster.delete(f"{CRDS}/widgets.{group}")


def test_a_retrying_sync_of_an_older_commit_does_not_block_ours(site: Site) -> None:
    broken = site.commit({"apiVersion": "nowhere.example.org/v1", "kind": "Nothing", "metadata": {"name": "n"}})
    site.refused(broken, within=30)
    mended = site.commit(config_map("a"))
    started = time.monotonic()
    assert site.ensure(mended)["revision"] == mended
    assert time.monotonic() - started < 45


def test_what_another_application_manages_is_left_alone(site: Site) -> None:
    parent = f"{site.name}-parent"
    commit = site.commit(config_map("a"))
    made = site.request(commit)
    child = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": site.name, "namespace": site.argocd},
        "spec": {
            "project": "default",
            "source": {"repoURL": site.state["git_url"], "path": f"it/{site.name}", "targetRevision": "main"},
            "destination": {"server": SERVER, "namespace": site.name},
            "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
        },
    }
    assert made.application
    both = site.commit(child, folder=parent)
    root = site.application(name=parent, project="default", path=f"it/{parent}", namespace=site.argocd, sync_options=[])
    site.ensure(both, project=None, application=root)
    found = site.refused(both, within=5)
    assert [f.code for f in found] == ["argocd-tracked-elsewhere"]
    assert parent in found[0].message
    followed = site.ensure(
        both, project=None, registration="app_of_apps", parent=parent, application={"name": site.name}
    )
    assert (followed["revision"], followed["sync"]) == (both, "Synced")


def test_a_conflict_with_another_manager_is_explained(site: Site) -> None:
    site.ensure(wait=False)
    theirs = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": site.name, "namespace": site.argocd},
        "spec": {"sourceRepos": ["https://elsewhere.example.org/x.git", site.state["git_url"]]},
    }
    site.cluster.apply(theirs, manager="somebody", force=True)
    (found,) = site.refused(within=5, wait=False)
    assert found.code == "argocd-conflict"
    assert "somebody" in found.message


def test_the_way_back_keeps_claims_and_classes(site: Site) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "cache"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    commit = site.commit(runtime_class(site.name), claim, config_map("a"))
    project = site.project(("node.k8s.io", "RuntimeClass"))
    request = site.request(commit, project=project, wait=False)
    site.ensure(commit, project=project, wait=False)
    with suppress(Refusal):
        site.ensure(commit, project=project, budgets=Budgets(15, 30, 3))
    assert site.live("ConfigMap", site.name, "a")
    outcome = remove(site.cluster, request, purge=False, check=True)
    assert outcome.changed
    outcome = remove(site.cluster, request, purge=False, check=False, progress=site.lines.append)
    assert sorted(outcome.unstuck) == ["kept PersistentVolumeClaim/cache", f"kept RuntimeClass/{site.name}"]
    assert site.live() is None
    assert site.live("AppProject") is None
    assert site.live("ConfigMap", site.name, "a") is None
    assert site.live("PersistentVolumeClaim", site.name, "cache")
    assert site.live("RuntimeClass")
    assert not remove(site.cluster, request, purge=False, check=False).changed
