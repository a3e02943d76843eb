# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values the chart reads, release by release (keys.json), and a walk that reports every key it would drop.

keys.json has a line a path: ``modes`` says from which release on the path is handled how (null = no longer read),
``types`` what the templates expect, ``ray`` that only Ray models read it. Paths are relative to the chart;
``[]`` is any list element, ``*`` any map key. The chart's published package has no schema, so a key that no
template reads is dropped without a word: this table is what stands in for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..findings import Finding, Severity, finding
from ..suggest import did_you_mean
from .releases import RELEASES, Release

ENGINE = "servingEngineSpec"
MODEL = f"{ENGINE}.modelSpec[]"
STOP = ("verbatim", "value")
SCALARS = frozenset(("boolean", "integer", "number", "string"))
TYPE_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
REQUIRED = ("repository", "tag", "requestCPU", "requestMemory")

NOTES = {
    "routerSpec.tolerations": "the router tolerates no taint in any release: keep one schedulable node untainted",
    "routerSpec.nodeSelector": "the router is placed with routerSpec.nodeSelectorTerms",
    "servingEngineSpec.modelSpec[].nodeSelector": "a model is placed with nodeSelectorTerms",
    "servingEngineSpec.modelSpec[].strategy": "one strategy holds for all models: servingEngineSpec.strategy",
    "servingEngineSpec.modelSpec[].startupProbe": "one probe holds for all models: servingEngineSpec.startupProbe",
    "servingEngineSpec.modelSpec[].storageClassName": "the key is storageClass",
    "servingEngineSpec.modelSpec[].pvcSize": "the key is pvcStorage",
    "servingEngineSpec.modelSpec[].image": "the image is given as repository and tag",
    "servingEngineSpec.maxUnavailablePodDisruptionBudget": "a model has its own pdb from 0.1.11 on",
}


@cache
def table() -> dict[str, dict[str, Any]]:
    """The packaged table, read once."""
    rows: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("keys.json").read_text(encoding="utf-8"))
    return rows


def mode(pattern: str, release: Release) -> str | None:
    """How ``release`` handles a path: value, object, value-or-object, list, map, verbatim, or None (not read)."""
    found: str | None = None
    for since, handling in table().get(pattern, {"modes": ()})["modes"]:
        if release.since(since):
            found = handling
    return found


def releases_with(pattern: str) -> list[str]:
    """The known releases that read a path, oldest first."""
    return [version for version, release in RELEASES.items() if mode(pattern, release)]


def children(pattern: str, release: Release) -> list[str]:
    """Names of the keys that ``release`` reads directly below ``pattern`` (empty string = the chart's root)."""
    return list(_children(pattern, release.version))


@cache
def _children(pattern: str, version: str) -> tuple[str, ...]:
    head = f"{pattern}." if pattern else ""
    names = (path[len(head) :] for path in table() if path.startswith(head))
    return tuple(n for n in names if n and not set(n) & {".", "[", "*"} and mode(head + n, RELEASES[version]))


def check_keys(values: Mapping[str, Any], release: Release, prefix: str = "") -> list[Finding]:
    """Findings for every key that ``release`` does not read and every value of a type it does not expect.

    ``values`` are the chart's values (without the wrapper's alias); ``prefix`` is put before the paths named.
    """
    walk = _Walk(release, prefix)
    walk.members("", "", values)
    walk.required(values)
    return walk.findings


class _Walk:
    def __init__(self, release: Release, prefix: str) -> None:
        self.release = release
        self.prefix = prefix
        self.ray = False
        self.findings: list[Finding] = []

    def members(self, path: str, pattern: str, node: Mapping[Any, Any]) -> None:
        """Every key of an object whose keys the templates name."""
        if pattern == MODEL:
            self.ray = isinstance(node.get("raySpec"), dict)
        for key, value in node.items():
            name = str(key)
            below = f"{pattern}.{name}" if pattern else name
            handling = mode(below, self.release)
            if handling is None:
                self.unread(f"{path}.{name}" if path else name, below, name)
            else:
                self.value(f"{path}.{name}" if path else name, below, handling, value)

    def value(self, path: str, pattern: str, handling: str, value: Any) -> None:
        """One value whose key is read."""
        if table()[pattern].get("ray") and not self.ray:
            self.report("values-key-ray-only", path, "only a Ray model reads this key; a Deployment model ignores it")
        if value is None or not self.typed(path, pattern, handling, value) or handling in STOP:
            return
        if handling in ("object", "value-or-object"):
            self.members(path, pattern, value if isinstance(value, dict) else {})
            return
        for step, name, element in elements(handling, value):
            below = mode(f"{pattern}{name}", self.release)
            if below:
                self.value(f"{path}{step}", f"{pattern}{name}", below, element)

    def typed(self, path: str, pattern: str, handling: str, value: Any) -> bool:
        """Whether the value has a type that the templates expect; else a finding."""
        expected = table()[pattern]["types"]
        actual = TYPE_NAMES.get(type(value), type(value).__name__)
        if actual in expected or (actual == "integer" and "number" in expected):
            return True
        both_scalar = actual in SCALARS and SCALARS & set(expected)
        harmless = both_scalar and actual != "boolean" and "boolean" not in expected
        self.report(
            "values-type",
            path,
            f"is {_article(actual)}; the chart expects {' or '.join(_article(t) for t in expected)}",
            severity=Severity.WARNING if harmless else None,
        )
        return handling == "value"

    def unread(self, path: str, pattern: str, name: str) -> None:
        """A key that this release drops: of another release, of another level, or misspelt."""
        others = releases_with(pattern)
        note = f"; {NOTES[pattern]}" if pattern in NOTES else ""
        version = self.release.version
        if others:
            self.report(
                "values-key-not-in-version",
                path,
                f"{version} does not read this key (read by {others[0]}{_to(others)}){note}",
            )
            return
        parent = pattern.rpartition(".")[0]
        hint = note or did_you_mean(name, children(parent, self.release)) or _elsewhere(name, self.release)
        self.report("values-key-unknown", path, f"no template of {version} reads this key{hint}")

    def required(self, values: Mapping[str, Any]) -> None:
        """The keys without which rendering ends with an error."""
        for path, model in models(values):
            for name in REQUIRED:
                given = isinstance(model.get("resources"), dict) and self.release.since("0.1.9")
                if model.get(name) in (None, "") and not (given and name.startswith("request")):
                    self.report("values-required-missing", f"{path}.{name}", "the chart cannot be rendered without it")

    def report(self, code: str, path: str, message: str, severity: Severity | None = None) -> None:
        """Add a finding about a path."""
        self.findings.append(finding(code, f"{self.prefix}{path}", message, severity=severity))


def models(values: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and settings of every entry of modelSpec, which may be a list or a map."""
    engine = values.get("servingEngineSpec")
    specs = engine.get("modelSpec") if isinstance(engine, dict) else None
    for step, _unused, model in elements("list", specs):
        if isinstance(model, dict):
            yield f"servingEngineSpec.modelSpec{step}", model


def elements(handling: str, value: Any) -> Iterator[tuple[str, str, Any]]:
    """(step of the path, step of the pattern, element) of a list, or of a map that stands for one."""
    if isinstance(value, list):
        yield from ((f"[{index}]", "[]", element) for index, element in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f".{key}", "[]" if handling == "list" else ".*", element) for key, element in value.items())


def _elsewhere(name: str, release: Release) -> str:
    paths = [p for p in table() if p.rpartition(".")[2] == name and mode(p, release) and not table()[p].get("ray")]
    nearest = min(paths, key=lambda p: (not p.startswith(ENGINE), p.count("."), p), default="")
    return f"; the chart reads it at {nearest}" if nearest else ""


def _to(versions: list[str]) -> str:
    return " and later" if versions[-1] == list(RELEASES)[-1] else f" to {versions[-1]}" if len(versions) > 1 else ""


def _article(type_name: str) -> str:
    return f"{'an' if type_name[0] in 'aeio' else 'a'} {type_name}"
