# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed reading of untrusted mappings: a table of fields in, values and findings out. Never raises.

Numbers and switches may come as text, because a templated inventory value or an AWX survey yields text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, finding
from ..gpu.quantity import quantity
from ..suggest import did_you_mean

SHOWN = 60
QUANTITY = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?")


class Bad(ValueError):
    """A value that its field does not allow; the text says what is wrong where the allowed values do not."""


@dataclass(frozen=True)
class Kind:
    """A type of value: how to read it (raises :class:`Bad`), and the allowed values in words."""

    read: Callable[[Any], Any]
    allowed: str
    secret: bool = False
    """Whether a refused value must not be shown."""


Fields = Mapping[str, Kind]


def read_fields(raw: object, fields: Fields, path: str) -> tuple[dict[str, Any], list[Finding]]:
    """The values of ``raw`` that ``fields`` allows, and a finding for everything else; null means not given."""
    if not isinstance(raw, Mapping):
        return {}, [_invalid(path, raw, "a mapping with the keys " + ", ".join(sorted(fields)))]
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    for key, value in raw.items():
        if not isinstance(key, str) or key not in fields:
            findings.append(_unknown(path, key, fields))
        elif value is not None:
            findings += _read(values, key, value, fields[key], f"{path}.{key}")
    return values, findings


def show(value: object) -> str:
    """A short, safe rendering of an untrusted value."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def integer(low: int, high: int) -> Kind:
    """A whole number within bounds."""

    def read(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Bad
        return int(value)

    return Kind(read, f"a whole number from {low} to {high}")


def number(low: float, high: float) -> Kind:
    """A number above ``low``, at most ``high``."""

    def read(value: object) -> float:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value):
            value = float(value)
        # The bounds, which NaN and infinity fail, come before float(), which cannot take every int.
        if not isinstance(value, int | float) or isinstance(value, bool) or not low < value <= high:
            raise Bad
        return float(value)

    return Kind(read, f"a number above {low:g}, at most {high:g}")


def switch() -> Kind:
    """True or false."""
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

    def read(value: object) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or value.lower() not in words:
            raise Bad
        return words[value.lower()]

    return Kind(read, "true or false")


def choice(*allowed: str) -> Kind:
    """One of a few words."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise Bad
        if value not in allowed:
            raise Bad(did_you_mean(value, allowed))
        return str(value)

    return Kind(read, "one of " + ", ".join(allowed))


def text(pattern: str, allowed: str, *, longest: int = 253) -> Kind:
    """Text that matches a pattern wholly."""

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or not re.fullmatch(pattern, value):
            raise Bad
        return str(value)

    return Kind(read, allowed)


def amount(example: str) -> Kind:
    """A positive Kubernetes quantity; a bare number is allowed where it is one (CPU)."""

    def read(value: object) -> str:
        as_text = str(value) if isinstance(value, str) else show(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not QUANTITY.fullmatch(as_text):
            raise Bad
        if not quantity(as_text):
            raise Bad
        return as_text

    return Kind(read, f"a positive Kubernetes quantity such as {example}")


def strings(allowed: str) -> Kind:
    """A list of non-empty texts; numbers become text, as on a command line."""

    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple):
            raise Bad
        for index, element in enumerate(value):
            if isinstance(element, bool) or not isinstance(element, str | int | float) or element == "":
                raise Bad(f"; element {index} is a {type(element).__name__}")
        return tuple(str(e) if isinstance(e, str) else show(e) for e in value)

    return Kind(read, allowed, secret=True)


def mapping(key_pattern: str, allowed: str, *, secret: bool = False) -> Kind:
    """A mapping of texts; numbers become text, switches become ``true`` or ``false``."""

    def read(value: object) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise Bad
        for key, element in value.items():
            if not isinstance(key, str) or not re.fullmatch(key_pattern, key):
                raise Bad(f"; key {show(key)} is not allowed")
            if not isinstance(element, str | int | float):
                raise Bad(f"; the value of {show(key)} is a {type(element).__name__}")
        return {str(key): _plain(element) for key, element in value.items()}

    return Kind(read, allowed, secret=secret)


def nested() -> Kind:
    """A mapping that is read with a table of its own."""
    return Kind(lambda value: value, "a mapping")


def _plain(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else show(value)


def _read(values: dict[str, Any], key: str, value: object, kind: Kind, path: str) -> list[Finding]:
    try:
        values[key] = kind.read(value)
    except Bad as bad:
        shown = f"a {type(value).__name__} that is not shown" if kind.secret else value
        return [_invalid(path, shown, f"{kind.allowed}{bad}", quote=not kind.secret)]
    return []


def _invalid(path: str, value: object, allowed: str, *, quote: bool = True) -> Finding:
    shown = show(value) if quote else value
    return finding("planning-value-invalid", path, f"{shown} is not allowed; allowed is {allowed}")


def _unknown(path: str, key: object, fields: Fields) -> Finding:
    hint = did_you_mean(key, fields) if isinstance(key, str) and len(key) < SHOWN else ""
    return finding(
        "planning-key-unknown", path, f"unknown key {show(key)}{hint}; allowed are {', '.join(sorted(fields))}"
    )
