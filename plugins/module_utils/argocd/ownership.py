# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who manages a live object? An object that something else manages is named, never fought over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api_error import ApiError
from ..cluster import FIELD_MANAGER
from ..findings import Finding, finding
from .objects import OWNER, OWNER_LABEL, TRACKING_ANNOTATION

DIRECT = "direct"
APP_OF_APPS = "app_of_apps"


def tracked_by(live: Mapping[str, Any] | None) -> str:
    """The Application that manages ``live``, or an empty string.

    A tracking id that names another kind or object was copied along with a manifest and means nothing.
    """
    if not live:
        return ""
    metadata = live.get("metadata") or {}
    app, _unused, rest = str((metadata.get("annotations") or {}).get(TRACKING_ANNOTATION, "")).partition(":")
    group_kind, _unused, place = rest.partition(":")
    names_it = group_kind.rpartition("/")[2] == live.get("kind") and place.rpartition("/")[2] == metadata.get("name")
    return app if names_it else ""


def check_owner(live: Mapping[str, Any] | None, *, adopt: bool = False) -> list[Finding]:
    """Whether this collection may apply ``live`` directly. A missing object has no owner yet.

    ``adopt`` lets it take over an object that was made by hand; one that an Application tracks is never taken over.
    """
    if not live:
        return []
    subject = f"{live['kind']}/{live['metadata']['name']}"
    parent = tracked_by(live)
    if parent:
        return [finding("argocd-tracked-elsewhere", subject, f"it is managed by the Application {parent}")]
    if not adopt and (live["metadata"].get("labels") or {}).get(OWNER_LABEL) != OWNER:
        return [finding("argocd-not-ours", subject, f"it lacks the label {OWNER_LABEL}={OWNER}")]
    return []


def as_applied(wanted: Mapping[str, Any], live: Mapping[str, Any] | None) -> bool:
    """Whether applying ``wanted`` again would change nothing: all of it is there, and we own nothing else of it."""
    for entry in ((live or {}).get("metadata") or {}).get("managedFields") or ():
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if live and ours and not entry.get("subresource"):
            return _contains(live, wanted) and _states(wanted, entry.get("fieldsV1") or {})
    return False


def _contains(live: Any, wanted: Any) -> bool:
    """Whether ``live`` says everything that ``wanted`` says; lists must be equal."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(key in live and _contains(live[key], wanted[key]) for key in wanted)
    return bool(live == wanted)


def _states(wanted: Any, fields: Mapping[str, Any]) -> bool:
    """Whether ``wanted`` states every field of a managedFields entry; elements of lists have no ``f:``."""
    for name, inner in fields.items():
        if name.startswith("f:"):
            key = name.removeprefix("f:")
            if not isinstance(wanted, Mapping) or key not in wanted or not _states(wanted[key], inner):
                return False
    return True


def check_required(wanted: Mapping[str, Any], live: Mapping[str, Any] | None, app_name: str) -> list[Finding]:
    """Whether an object that must exist after the sync does, is as wanted, and belongs to ``app_name`` if to anyone.

    ``wanted`` has kind, name, optionally namespace and ``fields`` (dotted path: value).
    """
    subject = f"{wanted['kind']}/{wanted['name']}"
    if live is None:
        return [
            finding("argocd-required-object-missing", subject, f"Application/{app_name} is done, but it is not there")
        ]
    found = [
        finding("argocd-required-object-differs", subject, f"{path} is {_show(_at(live, path))}, wanted {_show(value)}")
        for path, value in (wanted.get("fields") or {}).items()
        if _at(live, path) != value
    ]
    owner = tracked_by(live)
    if owner != app_name:
        by = f"Application {owner}" if owner else "no Application"
        found.append(finding("argocd-required-object-shared", subject, f"it is tracked by {by}, not by {app_name}"))
    return found


def explain_refusal(error: ApiError, subject: str) -> Finding:
    """What an API server's refusal of an apply means."""
    if error.status == 409:
        return finding("argocd-conflict", subject, error.message)
    if error.status in (400, 422):
        return finding("argocd-object-refused", subject, error.message)
    if error.status == 404:
        return finding("argocd-namespace-missing", subject, error.message)
    return error.finding()


def _at(live: Mapping[str, Any], path: str) -> Any:
    value: Any = live
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _show(value: Any) -> str:
    return "unset" if value is None else repr(value)
