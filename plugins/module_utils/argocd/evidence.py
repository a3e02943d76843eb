# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read once when an Application does not get there, so that the decision why is pure."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..api_error import ApiError
from ..cluster import path_of
from .objects import JSON

LISTED = ("SealedSecret", "Deployment", "ReplicaSet", "Pod", "PersistentVolumeClaim", "Event")
LOG_LINES = 40
MAX_LOGS = 4
"""Logs read at most: two engines and a router are the usual case."""


class Reader(Protocol):
    """The part of a cluster connection that evidence needs."""

    def find(self, path: str, **query: Any) -> JSON | None:
        """One object, or None."""

    def items(self, path: str, **query: Any) -> Iterator[JSON]:
        """A list."""

    def text(self, path: str, **query: Any) -> str:
        """A log."""


@dataclass(frozen=True)
class Evidence:
    """One Application, its project, and the objects of its namespace that belong to it.

    ``logs`` maps a pod's name to the end of the log that says why it is not ready; ``gaps`` names what may not be read
    (403), with the right that is missing.
    """

    application: JSON
    project: JSON | None = None
    objects: Mapping[str, list[JSON]] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    def of(self, kind: str) -> list[JSON]:
        """The collected objects of one kind."""
        return self.objects.get(kind, [])

    def events_of(self, item: Mapping[str, Any]) -> list[JSON]:
        """Events about one object, the newest last; not those about an earlier object of the same name."""
        known = {"name": item["metadata"]["name"], "kind": item.get("kind"), "uid": item["metadata"].get("uid")}
        about = [event for event in self.of("Event") if _is_about(event.get("involvedObject") or {}, known)]
        return sorted(about, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))


def _is_about(involved: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether everything that both say about an object agrees; the name they must both say."""
    agree = all(involved[key] == known[key] for key in known if known[key] and involved.get(key))
    return agree and involved.get("name") == known["name"]


def collect_evidence(cluster: Reader, app: JSON) -> Evidence:
    """Read the project, six lists of the destination namespace and a few log tails.

    What may not be read is a gap, not an error; a kind that is not installed has no objects. Raises a transient error.
    """
    spec, metadata = app.get("spec", {}), app["metadata"]
    namespace = (spec.get("destination") or {}).get("namespace") or ""
    project = cluster.find(path_of("AppProject", metadata["namespace"], spec.get("project") or "default"))
    gaps: list[str] = []
    lists = {kind: _list(cluster, kind, namespace, gaps) for kind in LISTED} if namespace else {}
    objects = _of_application(app, lists)
    logs = dict(_logs(cluster, namespace, objects.get("Pod", ()), gaps))
    return Evidence(app, project, objects, logs, tuple(dict.fromkeys(gaps)))


def _list(cluster: Reader, kind: str, namespace: str, gaps: list[str]) -> list[JSON]:
    try:
        return [{"kind": kind, **item} for item in cluster.items(path_of(kind, namespace))]
    except ApiError as error:
        if error.transient:
            raise
        _note(gaps, kind, error)
        return []


def _note(gaps: list[str], what: str, error: ApiError) -> None:
    if error.status == http.client.FORBIDDEN:
        gaps.append(f"{what} {error.right}".strip())


def _of_application(app: JSON, lists: Mapping[str, list[JSON]]) -> dict[str, list[JSON]]:
    """Only what the Application manages, and what is below it: other tenants' troubles are not ours."""
    managed = {(r.get("kind"), r.get("name")) for r in app.get("status", {}).get("resources") or ()}
    kept = {
        kind: [item for item in items if (kind, item["metadata"]["name"]) in managed] for kind, items in lists.items()
    }
    kept["ReplicaSet"] = _owned_by(lists.get("ReplicaSet", ()), kept.get("Deployment", ()))
    kept["Pod"] = _owned_by(lists.get("Pod", ()), kept["ReplicaSet"])
    kept["Event"] = lists.get("Event", [])
    return kept


def _owned_by(items: Iterable[JSON], owners: Iterable[JSON]) -> list[JSON]:
    uids = {owner["metadata"].get("uid") for owner in owners}
    return [
        item for item in items if any(ref.get("uid") in uids for ref in item["metadata"].get("ownerReferences") or ())
    ]


def _logs(cluster: Reader, namespace: str, pods: Iterable[JSON], gaps: list[str]) -> Iterator[tuple[str, str]]:
    wanted = [(pod, status) for pod in pods for status in _unready(pod)][:MAX_LOGS]
    for pod, status in wanted:
        name = pod["metadata"]["name"]
        previous = {"previous": "true"} if status.get("restartCount") else {}
        path = f"{path_of('Pod', namespace, name)}/log"
        try:
            yield name, cluster.text(path, container=status["name"], tailLines=LOG_LINES, **previous)
        except ApiError as error:
            _note(gaps, "logs", error)


def _unready(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return [
        s for s in statuses if not s.get("ready") and ("running" in (s.get("state") or {}) or s.get("restartCount"))
    ]
