# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read of the cluster, as plain data that can be saved, sent and replayed."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from ..api_error import ApiError
from ..findings import refuse
from ..whole_file import replace
from . import trim
from .settings import Settings

PRIVATE_MODE = 0o600
SCHEMA = 1
"""Version of the form below; a snapshot of another version is refused, not guessed at."""

Snapshot = dict[str, Any]

_DEPLOYMENTS = f"app.kubernetes.io/name in ({','.join(sorted(trim.DEPLOYMENT_ROLES))})"

SOURCES: dict[str, tuple[str, Callable[[Mapping[str, Any]], trim.Record | None], dict[str, str]]] = {
    "nodes": ("/api/v1/nodes", trim.node, {}),
    "pods": ("/api/v1/pods", trim.pod, {}),
    "runtime_classes": ("/apis/node.k8s.io/v1/runtimeclasses", trim.runtime_class, {}),
    "daemonsets": ("/apis/apps/v1/daemonsets", trim.daemonset, {}),
    "deployments": ("/apis/apps/v1/deployments", trim.deployment, {"labelSelector": _DEPLOYMENTS}),
    "namespaces": ("/api/v1/namespaces", trim.namespace, {}),
    "quotas": ("/api/v1/namespaces/{namespace}/resourcequotas", trim.quota, {}),
    "limit_ranges": ("/api/v1/namespaces/{namespace}/limitranges", trim.limit_range, {}),
    "storage_classes": ("/apis/storage.k8s.io/v1/storageclasses", trim.storage_class, {}),
    "claims": ("/api/v1/namespaces/{namespace}/persistentvolumeclaims", trim.claim, {}),
}
"""Section of the snapshot: path of the list, what is kept of an object, further query parameters."""

OPTIONAL = ("deployments",)
"""Sections that only add detail: not being allowed to read them is only worth knowing."""

API_GROUPS = {
    "argocd": ("/apis/argoproj.io/v1alpha1", "applications"),
    "sealed_secrets": ("/apis/bitnami.com/v1alpha1", "sealedsecrets"),
    "service_monitor": ("/apis/monitoring.coreos.com/v1", "servicemonitors"),
}
"""Key of ``api``: the group's path and the resource that must be in it."""


class Reader(Protocol):
    """The part of a cluster connection that a snapshot needs."""

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """One object, None when there is none."""

    def items(self, path: str, **query: Any) -> Any:
        """All objects of a list, page by page."""


def collect(cluster: Reader, settings: Settings) -> Snapshot:
    """Read the cluster once.

    What may not or cannot be read is named under ``unreadable`` and the rest goes on. A refused credential
    or an unreachable API server is not a gap but the end: raises :class:`ApiError`.
    """
    snapshot: Snapshot = {"schema": SCHEMA, "namespace": settings.namespace, "unreadable": {}}
    with _no_garbage_collection():
        for section in SOURCES:
            _read(cluster, section, settings, snapshot)
    snapshot["api"] = {key: _serves(cluster, *group) for key, group in API_GROUPS.items()}
    return snapshot


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Decoded JSON has no cycles, so nothing is lost, and a quarter of the time on thousands of nodes is saved."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(cluster: Reader, section: str, settings: Settings, snapshot: Snapshot) -> None:
    path, keep, query = SOURCES[section]
    place = path.format(namespace=settings.namespace)
    try:
        kept = [record for raw in cluster.items(place, **query) if (record := keep(raw)) is not None]
    except ApiError as error:
        if error.status in (0, 401):
            raise
        snapshot["unreadable"][section] = f"list {place.rpartition('/')[2]}: {_why(error)}"
    else:
        snapshot[section] = kept


def _why(error: ApiError) -> str:
    return "forbidden" if error.status == 403 else f"{error.status} {error.reason}".strip()


def _serves(cluster: Reader, path: str, resource: str) -> bool | None:
    """Whether the API serves the resource; None when that cannot be read."""
    try:
        group = cluster.find(path)
    except ApiError as error:
        if error.status in (0, 401):
            raise
        return None
    return group is not None and any(entry.get("name") == resource for entry in group.get("resources") or ())


def save(snapshot: Snapshot, path: str) -> None:
    """Write the snapshot as a file that only its owner can read; the file is whole or not there.

    Raises :class:`Refusal` (``gpu-snapshot-unreadable``) when the place cannot be written.
    """
    try:
        replace(Path(path), json.dumps(snapshot, indent=1, sort_keys=True), PRIVATE_MODE)
    except OSError as error:
        raise refuse(
            "gpu-snapshot-unreadable",
            path,
            f"cannot be written: {error.strerror}",
            fix="Name a file in a folder that exists.",
        ) from None


def load(path: str) -> Snapshot:
    """Read a snapshot back. Raises :class:`Refusal` (``gpu-snapshot-unreadable``) for anything that is not one."""
    try:
        snapshot = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise refuse("gpu-snapshot-unreadable", path, f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise refuse("gpu-snapshot-unreadable", path, f"is not a whole JSON file: {error}") from None
    return require_schema(snapshot, path)


def require_schema(snapshot: object, subject: str) -> Snapshot:
    """The snapshot itself, or a refusal when it is none of this version's."""
    if not isinstance(snapshot, dict):
        raise refuse("gpu-snapshot-unreadable", subject, f"holds a {type(snapshot).__name__}, not a snapshot")
    if snapshot.get("schema") != SCHEMA or isinstance(snapshot["schema"], bool):
        found = snapshot.get("schema", "none")
        raise refuse("gpu-snapshot-unreadable", subject, f"schema version is {found!r}, this collection reads {SCHEMA}")
    return snapshot
