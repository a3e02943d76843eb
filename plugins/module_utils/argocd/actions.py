# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making Argo CD move, through the Kubernetes API only: refresh, sync, terminate.

Every body is a JSON merge patch. An Application has no status subresource: a replace without status would wipe it, so
nothing here ever replaces one.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, Protocol

from ..api_error import ApiError
from .gate import Action, compared_revision
from .objects import JSON, OWNER, REFRESH_ANNOTATION


class Patcher(Protocol):
    """The part of a cluster connection that actions need."""

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> JSON:
        """JSON merge patch of one object."""


def refresh_body(*, hard: bool = False) -> JSON:
    """Ask for a comparison now. ``hard`` also drops cached manifests and cached manifest errors."""
    return {"metadata": {"annotations": {REFRESH_ANNOTATION: "hard" if hard else "normal"}}}


def sync_body(app: Mapping[str, Any], revision: str) -> JSON:
    """An operation that syncs ``app`` at ``revision``.

    Sync options and retry are copied: an operation that is written by hand inherits neither (without CreateNamespace
    the namespace would not be made). The resourceVersion makes a second writer lose instead of overwrite.
    """
    policy = app.get("spec", {}).get("syncPolicy") or {}
    sync: JSON = {
        "revision": revision,
        "prune": bool((policy.get("automated") or {}).get("prune")),
        "syncStrategy": {"hook": {}},
    }
    if policy.get("syncOptions"):
        sync["syncOptions"] = list(policy["syncOptions"])
    operation: JSON = {
        "initiatedBy": {"username": OWNER},
        "info": [{"name": "Reason", "value": "Argo CD does not retry this revision by itself"}],
        "sync": sync,
    }
    if policy.get("retry"):
        operation["retry"] = policy["retry"]
    return {
        "metadata": {"resourceVersion": app["metadata"]["resourceVersion"]},
        "operation": operation,
        "status": {"operationState": None},
    }


def terminate_body(app: Mapping[str, Any]) -> JSON:
    """End the running operation; only meaningful while there is one."""
    return {
        "metadata": {"resourceVersion": app["metadata"]["resourceVersion"]},
        "status": {"operationState": {"phase": "Terminating"}},
    }


def body_of(action: Action, app: Mapping[str, Any]) -> JSON:
    """The patch for one action on ``app`` as it was read. ``RESYNC`` is two actions: the caller refreshes first."""
    if action in (Action.REFRESH, Action.RECHECK):
        return refresh_body()
    if action is Action.HARD_REFRESH:
        return refresh_body(hard=True)
    if action is Action.TERMINATE:
        return terminate_body(app)
    return sync_body(app, compared_revision(app))


def perform(cluster: Patcher, path: str, action: Action, app: Mapping[str, Any]) -> bool:
    """Do it. False when somebody else wrote the Application meanwhile: look again before trying again."""
    if action in (Action.SYNC, Action.RESYNC) and app.get("operation"):
        return False
    try:
        cluster.patch(path, body_of(action, app))
    except ApiError as error:
        if error.status == http.client.CONFLICT:
            return False
        raise
    return True
