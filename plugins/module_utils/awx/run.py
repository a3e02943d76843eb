# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what is there, and do the steps of a plan, over any client that speaks AWX's API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from ..findings import finding, raise_if_fatal, refuse
from .desired import Key, Objects, references
from .kinds import KINDS
from .plan import ENCRYPTED, Ref, Step, There

POLL_SECONDS = 2.0
SETTLED = frozenset({"successful", "failed", "error", "canceled"})
PAGE = 200


class Client(Protocol):
    """AWX's API below its prefix: paths such as ``projects/`` and ``projects/7/``."""

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET, parsed."""

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST, parsed."""

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH, parsed."""


def read_state(client: Client, wanted: Objects) -> dict[Key, There]:
    """The wanted objects, and those that they name, as far as AWX has them.

    Raises a Refusal when an object is named that is neither wanted nor there.
    """
    keys = dict.fromkeys([*wanted, *(ref for key, item in wanted.items() for _name, ref in references(key, item))])
    order = list(KINDS)
    there: dict[Key, There] = {}
    for key in sorted(keys, key=lambda one: order.index(one[0])):
        found = _find(client, key, wanted.get(key, {}), there)
        if found is not None:
            there[key] = _complete(client, key, found)
    raise_if_fatal(
        finding("awx-reference-missing", "/".join(filter(None, key)), f"{name} names {ref[2]!r}, which is not there")
        for key, item in wanted.items()
        for name, ref in references(key, item)
        if ref not in wanted and ref not in there
    )
    return there


def _find(client: Client, key: Key, item: Mapping[str, Any], there: Mapping[Key, There]) -> dict[str, Any] | None:
    """The object of this key; of its own organization, where it names one."""
    kind = KINDS[key[0]]
    query: dict[str, Any] = {kind.identity: key[2]}
    for parent, name in ((kind.scope, key[1]), ("organization", item.get("organization"))):
        if parent in kind.refs and name:
            found = there.get((kind.refs[parent], "", str(name)))
            if found is None:
                return None
            query[parent] = found.id
    results = client.get(f"{kind.name}/", **query)["results"]
    if len(results) > 1:
        raise refuse("awx-object-invalid", "/".join(filter(None, key)), f"AWX has {len(results)} objects of this name")
    return dict(results[0]) if results else None


def _complete(client: Client, key: Key, found: dict[str, Any]) -> There:
    kind, path = KINDS[key[0]], f"{key[0]}/{found['id']}/"
    lists = {sub: _ids(client, f"{path}{sub}/") for sub in kind.lists}
    survey = client.get(f"{path}survey_spec/").get("spec", []) if kind.survey else []
    template = found.get("summary_fields", {}).get("unified_job_template") or {}
    approval = template.get("name", "") if template.get("unified_job_type") == "workflow_approval" else ""
    return There(int(found["id"]), found, lists, survey, approval)


def _ids(client: Client, path: str) -> set[int]:
    found: set[int] = set()
    for page in count(1):
        answer = client.get(path, page_size=PAGE, page=page)
        found |= {int(one["id"]) for one in answer["results"]}
        if not answer.get("next"):
            break
    return found


@dataclass
class Runner:
    """Does steps. ``progress`` is told what a wait waits for."""

    client: Client
    there: dict[Key, There]
    sync_timeout: float = 300
    progress: Callable[[str], None] = lambda _text: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _ids: dict[Key, int] = field(default_factory=dict)

    def run(self, steps: Iterable[Step]) -> None:
        """Do ``steps`` in order. A project that is new or moved is waited for: its playbooks are read by templates."""
        self._ids = {key: found.id for key, found in self.there.items()}
        for step in steps:
            self._do(step)
            if step.key[0] == "projects":
                self._synced(step.key)

    def _do(self, step: Step) -> None:
        body = {name: self._resolved(value) for name, value in step.body.items()}
        if step.verb == "create":
            self._ids[step.key] = int(self.client.post(f"{step.key[0]}/", body)["id"])
            return
        path = f"{step.key[0]}/{self._ids[step.key]}/"
        if step.verb == "update":
            self.client.patch(path, self._kept(step.key, body))
        else:
            if step.verb == "associate":
                body.pop("name", None)
            self.client.post(f"{path}{step.sub}/", body)

    def _resolved(self, value: Any) -> Any:
        return self._ids[value.key] if isinstance(value, Ref) else value

    def _kept(self, key: Key, body: dict[str, Any]) -> dict[str, Any]:
        """AWX replaces all inputs of a credential at once: name those that stay."""
        if key[0] != "credentials" or "inputs" not in body:
            return body
        now = self.there[key].fields.get("inputs") or {}
        stays = {name: value for name, value in now.items() if value == ENCRYPTED}
        return {**body, "inputs": {**stays, **body["inputs"]}}

    def _synced(self, key: Key) -> None:
        path, started, said = f"projects/{self._ids[key]}/", self.clock(), ""
        while True:
            status = str(self.client.get(path).get("status", ""))
            if status == "successful":
                return
            if status in SETTLED or self.clock() - started > self.sync_timeout:
                message = f"its update is {status} after {self.clock() - started:.0f} s"
                raise refuse("awx-project-sync-failed", f"projects/{key[2]}", message)
            if status != said:
                self.progress(f"project {key[2]}: {status}")
                said = status
            self.sleep(POLL_SECONDS)
