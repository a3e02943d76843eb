# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate, one row a behaviour that Argo CD shows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.argocd import gate
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import (
    Action,
    Done,
    Failed,
    Phase,
    Seen,
    Stuck,
    Target,
    Waiting,
    assess,
)

from tests.unit.argocd.fakes import NEWER, OLD, OURS, app, operation, refused

TARGET = Target(OURS, frozenset({NEWER}))


def refreshing(live: dict[str, Any]) -> dict[str, Any]:
    live["metadata"]["annotations"] = {"argocd.argoproj.io/refresh": "normal"}
    return live


def asked(live: dict[str, Any]) -> dict[str, Any]:
    live["operation"] = {"sync": {"revision": OURS}}
    return live


def manual(live: dict[str, Any], **policy: Any) -> dict[str, Any]:
    live["spec"]["syncPolicy"] = policy
    return live


def invalid(kind: str) -> list[dict[str, str]]:
    return [{"type": kind, "message": "it says why"}]


DENIED = refused("RuntimeClass", "nvidia", "resource node.k8s.io:RuntimeClass is not permitted in project x")
LEFT = {"kind": "PersistentVolumeClaim", "name": "old", "status": "OutOfSync", "requiresPruning": True}
DIFFERS = {"kind": "Deployment", "name": "d", "status": "OutOfSync"}

# name: (application, seconds unchanged, type of the verdict, what it must say: phase, action or revision)
CASES: dict[str, tuple[dict[str, Any], float, type, Any]] = {
    "synced-healthy-at-ours": (app(), 0, Done, OURS),
    "synced-healthy-at-a-descendant": (app(revision=NEWER), 0, Done, NEWER),
    "refresh-not-yet-stored": (refreshing(app()), 99, Waiting, Phase.REFRESH),
    "old-commit-still-synced": (app(revision=OLD), 0, Waiting, Phase.REFRESH),
    "old-commit-for-long": (app(revision=OLD), 11, Stuck, Action.REFRESH),
    "never-compared": (app(revision="", sync="Unknown"), 0, Waiting, Phase.REFRESH),
    "no-status-at-all": ({**app(), "status": {}}, 0, Waiting, Phase.REFRESH),
    "invalid-spec": (app(conditions=invalid("InvalidSpecError")), 0, Stuck, Action.RECHECK),
    "cached-manifest-error": (app(conditions=invalid("ComparisonError")), 0, Stuck, Action.HARD_REFRESH),
    "warning-conditions-do-not-stop": (app(conditions=invalid("OrphanedResourceWarning")), 0, Done, OURS),
    "operation-asked-for": (asked(app()), 0, Waiting, Phase.SYNC),
    "operation-running": (app(sync="OutOfSync", operationState=operation("Running")), 60, Waiting, Phase.SYNC),
    "operation-on-the-old-commit": (
        app(sync="OutOfSync", operationState=operation("Running", OLD)),
        1,
        Waiting,
        Phase.SYNC,
    ),
    "operation-stays-on-the-old-commit": (
        app(sync="OutOfSync", operationState=operation("Running", OLD)),
        11,
        Stuck,
        Action.TERMINATE,
    ),
    "operation-without-a-revision-yet": (
        asked(app(sync="OutOfSync", operationState=operation("Running", ""))),
        11,
        Waiting,
        Phase.SYNC,
    ),
    "retrying-is-running-with-a-finish": (
        app(sync="OutOfSync", operationState=operation("Running", finishedAt="x", retryCount=1)),
        1,
        Waiting,
        Phase.SYNC,
    ),
    "retrying-for-long-is-left-to-argo-cd": (
        app(sync="OutOfSync", operationState=operation("Running", finishedAt="x", retryCount=1)),
        200,
        Waiting,
        Phase.SYNC,
    ),
    "retrying-inherited": (
        app(sync="OutOfSync", operationState=operation("Running", finishedAt="x", retryCount=1)),
        3,
        Stuck,
        Action.TERMINATE,
    ),
    "terminating": (asked(app(operationState=operation("Terminating", OLD))), 99, Waiting, Phase.SYNC),
    "failed-on-our-commit-is-never-retried": (
        app(sync="OutOfSync", operationState=operation("Failed", resources=[DENIED])),
        0,
        Stuck,
        Action.RESYNC,
    ),
    "error-on-our-commit": (app(operationState=operation("Error")), 0, Stuck, Action.RESYNC),
    "failed-on-the-old-commit-is": (
        app(sync="OutOfSync", operationState=operation("Failed", OLD)),
        0,
        Waiting,
        Phase.SYNC,
    ),
    "commit-without-effect-starts-no-operation": (app(operationState=operation("Succeeded", OLD)), 0, Done, OURS),
    "failed-on-the-old-commit-and-synced-by-ours": (app(operationState=operation("Failed", OLD)), 0, Done, OURS),
    "never-synced-and-nothing-to-do": (app(operationState=None), 0, Done, OURS),
    "out-of-sync-automation-comes": (app(sync="OutOfSync", resources=[DIFFERS]), 0, Waiting, Phase.SYNC),
    "out-of-sync-nobody-comes": (app(sync="OutOfSync", resources=[DIFFERS]), 11, Stuck, Action.RESYNC),
    "out-of-sync-without-automation": (manual(app(sync="OutOfSync", resources=[DIFFERS])), 0, Stuck, Action.SYNC),
    "out-of-sync-automation-disabled": (
        manual(app(sync="OutOfSync"), automated={"enabled": False}),
        0,
        Stuck,
        Action.SYNC,
    ),
    "only-leftovers": (app(sync="OutOfSync", resources=[LEFT]), 0, Done, OURS),
    "leftovers-and-a-difference": (app(sync="OutOfSync", resources=[LEFT, DIFFERS]), 0, Waiting, Phase.SYNC),
    "sync-unknown": (app(sync="Unknown"), 0, Waiting, Phase.SYNC),
    "sync-unknown-for-long": (app(sync="Unknown"), 11, Stuck, Action.HARD_REFRESH),
    "succeeded-is-not-ready": (app(health="Progressing"), 0, Waiting, Phase.HEALTH),
    "degraded": (app(health="Degraded"), 999, Waiting, Phase.HEALTH),
    "missing": (app(health="Missing"), 0, Waiting, Phase.HEALTH),
}


@pytest.mark.parametrize("name", CASES)
def test_gate(name: str) -> None:
    live, unchanged, kind, what = CASES[name]
    verdict = assess(live, TARGET, Seen(unchanged, inherited=name.endswith("inherited")))
    assert isinstance(verdict, kind), verdict
    if isinstance(verdict, Done):
        assert verdict.revision == what
    elif isinstance(verdict, Stuck):
        assert verdict.action is what
    elif isinstance(verdict, Waiting):
        assert verdict.phase is what


def test_deletion_fails_at_once() -> None:
    live = app()
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    verdict = assess(live, TARGET, Seen())
    assert isinstance(verdict, Failed)
    assert verdict.finding.code == "argocd-application-deleting"


def test_without_a_wanted_revision_any_comparison_counts() -> None:
    assert isinstance(assess(app(revision=OLD), Target(), Seen()), Done)
    assert isinstance(assess(app(revision=""), Target(), Seen()), Waiting)


def test_a_callback_may_know_descendants() -> None:
    assert isinstance(
        assess(app(revision="c" * 40), Target(OURS, is_descendant=lambda r: r.startswith("c")), Seen()), Done
    )


def test_several_sources_report_a_list_of_revisions() -> None:
    live = app()
    live["status"]["sync"] = {"status": "Synced", "revisions": [OURS, NEWER]}
    live["status"]["operationState"]["syncResult"] = {"revisions": [OURS]}
    live["status"]["operationState"]["operation"] = {}
    assert gate.compared_revision(live) == gate.operation_revision(live) == OURS
    assert isinstance(assess(live, TARGET, Seen()), Done)


def test_warnings_come_with_done() -> None:
    shared = [{"type": "SharedResourceWarning", "message": "RuntimeClass/nvidia is part of applications a and b"}]
    verdict = assess(app(sync="OutOfSync", resources=[LEFT], conditions=shared), TARGET, Seen())
    assert isinstance(verdict, Done)
    assert [f.code for f in verdict.warnings] == ["argocd-shared-resource", "argocd-leftovers"]
    assert all(f.severity.value == "warning" for f in verdict.warnings)


def test_reasons_name_a_few_resources_only() -> None:
    many = [{"kind": "Service", "name": f"s{i}", "status": "OutOfSync"} for i in range(8)]
    verdict = assess(app(sync="OutOfSync", resources=many), TARGET, Seen(11))
    assert isinstance(verdict, Stuck)
    assert "Service/s4 and 3 more" in verdict.reason
    assert gate.counts(app(resources=[*many, {"status": "Synced"}])) == "1/9 synced"


def test_health_reason_carries_argo_cds_text() -> None:
    live = app()
    live["status"]["health"] = {"status": "Degraded", "message": "why"}
    verdict = assess(live, TARGET, Seen())
    assert verdict == Waiting(Phase.HEALTH, "health Degraded: why")
