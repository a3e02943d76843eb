# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``vllm serve`` by version (table.json), loaded on first use.

table.json is made by ``tools/engine_table.py``; a line an option. A run ``[first, last, spec]`` says which versions
accept the string (``last`` null = the newest known one too); a string that no run covers is refused by that version.
Runs, and not one since/until pair, because an option can vanish and come back (``--disable-log-requests``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

NUMBERS = ("int", "float", "hint", "hint_auto")


@dataclass(frozen=True)
class Option:
    """One accepted option string in one version.

    ``kind``: flag (no value), value (one), list (one or more), optional (none or one). ``type``: int, float, str,
    hint (integer with suffix k m g t or K M G T), hint_auto (that, ``auto`` or -1), json, json_strict (object of a
    config class), json_or_str. ``of``: the option that this string is another name of; ``negates``: and switches off.
    """

    name: str
    kind: str
    type: str = "str"
    choices: tuple[str | int | float, ...] = ()
    deprecated: bool = False
    of: str | None = None
    negates: bool = False

    @property
    def canonical(self) -> str:
        """The option itself, for a string that is another name of it."""
        return self.of or self.name


@dataclass(frozen=True)
class JsonKeys:
    """The keys of an option whose value is a JSON object; ``closed`` says that an unknown key is refused."""

    keys: frozenset[str]
    closed: bool


@dataclass(frozen=True)
class Advice:
    """What took the place of an option that a version refuses. ``use`` None: nothing is needed or known."""

    use: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Everything that one version accepts."""

    version: str
    options: dict[str, Option] = field(default_factory=dict)
    json_keys: dict[str, JsonKeys] = field(default_factory=dict)


@cache
def _packaged() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(__file__).with_name("table.json").read_text(encoding="utf-8"))
    return data


@cache
def versions() -> tuple[str, ...]:
    """The known versions, oldest first."""
    return tuple(_packaged()["versions"])


@cache
def table(version: str) -> Table:
    """The table of a known version. Raises KeyError for any other."""
    if version not in versions():
        raise KeyError(version)
    options = {
        name: _option(name, spec) for name, runs in _packaged()["options"].items() if (spec := _at(runs, version))
    }
    keys = {
        name: JsonKeys(frozenset(spec["keys"]), spec["closed"])
        for name, runs in _packaged()["json_keys"].items()
        if (spec := _at(runs, version))
    }
    return Table(version, options, keys)


def accepted_in(name: str) -> list[tuple[str, str]]:
    """The runs of versions that accept an option string, as (first, last); empty for one that never existed."""
    newest = versions()[-1]
    return [(first, last or newest) for first, last, _unused in _merged(_packaged()["options"].get(name, []))]


def key_known_in(option: str, key: str) -> list[tuple[str, str]]:
    """The runs of versions whose JSON object of ``option`` has ``key``."""
    newest = versions()[-1]
    runs = _packaged()["json_keys"].get(option, [])
    return [(first, last or newest) for first, last, _unused in _merged([run for run in runs if key in run[2]["keys"]])]


def advice(name: str) -> Advice:
    """What to write instead of an option that was removed."""
    row = _packaged()["advice"].get(name, {})
    return Advice(row.get("use"), row.get("note", ""))


def ever() -> list[str]:
    """Every option string that any known version accepts."""
    return list(_packaged()["options"])


def _at(runs: list[list[Any]], version: str) -> dict[str, Any] | None:
    place = versions().index
    for first, last, spec in runs:
        if place(first) <= place(version) and (last is None or place(version) <= place(last)):
            return dict(spec)
    return None


def _merged(runs: list[list[Any]]) -> list[list[Any]]:
    """Runs that follow each other without a gap, as one."""
    merged: list[list[Any]] = []
    for first, last, spec in runs:
        if merged and merged[-1][1] is not None and versions().index(first) == versions().index(merged[-1][1]) + 1:
            merged[-1][1] = last
        else:
            merged.append([first, last, spec])
    return merged


def _option(name: str, spec: dict[str, Any]) -> Option:
    return Option(
        name,
        spec["kind"],
        spec.get("type", "str"),
        tuple(spec.get("choices", ())),
        bool(spec.get("deprecated")),
        spec.get("of"),
        bool(spec.get("negates")),
    )
