# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step end to end over the fake, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.application import Request, ensure, waiter
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import Target
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.removal import remove
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.wait import Budgets, Reached
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal

from tests.unit.argocd.fakes import OLD, OURS, REPO, Clock, FakeCluster, app, crd, project
from tests.unit.argocd.test_objects import OPTIONS, PROJECT, RUNTIME_CLASS, WANTED, tracked
from tests.unit.argocd.test_wait import Controller, at

FEATURES = ("automated.enabled", "retry.refresh")
APP, PROJ = path_of("Application", "argocd", "vllm"), path_of("AppProject", "argocd", "vllm")
DIRECT = Request("argocd", project=PROJECT, application=OPTIONS, target=Target(OURS))
FOLLOW = Request("argocd", "app_of_apps", application={"name": "vllm"}, parent="root", target=Target(OURS))


class Waits:
    """Records what is waited for and says that it was reached."""

    def __init__(self, cluster: FakeCluster, *unstuck: str) -> None:
        self.cluster, self.unstuck = cluster, unstuck
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, name: str, target: Target, budgets: Budgets, refresh: bool) -> Reached:
        self.calls.append((name, refresh))
        return Reached(app(name), target.revision, self.unstuck, (), 1.0)


def codes(caught: Any) -> list[str]:
    return [f.code for f in caught.value.findings]


def done() -> FakeCluster:
    """A site after a successful run: objects applied, Application at our revision."""
    cluster = FakeCluster(crd(*FEATURES))
    ensure(cluster, DIRECT, check=False, wait=Waits(cluster))
    cluster.put({**cluster.objects[APP], "status": app()["status"]})
    cluster.requests.clear()
    return cluster


def test_a_fresh_site_gets_both_objects_and_waits() -> None:
    cluster = FakeCluster(crd(*FEATURES))
    waits = Waits(cluster, "terminate: x")
    outcome = ensure(cluster, DIRECT, check=False, wait=waits)
    assert waits.calls == [("vllm", True)]
    assert outcome.changed
    assert [d["after_header"] for d in outcome.diff] == ["AppProject/vllm", "Application/vllm"]
    assert [d["before"] for d in outcome.diff] == [{}, {}]
    result = outcome.to_dict()
    assert (result["revision"], result["sync"], result["health"]) == (OURS, "Synced", "Healthy")
    assert (result["unstuck"], result["argocd_version"]) == (["terminate: x"], ">= 3.2")
    assert cluster.objects[APP]["spec"]["syncPolicy"]["retry"]["refresh"] is True


def test_a_converged_site_costs_few_requests_and_changes_nothing() -> None:
    cluster = done()
    cluster.put(
        {**RUNTIME_CLASS, **tracked({"metadata": {"name": "nvidia"}}, "vllm:node.k8s.io/RuntimeClass:x/nvidia")}
    )
    waits = Waits(cluster)
    request = Request("argocd", project=PROJECT, application=OPTIONS, target=Target(OURS), requires=(WANTED,))
    outcome = ensure(cluster, request, check=False, wait=waits)
    assert (outcome.changed, outcome.diff, waits.calls) == (False, [], [])
    assert [request.partition(" ")[0] for request in cluster.requests] == ["GET"] * 3, "project, Application, required"
    assert outcome.to_dict()["findings"] == []


def test_a_new_commit_is_no_change_and_is_waited_for() -> None:
    cluster = done()
    cluster.objects[APP]["status"]["sync"]["revision"] = OLD
    waits = Waits(cluster)
    assert ensure(cluster, DIRECT, check=False, wait=waits).changed is False
    assert waits.calls == [("vllm", True)]


def test_warnings_of_a_converged_application_are_kept() -> None:
    cluster = done()
    cluster.objects[APP]["status"]["conditions"] = [{"type": "SharedResourceWarning", "message": "m"}]
    outcome = ensure(cluster, DIRECT, check=False, wait=Waits(cluster))
    assert [f.code for f in outcome.findings] == ["argocd-shared-resource"]


def test_only_apply() -> None:
    cluster = FakeCluster(crd())
    waits = Waits(cluster)
    outcome = ensure(
        cluster, Request("argocd", project=PROJECT, application=OPTIONS, wait=False), check=False, wait=waits
    )
    assert (waits.calls, outcome.changed, outcome.argocd_version) == ([], True, "< 3.1")
    assert outcome.to_dict()["sync"] == "Unknown"


def test_check_mode_writes_nothing_and_shows_the_diff() -> None:
    cluster = FakeCluster(crd(*FEATURES))
    before = dict(cluster.objects)
    outcome = ensure(cluster, DIRECT, check=True, wait=Waits(cluster))
    assert outcome.changed
    assert len(outcome.diff) == 2
    assert cluster.objects == before
    assert all("?dry" in write for write in cluster.writes)
    assert not ensure(done(), DIRECT, check=True, wait=Waits(cluster)).changed


def test_a_widened_project_is_a_change_with_a_diff() -> None:
    cluster = done()
    wider = {
        **PROJECT,
        "cluster_resources": [*PROJECT["cluster_resources"], {"group": "node.k8s.io", "kind": "RuntimeClass"}],
    }
    outcome = ensure(cluster, Request("argocd", project=wider, wait=False), check=False, wait=Waits(cluster))
    (diff,) = outcome.diff
    assert len(diff["after"]["spec"]["clusterResourceWhitelist"]) == 2
    assert not any("applications" in write for write in cluster.writes)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request("argocd"), "argocd-nothing-to-do"),
        (Request("argocd", application={"name": "vllm"}), "argocd-options-incomplete"),
        (Request("argocd", application={**OPTIONS, "repo_url": "https://h:g/r"}), "argocd-repo-url-invalid"),
        (Request("argocd", application=OPTIONS), "argocd-project-missing"),
        (Request("argocd", project={**PROJECT, "source_repos": []}, application=OPTIONS), "argocd-repo-not-permitted"),
    ],
)
def test_refused_before_anything_is_written(request_: Request, code: str) -> None:
    cluster = FakeCluster(crd())
    with pytest.raises(Refusal) as caught:
        ensure(cluster, request_, check=False, wait=Waits(cluster))
    assert code in codes(caught)
    assert cluster.writes == []


def test_all_missing_options_are_named() -> None:
    with pytest.raises(Refusal) as caught:
        ensure(FakeCluster(), Request("argocd", application={"name": "x"}), check=False, wait=Waits(FakeCluster()))
    assert [f.subject for f in caught.value.findings] == [
        "application.project",
        "application.repo_url",
        "application.path",
        "application.namespace",
    ]


def test_no_argo_cd() -> None:
    with pytest.raises(Refusal) as caught:
        ensure(FakeCluster(), DIRECT, check=False, wait=Waits(FakeCluster()))
    assert codes(caught) == ["argocd-not-installed"]


ARGOCD = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}
FORBIDDEN = ApiError(403, "Forbidden", "cannot get resource", "GET x")


@pytest.mark.parametrize(
    ("namespaces", "code"),
    [
        ([], "argocd-namespace-missing"),
        ([ARGOCD], "cluster-forbidden"),
        (ApiError(403, "Forbidden", "cannot list namespaces", "x"), "cluster-forbidden"),
    ],
    ids=["it does not exist", "it does", "nobody may know"],
)
def test_a_refusal_in_a_namespace_that_is_not_there_is_about_the_namespace(namespaces: Any, code: str) -> None:
    cluster = FakeCluster(crd())
    cluster.errors = [FORBIDDEN]
    cluster.lists[path_of("Namespace")] = namespaces
    with pytest.raises((Refusal, ApiError)) as caught:
        ensure(cluster, DIRECT, check=True, wait=Waits(cluster))
    found = caught.value.findings[0] if isinstance(caught.value, Refusal) else caught.value.finding()
    assert found.code == code
    assert cluster.writes == []


def test_what_an_app_of_apps_manages_is_not_fought_over() -> None:
    cluster = FakeCluster(
        crd(),
        tracked(app(), "root:argoproj.io/Application:argocd/vllm"),
        tracked(project(), "root:argoproj.io/AppProject:argocd/vllm"),
    )
    with pytest.raises(Refusal) as caught:
        ensure(cluster, DIRECT, check=False, wait=Waits(cluster))
    assert codes(caught) == ["argocd-tracked-elsewhere"] * 2
    assert cluster.writes == []


def test_a_conflict_is_explained() -> None:
    cluster = FakeCluster(crd())
    apply = cluster.apply

    def conflict(manifest: Any, *, dry_run: bool = False) -> Any:
        if manifest["kind"] == "Application":
            raise ApiError(
                409, "Conflict", 'Apply failed with 1 conflict: conflict with "argocd-controller": .spec', ""
            )
        return apply(manifest, dry_run=dry_run)

    cluster.apply = conflict  # type: ignore[method-assign]
    with pytest.raises(Refusal) as caught:
        ensure(cluster, DIRECT, check=False, wait=Waits(cluster))
    assert codes(caught) == ["argocd-conflict"]
    assert "argocd-controller" in caught.value.findings[0].message


def test_contents_are_compared_with_the_project_first() -> None:
    cluster = FakeCluster(crd())
    manifests = ({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}},)
    cluster.objects["/apis/node.k8s.io/v1"] = {
        "resources": [{"name": "runtimeclasses", "kind": "RuntimeClass", "namespaced": False}]
    }
    with pytest.raises(Refusal) as caught:
        ensure(
            cluster,
            Request("argocd", project=PROJECT, application=OPTIONS, contents=manifests),
            check=False,
            wait=Waits(cluster),
        )
    assert codes(caught) == ["argocd-kind-not-permitted"]
    assert cluster.writes == []


@pytest.mark.parametrize(
    ("options", "subject"),
    [
        ({"requires": ({"kind": "Deploymnt", "name": "x"},)}, "requires[0].kind"),
        ({"contents": ({"apiVersion": "v1", "kind": "Pod", "metadata": {}},)}, "contents[0]"),
        ({"contents": ({"apiVersion": "v1", "kind": "Pod", "metadata": "x"},)}, "contents[0]"),
        ({"contents": ({"apiVersion": 1, "kind": "Pod", "metadata": {"name": "x"}},)}, "contents[0]"),
    ],
)
def test_what_cannot_be_asked_about_is_named(options: dict[str, Any], subject: str) -> None:
    cluster = FakeCluster(crd())
    with pytest.raises(Refusal) as caught:
        ensure(cluster, Request("argocd", application=OPTIONS, **options), check=False, wait=Waits(cluster))
    assert [(f.code, f.subject) for f in caught.value.findings] == [("argocd-options-incomplete", subject)]
    assert cluster.requests == []


def test_required_objects_are_looked_at_after_the_wait() -> None:
    cluster = FakeCluster(crd())
    request = Request("argocd", project=PROJECT, application=OPTIONS, requires=(WANTED,))
    with pytest.raises(Refusal) as caught:
        ensure(cluster, request, check=False, wait=Waits(cluster))
    assert codes(caught) == ["argocd-required-object-missing"]


def test_following_an_app_of_apps_brings_the_parent_first() -> None:
    cluster = FakeCluster(crd(), app(revision=OLD), project())
    waits = Waits(cluster, "refresh: x")
    outcome = ensure(cluster, FOLLOW, check=False, wait=waits)
    assert [name for name, _ in waits.calls] == ["root", "vllm"]
    assert outcome.unstuck == ["root: refresh: x", "refresh: x"]
    assert cluster.writes == []


def test_following_without_a_parent_when_already_there() -> None:
    cluster = FakeCluster(crd(), app(), project())
    waits = Waits(cluster)
    follow = Request("argocd", "app_of_apps", application={"name": "vllm"}, target=Target(OURS))
    assert ensure(cluster, follow, check=False, wait=waits).to_dict()["sync"] == "Synced"
    assert waits.calls == []


def test_following_compares_with_what_git_should_have_written() -> None:
    cluster = FakeCluster(crd(), app(), project(sourceRepos=[], destinations=[], clusterResourceWhitelist=[]))
    wanted = {**OPTIONS, "path": "applications/other", "repo_url": REPO.upper().replace(".GIT", "")}
    follow = Request("argocd", "app_of_apps", project=PROJECT, application=wanted, target=Target(OURS))
    with pytest.raises(Refusal) as caught:
        ensure(cluster, follow, check=False, wait=Waits(cluster))
    assert set(codes(caught)) == {
        "argocd-repo-not-permitted",
        "argocd-kind-not-permitted",
        "argocd-destination-not-permitted",
        "argocd-application-differs",
    }
    differs = [f.message for f in caught.value.findings if f.code == "argocd-application-differs"]
    assert differs == ["path is 'applications/vllm', wanted 'applications/other'"]


def test_following_what_does_not_exist() -> None:
    cluster = FakeCluster(crd())
    follow = Request("argocd", "app_of_apps", project=PROJECT, application={"name": "vllm"})
    with pytest.raises(Refusal) as caught:
        ensure(cluster, follow, check=False, wait=Waits(cluster))
    assert codes(caught) == ["argocd-project-missing", "argocd-application-missing"]
    assert not ensure(cluster, follow, check=True, wait=Waits(cluster)).changed


def test_the_real_wait_is_joined() -> None:
    cluster = FakeCluster(crd(), app(revision=OLD), project())
    cluster.react = Controller(at(OURS))
    lines: list[str] = []
    follow = Request("argocd", "app_of_apps", application={"name": "vllm"}, target=Target(OURS))
    assert (
        ensure(cluster, follow, check=False, wait=waiter(cluster, "argocd", lines.append)).to_dict()["revision"] == OURS
    )


# ---- the way back

PVC = {"kind": "PersistentVolumeClaim", "metadata": {"name": "cache", "namespace": "vllm"}}
RESOURCES = [
    {"kind": "PersistentVolumeClaim", "name": "cache", "namespace": "vllm"},
    {"kind": "RuntimeClass", "name": "nvidia"},
    {"kind": "RuntimeClass", "name": "gone"},
    {"kind": "Deployment", "name": "d", "namespace": "vllm"},
]


MARKS = "argocd.argoproj.io/sync-options"


def report_marks(cluster: FakeCluster) -> None:
    """Argo CD compares when asked to, and reports which live objects ask for a confirmation."""
    live = cluster.objects.get(APP)
    if live and (live["metadata"].get("annotations") or {}).pop("argocd.argoproj.io/refresh", None):
        for resource in live["status"]["resources"]:
            path = path_of(resource["kind"], resource.get("namespace"), resource["name"])
            annotations = cluster.objects.get(path, {"metadata": {}})["metadata"].get("annotations") or {}
            resource["requiresDeletionConfirmation"] = "Delete=confirm" in annotations.get(MARKS, "")


def removable() -> FakeCluster:
    runtime_class = {"kind": "RuntimeClass", "metadata": {"name": "nvidia", "annotations": {MARKS: "Prune=false"}}}
    cluster = FakeCluster(app(resources=RESOURCES), project(), PVC, runtime_class)
    cluster.react = report_marks
    return cluster


def take_away(cluster: FakeCluster, request: Request = DIRECT, **more: Any) -> Any:
    clock = Clock()
    arguments = {"purge": False, "check": False, "clock": clock, "sleep": clock.sleep, **more}
    return remove(cluster, request, **arguments)


def test_removal_keeps_models_and_classes_and_takes_the_project_last() -> None:
    cluster = removable()
    outcome = take_away(cluster)
    assert outcome.changed
    assert outcome.unstuck == ["kept PersistentVolumeClaim/cache", "kept RuntimeClass/nvidia"]
    marks = [item["metadata"]["annotations"][MARKS] for item in cluster.objects.values()]
    assert sorted(marks) == ["Delete=false", "Prune=false,Delete=false"]
    assert [w for w in cluster.writes if w.startswith("DELETE")] == [f"DELETE {APP}", f"DELETE {PROJ}"]
    assert cluster.patches[0] == {"spec": {"syncPolicy": {"automated": None}}}
    assert {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}} in cluster.patches
    assert [d["after"] for d in outcome.diff] == [{}, {}]


def test_removal_with_purge_marks_nothing() -> None:
    cluster = removable()
    assert take_away(cluster, purge=True).unstuck == []
    assert len(cluster.patches) == 1


def test_removal_of_what_is_gone_is_no_change() -> None:
    cluster = FakeCluster()
    outcome = take_away(cluster)
    assert (outcome.changed, cluster.writes) == (False, [])


def test_removal_in_check_mode() -> None:
    cluster = removable()
    assert take_away(cluster, check=True).changed
    assert cluster.writes == []


def test_removal_of_what_git_already_marks_needs_no_mark() -> None:
    cluster = removable()
    for name in ("PersistentVolumeClaim", "RuntimeClass"):
        place = ("vllm", "cache") if name == "PersistentVolumeClaim" else (None, "nvidia")
        cluster.objects[path_of(name, *place)]["metadata"]["annotations"] = {MARKS: "Delete=false"}
    assert len(take_away(cluster).unstuck) == 2
    assert len(cluster.patches) == 1


def test_removal_deletes_nothing_while_argo_cd_has_not_seen_the_marks() -> None:
    cluster = removable()
    cluster.react = lambda _cluster: None
    with pytest.raises(Refusal) as caught:
        take_away(cluster)
    assert codes(caught) == ["argocd-removal-unsafe"]
    assert not any(write.startswith("DELETE") for write in cluster.writes)
    cluster.react = report_marks
    take_away(cluster)
    assert sorted(item["metadata"]["annotations"][MARKS] for item in cluster.objects.values()) == [
        "Delete=false",
        "Prune=false,Delete=false",
    ]


@pytest.mark.parametrize(
    ("cluster", "code"),
    [
        (FakeCluster(app()), "argocd-project-missing"),
        (FakeCluster(app(), app("other"), project()), "argocd-project-in-use"),
        (
            FakeCluster(tracked(app(), "root:argoproj.io/Application:argocd/vllm"), project()),
            "argocd-tracked-elsewhere",
        ),
    ],
)
def test_removal_is_refused(cluster: FakeCluster, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        take_away(cluster)
    assert codes(caught) == [code]
    assert cluster.writes == []


def test_removal_of_nothing_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        take_away(FakeCluster(), Request("argocd"))
    assert codes(caught) == ["argocd-nothing-to-do"]


def test_removal_that_does_not_end_names_what_is_left() -> None:
    cluster = removable()
    live = cluster.objects[APP]
    live["metadata"]["deletionTimestamp"] = "x"
    cluster.errors = []
    lines: list[str] = []
    request = Request("argocd", application=OPTIONS, budgets=Budgets(sync=5))
    with pytest.raises(Refusal) as caught:
        take_away(cluster, request, progress=lines.append)
    assert codes(caught) == ["argocd-removal-stuck"]
    assert "4 objects: PersistentVolumeClaim/cache" in caught.value.findings[0].message
    assert len(lines) == 1
    live["status"]["conditions"] = [{"type": "DeletionError", "message": "the cluster is gone"}]
    with pytest.raises(Refusal) as caught:
        take_away(cluster, request)
    assert caught.value.findings[0].message == "the cluster is gone"


def test_removal_tolerates_hiccups_only() -> None:
    for status, raises in ((503, False), (403, True)):
        cluster = removable()
        delete = cluster.delete

        def hiccup(
            path: str, _cluster: FakeCluster = cluster, _delete: Any = delete, _status: int = status, **query: Any
        ) -> Any:
            gone = _delete(path, **query)
            _cluster.errors = [ApiError(_status, "", "x")] if path == APP else []
            return gone

        cluster.delete = hiccup  # type: ignore[method-assign]
        if raises:
            with pytest.raises(ApiError):
                take_away(cluster)
        else:
            assert take_away(cluster).changed
