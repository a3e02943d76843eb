# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live half of the proof of service: what is read from the cluster, and connections to its Services."""

from __future__ import annotations

import base64
import binascii
import http.client
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from ..api_error import ApiError
from ..chart.names import Names
from ..findings import refuse
from .diagnosis import Look, PodState, clean, look_at
from .prober import Services, Unreachable
from .requests import Model
from .workloads import Expected, Listed, Object, ready, terminating

LOG_LINES = 60
DEFAULT_PORT = 8000


class Api(Protocol):
    """The part of :class:`Cluster` that is used here."""

    def find(self, path: str, **query: Any) -> dict[str, Any] | None: ...

    def get(self, path: str, **query: Any) -> dict[str, Any]: ...

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]: ...

    def text(self, path: str, **query: Any) -> str: ...

    def forward(self, namespace: str, pod: str, port: int) -> Any: ...


class LiveSite:
    """One namespace of one cluster, read when asked. Nothing is ever written."""

    def __init__(self, cluster: Api, namespace: str, release: str) -> None:
        self._cluster, self._namespace, self._names = cluster, namespace, Names(release)
        self._hidden: list[str] = []
        self._seen = Listed()
        self._values: dict[str, dict[str, Any]] = {}

    def _path(self, group: str, plural: str, name: str = "") -> str:
        return f"/{group}/namespaces/{self._namespace}/{plural}" + (f"/{name}" if name else "")

    def _list(self, group: str, plural: str, **query: str) -> list[dict[str, Any]]:
        return list(self._cluster.items(self._path(group, plural), **query))

    def listed(self, expected: Expected) -> Listed:
        """The objects that :mod:`.workloads` checks. Raises :class:`ApiError`."""
        self._seen = Listed(
            pods=self._list("api/v1", "pods"),
            claims=self._list("api/v1", "persistentvolumeclaims"),
            services=self._list("api/v1", "services"),
            slices=self._list("apis/discovery.k8s.io/v1", "endpointslices"),
            secrets=[found for name in expected.secrets if (found := self._secret(name))],
            monitors=self._monitors(),
        )
        return self._seen

    def _secret(self, name: str) -> dict[str, Any] | None:
        """A Secret without its values: only the names of its keys are kept."""
        found = self._cluster.find(self._path("api/v1", "secrets", name))
        self._values[name] = found or {}
        return found and {"metadata": found["metadata"], "keys": sorted(found.get("data") or {})}

    def _monitors(self) -> list[dict[str, Any]] | None:
        try:
            return self._list("apis/monitoring.coreos.com/v1", "servicemonitors")
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def key(self, secret: str, key: str) -> str:
        """The API key from the Secret as it was just listed, else as it is now.

        Raises :class:`Refusal` when there is none that a client could send.
        """
        found = self._values.pop(secret, None) or self._cluster.find(self._path("api/v1", "secrets", secret))
        subject = f"secret/{secret}"
        if found is None:
            raise refuse("serving-secret-missing", subject, "there is no such Secret")
        if key not in (found.get("data") or {}):
            raise refuse("serving-secret-key-missing", subject, f"key {key} is missing")
        try:
            value = base64.b64decode(found["data"][key], validate=True).decode("ascii")
        except (ValueError, binascii.Error):
            raise refuse("serving-key-malformed", subject, f"{key} holds bytes that no HTTP header carries") from None
        if not value or not value.isprintable() or value != value.strip():
            what = "is empty" if not value else "holds a line break, a blank at an end, or a control character"
            raise refuse("serving-key-malformed", subject, f"{key} {what}")
        self._hidden.append(value)
        return value

    def services(self, models: Iterable[Model]) -> Services:
        """The Services to ask."""
        return Services(self._names.router_service, {m.name: self._names.service(m.name) for m in models})

    @contextmanager
    def connect(self, service: str) -> Iterator[http.client.HTTPConnection]:
        """A connection to a pod behind the Service: a ready one, else one that runs.

        Raises :class:`Unreachable` when there is no such pod or the port-forward fails, :class:`ApiError` when the
        right to it is missing.
        """
        try:
            found, pods = self._behind(service)
            pod = self._running(service, found, pods)
            port = target_port(found or {}, pod)
            with self._cluster.forward(self._namespace, pod["metadata"]["name"], port) as connection:
                yield connection
        except ApiError as error:
            if error.status == http.client.FORBIDDEN:
                raise  # a right is missing: no waiting gives it, and no model is at fault
            raise Unreachable(clean(f"{error.status or 'no answer'} {error.message}", self._hidden)) from None

    def _behind(self, service: str) -> tuple[Object | None, list[Object]]:
        """A Service and its pods: the first time as they were just listed, later as they are now."""
        seen, pods = self._seen.service(service), self._seen.behind(service)
        if any(ready(pod) for pod in pods):
            self._seen = replace(self._seen, services=[s for s in self._seen.services if s is not seen])
            return seen, pods
        found = self._cluster.find(self._path("api/v1", "services", service))
        return found, list(self._pods(found or {}))

    def _running(self, service: str, found: Object | None, pods: list[Object]) -> Object:
        if found is None:
            raise Unreachable("there is no such Service")
        running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
        if not running:
            raise Unreachable(f"no pod runs behind service/{service}")
        return next((pod for pod in running if ready(pod)), running[0])

    def _pods(self, service: Mapping[str, Any]) -> list[dict[str, Any]]:
        selector = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            return []
        labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
        found = self._list("api/v1", "pods", labelSelector=labels)
        return [pod for pod in found if not terminating(pod)]

    def look(self, model: Model) -> Look:
        """Why the model's pod does not answer: its object, events and the ends of its logs."""
        try:
            service = self._cluster.find(self._path("api/v1", "services", self._names.service(model.name)))
            pods = self._pods(service or {})
            if not pods:
                return look_at(None)
            newest = max(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))
            name = newest["metadata"]["name"]
            restarted = any(c.get("restartCount") for c in (newest.get("status") or {}).get("containerStatuses") or ())
            log, previous = self._log(name), self._log(name, previous="true") if restarted else ""
            return look_at(newest, self._events(name), log, previous, self._hidden)
        except ApiError as error:
            return Look(PodState.STARTING, clean(f"the pod cannot be looked at: {error.message}", self._hidden))

    def _events(self, pod: str) -> list[dict[str, Any]]:
        found = self._list("api/v1", "events", fieldSelector=f"involvedObject.name={pod}")
        return sorted(found, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))

    def _log(self, pod: str, **query: str) -> str:
        """The end of the engine's log; empty while there is none (the container has not started)."""
        path = self._path("api/v1", "pods", f"{pod}/log")
        try:
            return self._cluster.text(path, container="vllm", tailLines=str(LOG_LINES), **query)
        except ApiError:
            return ""


def target_port(service: Mapping[str, Any], pod: Mapping[str, Any]) -> int:
    """The container port behind the Service's first port (the one that clients use)."""
    ports = (service.get("spec") or {}).get("ports") or ()
    target = (ports[0].get("targetPort") or ports[0].get("port")) if ports else DEFAULT_PORT
    if isinstance(target, int):
        return target
    containers = (pod.get("spec") or {}).get("containers") or ()
    declared = [p for c in containers for p in c.get("ports") or () if p.get("name") == target]
    return int(declared[0]["containerPort"]) if declared else DEFAULT_PORT
