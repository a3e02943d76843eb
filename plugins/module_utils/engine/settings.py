# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the value of an option is one that the version takes: choices, numbers, JSON and its keys."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .table import Option, Table, key_known_in
from .versions import order

SUFFIXED = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT])")
WORDS = {
    "int": "a whole number",
    "float": "a number",
    "hint": "a whole number, which may end in k, m, g, t (thousands) or K, M, G, T (1024s)",
    "hint_auto": "a whole number (it may end in k, m, g, t or K, M, G, T), auto or -1",
}

ENUMS: dict[tuple[str, str], tuple[tuple[str, tuple[str, ...], int], ...]] = {
    ("--compilation-config", "cudagraph_mode"): (
        ("0.10.1.1", ("NONE", "PIECEWISE", "FULL", "FULL_DECODE_ONLY", "FULL_AND_PIECEWISE"), 2),
    ),
    ("--compilation-config", "mode"): (
        ("0.11.1", ("NONE", "STOCK_TORCH_COMPILE", "DYNAMO_TRACE_ONCE", "VLLM_COMPILE"), 3),
    ),
    ("--pooler-config", "pooling_type"): (("0.12.0", ("CLS", "LAST", "MEAN", "ALL", "STEP"), -1),),
}
"""(option, JSON key) -> (since, names, highest number that stands for one; -1 none)."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a value. ``kind``: choice, number, json, key, ignored-key."""

    kind: str
    message: str
    key: str = ""


def faults(option: Option, values: tuple[str, ...], table: Table) -> Iterator[Fault]:
    """What is wrong with the values that an option was given."""
    for value in values:
        special = _special(option, table)
        if special:
            yield from special(option, value, table)
        else:
            yield from _plain(option, value, table)


def number(text: str, kind: str) -> float | None:
    """The number that vLLM reads, None where it refuses the text; ``auto`` is -1."""
    if kind == "hint_auto" and text == "auto":
        return -1
    suffixed = SUFFIXED.fullmatch(text.strip()) if kind.startswith("hint") else None
    if suffixed:
        return _suffixed(*suffixed.groups())
    try:
        return float(text) if kind == "float" else int(text)
    except (ValueError, OverflowError):
        return None


def _suffixed(digits: str, suffix: str) -> float | None:
    power = "kmgt".index(suffix.lower()) + 1
    if suffix.islower():
        return int(float(digits) * 1000**power)
    return None if "." in digits else int(digits) * 1024**power


def _plain(option: Option, value: str, table: Table) -> Iterator[Fault]:
    if option.type in WORDS and number(value, option.type) is None:
        yield Fault("number", f"is not {WORDS[option.type]}")
    elif option.choices and _typed(option, value) not in option.choices:
        yield Fault("choice", f"is none of {', '.join(str(choice) for choice in option.choices)}")
    elif option.type in ("json", "json_strict") or (option.type == "json_or_str" and _braced(value)):
        yield from _json(option, value, table)


def _typed(option: Option, value: str) -> str | float | None:
    return number(value, option.type) if option.type in WORDS else value


def _braced(value: str) -> bool:
    return value.strip().startswith("{") and value.strip().endswith("}")


def _json(option: Option, value: str, table: Table) -> Iterator[Fault]:
    try:
        data = json.loads(value)
    except (ValueError, RecursionError) as error:
        place = f" ({error.msg} at character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        yield Fault("json", f"is no JSON{place}")
        return
    yield from _object(option, data, table)


def _object(option: Option, data: Any, table: Table) -> Iterator[Fault]:
    name = option.canonical
    keys = table.json_keys.get(name)
    if keys is None:
        return
    if not isinstance(data, dict):
        yield Fault("json", "is no JSON object")
        return
    for key in data:
        if key not in keys.keys:
            yield _unknown_key(name, key, keys.closed)
        else:
            yield from _enumerated(name, key, data[key], table)
    if name == "--kv-transfer-config":
        yield from _transfer(data)


def _unknown_key(option: str, key: str, closed: bool) -> Fault:
    runs = key_known_in(option, key)
    known = f"; it exists in {spans(runs)}" if runs else ""
    if closed:
        return Fault("key", f"has the key {key!r}, which this version refuses{known}", key)
    return Fault("ignored-key", f"has the key {key!r}, which this version ignores without a word{known}", key)


def _enumerated(option: str, key: str, value: Any, table: Table) -> Iterator[Fault]:
    for since, names, highest in ENUMS.get((option, key), ()):
        if order(table.version) < order(since) or value is None:
            continue
        numbered = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest
        named = isinstance(value, str) and (value in names or (highest >= 0 and value.upper() in names))
        if not numbered and not named:
            yield Fault("choice", f"has {json.dumps(value)} for the key {key!r}; it takes {', '.join(names)}", key)


def _transfer(data: dict[str, Any]) -> Iterator[Fault]:
    if data.get("kv_connector") and not data.get("kv_role"):
        yield Fault("json", "names a kv_connector without a kv_role (kv_producer, kv_consumer or kv_both)")


def spans(runs: list[tuple[str, str]]) -> str:
    """Runs of versions as words: ``0.8.0 to 0.16.0 and 0.33.0``."""
    return " and ".join(first if first == last else f"{first} to {last}" for first, last in runs)


# ------------------------------------------------------------------------- values that older versions read otherwise


Checker = Callable[[Option, str, Table], Iterator[Fault]]


def _literal(option: Option, value: str, table: Table) -> Iterator[Fault]:
    """0.8: a Python literal; a bare number is the level; unknown keys are ignored."""
    try:
        data = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        yield Fault("json", "is no Python literal, as this version reads it: write False for false")
        return
    if isinstance(data, dict):
        unknown = [k for k in data if k not in table.json_keys[option.canonical].keys]
        yield from (_unknown_key(option.canonical, str(key), closed=False) for key in unknown)
    elif not isinstance(data, int):
        yield Fault("json", "is neither a dictionary nor a level")


def _object_or_level(option: Option, value: str, table: Table) -> Iterator[Fault]:
    """0.9.0 and 0.9.1: JSON, or a bare number for the level."""
    if not value.strip().isdigit():
        yield from _json(option, value, table)


def _pair(_option: Option, value: str, _table: Table) -> Iterator[Fault]:
    """Up to 0.8.4: ``image=4``."""
    if "=" not in value:
        yield Fault("json", "is not of the form KEY=NUMBER, as this version reads it")


def _pair_or_object(option: Option, value: str, table: Table) -> Iterator[Fault]:
    """0.8.5 to 0.9.2: ``image=4`` or JSON."""
    if "=" not in value or _braced(value):
        yield from _json(option, value, table)


def _transfer_text(option: Option, value: str, table: Table) -> Iterator[Fault]:
    """Up to 0.9.0 the table knows this option as text; it is JSON all the same."""
    yield from _json(option, value, table)
    if option.canonical not in table.json_keys and not any(True for _unused in _json(option, value, table)):
        data = json.loads(value)
        yield from _transfer(data if isinstance(data, dict) else {})


SPECIAL: dict[str, tuple[tuple[str, str, Checker], ...]] = {
    "--compilation-config": (("0.8.0", "0.8.5.post1", _literal), ("0.9.0", "0.9.1", _object_or_level)),
    "--limit-mm-per-prompt": (("0.8.0", "0.8.4", _pair), ("0.8.5.post1", "0.9.2", _pair_or_object)),
    "--kv-transfer-config": (("0.8.0", "0.9.0", _transfer_text),),
}
"""option -> (first version, last version, checker)."""


def _special(option: Option, table: Table) -> Checker | None:
    for first, last, checker in SPECIAL.get(option.canonical, ()):
        if order(first) <= order(table.version) <= order(last):
            return checker
    return None
