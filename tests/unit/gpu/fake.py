# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand-written API server over dicts, and a clock that only moves when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError

PODS = "/api/v1/namespaces/default/pods"


class FakeClock:
    """Seconds that pass by sleeping; ``at`` maps a second to something that happens then."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeCluster:
    """Lists and objects by path; ``errors`` are raised instead of an answer."""

    def __init__(
        self,
        lists: Mapping[str, list[dict[str, Any]]] | None = None,
        objects: Mapping[str, dict[str, Any]] | None = None,
        errors: Mapping[tuple[str, str], ApiError] | None = None,
    ) -> None:
        self.lists = dict(lists or {})
        self.objects = dict(objects or {})
        self.errors = dict(errors or {})
        self.created: list[dict[str, Any]] = []
        self.dry: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.log = ""
        self.life: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda pod: pod

    def _answer(self, verb: str, path: str, query: Mapping[str, Any]) -> None:
        self.requests.append((verb, path, dict(query)))
        if (verb, path) in self.errors:
            raise self.errors[verb, path]

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        self._answer("get", path, query)
        held = self.objects.get(path)
        return self.life(held) if held is not None and path.startswith("/api/v1/namespaces/") else held

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        self._answer("list", path, query)
        yield from self.lists.get(path, ())

    def text(self, path: str, **query: Any) -> str:
        self._answer("log", path, query)
        return self.log

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        metadata = manifest["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods"
        self._answer("dry-run" if dry_run else "create", path, {})
        (self.dry if dry_run else self.created).append(dict(manifest))
        if not dry_run:
            stored = {**manifest, "metadata": {**metadata, "uid": f"uid-{len(self.created)}"}, "status": {}}
            self.objects[f"{path}/{metadata['name']}"] = stored
        return dict(manifest)

    def delete(self, path: str, **query: Any) -> dict[str, Any] | None:
        self._answer("delete", path, query)
        self.deleted.append(path)
        return self.objects.pop(path, None)


def forbidden(what: str) -> ApiError:
    """The API server's 403 for a missing right."""
    return ApiError(403, "Forbidden", f'{what} is forbidden: User "town" cannot list resource "{what}"', f"GET {what}")
