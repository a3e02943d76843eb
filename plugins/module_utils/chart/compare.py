# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would change in a file that people own: values against values, not lines against lines.

A values file of a site is often older than this collection. It is read as input, never edited in place; it is replaced
as a whole, and only when told to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Refusal, finding
from .arguments import helm_text
from .files import TextFile, is_ours
from .text import from_yaml

SHOWN = 3
"""Differences that a message names; all are in the result."""


@dataclass(frozen=True)
class Difference:
    """One value that differs. ``old`` or ``new`` is None where the path is missing on that side."""

    file: str
    path: str
    old: Any
    new: Any

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a module returns it."""
        return {"file": self.file, "path": self.path, "old": self.old, "new": self.new}

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.old)} → {_shown(self.new)}"


def differences(old: Any, new: Any, file: str = "", path: str = "") -> Iterator[Difference]:
    """All leaves that differ. Models are matched by name, other lists are compared as wholes.

    Two scalars that Helm renders to the same text (``2`` and ``"2"``) are the same.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), file, f"{path}.{key}" if path else str(key))
    elif _named(old) and _named(new):
        yield from differences(_by_name(old), _by_name(new), file, path)
    elif isinstance(old, Mapping) and new is None:
        yield from differences(old, {}, file, path)
    elif isinstance(new, Mapping) and old is None:
        yield from differences({}, new, file, path)
    elif not _same(old, new):
        yield Difference(file, path, old, new)


def compare_files(old: Mapping[str, str], new: list[TextFile]) -> list[Difference]:
    """Differences between the files of a repository (path -> text) and those that would be written."""
    return [change for file in new for change in _changes(old.get(file.path), file)]


def check_takeover(old: Mapping[str, str], new: list[TextFile], *, take_over: bool) -> list[Finding]:
    """Findings about files that people wrote and that would be replaced by different ones."""
    found: list[Finding] = []
    for file in new:
        before = old.get(file.path)
        if before is None or not before.strip() or is_ours(before):
            continue
        changes = _changes(before, file)
        if changes:
            code = "values-takeover" if take_over else "values-takeover-refused"
            found.append(finding(code, file.path, _summary(changes)))
    return found


def _changes(before: str | None, file: TextFile) -> list[Difference]:
    """Differences of one file; one that cannot be read (a Helm template is no YAML) differs as a whole."""
    try:
        old = from_yaml(before or "", file.path)
    except Refusal:
        return [Difference(file.path, "(the whole file)", "what cannot be read as YAML", "a file of this collection")]
    return list(differences(old, from_yaml(file.content, file.path), file.path))


def _summary(changes: list[Difference]) -> str:
    shown = "; ".join(str(change) for change in changes[:SHOWN])
    more = len(changes) - SHOWN
    return f"{len(changes)} values differ: {shown}" + (f"; and {more} more" if more > 0 else "")


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return not any(True for _unused in differences(old, new))
    scalars = not isinstance(old, list | Mapping) and not isinstance(new, list | Mapping)
    if isinstance(old, bool) or isinstance(new, bool) or old is None or new is None:
        return old is new
    return scalars and helm_text(old) == helm_text(new)


def _named(node: Any) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(x, Mapping) and "name" in x for x in node)


def _by_name(node: list[Any]) -> dict[str, Any]:
    return {f"[{element['name']}]": element for element in node}


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
