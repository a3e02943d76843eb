# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an argument list as vLLM's parser does: which elements are options, which are their values, what is left over.

vLLM's parser is argparse with abbreviations, after a rewriting of its own: underscores for hyphens, ``--x.key value``
into JSON, ``-O2`` into an option. The rules and the versions in which they changed are in docs/values.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .table import Option, Table
from .versions import order

NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")
LEVEL = re.compile(r"-O=?(\d+)")


@dataclass(frozen=True)
class Given:
    """One option as the list gives it. ``index`` is its element, ``typed`` what stands there."""

    index: int
    typed: str
    option: Option
    values: tuple[str, ...] = ()

    @property
    def abbreviated(self) -> bool:
        """Whether vLLM has to complete the name."""
        return self.typed != self.option.name


@dataclass(frozen=True)
class Problem:
    """Something that the parser stumbles over. ``kind``: unknown, ambiguous, joined, missing, extra, stray, misread."""

    kind: str
    index: int
    typed: str
    option: Option | None = None
    candidates: tuple[str, ...] = ()


@dataclass
class Reading:
    """The outcome: options in the order given, the model (first positional), and the problems."""

    given: list[Given] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    model: str | None = None

    def last(self, *names: str) -> Given | None:
        """The last occurrence of an option under any of its names: the one that counts."""
        return next((g for g in reversed(self.given) if g.option.canonical in names), None)


@dataclass(frozen=True)
class _Item:
    index: int
    text: str
    typed: str


@dataclass(frozen=True)
class _Seen:
    """What argparse takes an element for: A (argument), O (option), U (unknown option), X (ambiguous)."""

    item: _Item
    kind: str
    option: Option | None = None
    explicit: str | None = None
    candidates: tuple[str, ...] = ()


def read(elements: Sequence[str], table: Table) -> Reading:
    """Read the elements that follow ``vllm serve``."""
    reading = Reading()
    items = _without_dots(_normalised(elements, table), table, reading)
    seen = _classified(items, table)
    place = 0
    after: _Seen | None = None
    while place < len(seen):
        here = seen[place]
        place += 1
        if here.kind == "A":
            _positional(here, after, reading)
            continue
        after = here
        if here.kind == "O":
            values = [s.item.text for s in _arguments(seen, place)]
            place += _take(here, values, reading)
        else:
            kind = "ambiguous" if here.kind == "X" else "unknown"
            reading.problems.append(Problem(kind, here.item.index, here.item.typed, None, here.candidates))
    reading.given.sort(key=lambda given: given.index)
    return reading


# ------------------------------------------------------------------------------------------ vLLM's own rewriting


def _normalised(elements: Sequence[str], table: Table) -> list[_Item]:
    """Underscores before the first ``=`` and ``.`` become hyphens; ``-O`` becomes the option it stands for."""
    items: list[_Item] = []
    skip = False
    for index, element in enumerate(elements):
        following = elements[index + 1] if index + 1 < len(elements) else None
        if skip:
            skip = False
            continue
        if element.startswith("-O"):
            rewritten, skip = _optimisation(index, element, following, table)
            items += rewritten
        else:
            items.append(_Item(index, _hyphens(element, table), element))
    return items


def _hyphens(element: str, table: Table) -> str:
    if not element.startswith("--"):
        return element
    name, equals, value = element.partition("=")
    head, dot, keys = name.partition(".")
    if not _since(table, "0.9.1"):
        keys = keys.replace("_", "-")
    return head.replace("_", "-") + dot + keys + equals + value


def _optimisation(index: int, element: str, following: str | None, table: Table) -> tuple[list[_Item], bool]:
    """``-O3``, ``-O 3``, ``-O=3``: the compilation level up to 0.11, ``--optimization-level`` from 0.12 on."""
    apart = element == "-O" and following is not None
    level = LEVEL.fullmatch(f"-O{following}" if apart else element)
    if level and _since(table, "0.9.2"):
        name, value = ("-O", json.dumps({"level": int(level[1])}))
        if _since(table, "0.12.0"):
            name, value = "--optimization-level", level[1]
        return [_Item(index, f"{name}={value}", element)], apart
    if _since(table, "0.13.0") and len(element) > len("-O"):
        return [_Item(index, f"--optimization-level={element[2:].removeprefix('=')}", element)], False
    if _since(table, "0.12.0"):
        return [_Item(index, element.replace("-O", "--compilation-config", 1), element)], False
    return [_Item(index, element, element)], False


def _without_dots(items: list[_Item], table: Table, reading: Reading) -> list[_Item]:
    """``--x.key value`` and ``--x.key=value`` merged into one JSON value of ``--x``, put at the end."""
    if not _since(table, "0.9.0"):
        return items
    dash = "-" if _since(table, "0.9.2") else "--"
    kept: list[_Item] = []
    objects: dict[str, tuple[_Item, dict[str, Any]]] = {}
    queue = list(items)
    while queue:
        item = queue.pop(0)
        name, equals, value = item.text.partition("=")
        if not (item.text.startswith(dash) and "." in name):
            kept.append(item)
            continue
        base, _unused, keys = name.partition(".")
        if base not in table.options or not (equals or queue):
            kind = "missing" if base in table.options else "misread"
            reading.problems.append(Problem(kind, item.index, item.typed))
        if not equals:
            value = queue.pop(0).text if queue else ""
        _merge(objects.setdefault(base, (item, {}))[1], keys.split("."), _scalar(value))
    known = [(base, found) for base, found in objects.items() if base in table.options]
    return kept + [_Item(i.index, f"{base}={json.dumps(data)}", f"{base}.…") for base, (i, data) in known]


def _merge(data: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        below = data.setdefault(key, {})
        if not isinstance(below, dict):
            below = data[key] = {}
        data = below
    name = keys[-1]
    data[name.removesuffix("+")] = [value] if name.endswith("+") else value


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _since(table: Table, version: str) -> bool:
    return order(table.version) >= order(version)


# -------------------------------------------------------------------------------------------------- argparse


def _classified(items: list[_Item], table: Table) -> list[_Seen]:
    seen: list[_Seen] = []
    for place, item in enumerate(items):
        if item.text == "--":
            return seen + [_Seen(rest, "A") for rest in items[place + 1 :]]
        seen.append(_classify(item, table))
    return seen


def _classify(item: _Item, table: Table) -> _Seen:
    text = item.text
    name, equals, value = text.partition("=")
    if not text.startswith("-") or text == "-":
        return _Seen(item, "A")
    if text in table.options:
        return _Seen(item, "O", table.options[text])
    if equals and name in table.options:
        return _Seen(item, "O", table.options[name], value)
    matches = _completions(text, name, value if equals else None, table)
    if len(matches) > 1:
        return _Seen(item, "X", candidates=tuple(option.name for option, _unused in matches))
    if matches:
        return _Seen(item, "O", *matches[0])
    if NEGATIVE_NUMBER.fullmatch(text) or " " in text:
        return _Seen(item, "A")
    return _Seen(item, "U")


def _completions(text: str, name: str, value: str | None, table: Table) -> list[tuple[Option, str | None]]:
    """The options that argparse takes an unknown string for: completions, or a short option with its value glued on."""
    if text.startswith("--"):
        return [(option, value) for string, option in table.options.items() if string.startswith(name)]
    glued = [(table.options[text[:2]], text[2:])] if text[:2] in table.options else []
    return [*glued, *((option, value) for string, option in table.options.items() if string.startswith(text))]


def _arguments(seen: list[_Seen], place: int) -> list[_Seen]:
    """The run of arguments that begins at ``place``."""
    stop = place
    while stop < len(seen) and seen[stop].kind == "A":
        stop += 1
    return seen[place:stop]


def _take(here: _Seen, following: list[str], reading: Reading) -> int:
    """Give an option its values; answers how many of the following arguments it takes."""
    option, item = here.option, here.item
    if option is None:
        raise AssertionError("kind O always has one")
    typed = item.typed if item.typed.startswith("-O") else item.text.partition("=")[0]
    if here.explicit is not None:
        if option.kind == "flag":
            reading.problems.append(Problem("extra", item.index, item.typed, option))
        else:
            reading.given.append(Given(item.index, typed, option, (here.explicit,)))
        return 0
    count = {"flag": 0, "value": 1, "optional": min(1, len(following)), "list": max(1, len(following))}[option.kind]
    if count > len(following):
        reading.problems.append(Problem("missing", item.index, item.typed, option))
        return 0
    reading.given.append(Given(item.index, typed, option, tuple(following[:count])))
    return count


def _positional(here: _Seen, after: _Seen | None, reading: Reading) -> None:
    """The model, or an element that nothing takes; what follows an unknown option belongs to that finding."""
    text = here.item.text
    if text.startswith("-") and " " in text:
        reading.problems.append(Problem("joined", here.item.index, here.item.typed))
    elif reading.model is None and text and (after is None or after.kind == "O"):
        reading.model = text
    elif after is None or after.kind == "O":
        reading.problems.append(Problem("stray", here.item.index, here.item.typed, after.option if after else None))
