# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in a dictionary, a clock that only sleeping moves, and an Argo CD in a few lines."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import FIELD_MANAGER, path_of, path_of_object

OURS, OLD, NEWER = "a" * 40, "0" * 40, "b" * 40
REPO = "https://git.example.org/town/site.git"
SERVER = "https://kubernetes.default.svc"
CRD_PATH = path_of("CustomResourceDefinition", None, "applications.argoproj.io")


def merge(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7386)."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            inner = target.get(key)
            target[key] = merge(inner if isinstance(inner, dict) else {}, value)
        else:
            target[key] = value
    return target


def owned(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The managedFields entry that a server-side apply of ``manifest`` leaves; lists are owned whole."""

    def fields(value: Mapping[str, Any]) -> dict[str, Any]:
        return {f"f:{key}": fields(inner) if isinstance(inner, Mapping) else {} for key, inner in value.items()}

    metadata = {key: value for key, value in manifest["metadata"].items() if key not in ("name", "namespace")}
    stated = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
    return {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields({**stated, "metadata": metadata})}


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeCluster:
    """The methods of a cluster connection over ``objects`` (path: object).

    ``errors`` are raised one a request, in order; ``react`` is called before every read, as Argo CD would act.
    """

    host = "https://cluster.example.org"

    def __init__(self, *objects: Mapping[str, Any]) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.patches: list[dict[str, Any]] = []
        self.errors: list[ApiError] = []
        self.lists: dict[str, list[dict[str, Any]] | ApiError] = {}
        self.logs: dict[str, str] = {}
        self.react: Callable[[FakeCluster], None] = lambda _cluster: None
        self._version = 0
        for item in objects:
            self.put(item)

    def put(self, item: Mapping[str, Any]) -> dict[str, Any]:
        stored = copy.deepcopy(dict(item))
        self._version += 1
        stored["metadata"]["resourceVersion"] = str(self._version)
        self.objects[path_of_object(stored)] = stored
        return stored

    def find(self, path: str, **_query: Any) -> dict[str, Any] | None:
        self._request("GET", path)
        self.react(self)
        return copy.deepcopy(self.objects.get(path))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        found = self.find(path, **query)
        if found is None:
            raise ApiError(404, "NotFound", "not found", f"GET {path}")
        return found

    def items(self, path: str, **_query: Any) -> Iterator[dict[str, Any]]:
        self._request("LIST", path)
        answer = self.lists.get(path)
        if isinstance(answer, ApiError):
            raise answer
        if answer is None:
            answer = [item for key, item in self.objects.items() if key.startswith(f"{path}/")]
        yield from copy.deepcopy(answer)

    def text(self, path: str, **_query: Any) -> str:
        self._request("LOG", path)
        pod = path.split("/")[-2]
        if pod not in self.logs:
            raise ApiError(400, "BadRequest", "container is waiting to start", path)
        return self.logs[pod]

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        path = path_of_object(manifest)
        self._request("APPLY" + ("?dry" if dry_run else ""), path)
        live = self.objects.get(path)
        merged = merge(copy.deepcopy(live or {}), copy.deepcopy(dict(manifest)))
        merged["metadata"]["managedFields"] = [owned(manifest)]
        if merged == live or dry_run:
            return merged
        return copy.deepcopy(self.put(merged))

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        self._request("PATCH", path)
        live = self.objects[path]
        asked = body.get("metadata", {}).get("resourceVersion")
        if asked is not None and asked != live["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "the object has been modified", f"PATCH {path}")
        self.patches.append(copy.deepcopy(dict(body)))
        return copy.deepcopy(self.put(merge(live, copy.deepcopy(dict(body)))))

    def delete(self, path: str, **_query: Any) -> dict[str, Any] | None:
        self._request("DELETE", path)
        return self.objects.pop(path, None)

    def _request(self, verb: str, path: str) -> None:
        self.requests.append(f"{verb} {path}")
        if self.errors:
            raise self.errors.pop(0)

    @property
    def writes(self) -> list[str]:
        return [r for r in self.requests if r.split()[0] in ("APPLY", "PATCH", "DELETE")]


def app(
    name: str = "vllm", revision: str = OURS, *, sync: str = "Synced", health: str = "Healthy", **status: Any
) -> dict[str, Any]:
    """A live Application, by default Done at our revision after an automated sync."""
    live: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "resourceVersion": "1",
            "labels": {"app.kubernetes.io/managed-by": "inferops-vllm"},
        },
        "spec": {
            "project": "vllm",
            "source": {"repoURL": REPO, "path": "applications/vllm", "targetRevision": "main"},
            "destination": {"server": SERVER, "namespace": "vllm"},
            "syncPolicy": {"automated": {"prune": False, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
        },
        "status": {
            "sync": {"status": sync, "revision": revision},
            "health": {"status": health},
            "operationState": operation("Succeeded", revision),
            "resources": [],
        },
    }
    live["status"].update(status)
    return live


def operation(phase: str, revision: str = OURS, message: str = "", **more: Any) -> dict[str, Any]:
    resources = more.pop("resources", [])
    return {
        "phase": phase,
        "message": message,
        "startedAt": more.pop("started", "2026-01-01T00:00:00Z"),
        "operation": {"sync": {"revision": revision}},
        "syncResult": {"revision": revision, "resources": resources},
        **more,
    }


def refused(kind: str, name: str, message: str, group: str = "") -> dict[str, Any]:
    return {"group": group, "kind": kind, "name": name, "status": "SyncFailed", "message": message}


def project(name: str = "vllm", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": "argocd", "labels": {"app.kubernetes.io/managed-by": "inferops-vllm"}},
        "spec": {
            "sourceRepos": [REPO],
            "destinations": [{"server": SERVER, "namespace": "vllm"}],
            "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
            **spec,
        },
    }


def crd(*features: str) -> dict[str, Any]:
    """The Application definition of an Argo CD that has these features."""
    retry = {"limit": {}, **({"refresh": {}} if "retry.refresh" in features else {})}
    auto = {"prune": {}, **({"enabled": {}} if "automated.enabled" in features else {})}
    policy = {"properties": {"retry": {"properties": retry}, "automated": {"properties": auto}}}
    schema = {"properties": {"spec": {"properties": {"syncPolicy": policy}}}}
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "applications.argoproj.io"},
        "spec": {"versions": [{"storage": True, "schema": {"openAPIV3Schema": schema}}]},
    }
