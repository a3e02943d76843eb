# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an Application away in the order that does not deadlock: the Application with its children, then the project.

A project that goes first leaves its Applications undeletable (their finalizer needs it). Claims hold gigabytes of model
files and a RuntimeClass serves other workloads, so both stay unless ``purge`` is asked for.

Argo CD reads ``Delete=false`` from its own cache, which lags: an object that was marked 60 ms before the Application
was deleted has been seen to go. So the mark also asks for a confirmation, which the Application's status reports per
object, and nothing is deleted before Argo CD has reported every mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..api_error import ApiError
from ..cluster import path_of
from ..findings import Finding, finding, raise_if_fatal, refuse
from . import actions, objects, ownership
from .application import Outcome, Request, Writer
from .gate import refresh_pending
from .objects import CASCADE_FINALIZER, JSON, SYNC_OPTIONS_ANNOTATION

KEPT = ("PersistentVolumeClaim", "RuntimeClass")
KEEP, CONFIRM = "Delete=false", "Delete=confirm"
POLL_SECONDS = 0.5


def remove(cluster: Writer, request: Request, *, purge: bool, check: bool, **injected: Any) -> Outcome:
    """Delete the Application (with what it manages) and then the project that were named; what is gone is no change.

    ``injected`` may hold ``progress``, ``clock`` and ``sleep``. Raises :class:`Refusal` when something else manages
    them, when the project is missing or still in use, or when a budget ends.
    """
    if not request.application and not request.project:
        raise refuse("argocd-nothing-to-do", "module argocd_application", "project and application are both empty")
    app, project = _live(cluster, request, "Application"), _live(cluster, request, "AppProject")
    raise_if_fatal(_check(cluster, request, app, project))
    outcome = Outcome(changed=bool(app or project))
    outcome.diff = [_gone(item) for item in (app, project) if item]
    if check:
        return outcome
    if app:
        outcome.unstuck.extend(Removal(cluster, request, app, **injected).run(() if purge else KEPT))
    if project:
        cluster.delete(_path(project))
    return outcome


@dataclass
class Removal:
    """One Application on its way out. Call :meth:`run`."""

    cluster: Writer
    request: Request
    app: JSON
    progress: Callable[[str], None] = lambda _text: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _line: str = field(default="", init=False)

    def run(self, kinds: tuple[str, ...]) -> list[str]:
        """Mark what stays, delete, wait until it is gone, tidy the marks. Returns what was kept."""
        kept = list(_live_resources(self.cluster, self.app, kinds))
        marked = [item for item in kept if KEEP not in _options(item) or CONFIRM in _options(item)]
        if marked and not self.app["metadata"].get("deletionTimestamp"):
            self._mark(marked)
        self._delete()
        self._await("argocd-removal-stuck", self.request.budgets.sync, lambda live: live is None)
        for item in marked:
            self._set_options(item)
        return [f"kept {item['kind']}/{item['metadata']['name']}" for item in kept]

    def _mark(self, items: Iterable[JSON]) -> None:
        """Mark the objects and wait until Argo CD reports every mark; self-healing would take them off again."""
        self.cluster.patch(_path(self.app), {"spec": {"syncPolicy": {"automated": None}}})
        for item in items:
            self._set_options(item, CONFIRM)
        wanted = {(item["kind"], item["metadata"]["name"]) for item in items}

        def reported(live: JSON | None) -> bool:
            if live is None or wanted <= _to_be_confirmed(live):
                return True
            if not refresh_pending(live):
                self.cluster.patch(_path(self.app), actions.refresh_body())
            return False

        self._await("argocd-removal-unsafe", self.request.budgets.refresh, reported)

    def _set_options(self, item: JSON, *more: str) -> None:
        others = [option for option in _options(item) if option not in (KEEP, CONFIRM)]
        body = {"metadata": {"annotations": {SYNC_OPTIONS_ANNOTATION: ",".join([*others, KEEP, *more])}}}
        self.cluster.patch(_path(item), body)

    def _delete(self) -> None:
        metadata = self.app["metadata"]
        finalizers = metadata.get("finalizers") or []
        if metadata.get("deletionTimestamp"):
            return
        if CASCADE_FINALIZER not in finalizers:
            self.cluster.patch(_path(self.app), {"metadata": {"finalizers": [*finalizers, CASCADE_FINALIZER]}})
        self.cluster.delete(_path(self.app))

    def _await(self, code: str, budget: float, reached: Callable[[JSON | None], bool]) -> None:
        started = self.clock()
        while self.clock() - started < budget:
            try:
                live = self.cluster.find(_path(self.app))
                if reached(live):
                    return
                self._say(_remaining(live or {}))
            except ApiError as error:
                if not error.transient:
                    raise
                self._say(str(error))
            self.sleep(POLL_SECONDS)
        raise refuse(code, f"Application/{self.app['metadata']['name']}", self._line)

    def _say(self, line: str) -> None:
        if line != self._line:
            self._line = line
            self.progress(f"{self.app['metadata']['name']}: removal: {line}")


def _live(cluster: Writer, request: Request, kind: str) -> JSON | None:
    options = request.application if kind == "Application" else request.project
    live = cluster.find(path_of(kind, request.namespace, options["name"])) if options else None
    return {**live, "kind": kind} if live else None


def _check(cluster: Writer, request: Request, app: JSON | None, project: JSON | None) -> list[Finding]:
    """In app_of_apps mode the entry must have left Git before: a live parent would write the Application again."""
    found: list[Finding] = []
    for item in (app, project):
        if request.direct:
            found += ownership.check_owner(item, adopt=request.adopt)
    if app:
        name = app["spec"].get("project") or "default"
        if cluster.find(path_of("AppProject", request.namespace, name)) is None:
            text = "its finalizer needs the project; create it again before the Application is deleted"
            found.append(finding("argocd-project-missing", f"AppProject/{name}", text))
    if project:
        found += _users(cluster, request, project["metadata"]["name"])
    return found


def _users(cluster: Writer, request: Request, project: str) -> list[Finding]:
    ours = (request.application or {}).get("name")
    users = [
        item["metadata"]["name"]
        for item in cluster.items(path_of("Application", request.namespace))
        if item["spec"].get("project") == project and item["metadata"]["name"] != ours
    ]
    if not users:
        return []
    return [finding("argocd-project-in-use", f"AppProject/{project}", f"used by {', '.join(sorted(users))}")]


def _live_resources(cluster: Writer, app: JSON, kinds: tuple[str, ...]) -> Iterable[JSON]:
    for resource in app.get("status", {}).get("resources") or ():
        if resource.get("kind") in kinds:
            live = cluster.find(path_of(resource["kind"], resource.get("namespace"), resource["name"]))
            if live:
                yield {**live, "kind": resource["kind"]}


def _options(item: Mapping[str, Any]) -> list[str]:
    text = (item["metadata"].get("annotations") or {}).get(SYNC_OPTIONS_ANNOTATION, "")
    return [option for option in text.split(",") if option]


def _to_be_confirmed(live: Mapping[str, Any]) -> set[tuple[Any, Any]]:
    resources = (live.get("status") or {}).get("resources") or ()
    return {(r.get("kind"), r.get("name")) for r in resources if r.get("requiresDeletionConfirmation")}


def _remaining(live: Mapping[str, Any]) -> str:
    status = live.get("status") or {}
    errors = [c.get("message", "") for c in status.get("conditions") or () if c.get("type") == "DeletionError"]
    rest = [f"{r.get('kind')}/{r.get('name')}" for r in status.get("resources") or ()]
    return "; ".join(errors) or f"{len(rest)} objects: {', '.join(rest[:5])}"


def _path(item: Mapping[str, Any]) -> str:
    return path_of(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])


def _gone(item: JSON) -> JSON:
    subject = f"{item['kind']}/{item['metadata']['name']}"
    return {"before": objects.managed_part(item), "after": {}, "before_header": subject, "after_header": subject}
