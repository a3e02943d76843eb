# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for one Application: target, budgets, progress on change only, a reason when it ends."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..api_error import ApiError
from ..cluster import path_of
from ..findings import Finding, Refusal, finding
from . import actions
from .gate import (
    Action,
    Done,
    Failed,
    Phase,
    Seen,
    Stuck,
    Target,
    Verdict,
    Waiting,
    assess,
    compared_revision,
    counts,
    refresh_pending,
)
from .objects import JSON, short
from .reason import Reason, collect_evidence, find_reason, without_secrets

MAX_ATTEMPTS = {
    Action.RECHECK: 2,
    Action.HARD_REFRESH: 2,
    Action.SYNC: 2,
    Action.RESYNC: 2,
    Action.TERMINATE: 2,
}
"""How often one wait un-sticks in one way before it says what is wrong; a plain refresh only costs its budget."""

FIRST_POLL_SECONDS = 0.5
POLL_GROWTH = 1.25
LAST_POLL_SECONDS = {Phase.REFRESH: 1.0, Phase.SYNC: 2.0, Phase.HEALTH: 5.0}
EVIDENCE_EVERY_SECONDS = 10.0
"""How often the cluster is asked for reasons: seven requests for one namespace."""


UNEXPLAINED = {
    Phase.REFRESH: "argocd-revision-not-reached",
    Phase.SYNC: "argocd-sync-stuck",
    Phase.HEALTH: "argocd-health-timeout",
}
"""The code when a budget ends and nothing else explains why."""


class Connection(Protocol):
    """The part of a cluster connection that a wait needs."""

    def get(self, path: str, **query: Any) -> JSON:
        """One object."""

    def find(self, path: str, **query: Any) -> JSON | None:
        """One object, or None."""

    def items(self, path: str, **query: Any) -> Iterator[JSON]:
        """A list."""

    def text(self, path: str, **query: Any) -> str:
        """A log."""

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> JSON:
        """JSON merge patch."""


@dataclass(frozen=True)
class Budgets:
    """Seconds for each phase. Health is long because engines download tens of gigabytes before they are ready."""

    refresh: float = 60.0
    sync: float = 600.0
    health: float = 3600.0

    def of(self, phase: Phase) -> float:
        """The budget of one phase."""
        return float(getattr(self, phase.value))


@dataclass(frozen=True)
class Reached:
    """How a wait ended well. ``unstuck`` says what had to be done to Argo CD, in order."""

    application: JSON
    revision: str
    unstuck: tuple[str, ...]
    warnings: tuple[Finding, ...]
    seconds: float


@dataclass
class Wait:
    """One wait. Call :meth:`run`.

    ``clock`` and ``sleep`` are injected by tests; ``progress`` gets one line whenever something changed.
    """

    cluster: Connection
    namespace: str
    name: str
    target: Target
    budgets: Budgets = field(default_factory=Budgets)
    progress: Callable[[str], None] = lambda _text: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._path = path_of("Application", self.namespace, self.name)
        self._subject = f"Application/{self.name}"
        self._attempts: Counter[Action] = Counter()
        self._spent: dict[Phase, float] = dict.fromkeys(Phase, 0.0)
        self._unstuck: list[str] = []
        self._signature: object = None
        self._first_attempt: object = None
        self._last = self._since = self.clock()
        self._line = ""
        self._fresh = False
        self._problem: Finding | None = None
        self._suspect: tuple[object, float] | None = None
        self._gaps: tuple[str, ...] = ()
        self._looked = float("-inf")
        self._pause = FIRST_POLL_SECONDS

    def run(self, *, refresh: bool) -> Reached:
        """Wait until the target is reached. Raises :class:`Refusal` with the first cause when it will not be.

        ``refresh`` asks Argo CD to compare again first: needed whenever Git or the objects changed.
        """
        started, phase = self.clock(), Phase.REFRESH
        while True:
            app, verdict = self._read(), None
            if app and refresh and self._act(Action.REFRESH, app):
                refresh = False
                continue
            if app and not refresh:
                verdict = self._observe(app)
                if isinstance(verdict, Done):
                    seconds = round(self.clock() - started, 1)
                    return Reached(app, verdict.revision, tuple(self._unstuck), verdict.warnings, seconds)
                phase = self._advance(verdict, app)
            self._spend(phase, app, verdict)

    def _read(self) -> JSON | None:
        """The Application, or None when it is not there (yet) or the API server hiccups."""
        try:
            app = self.cluster.find(self._path)
        except ApiError as error:
            self._tolerate(error)
            return None
        if app is None:
            text = f"not found in namespace {self.namespace}"
            self._problem = finding("argocd-application-missing", self._subject, text)
            self._say(f"{self.name}: {text}")
        elif self._first_attempt is None:
            self._first_attempt = _attempt(app)
        return app

    def _observe(self, app: JSON) -> Verdict:
        """The verdict on what was just read, with the time for which it has been like that."""
        signature = _signature(app)
        if signature != self._signature:
            self._signature, self._since, self._pause = signature, self.clock(), FIRST_POLL_SECONDS
        seen = Seen(self.clock() - self._since, inherited=_attempt(app) == self._first_attempt)
        return assess(app, self.target, seen)

    def _advance(self, verdict: Verdict, app: JSON) -> Phase:
        """Report, act or give up; returns the phase whose budget runs."""
        if isinstance(verdict, Failed):
            raise Refusal([verdict.finding])
        if not isinstance(verdict, Waiting | Stuck):
            raise AssertionError("a Done has returned")
        status = app.get("status", {})
        self._say(
            f"{self.name} at {short(compared_revision(app))}: {verdict.phase.value}: {verdict.reason}"
            f" ({(status.get('sync') or {}).get('status', 'not compared')},"
            f" {(status.get('health') or {}).get('status', 'health unknown')}, {counts(app)})"
        )
        self._look(verdict.phase, app)
        if isinstance(verdict, Stuck):
            self._unstick(verdict, app)
        return verdict.phase

    def _say(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self.progress(line)

    def _unstick(self, verdict: Stuck, app: JSON) -> None:
        """Do what moves Argo CD, a bounded number of times, then name the cause."""
        action = verdict.action
        if self._attempts[action] >= MAX_ATTEMPTS.get(action, sys.maxsize):
            raise Refusal([self._why(app, verdict)])
        if action is Action.RESYNC and not self._fresh:
            self._fresh = self._act(Action.HARD_REFRESH, app)
        elif self._act(action, app):
            self._fresh = False
            self._attempts[action] += 1
            self._unstuck.append(f"{action.value}: {without_secrets(verdict.reason)}")
            self._signature = None

    def _act(self, action: Action, app: JSON) -> bool:
        try:
            return actions.perform(self.cluster, self._path, action, app)
        except ApiError as error:
            self._tolerate(error)
            return False

    def _look(self, phase: Phase, app: JSON) -> None:
        """End the wait at once for a reason that no waiting mends.

        A failure that was there before this wait began is not judged: what caused it may have been mended since.
        """
        now = self.clock()
        old = _attempt(app) == self._first_attempt and phase is Phase.SYNC
        if phase is Phase.REFRESH or old or now - self._looked < EVIDENCE_EVERY_SECONDS:
            return
        self._looked = now
        reason = self._reason(app)
        if reason is None or not reason.terminal:
            self._suspect = None
            return
        suspect = (reason.finding.code, reason.finding.subject)
        if self._suspect is None or self._suspect[0] != suspect:
            self._suspect = (suspect, now)
        if now - self._suspect[1] >= reason.settle:
            raise Refusal([self._with_gaps(reason.finding)])

    def _reason(self, app: JSON) -> Reason | None:
        try:
            evidence = collect_evidence(self.cluster, app)
            self._gaps = evidence.gaps
            return find_reason(evidence)
        except ApiError as error:
            self._tolerate(error)
            return None

    def _why(self, app: JSON | None, verdict: Verdict | None) -> Finding:
        """The first cause, or failing that what was seen last."""
        if app is None or not isinstance(verdict, Waiting | Stuck):
            return self._problem or finding("argocd-api-unstable", self._subject, "it could not be read")
        known = self._reason(app)
        if known and not (verdict.phase is Phase.REFRESH and isinstance(verdict, Waiting)):
            return self._with_gaps(known.finding)
        if refresh_pending(app):
            return finding("argocd-controller-silent", self._subject, "a requested refresh was not answered")
        return self._with_gaps(finding(UNEXPLAINED[verdict.phase], self._subject, without_secrets(verdict.reason)))

    def _with_gaps(self, found: Finding) -> Finding:
        """The finding with what could not be read for it: the cause may be there."""
        if not self._gaps:
            return found
        return replace(found, message=f"{found.message} (no right to read: {', '.join(self._gaps)})")

    def _tolerate(self, error: ApiError) -> None:
        if not error.transient:
            raise Refusal([error.finding()]) from None
        self._problem = finding("argocd-api-unstable", self._subject, str(error))
        self._say(f"{self.name}: {error}")

    def _spend(self, phase: Phase, app: JSON | None, verdict: Verdict | None) -> None:
        """Sleep, book the time on the phase, and end the wait when its budget is used up."""
        self.sleep(self._pause)
        now = self.clock()
        self._spent[phase] += now - self._last
        self._last = now
        self._pause = min(self._pause * POLL_GROWTH, LAST_POLL_SECONDS[phase])
        if self._spent[phase] >= self.budgets.of(phase):
            raise Refusal([self._why(app, verdict)])


def _attempt(app: Mapping[str, Any]) -> tuple[object, ...]:
    """Which try of which operation an Application reports on; one that is terminated stays the same try."""
    state = app.get("status", {}).get("operationState") or {}
    return (state.get("startedAt"), state.get("retryCount"))


def _signature(app: Mapping[str, Any]) -> tuple[object, ...]:
    """What must change for Argo CD to be said to move."""
    status = app.get("status", {})
    return (
        compared_revision(app),
        (status.get("sync") or {}).get("status"),
        (status.get("health") or {}).get("status"),
        bool(app.get("operation")),
        (status.get("operationState") or {}).get("phase"),
        *_attempt(app),
    )
