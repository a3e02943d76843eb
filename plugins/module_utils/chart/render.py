# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the chart with Helm and proves that every value that we write changes the output. Needs helm and the chart.

The one module of this area that starts a program. What it finds needs no cluster: the rendered objects are counted
and looked through, and every leaf of our values is left out once to see that it matters.
"""

from __future__ import annotations

import copy
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..findings import Finding, Refusal, finding, refuse
from ..yaml_library import yaml
from ..yaml_text import load_all
from .keys import models
from .names import Names
from .settings import ChartSettings
from .text import to_yaml

# pylint: disable=ansible-bad-function  # we run on the controller, where no module offers run_command

TIMEOUT = 20
"""Seconds that one rendering may take (measured: below 0.4)."""

CHANGED = "inferops-changed"

Path_: TypeAlias = "tuple[str | int, ...]"
Objects = dict[tuple[str, str], dict[str, Any]]
"""(kind, name) -> manifest."""


@dataclass(frozen=True)
class Helm:
    """A helm binary and the chart (a package or a folder) that it renders."""

    binary: str
    chart: str
    settings: ChartSettings

    def render(self, values: Mapping[str, Any]) -> str:
        """The manifests. Raises a Refusal (values-render-failed) with Helm's own words."""
        names = self.settings
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "values.yaml"
            file.write_text(to_yaml(values), encoding="utf-8")
            command = [self.binary, "template", names.release, self.chart, "--namespace", names.namespace]
            try:
                done = subprocess.run(  # noqa: S603 - no shell, the operator's own helm
                    [*command, "--include-crds", "--values", str(file)],
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise refuse("values-render-failed", self.chart, f"helm did not run ({type(error).__name__})") from None
        if done.returncode:
            message = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise refuse("values-render-failed", self.chart, f"helm template: {message[:400]}")
        return done.stdout

    def objects(self, values: Mapping[str, Any]) -> Objects:
        """The manifests by kind and name."""
        return objects_of(self.render(values), self.chart)


def objects_of(text: str, subject: str) -> Objects:
    """Rendered manifests by kind and name. Raises a Refusal for text that is no YAML or an object without a name."""
    try:
        documents = load_all(text)
    except yaml.YAMLError as error:
        raise refuse(
            "values-render-failed", subject, f"the output is no YAML: {getattr(error, 'problem', '')}"
        ) from None
    found: Objects = {}
    for document in documents:
        name = document.get("metadata", {}).get("name") if isinstance(document, dict) else None
        if not name or not document.get("kind"):
            raise refuse("values-render-failed", subject, "an object of the output has no kind or no name")
        found[str(document["kind"]), str(name)] = document
    return found


def check_render(helm: Helm, values: dict[str, Any], *, seconds: float = 30.0) -> list[Finding]:
    """All findings of a rendering: what is missing, and which leaf changes nothing.

    The proof of the leaves stops after ``seconds`` and says so. Raises a Refusal where rendering fails.
    """
    text = helm.render(values)
    found = [*check_objects(objects_of(text, helm.chart), values, helm.settings)]
    deadline = time.monotonic() + seconds
    for path in leaves(values):
        if time.monotonic() > deadline:
            found.append(finding("values-render-skipped", helm.chart, f"the time was up at {dotted(path)}"))
            break
        if not matters(helm, values, path, text):
            subject = f"{helm.settings.alias}.{dotted(path)}"
            found.append(finding("values-render-no-effect", subject, "changes nothing in the rendered chart"))
    return found


def check_objects(objects: Objects, values: Mapping[str, Any], settings: ChartSettings) -> Iterator[Finding]:
    """Whether the objects that models and router need are there."""
    names = Names(settings.release, settings.alias)
    wanted = [("Deployment", names.router_deployment), ("Service", names.router_service)]
    for _unused, model in models(values):
        name = str(model.get("name"))
        wanted += [("Deployment", names.deployment(name)), ("Service", names.service(name))]
        if isinstance(model.get("pvcStorage"), str):
            wanted.append(("PersistentVolumeClaim", names.claim(name)))
    for kind, name in wanted:
        if (kind, name) not in objects:
            yield finding("values-render-count", f"{kind}/{name}", "is not in the rendered chart")


def matters(helm: Helm, values: dict[str, Any], path: Path_, text: str) -> bool:
    """Whether leaving a leaf out, or changing it, changes the output (or makes rendering fail)."""
    for variant in (without(values, path), changed(values, path)):
        try:
            if helm.render(variant) != text:
                return True
        except Refusal:
            return True
    return False


def leaves(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of all scalars (and empty containers)."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list) and node:
        for index, value in enumerate(node):
            yield from leaves(value, (*path, index))
    else:
        yield path


def without(values: dict[str, Any], path: Path_) -> dict[str, Any]:
    """A copy without one leaf."""
    variant = copy.deepcopy(values)
    del _parent(variant, path)[path[-1]]
    return variant


def changed(values: dict[str, Any], path: Path_) -> dict[str, Any]:
    """A copy with one leaf changed to another value of its type."""
    variant = copy.deepcopy(values)
    parent = _parent(variant, path)
    old = parent[path[-1]]
    parent[path[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else CHANGED
    return variant


def dotted(path: Path_) -> str:
    """A path as text: ``servingEngineSpec.modelSpec[0].name``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _parent(node: Any, path: Path_) -> Any:
    for step in path[:-1]:
        node = node[step]
    return node
