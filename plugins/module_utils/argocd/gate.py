# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this Application where we want it? One pure predicate over the Application object.

"Synced and Healthy" may belong to the commit before ours, "Succeeded" to an operation before ours, and a failed commit
is never tried again by Argo CD itself. So the question is asked in this order: refreshed, free of error conditions,
compared at our revision, no operation running, the last operation for our revision succeeded, Synced, Healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from ..findings import Finding, finding
from .objects import REFRESH_ANNOTATION, short

ERROR_CONDITIONS = ("InvalidSpecError", "ComparisonError", "UnknownError")
"""Conditions under which Argo CD compares and syncs nothing."""

SETTLE_SECONDS = 10.0
"""How long a state that Argo CD should leave by itself may stay before we step in."""

INHERITED_SETTLE_SECONDS = 2.0
"""How long a retry that began before the wait may go on: what made it fail may have been mended, and Argo CD's next try
may be minutes away. A retry that began during the wait is left to Argo CD."""


class Phase(str, Enum):
    """What the wait is waiting for; each phase has its own budget."""

    REFRESH = "refresh"
    SYNC = "sync"
    HEALTH = "health"


class Action(str, Enum):
    """What un-sticks an Application."""

    REFRESH = "refresh"
    RECHECK = "refresh once more"
    HARD_REFRESH = "hard refresh"
    SYNC = "sync"
    RESYNC = "hard refresh, then sync"
    TERMINATE = "terminate"


@dataclass(frozen=True)
class Target:
    """What is to be reached.

    ``revision`` is the commit (full SHA); empty means whatever the Application's target revision is now. ``accepted``
    are further commits known to contain it; ``is_descendant`` is asked about any other one.
    """

    revision: str = ""
    accepted: frozenset[str] = frozenset()
    is_descendant: Callable[[str], bool] = lambda _revision: False

    def accepts(self, revision: str) -> bool:
        """Whether ``revision`` is ours or contains it."""
        if not revision:
            return False
        return not self.revision or revision in {self.revision, *self.accepted} or self.is_descendant(revision)


@dataclass(frozen=True)
class Done:
    """Reached, at ``revision``. ``warnings`` are worth knowing and stop nothing."""

    revision: str
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """Not yet; Argo CD or the cluster is expected to move by itself."""

    phase: Phase
    reason: str


@dataclass(frozen=True)
class Stuck:
    """Argo CD will not move by itself; ``action`` makes it."""

    phase: Phase
    action: Action
    reason: str


@dataclass(frozen=True)
class Failed:
    """It will never get there."""

    finding: Finding


Verdict: TypeAlias = "Done | Waiting | Stuck | Failed"


def compared_revision(app: Mapping[str, Any]) -> str:
    """The commit that the stored comparison belongs to; the first one of several sources."""
    sync = app.get("status", {}).get("sync") or {}
    return str(sync.get("revision") or next(iter(sync.get("revisions") or ()), ""))


def operation_revision(app: Mapping[str, Any]) -> str:
    """The commit that the current or last operation belongs to."""
    state = app.get("status", {}).get("operationState") or {}
    result = state.get("syncResult") or {}
    asked = (state.get("operation") or {}).get("sync") or {}
    return str(result.get("revision") or asked.get("revision") or next(iter(result.get("revisions") or ()), ""))


def conditions(app: Mapping[str, Any], kinds: Iterable[str]) -> list[Mapping[str, Any]]:
    """The Application's conditions of these types, in Argo CD's order."""
    wanted = set(kinds)
    return [item for item in app.get("status", {}).get("conditions") or () if item.get("type") in wanted]


def refresh_pending(app: Mapping[str, Any]) -> bool:
    """Whether a requested refresh has not been stored yet."""
    return REFRESH_ANNOTATION in (app.get("metadata", {}).get("annotations") or {})


@dataclass(frozen=True)
class Seen:
    """What only the one who keeps looking knows.

    ``unchanged`` is for how many seconds it has been this very state (the only clock without skew between machines),
    ``inherited`` whether the last try of an operation is the one that was there when the looking began.
    """

    unchanged: float = 0.0
    inherited: bool = False


def assess(app: Mapping[str, Any], target: Target, seen: Seen) -> Verdict:
    """Where ``app`` stands with respect to ``target``. Pure: no clock, no request."""
    for question in QUESTIONS:
        verdict = question(app, target, seen)
        if verdict is not None:
            return verdict
    return Done(compared_revision(app), tuple(warnings(app)))


def _leaving(app: Mapping[str, Any], _target: Target, _seen: Seen) -> Verdict | None:
    if not app["metadata"].get("deletionTimestamp"):
        return None
    return Failed(finding("argocd-application-deleting", _subject(app), "it is being deleted"))


def _refreshed(app: Mapping[str, Any], _target: Target, _seen: Seen) -> Verdict | None:
    return Waiting(Phase.REFRESH, "waiting for Argo CD to compare again") if refresh_pending(app) else None


def _error_free(app: Mapping[str, Any], _target: Target, _seen: Seen) -> Verdict | None:
    for condition in conditions(app, ERROR_CONDITIONS):
        action = Action.RECHECK if condition["type"] == "InvalidSpecError" else Action.HARD_REFRESH
        return Stuck(Phase.REFRESH, action, f"{condition['type']}: {condition.get('message', '')}")
    return None


def _compared(app: Mapping[str, Any], target: Target, seen: Seen) -> Verdict | None:
    compared = compared_revision(app)
    if target.accepts(compared):
        return None
    reason = f"compared at {short(compared)}, wanted {short(target.revision)}"
    if seen.unchanged >= SETTLE_SECONDS:
        return Stuck(Phase.REFRESH, Action.REFRESH, reason)
    return Waiting(Phase.REFRESH, reason)


def _no_operation(app: Mapping[str, Any], target: Target, seen: Seen) -> Verdict | None:
    """An operation that is asked for, runs, retries or is being terminated."""
    state = app.get("status", {}).get("operationState") or {}
    phase, message = state.get("phase", ""), state.get("message") or "the operation runs"
    if not app.get("operation") and phase not in ("Running", "Terminating"):
        return None
    if phase == "Terminating":
        return Waiting(Phase.SYNC, "the operation is being terminated")
    revision = operation_revision(app)
    stale = bool(revision) and not target.accepts(revision) and seen.unchanged >= SETTLE_SECONDS
    retrying = bool(state.get("finishedAt") or state.get("retryCount"))
    if retrying and seen.inherited and seen.unchanged >= INHERITED_SETTLE_SECONDS:
        return Stuck(Phase.SYNC, Action.TERMINATE, f"an old failure is being retried: {message}")
    if phase == "Running" and stale:
        return Stuck(Phase.SYNC, Action.TERMINATE, f"an operation on {short(revision)} is in the way: {message}")
    return Waiting(Phase.SYNC, message)


def _operation_succeeded(app: Mapping[str, Any], target: Target, _seen: Seen) -> Verdict | None:
    """A failed operation for our revision: Argo CD does not try this commit again, whatever was mended meanwhile."""
    state = app.get("status", {}).get("operationState") or {}
    if state.get("phase") not in ("Failed", "Error") or not target.accepts(operation_revision(app)):
        return None
    return Stuck(Phase.SYNC, Action.RESYNC, f"the sync {state['phase'].lower()}: {state.get('message', '')}")


def _synced(app: Mapping[str, Any], _target: Target, seen: Seen) -> Verdict | None:
    status = (app["status"].get("sync") or {}).get("status")
    if status == "Synced" or (status == "OutOfSync" and only_leftovers(app)):
        return None
    late = seen.unchanged >= SETTLE_SECONDS
    if status == "OutOfSync" and (late or not automated(app)):
        return Stuck(Phase.SYNC, Action.RESYNC if late else Action.SYNC, f"out of sync: {_names(out_of_sync(app))}")
    if late:
        return Stuck(Phase.SYNC, Action.HARD_REFRESH, f"sync status {status}")
    return Waiting(Phase.SYNC, f"sync status {status}")


def _healthy(app: Mapping[str, Any], _target: Target, _seen: Seen) -> Verdict | None:
    health = app["status"].get("health") or {}
    if health.get("status") == "Healthy":
        return None
    detail = f": {health['message']}" if health.get("message") else ""
    return Waiting(Phase.HEALTH, f"health {health.get('status') or 'not known yet'}{detail}")


Question: TypeAlias = "Callable[[Mapping[str, Any], Target, Seen], Verdict | None]"
QUESTIONS: tuple[Question, ...] = (
    _leaving,
    _refreshed,
    _error_free,
    _compared,
    _no_operation,
    _operation_succeeded,
    _synced,
    _healthy,
)


def automated(app: Mapping[str, Any]) -> bool:
    """Whether Argo CD syncs this Application by itself."""
    policy = (app.get("spec", {}).get("syncPolicy") or {}).get("automated")
    return policy is not None and policy.get("enabled") is not False


def out_of_sync(app: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The resources whose live state differs from Git."""
    return [r for r in app.get("status", {}).get("resources") or () if r.get("status") == "OutOfSync"]


def only_leftovers(app: Mapping[str, Any]) -> bool:
    """Whether all that differs are objects that Git no longer has and that nobody may prune.

    Without ``prune`` Argo CD leaves them, and the Application stays OutOfSync for ever although nothing is missing.
    """
    rest = out_of_sync(app)
    return bool(rest) and all(resource.get("requiresPruning") for resource in rest)


def warnings(app: Mapping[str, Any]) -> list[Finding]:
    """What is worth knowing about an Application that got there."""
    found = [
        finding("argocd-shared-resource", _subject(app), condition.get("message", ""))
        for condition in conditions(app, ("SharedResourceWarning", "RepeatedResourceWarning"))
    ]
    if only_leftovers(app):
        found.append(finding("argocd-leftovers", _subject(app), f"no longer in Git: {_names(out_of_sync(app))}"))
    return found


def counts(app: Mapping[str, Any]) -> str:
    """``12/16 synced`` for progress lines."""
    resources = app.get("status", {}).get("resources") or ()
    return f"{sum(r.get('status') == 'Synced' for r in resources)}/{len(resources)} synced"


def _names(resources: Iterable[Mapping[str, Any]]) -> str:
    names = [f"{r.get('kind')}/{r.get('name')}" for r in resources]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) + more) or "no resource named"


def _subject(app: Mapping[str, Any]) -> str:
    return f"Application/{app['metadata']['name']}"
