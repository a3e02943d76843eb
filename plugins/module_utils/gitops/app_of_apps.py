# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Minimal edits of an existing app-of-apps: one entry of its list, one rule of an AppProject template. Pure.

People own these files. Every byte that is not part of the change stays, and what cannot be edited with
certainty is refused with the change named, so that a person can make it.

:func:`app_entry` and :func:`project_rules` give an :data:`~.changes.Edit`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..findings import raise_if_fatal, refuse
from ..suggest import did_you_mean
from .changes import Edit, unresolved
from .lines import NotFound, Span, Text, item_lines, parse, scalar, untemplated

LIST = "apps"
"""The key of the applications in the app-of-apps chart's values."""

APP_KEYS = ("name", "project", "namespace", "automated", "valueFiles", "syncOptions", "path", "releaseName")
WHITELIST = "clusterResourceWhitelist"
DESTINATIONS = "destinations"


def app_entry(app: Mapping[str, Any]) -> Edit:
    """An edit that makes sure of one entry in the values of the app-of-apps chart.

    ``app`` has a ``name`` and any of :data:`APP_KEYS`. An existing entry keeps its other keys; scalars
    are set, list items are added. A new entry goes to the end of the list.
    """
    unknown = [key for key in app if key not in APP_KEYS]
    if unknown or not app.get("name"):
        key = unknown[0] if unknown else "name"
        hint = f"is not one of {', '.join(APP_KEYS)}{did_you_mean(key, APP_KEYS)}" if unknown else "is missing"
        raise refuse("gitops-files-invalid", f"app.{key}", hint)
    return _edit("gitops-values-malformed", lambda text: _set_app(text, app), f"the entry for '{app['name']}'")


def project_rules(
    cluster_resources: Sequence[Mapping[str, str]] = (),
    destinations: Sequence[Mapping[str, str]] = (),
    *,
    project: str = "",
    namespace: str = "",
) -> Edit:
    """An edit that makes sure of rules in an AppProject, which may be a Helm template.

    ``cluster_resources`` are ``{group, kind}``, ``destinations`` ``{namespace, server}`` (and ``name``).
    ``project`` names the AppProject where the file holds several. ``namespace`` sets metadata.namespace
    where there is none; an existing one stays.
    """
    rules = {DESTINATIONS: list(destinations), WHITELIST: list(cluster_resources)}
    words = ", ".join(f"{name} {dict(rule)}" for name, wanted in rules.items() for rule in wanted)
    return _edit("gitops-project-malformed", lambda text: _set_rules(text, rules, project, namespace), words)


def _edit(code: str, change: Callable[[str], str], what: str) -> Edit:
    def edit(path: str, text: str) -> str:
        raise_if_fatal(unresolved(path, text))
        try:
            if not text.strip():
                raise NotFound("is empty or missing")
            return change(text)
        except NotFound as error:
            raise refuse(code, path, f"{error}; wanted there: {what}") from None

    return edit


def app_namespaces(text: str) -> dict[str, str]:
    """The namespace that each application's folder is deployed to, as the values of the app-of-apps say it.

    Empty where they say nothing that can be read.
    """
    try:
        data = parse(text)
    except NotFound:
        return {}
    apps = data.get(LIST) if isinstance(data, dict) else None
    named = [app for app in apps or () if isinstance(app, dict) and app.get("name") and app.get("namespace")]
    return {f"applications/{app.get('path') or app['name']}": str(app["namespace"]) for app in named}


# -- the list of applications ---------------------------------------------------------------------


def _set_app(source: str, app: Mapping[str, Any]) -> str:
    data = parse(source)
    index = _index_of(data, str(app["name"]))
    text = Text(source)
    key = text.key(text.whole(), 0, LIST)
    if key is None:
        raise NotFound(f"has no block key '{LIST}'")
    items = text.items(text.body(key, len(text.lines)))
    if len(items) != len(data[LIST] or []):
        raise NotFound(f"writes '{LIST}' in another form than a block list")
    if index is None:
        _append_app(text, key, items, app)
        expected = [*(data[LIST] or []), dict(app)]
    else:
        for name, value in app.items():
            _set_field(text, _span(text, key, index), name, value)
        expected = [_merged(entry, app) if i == index else entry for i, entry in enumerate(data[LIST])]
    if parse(str(text)) != {**data, LIST: expected}:
        raise NotFound("is written in a way that cannot be edited line by line")
    return str(text)


def _index_of(data: Any, name: str) -> int | None:
    """The position of the application in the parsed list, None if it is new."""
    if not isinstance(data, dict) or LIST not in data:
        raise NotFound(f"has no key '{LIST}'")
    apps = data[LIST] or []
    if not isinstance(apps, list):
        raise NotFound(f"has no list under '{LIST}'")
    for position, entry in enumerate(apps):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise NotFound(f"has an entry without a name: {LIST}[{position}]")
    found = [position for position, entry in enumerate(apps) if entry["name"] == name]
    if len(found) > 1:
        raise NotFound(f"has '{name}' twice: {LIST}[{found[0]}] and {LIST}[{found[1]}]")
    return found[0] if found else None


def _merged(entry: Mapping[str, Any], app: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(entry)
    for name, value in app.items():
        old = entry.get(name) or []
        result[name] = [*old, *(v for v in value if v not in old)] if isinstance(value, list) else value
    return result


def _span(text: Text, key: int, index: int) -> Span:
    return text.items(text.body(key, len(text.lines)))[index]


def _append_app(text: Text, key: int, items: Sequence[Span], app: Mapping[str, Any]) -> None:
    if not items:
        if text.inline(key) not in ("", "[]", "null", "~"):
            raise NotFound(f"writes '{LIST}' in another form than a block list")
        text.lines[key] = re.sub(r":\s*(?:\[\]|null|~)", ":", text.lines[key], count=1)
    indent = text.indent(items[0].start) if items else 2
    apart = _gap(text, items)
    end = items[-1].end if items else key + 1
    text.insert(end, [*([""] if apart else []), *item_lines(app, indent, _list_depth(text, items))])


def _gap(text: Text, items: Sequence[Span]) -> bool:
    """Whether people leave an empty line between entries."""
    return any(not text.lines[i].strip() for a, b in pairwise(items) for i in range(a.end, b.start))


def _list_depth(text: Text, items: Sequence[Span]) -> int:
    """How far people put a list to the right of its key inside an entry."""
    for span in items:
        for i in range(span.start, span.end - 1):
            if text.lines[i].rstrip().endswith(":") and text.lines[i + 1].lstrip().startswith("- "):
                return max(0, text.indent(i + 1) - _key_indent(text, i))
    return 2


def _key_indent(text: Text, index: int) -> int:
    """The column of the key on a line, behind the dash if it is the first of its item."""
    match = re.match(r" *(?:- +)?", text.lines[index])
    return match.end() if match else 0


def _set_field(text: Text, item: Span, name: str, value: Any) -> None:
    """Make sure of one key of an entry."""
    line = text.lines[item.start]
    if re.match(r"\s*-\s*\{", line):
        _set_flow_field(text, item, name, value)
        return
    # Blank the dash out meanwhile, so that all keys of the entry stand in one column.
    dash = line.index("-")
    text.lines[item.start] = f"{line[:dash]} {line[dash + 1 :]}"
    key = text.key(item, text.indent(item.start), name)
    if key is None:
        text.insert(item.end, _field_lines(text, item, name, value))
    elif isinstance(value, list):
        _extend(text, key, item.end, value)
    elif parse(text.inline(key) or "null") != value:
        text.set_inline(key, scalar(value))
    line = text.lines[item.start]
    text.lines[item.start] = f"{line[:dash]}-{line[dash + 1 :]}"


def _field_lines(text: Text, item: Span, name: str, value: Any) -> list[str]:
    lines = item_lines({name: value}, 0, _list_depth(text, [item]))
    return [" " * text.indent(item.start) + line[2:] for line in lines]


def _extend(text: Text, key: int, limit: int, values: Sequence[Any]) -> None:
    """Add the missing ones of ``values`` to the list of a key."""
    if inline := text.inline(key):
        old = parse(inline)
        if not isinstance(old, list):
            raise NotFound(f"has no list in line {key + 1}")
        if missing := [value for value in values if value not in old]:
            text.set_inline(key, "[" + ", ".join(scalar(value) for value in [*old, *missing]) + "]")
        return
    items = text.items(text.body(key, limit))
    old = [parse(text.lines[span.start].lstrip()[1:]) for span in items]
    indent = text.indent(items[0].start) if items else text.indent(key) + 2
    end = items[-1].end if items else key + 1
    if missing := [value for value in values if value not in old]:
        text.insert(end, [f"{' ' * indent}- {scalar(value)}" for value in missing])


def _set_flow_field(text: Text, item: Span, name: str, value: Any) -> None:
    """Make sure of one scalar key of an entry that is written as ``- {name: x, …}`` on one line."""
    line = text.lines[item.start]
    old = parse(line.strip()[1:])
    if not isinstance(old, dict) or item.end != item.start + 1:
        raise NotFound(f"has an entry over several lines in braces, from line {item.start + 1}")
    merged = _merged(old, {name: value})[name]
    if old.get(name) == merged:
        return
    shown = "[" + ", ".join(map(scalar, merged)) + "]" if isinstance(merged, list) else scalar(merged)
    pattern = re.compile(rf"(?<=[{{,\s]){re.escape(name)}:\s*(?:\[[^\]]*\]|[^,}}\[]*[^,}}\s\[])")
    replaced, count = pattern.subn(lambda _unused: f"{name}: {shown}", line, count=1)
    if not count:
        head, brace, tail = line.rpartition("}")
        replaced = f"{head.rstrip()}, {name}: {shown}{brace}{tail}"
    text.lines[item.start] = replaced


# -- AppProject templates ---------------------------------------------------------------------------


def _set_rules(source: str, rules: Mapping[str, Sequence[Mapping[str, str]]], project: str, namespace: str) -> str:
    text = Text(source)
    for name, wanted in rules.items():
        for rule in wanted:
            _add_rule(text, name, rule, project)
    if namespace:
        _set_namespace(text, _document(text, project), namespace)
    _compare(source, str(text), rules)
    return str(text)


def _document(text: Text, project: str) -> Span:
    """The lines of the one AppProject (called ``project``, if given)."""
    cuts = [i for i, line in enumerate(text.lines) if re.match(r"---(?:\s|$)", line)]
    edges = [-1, *cuts, len(text.lines)]
    spans = [Span(a + 1, b) for a, b in pairwise(edges)]
    found = [span for span in spans if _is_project(text, span, project)]
    if len(found) != 1:
        name = f" '{project}'" if project else ""
        raise NotFound(f"holds {len(found) or 'no'} AppProject{name}{'s' if len(found) > 1 else ''}")
    return found[0]


def _is_project(text: Text, span: Span, project: str) -> bool:
    kind = text.key(span, 0, "kind")
    if kind is None or text.inline(kind).strip("'\"") != "AppProject":
        return False
    name = _child(text, span, "metadata", "name")
    return not project or (name is not None and text.inline(name).strip("'\"") == project)


def _section(text: Text, document: Span, name: str) -> tuple[Span, int]:
    """The lines under a top-level key, and their indent."""
    key = text.key(document, 0, name)
    body = text.body(key, document.end) if key is not None else Span(0, 0)
    first = next((i for i in range(body.start, body.end) if text.content(i) and not _is_action(text, i)), None)
    if first is None or text.indent(first) == 0:
        raise NotFound(f"has no '{name}' in block form")
    return body, text.indent(first)


def _is_action(text: Text, index: int) -> bool:
    return text.lines[index].lstrip().startswith("{{")


def _child(text: Text, document: Span, parent: str, name: str) -> int | None:
    body, indent = _section(text, document, parent)
    return text.key(body, indent, name)


def _add_rule(text: Text, name: str, rule: Mapping[str, str], project: str) -> None:
    document = _document(text, project)
    body, indent = _section(text, document, "spec")
    key = text.key(body, indent, name)
    if key is None:
        text.insert(_place(text, body, indent), [f"{' ' * indent}{name}:", *item_lines(rule, indent)])
        return
    if (inline := text.inline(key)) not in ("", "[]"):
        raise NotFound(f"writes '{name}' in line {key + 1} in another form than a block list: {inline}")
    lines = text.body(key, body.end)
    if any(_is_action(text, i) for i in range(lines.start, lines.end)):
        raise NotFound(f"makes '{name}' by a template, from line {key + 1} on")
    items = text.items(lines)
    present = [_fields(text, span) for span in items]
    if any(_covers(fields, rule) for fields in present):
        return
    if inline:
        text.lines[key] = re.sub(r":\s*\[\]", ":", text.lines[key], count=1)
    start = text.indent(items[0].start) if items else indent
    text.insert(items[-1].end if items else key + 1, item_lines(_alike(rule, present), start))


def _place(text: Text, body: Span, indent: int) -> int:
    """Where a new list goes: behind the destinations, otherwise at the end of the spec."""
    key = text.key(body, indent, DESTINATIONS)
    return text.body(key, body.end).end if key is not None else body.end


def _fields(text: Text, span: Span) -> dict[str, str]:
    """One rule of a list as strings; templated values stay as they are written."""
    lines = "".join(text.lines[span.start : span.end])
    data = parse(untemplated(re.sub(r"^(\s*)-", r"\1 ", lines, count=1)))
    if not isinstance(data, dict):
        raise NotFound(f"has something else than a mapping in line {span.start + 1}")
    return {str(name): "" if value is None else str(value) for name, value in data.items()}


def _covers(present: Mapping[str, str], rule: Mapping[str, str]) -> bool:
    """Whether a rule that is there allows what ``rule`` allows; a destination's name is only a label."""
    shared = [name for name in rule if name != "name" or "server" not in rule]
    return all(present.get(name) in (rule[name], "*") for name in shared)


def _alike(rule: Mapping[str, str], present: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """``rule`` with the keys in the order of its neighbours, and the cluster's name where they give it."""
    label = {"name"} if "server" in rule else set()
    for fields in present:
        if set(rule) - label <= set(fields) and rule.get("server") == fields.get("server"):
            return {name: rule.get(name, fields[name]) for name in fields if name in {*rule, *label}}
    return dict(rule)


def _set_namespace(text: Text, document: Span, namespace: str) -> None:
    body, indent = _section(text, document, "metadata")
    name = text.key(body, indent, "name")
    if text.key(body, indent, "namespace") is None:
        text.insert(body.end if name is None else name + 1, [f"{' ' * indent}namespace: {scalar(namespace)}"])


def _compare(before: str, after: str, lists: Iterable[str]) -> None:
    """Refuse a result that says anything else than the source plus the new rules.

    Compared as YAML with the template's actions taken out; a template that is not YAML even then is
    trusted to the line edit alone.
    """
    try:
        old = _documents(before)
    except NotFound:
        return
    new = _documents(after)
    same = len(old) == len(new) and all(_extends(a, b, lists) for a, b in zip(old, new, strict=True))
    if not same:
        raise NotFound("is written in a way that cannot be edited line by line")


def _extends(old: Any, new: Any, lists: Iterable[str]) -> bool:
    """Whether ``new`` is ``old`` with nothing but items added to ``lists`` of its spec and a namespace."""
    if old == new:
        return True
    was, now = old["spec"], new["spec"]
    grown = all((now.get(name) or [])[: len(was.get(name) or [])] == (was.get(name) or []) for name in lists)
    rest = [
        ({k: v for k, v in document.items() if k not in ("spec", "metadata")}, _less(document["spec"], lists))
        for document in (old, new)
    ]
    named = {"namespace": new["metadata"].get("namespace"), **old["metadata"]} == {"namespace": None, **new["metadata"]}
    return grown and named and rest[0] == rest[1]


def _less(mapping: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in names}


def _documents(text: str) -> list[Any]:
    return [parse(part) for part in re.split(r"^---.*$", untemplated(text), flags=re.MULTILINE)]
