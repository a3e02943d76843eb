# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repository deploys: the wrapper chart's two files, read without taking any shape for granted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..findings import Refusal, finding
from .files import CHART_FILE, VALUES_FILE
from .keys import models
from .releases import CHART, RELEASES, Release
from .text import from_yaml


@dataclass(frozen=True)
class State:
    """One state of the application folder. ``release`` is None for a chart version that is not known."""

    chart_version: str
    alias: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def release(self) -> Release | None:
        """The chart release, where it is known."""
        return RELEASES.get(self.chart_version)

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """Settings of each model, by name, in their order."""
        return {str(model.get("name")): model for _unused, model in models(self.values)}

    def block(self, name: str) -> dict[str, Any]:
        """A top-level block of the values, empty where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, dict) else {}


def read_state(files: Mapping[str, str], directory: str) -> State | None:
    """The state that files (path -> text) describe; None where the folder has no Chart.yaml.

    Raises a Refusal for files that cannot be read or do not belong to this chart.
    """
    chart_path, values_path = (f"{directory.strip('/')}/{name}" for name in (CHART_FILE, VALUES_FILE))
    if not (files.get(chart_path) or "").strip():
        return None
    dependency = _dependency(from_yaml(files[chart_path], chart_path))
    if dependency is None:
        raise Refusal([finding("values-file-shape", chart_path, f"has no dependency {CHART}")])
    alias = str(dependency.get("alias") or CHART)
    data = from_yaml(files.get(values_path) or "", values_path)
    values = data.get(alias) if isinstance(data, dict) else None
    if not isinstance(values, dict):
        raise Refusal([finding("values-file-shape", values_path, f"has no block {alias!r}")])
    return State(str(dependency.get("version")), alias, values)


def _dependency(chart: Any) -> dict[str, Any] | None:
    listed = chart.get("dependencies") if isinstance(chart, dict) else None
    found = (d for d in (listed if isinstance(listed, list) else ()) if isinstance(d, dict) and d.get("name") == CHART)
    return next(found, None)
