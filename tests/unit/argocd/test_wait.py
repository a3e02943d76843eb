# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait over a fake Argo CD: it moves on refresh and sync as the real one does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import Target
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.wait import Budgets, Reached, Wait
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal

from tests.unit.argocd.fakes import NEWER, OLD, OURS, Clock, FakeCluster, app, operation, project, refused

PATH = path_of("Application", "argocd", "vllm")
REFRESH = "argocd.argoproj.io/refresh"
Live = dict[str, Any]


class Controller:
    """Answers refreshes with ``compare`` and operations with ``sync``; either may do nothing."""

    def __init__(
        self, compare: Callable[[Live], None] = lambda _live: None, sync: Callable[[Live], None] | None = None
    ):
        self.compare, self.sync = compare, sync
        self.seen: list[str] = []

    def __call__(self, cluster: FakeCluster) -> None:
        live = cluster.objects.get(PATH)
        if live is None:
            return
        before = copy.deepcopy(live)
        annotations = live["metadata"].get("annotations") or {}
        if REFRESH in annotations:
            self.seen.append(annotations.pop(REFRESH))
            self.compare(live)
        elif (live.get("status", {}).get("operationState") or {}).get("phase") == "Terminating":
            self.seen.append("terminated")
            live.pop("operation", None)
            live["status"]["operationState"]["phase"] = "Failed"
        elif live.get("operation") and self.sync:
            self.seen.append("sync")
            self.asked = live.pop("operation")
            self.sync(live)
        if live != before:
            cluster.put(live)


def wait(cluster: FakeCluster, target: Target | None = None, **more: Any) -> tuple[Wait, list[str]]:
    clock, lines = Clock(), []
    made = Wait(
        cluster,
        "argocd",
        "vllm",
        target or Target(OURS),
        more.pop("budgets", Budgets(60, 120, 300)),
        lines.append,
        clock,
        clock.sleep,
    )
    return made, lines


def run(cluster: FakeCluster, **more: Any) -> Reached:
    made, _ = wait(cluster, **more)
    return made.run(refresh=True)


def refusal(cluster: FakeCluster, **more: Any) -> Any:
    with pytest.raises(Refusal) as caught:
        run(cluster, **more)
    return caught.value.findings[0]


def at(revision: str, sync: str = "Synced") -> Callable[[Live], None]:
    def compare(live: Live) -> None:
        live["status"]["sync"] = {"status": sync, "revision": revision}

    return compare


def succeed(live: Live) -> None:
    live["status"]["operationState"] = operation("Succeeded", started="later")
    live["status"]["sync"] = {"status": "Synced", "revision": OURS}


def fail_with(
    *resources: Live, message: str = "one or more synchronization tasks are not valid"
) -> Callable[[Live], None]:
    def sync(live: Live) -> None:
        count = int(live["metadata"]["resourceVersion"])
        live["status"]["operationState"] = operation(
            "Failed", message=message, resources=list(resources), started=str(count)
        )
        live["status"]["sync"] = {"status": "OutOfSync", "revision": OURS}

    return sync


def test_the_old_commit_does_not_pass() -> None:
    cluster = FakeCluster(app(revision=OLD))
    cluster.react = Controller(at(OURS))
    reached = run(cluster)
    assert (reached.revision, reached.unstuck, reached.warnings) == (OURS, (), ())
    assert len(cluster.writes) == 1


def test_a_newer_commit_of_somebody_else_passes_when_it_is_known() -> None:
    cluster = FakeCluster(app(revision=OLD))
    cluster.react = Controller(at(NEWER))
    assert run(cluster, target=Target(OURS, frozenset({NEWER}))).revision == NEWER


def test_another_branch_ends_with_the_refresh_budget() -> None:
    cluster = FakeCluster(app(revision=OLD))
    cluster.react = controller = Controller(at(OLD))
    found = refusal(cluster)
    assert found.code == "argocd-revision-not-reached"
    assert "compared at 000000000, wanted aaaaaaaaa" in found.message
    assert set(controller.seen) == {"normal"}
    assert 3 <= len(controller.seen) <= 8


def test_a_silent_controller_is_named() -> None:
    assert refusal(FakeCluster(app(revision=OLD))).code == "argocd-controller-silent"


def test_failed_on_the_same_commit_is_refreshed_hard_and_synced() -> None:
    cluster = FakeCluster(app(sync="OutOfSync", operationState=operation("Failed")), project())
    cluster.react = controller = Controller(sync=succeed)
    reached = run(cluster)
    assert controller.seen == ["normal", "hard", "sync"]
    assert reached.unstuck == ("hard refresh, then sync: the sync failed: ",)
    assert controller.asked["sync"]["syncOptions"] == ["CreateNamespace=true"]
    assert controller.asked["sync"]["revision"] == OURS


def test_a_cause_that_persists_is_named_after_one_try() -> None:
    denied = refused("RuntimeClass", "nvidia", "resource node.k8s.io:RuntimeClass is not permitted in project vllm")
    cluster = FakeCluster(app(sync="OutOfSync"), project())
    fail_with(denied)(cluster.objects[PATH])
    cluster.react = controller = Controller(sync=fail_with(denied))
    found = refusal(cluster)
    assert (found.code, controller.seen.count("sync")) == ("argocd-kind-not-permitted", 1)
    assert found.subject == "RuntimeClass/nvidia of Application/vllm"


def test_a_failure_of_our_own_sync_ends_at_once_without_another_try() -> None:
    denied = refused(
        "ServiceMonitor", "m", "could not find monitoring.coreos.com/ServiceMonitor for requested resource"
    )

    def automatic(live: Live) -> None:
        fail_with(denied)(live)

    cluster = FakeCluster(app(revision=OLD), project())
    cluster.react = controller = Controller(automatic)
    assert refusal(cluster).code == "argocd-crd-missing"
    assert "sync" not in controller.seen


def test_an_unknown_failure_is_tried_twice_and_quoted() -> None:
    odd = refused("Deployment", "d", "something odd")
    cluster = FakeCluster(app(sync="OutOfSync"), project())
    fail_with(odd)(cluster.objects[PATH])
    cluster.react = controller = Controller(sync=fail_with(odd))
    found = refusal(cluster)
    assert found.code == "argocd-sync-failed"
    assert "Deployment/d: something odd" in found.message
    assert controller.seen.count("sync") == 2


def test_a_manifest_error_is_refreshed_hard() -> None:
    def compare(live: Live) -> None:
        if len(controller.seen) > 1:
            live["status"]["conditions"] = []

    cluster = FakeCluster(
        app(conditions=[{"type": "ComparisonError", "message": "Manifest generation error (cached)"}])
    )
    cluster.react = controller = Controller(compare)
    assert run(cluster).unstuck == ("hard refresh: ComparisonError: Manifest generation error (cached)",)
    assert controller.seen == ["normal", "hard"]


@pytest.mark.parametrize(
    ("kind", "message", "code", "tries"),
    [
        ("InvalidSpecError", "Application referencing project x which does not exist", "argocd-project-missing", 3),
        ("ComparisonError", "applications/vllm: app path does not exist", "argocd-path-missing", 3),
    ],
)
def test_error_conditions_that_stay_are_named_after_bounded_tries(
    kind: str, message: str, code: str, tries: int
) -> None:
    cluster = FakeCluster(app(conditions=[{"type": kind, "message": message}]))
    cluster.react = controller = Controller()
    assert refusal(cluster).code == code
    assert len(controller.seen) == tries


def test_an_operation_on_an_older_revision_is_terminated() -> None:
    live = app(sync="OutOfSync", operationState=operation("Running", OLD))
    live["operation"] = {"sync": {"revision": OLD}}
    cluster = FakeCluster(live, project())

    def after(live: Live) -> None:
        if live["status"]["operationState"]["phase"] == "Failed":
            succeed(live)

    controller = Controller(sync=None)
    cluster.react = controller
    made, lines = wait(cluster)

    def sync_when_free(cluster: FakeCluster) -> None:
        controller(cluster)
        live = cluster.objects[PATH]
        if not live.get("operation") and controller.seen[-1:] == ["terminated"]:
            succeed(live)

    cluster.react = sync_when_free
    reached = made.run(refresh=True)
    assert [u.partition(":")[0] for u in reached.unstuck] == ["terminate"]
    assert any("is in the way" in line for line in lines)


def test_a_second_writer_wins_and_is_waited_for() -> None:
    cluster = FakeCluster(app(sync="OutOfSync", operationState=operation("Failed")), project())
    controller = Controller(sync=succeed)
    raced: list[bool] = []

    def race(cluster: FakeCluster) -> None:
        controller(cluster)
        if controller.seen == ["normal", "hard"] and not raced:
            raced.append(True)
            cluster.errors = [ApiError(409, "Conflict", "the object has been modified", PATH)]

    cluster.react = race
    assert run(cluster).revision == OURS


def test_api_errors_are_tolerated_within_the_budget() -> None:
    cluster = FakeCluster(app(revision=OLD))
    cluster.react = Controller(at(OURS))
    cluster.errors = [ApiError(s, "", "no") for s in (503, 429, 0)]
    made, lines = wait(cluster)
    assert made.run(refresh=True).revision == OURS
    assert sum("503" in line for line in lines) == 1


def test_api_errors_that_stay_are_named() -> None:
    cluster = FakeCluster(app())
    cluster.errors = [ApiError(503, "", "etcd is down", PATH) for _ in range(500)]
    found = refusal(cluster)
    assert (found.code, "etcd is down" in found.message) == ("argocd-api-unstable", True)


def test_a_missing_right_ends_at_once() -> None:
    cluster = FakeCluster(app())
    cluster.errors = [ApiError(403, "Forbidden", "no", PATH)]
    assert refusal(cluster).code == "cluster-forbidden"
    assert len(cluster.requests) == 1


def test_an_application_that_never_appears_is_named() -> None:
    assert refusal(FakeCluster()).code == "argocd-application-missing"


def test_an_application_that_appears_late_is_followed() -> None:
    cluster = FakeCluster()
    controller = Controller(at(OURS))

    def appear(cluster: FakeCluster) -> None:
        if len(cluster.requests) == 5:
            cluster.put(app(revision=OLD))
        controller(cluster)

    cluster.react = appear
    assert run(cluster).revision == OURS


def test_deletion_ends_at_once() -> None:
    live = app()
    live["metadata"]["deletionTimestamp"] = "x"
    cluster = FakeCluster(live)
    cluster.react = Controller()
    assert refusal(cluster).code == "argocd-application-deleting"


def degraded(*objects: Live) -> FakeCluster:
    listed = [{"kind": item["kind"], "name": item["metadata"]["name"]} for item in objects]
    cluster = FakeCluster(app(health="Progressing", resources=listed), project(), *objects)
    cluster.react = Controller()
    return cluster


def deployment(*conditions: Live) -> Live:
    return {
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "vllm", "uid": "u1"},
        "status": {"conditions": list(conditions)},
    }


NO_CLASS = {
    "type": "ReplicaFailure",
    "status": "True",
    "message": 'pods "d-1" is forbidden: pod rejected: RuntimeClass "nvidia" not found',
}


def test_a_terminal_reason_ends_the_health_wait_long_before_its_budget() -> None:
    cluster = degraded(deployment(NO_CLASS))
    made, _ = wait(cluster)
    with pytest.raises(Refusal) as caught:
        made.run(refresh=True)
    assert caught.value.findings[0].code == "argocd-runtime-class-missing"
    assert made.clock() < 40


def test_a_reason_that_goes_away_does_not_end_it() -> None:
    cluster = degraded(deployment(NO_CLASS))
    path = path_of("Deployment", "vllm", "d")
    made, _ = wait(cluster)

    def mend(cluster: FakeCluster) -> None:
        Controller()(cluster)
        if made.clock() > 15:
            cluster.objects[path]["status"]["conditions"] = []
        if made.clock() > 60:
            cluster.objects[PATH]["status"]["health"] = {"status": "Healthy"}

    cluster.react = mend
    assert made.run(refresh=True).seconds >= 60


def test_health_that_nobody_explains_ends_with_its_budget() -> None:
    cluster = degraded(deployment())
    made, lines = wait(cluster)
    with pytest.raises(Refusal) as caught:
        made.run(refresh=True)
    assert caught.value.findings[0].code == "argocd-health-timeout"
    assert 300 <= made.clock() < 310
    assert len(lines) == len(set(lines)) == 1 or len(lines) <= 3


def test_what_may_not_be_read_is_said_where_nobody_explains() -> None:
    cluster = degraded(deployment())
    cluster.lists[path_of("Event", "vllm")] = ApiError(403, "Forbidden", 'User "x" cannot list resource "events" in')
    found = refusal(cluster)
    assert found.code == "argocd-health-timeout"
    assert found.message.endswith('(no right to read: Event (needs list on "events"))')


def test_a_reason_that_is_not_terminal_is_named_when_the_budget_ends() -> None:
    slow = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out"}
    assert refusal(degraded(deployment(slow))).code == "argocd-rollout-too-slow"


def test_evidence_that_cannot_be_read_now_does_not_end_the_wait() -> None:
    cluster = degraded(deployment(NO_CLASS))
    cluster.lists[path_of("Pod", "vllm")] = ApiError(500, "", "oops", "LIST")
    assert refusal(cluster).code == "argocd-health-timeout"


def test_a_sync_that_never_ends() -> None:
    cluster = FakeCluster(
        app(sync="OutOfSync", operationState=operation("Running", message="waiting for healthy state of x"))
    )
    cluster.react = Controller()
    found = refusal(cluster)
    assert (found.code, found.message) == ("argocd-sync-stuck", "waiting for healthy state of x")


def test_progress_is_reported_on_change_only() -> None:
    cluster = FakeCluster(app(revision=OLD))
    controller = Controller(at(OURS, "OutOfSync"), succeed)
    cluster.react = controller
    made, lines = wait(cluster)
    made.run(refresh=True)
    assert len(lines) == len(set(lines))
    assert lines[0].startswith("vllm at aaaaaaaaa: sync:")


def test_a_terminated_retry_of_a_mended_cause_is_not_judged_by_its_old_words() -> None:
    missing = refused("Widget", "w", "could not find example.org/Widget for requested resource")
    old = operation("Running", resources=[missing], finishedAt="x", retryCount=1)
    live = app(sync="OutOfSync", operationState=old)
    live["operation"] = {"sync": {"revision": OURS}}
    cluster = FakeCluster(live, project())
    ours = Controller(sync=succeed)

    def react(cluster: FakeCluster) -> None:
        state = cluster.objects[PATH]["status"].get("operationState") or {}
        if state.get("phase") != "Running":
            ours(cluster)
        else:
            Controller()(cluster)

    cluster.react = react
    reached = run(cluster)
    assert [what.partition(":")[0] for what in reached.unstuck] == ["terminate", "hard refresh, then sync"]
