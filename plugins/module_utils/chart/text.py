# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML in and out: text that is the same byte for byte whenever the data are the same, and findings for bad input.

Helm reads values with a Go YAML parser, which takes plain text such as ``1e6`` or ``0o17`` for a number where
PyYAML does not. So text is written in quotes unless it begins with a letter and is a plain word; nothing is folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..findings import refuse
from ..yaml_library import yaml

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
MERGE = "tag:yaml.org,2002:merge"
MOST_VALUES = 100_000
WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


def to_yaml(data: Mapping[str, Any]) -> str:
    """Block-style YAML of ``data`` in its own order, two spaces a level, a line a scalar."""
    return yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=2**31, allow_unicode=True, indent=2
    )


def from_yaml(text: str, subject: str) -> Any:
    """The data of one YAML document. Raises a Refusal (values-file-unreadable) that names line and column."""
    try:
        return _unfolded(yaml.load(text, Loader=_Loader), [MOST_VALUES])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "the text is no YAML"
        raise refuse("values-file-unreadable", subject, f"{problem}{place}") from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise refuse("values-file-unreadable", subject, f"a value cannot be read ({type(error).__name__})") from None


def _unfolded(node: Any, left: list[int]) -> Any:
    """The data without shared parts; a few aliases can stand for more values than fit into memory."""
    left[0] -= 1
    if left[0] < 0:
        raise OverflowError
    if isinstance(node, dict):
        return {key: _unfolded(value, left) for key, value in node.items()}
    return [_unfolded(value, left) for value in node] if isinstance(node, list) else node


class _Dumper(yaml.SafeDumper):
    """Indents lists inside maps, as people write them, and never writes anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses a key given twice: Helm would silently take the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (k for k, _unused in node.value if isinstance(k, yaml.ScalarNode) and k.tag != MERGE):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style: str | None = '"'
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        style = None
    elif '"' in text and "'" not in text and text.isprintable():
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
