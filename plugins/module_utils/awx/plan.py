# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be sent so that the objects which are there become the ones which should be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..yaml_library import yaml
from .desired import Key, Objects, key_of, scope_of
from .kinds import KINDS, Kind

ENCRYPTED = "$encrypted$"
"""What AWX returns in place of a secret, and what tells it to keep the one it has."""

MASK = "********"


@dataclass
class There:
    """An object that exists: its fields, what it is associated with (sub-resource -> ids), its survey."""

    id: int
    fields: dict[str, Any]
    lists: dict[str, set[int]] = field(default_factory=dict)
    survey: list[dict[str, Any]] = field(default_factory=list)
    approval: str = ""


State: TypeAlias = Mapping[Key, There]


@dataclass(frozen=True)
class Ref:
    """An object whose id is known only when it has been created."""

    key: Key


@dataclass(frozen=True)
class Step:
    """One change of one object. ``body`` may hold :class:`Ref`; ``sub`` is the sub-resource, if any."""

    verb: str
    key: Key
    body: dict[str, Any] = field(hash=False)
    sub: str = ""
    before: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """What the step does, in words."""
        return f"{self.verb} {'/'.join(filter(None, self.key))}{f' {self.sub}' if self.sub else ''}"

    def diff(self) -> dict[str, str]:
        """Ansible's form of the difference, without secrets."""
        header = f"awx/{'/'.join(filter(None, self.key))}{f'/{self.sub}' if self.sub else ''}"
        sides = {"before": _text(self.key[0], self.before), "after": _text(self.key[0], {**self.before, **self.body})}
        return {"before_header": header, "after_header": header, **sides}


def plan(wanted: Objects, there: State, *, update_secrets: bool = False) -> list[Step]:
    """The steps, in an order in which they can be done. Empty when everything is as it should be."""
    first = [step for key, item in wanted.items() for step in _object(key, item, there, update_secrets)]
    return [*first, *(step for key, item in wanted.items() for step in _associations(key, item, there))]


def _object(key: Key, item: Mapping[str, Any], there: State, update_secrets: bool) -> Iterator[Step]:
    kind, found = KINDS[key[0]], there.get(key)
    body = _body(kind, item, there)
    if found is None:
        yield Step("create", key, {kind.identity: key[2], **body})
    else:
        if kind.name == "credentials" and "inputs" in body and not update_secrets:
            body["inputs"] = _without_kept(body["inputs"], found)
        changes = {name: value for name, value in body.items() if not _same(kind, name, value, found)}
        if changes:
            yield Step("update", key, changes, before={name: found.fields.get(name) for name in changes})
    if item.get("approval") and (found is None or found.approval != item["approval"]):
        yield Step("approve", key, {"name": item["approval"]}, "create_approval_template")
    survey = list(item.get("survey") or [])
    if kind.survey and "survey" in item and survey != (found.survey if found else []):
        spec = {"name": "", "description": "", "spec": survey}
        yield Step("survey", key, spec, "survey_spec", {"spec": found.survey if found else []})


def _body(kind: Kind, item: Mapping[str, Any], there: State) -> dict[str, Any]:
    body = {name: _plain(kind, name, item[name]) for name in kind.fields if name in item and name != "approval"}
    for name, target in kind.refs.items():
        if name in item:
            body[name] = _id(key_of(KINDS[target], scope_of(KINDS[target], item), item[name]), item[name], there)
    return body


def _plain(kind: Kind, name: str, value: Any) -> Any:
    if name in kind.texts and isinstance(value, Mapping):
        return yaml.safe_dump(dict(value), sort_keys=True)
    return value


def _id(key: Key, name: Any, there: State) -> Any:
    if not name:
        return None
    return there[key].id if key in there else Ref(key)


def _without_kept(inputs: Mapping[str, Any], found: There) -> dict[str, Any]:
    """The inputs to send: secrets that AWX has already stay out."""
    now = found.fields.get("inputs") or {}
    return {name: value for name, value in inputs.items() if now.get(name) != ENCRYPTED}


def _same(kind: Kind, name: str, value: Any, found: There) -> bool:
    now = found.fields.get(name)
    if kind.name == "credentials" and name == "inputs":
        return all((now or {}).get(one) == given for one, given in value.items())
    if name in kind.texts:
        return bool(yaml.safe_load(value or "") == yaml.safe_load(now or ""))
    return bool(now == value)


def _associations(key: Key, item: Mapping[str, Any], there: State) -> Iterator[Step]:
    kind, found = KINDS[key[0]], there.get(key)
    for sub, target in kind.lists.items():
        if sub not in item:
            continue
        now = found.lists.get(sub, set()) if found else set()
        ids = [_id(key_of(KINDS[target], scope_of(KINDS[target], item), name), name, there) for name in item[sub]]
        for one, name in zip(ids, item[sub], strict=True):
            if one not in now:
                yield Step("associate", key, {"id": one, "name": name}, sub)
        for gone in sorted(now - {one for one in ids if isinstance(one, int)}):
            yield Step("disassociate", key, {"id": gone, "disassociate": True}, sub)


def _text(kind: str, value: Mapping[str, Any]) -> str:
    shown = {name: _shown(kind, name, one) for name, one in value.items() if one is not None}
    return str(yaml.safe_dump(shown, sort_keys=True)) if shown else ""


def _shown(kind: str, name: str, value: Any) -> Any:
    if isinstance(value, Ref):
        return value.key[2]
    if kind == "credentials" and name == "inputs":
        return dict.fromkeys(value or {}, MASK)
    return value
