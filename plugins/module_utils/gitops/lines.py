# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Editing a block of YAML text without touching any other byte. Pure.

Helm templates are not YAML, and a YAML library re-indents what people wrote. So this edits lines: keys
and block lists are found by indentation, new lines imitate their neighbours, and whoever edits compares
the parsed result with what it should be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..yaml_library import yaml

YAML_ERRORS = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What PyYAML raises for text that it cannot read; its constructors let plain Python errors through."""

PLAIN = re.compile(r"[A-Za-z_/.][\w./=:+-]*[\w/=]|[A-Za-z_]")


class NotFound(Exception):
    """The text does not have the shape that the edit needs; the message says what is missing."""


@dataclass(frozen=True)
class Span:
    """Lines ``start`` to ``end`` (exclusive)."""

    start: int
    end: int


class Text:
    """Lines that can be changed. ``str()`` gives back every byte that was not edited."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self.eol = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"

    def __str__(self) -> str:
        return "".join(self.lines)

    def whole(self) -> Span:
        """All lines."""
        return Span(0, len(self.lines))

    def content(self, index: int) -> bool:
        """Whether a line is neither blank nor a comment."""
        return bool(self.lines[index].strip()) and not self.lines[index].lstrip().startswith("#")

    def indent(self, index: int) -> int:
        """Blanks before the line's text."""
        return len(self.lines[index]) - len(self.lines[index].lstrip(" "))

    def first(self, span: Span) -> int | None:
        """The first content line of ``span``."""
        return next((i for i in range(span.start, span.end) if self.content(i)), None)

    def key(self, span: Span, indent: int, name: str) -> int | None:
        """The line of key ``name`` at exactly ``indent``. Raises when there are two."""
        pattern = re.compile(rf"^ {{{indent}}}(['\"]?){re.escape(name)}\1\s*:(?=\s|$)")
        found = [i for i in range(span.start, span.end) if pattern.match(self.lines[i])]
        if len(found) > 1:
            raise NotFound(f"has '{name}' twice, in lines {found[0] + 1} and {found[1] + 1}")
        return found[0] if found else None

    def body(self, key: int, limit: int) -> Span:
        """The lines under the key at line ``key``; a list may stand at the key's own indent."""
        own = self.indent(key)
        end = key + 1
        for index in range(key + 1, limit):
            if not self.content(index):
                continue
            deeper = self.indent(index) > own
            if not deeper and not (self.indent(index) == own and self.lines[index].lstrip().startswith("-")):
                break
            end = index + 1
        return Span(key + 1, end)

    def items(self, body: Span) -> list[Span]:
        """The items of the block list in ``body``, each up to its last content line."""
        first = self.first(body)
        if first is None:
            return []
        indent = self.indent(first)
        dash = [
            i
            for i in range(body.start, body.end)
            if self.indent(i) == indent and re.match(r"\s*-(?:\s|$)", self.lines[i])
        ]
        if not dash or dash[0] != first:
            raise NotFound(f"has no block list at line {first + 1}")
        spans = [Span(start, end) for start, end in zip(dash, [*dash[1:], body.end], strict=True)]
        return [Span(span.start, self._last_content(span) + 1) for span in spans]

    def _last_content(self, span: Span) -> int:
        return max(i for i in range(span.start, span.end) if self.content(i))

    def inline(self, key: int) -> str:
        """The value on the key's own line, without a comment."""
        value = self.lines[key].partition(":")[2].strip()
        return re.sub(r"(?:^|\s)#.*$", "", value).strip()

    def set_inline(self, key: int, value: str) -> None:
        """Replace the value on the key's own line; a comment behind it stays."""
        head, old = self.lines[key].partition(":")[0], self.inline(key)
        tail = self.lines[key].partition(":")[2]
        after = tail.replace(old, value, 1) if old else tail.replace(tail.rstrip("\r\n"), f" {value}", 1)
        self.lines[key] = f"{head}:{after}"

    def insert(self, index: int, lines: Sequence[str]) -> None:
        """Put ``lines`` (without line ends) before line ``index``; the end of the file keeps its form."""
        new = [line + self.eol for line in lines]
        if index == len(self.lines) and self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += self.eol
            new[-1] = new[-1].removesuffix(self.eol)
        self.lines[index:index] = new


def scalar(value: Any) -> str:
    """``value`` as a YAML scalar: plain where that reads back the same, otherwise in single quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if PLAIN.fullmatch(text) and ": " not in text and yaml.safe_load(text) == text:
        return text
    return "'" + text.replace("'", "''") + "'"


def item_lines(fields: Mapping[str, Any], indent: int, deeper: int = 2) -> list[str]:
    """A mapping as lines of a list item; lists inside it stand ``deeper`` to the right of their key."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, (list, tuple)):
            lines.append(f"{name}:")
            lines += [f"{' ' * deeper}- {scalar(entry)}" for entry in value]
        else:
            lines.append(f"{name}: {scalar(value)}")
    marks = ["- ", *["  "] * (len(lines) - 1)]
    return [f"{' ' * indent}{mark}{line}" for mark, line in zip(marks, lines, strict=True)]


def parse(text: str) -> Any:
    """The one document of ``text``. Raises :class:`NotFound` with the line when it is not YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotFound(f"is not YAML: {error.problem} in line {line}") from None
    except YAML_ERRORS as error:
        raise NotFound(f"is not YAML: {type(error).__name__}") from None


def untemplated(text: str) -> str:
    """A Helm template as YAML: actions on lines of their own dropped, the others replaced by a word."""
    lines = [line for line in text.splitlines(keepends=True) if not re.fullmatch(r"\s*\{\{.*\}\}\s*", line)]
    return re.sub(r"\{\{.*?\}\}", "templated", "".join(lines))
