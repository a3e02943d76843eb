# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking an Application away in the order that does not deadlock: the Application with its children, then the project.

A project that goes first leaves its Applications undeletable (their finalizer needs it). Claims hold gigabytes of model
files and a RuntimeClass serves other workloads, so both stay unless ``purge`` is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..api_error import ApiError
from ..cluster import path_of
from ..findings import Finding, finding, raise_if_fatal, refuse
from . import objects, ownership
from .application import Outcome, Request, Writer
from .objects import CASCADE_FINALIZER, JSON, SYNC_OPTIONS_ANNOTATION

KEPT = ("PersistentVolumeClaim", "RuntimeClass")
KEEP_OPTION = "Delete=false"
POLL_SECONDS = 1.0


def remove(
    cluster: Writer,
    request: Request,
    *,
    purge: bool,
    check: bool,
    progress: Callable[[str], None] = lambda _text: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Delete the Application (with what it manages) and then the project that were named; what is gone is no change.

    Raises :class:`Refusal` when something else manages them, when the project is missing or still in use, or when the
    sync budget ends.
    """
    app, project = _live(cluster, request, "Application"), _live(cluster, request, "AppProject")
    if not request.application and not request.project:
        raise refuse("argocd-nothing-to-do", "module argocd_application", "project and application are both empty")
    raise_if_fatal(_check(cluster, request, app, project))
    outcome = Outcome(changed=bool(app or project))
    outcome.diff = [_gone(item) for item in (app, project) if item]
    if check:
        return outcome
    if app:
        outcome.unstuck.extend(_keep(cluster, app, () if purge else KEPT))
        _delete_application(cluster, app)
        _await_gone(cluster, request, app, progress, clock, sleep)
    if project:
        cluster.delete(_path(project))
    return outcome


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


def _keep(cluster: Writer, app: JSON, kinds: tuple[str, ...]) -> list[str]:
    """Mark the live objects that must outlive the Application; Argo CD reads the mark on the live object."""
    kept = []
    for resource in app.get("status", {}).get("resources") or ():
        if resource.get("kind") not in kinds:
            continue
        path = path_of(resource["kind"], resource.get("namespace"), resource["name"])
        live = cluster.find(path)
        if live is None:
            continue
        options = (live["metadata"].get("annotations") or {}).get(SYNC_OPTIONS_ANNOTATION, "")
        if KEEP_OPTION not in options.split(","):
            value = ",".join(filter(None, [options, KEEP_OPTION]))
            cluster.patch(path, {"metadata": {"annotations": {SYNC_OPTIONS_ANNOTATION: value}}})
        kept.append(f"kept {resource['kind']}/{resource['name']}")
    return kept


def _delete_application(cluster: Writer, app: JSON) -> None:
    finalizers = app["metadata"].get("finalizers") or []
    if not app["metadata"].get("deletionTimestamp"):
        if CASCADE_FINALIZER not in finalizers:
            cluster.patch(_path(app), {"metadata": {"finalizers": [*finalizers, CASCADE_FINALIZER]}})
        cluster.delete(_path(app))


def _await_gone(
    cluster: Writer,
    request: Request,
    app: JSON,
    progress: Callable[[str], None],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    started, line, live = clock(), "", None
    while clock() - started < request.budgets.sync:
        try:
            live = cluster.find(_path(app))
        except ApiError as error:
            if not error.transient:
                raise
        else:
            if live is None:
                return
            text = _remaining(live)
            if text != line:
                line = text
                progress(f"{app['metadata']['name']}: being deleted: {text}")
        sleep(POLL_SECONDS)
    raise refuse("argocd-removal-stuck", f"Application/{app['metadata']['name']}", line or "it could not be read")


def _remaining(live: Mapping[str, Any]) -> str:
    status = live.get("status") or {}
    errors = [c.get("message", "") for c in status.get("conditions") or () if c.get("type") == "DeletionError"]
    rest = [f"{r.get('kind')}/{r.get('name')}" for r in status.get("resources") or ()]
    return "; ".join(errors) or f"{len(rest)} objects: {', '.join(rest[:5])}"


def _path(item: Mapping[str, Any]) -> str:
    return path_of(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])


def _gone(item: JSON) -> JSON:
    subject = f"{item['kind']}/{item['metadata']['name']}"
    return {"before": objects.managed_part(item), "after": {}, "before_header": subject, "after_header": subject}
