# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that should be there: checked, before AWX is asked anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..findings import Finding, finding, raise_if_fatal
from ..suggest import did_you_mean
from .kinds import KINDS, Kind

Key: TypeAlias = tuple[str, str, str]
"""(kind, name of the scope or "", name)."""

Objects: TypeAlias = dict[Key, dict[str, Any]]


def key_of(kind: Kind, scope: str, name: str) -> Key:
    """What identifies an object; the scope counts only where names are unique within one."""
    return (kind.name, scope if kind.scope else "", name)


def read_desired(given: Mapping[str, Any]) -> Objects:
    """The desired objects by key, in the order of creation. Raises a Refusal with every mistake."""
    findings = [*_kinds(given), *(found for name in KINDS for found in _entries(KINDS[name], given.get(name, [])))]
    if not findings and not any(given.values()):
        findings.append(finding("awx-nothing-to-do", "objects", "no object is given"))
    raise_if_fatal(findings)
    wanted: Objects = {}
    for kind in KINDS.values():
        for item in given.get(kind.name, []):
            wanted[key_of(kind, str(item.get(kind.scope, "")), item[kind.identity])] = dict(item)
    return wanted


def references(key: Key, item: Mapping[str, Any]) -> Iterator[tuple[str, Key]]:
    """The objects that ``item`` names: field and key. Names within a scope are looked up in the item's own one."""
    kind = KINDS[key[0]]
    for name, target in (*kind.refs.items(), *kind.lists.items()):
        named = item.get(name)
        for one in named if isinstance(named, list | tuple) else [named]:
            if one:
                yield name, key_of(KINDS[target], scope_of(KINDS[target], item), str(one))


def scope_of(kind: Kind, item: Mapping[str, Any]) -> str:
    """The scope in which ``item`` looks up an object of ``kind``."""
    return str(item.get(kind.scope) or "")


def _kinds(given: Mapping[str, Any]) -> Iterator[Finding]:
    for name, items in given.items():
        if name not in KINDS:
            hint = did_you_mean(str(name), KINDS)
            yield finding("awx-object-invalid", f"objects.{name}", f"is not a kind that is managed here{hint}")
        elif not isinstance(items, Sequence) or isinstance(items, str):
            yield finding("awx-object-invalid", f"objects.{name}", f"must be a list, not {type(items).__name__}")


def _entries(kind: Kind, items: Any) -> Iterator[Finding]:
    if isinstance(items, str) or not isinstance(items, Sequence):
        return
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        path = f"objects.{kind.name}[{index}]"
        if not isinstance(item, Mapping):
            yield finding("awx-object-invalid", path, f"must be a mapping, not {type(item).__name__}")
            continue
        yield from _entry(kind, path, item)
        label = (str(item.get(kind.scope, "")), str(item.get(kind.identity, "")))
        if label in seen:
            yield finding("awx-object-invalid", path, f"{label[1]!r} is there twice")
        seen.add(label)


def _entry(kind: Kind, path: str, item: Mapping[str, Any]) -> Iterator[Finding]:
    for name in item:
        if name not in kind.known:
            hint = did_you_mean(str(name), kind.known)
            yield finding("awx-object-invalid", f"{path}.{name}", f"is no field of {kind.name}{hint}")
    for name in (kind.identity, *kind.required):
        if not item.get(name):
            yield finding("awx-object-invalid", path, f"lacks {name}")
    for name in kind.lists:
        if not isinstance(item.get(name, []), list | tuple):
            yield finding("awx-object-invalid", f"{path}.{name}", "must be a list of names")
    if not isinstance(item.get("inputs", {}), Mapping):
        yield finding("awx-object-invalid", f"{path}.inputs", "must be a mapping")
