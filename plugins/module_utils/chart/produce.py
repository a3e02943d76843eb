# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 4's decision in one call: models, plan and settings in; files, argument lists and findings out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..engine.arguments import check_arguments
from ..engine.versions import check_version, engine_version
from ..findings import Finding
from ..planning.models import ModelRequest
from ..planning.plan import Plan
from .arguments import rendered_arguments
from .files import TextFile, wrapper_files
from .keys import check_keys, models
from .releases import Release
from .scene import Scene
from .settings import ChartSettings
from .traps import check_traps
from .values import Built, build_values


@dataclass(frozen=True)
class Product:
    """What stage 4 writes. ``arguments`` is, per model name, the list that follows ``vllm serve``."""

    built: Built
    files: list[TextFile]
    arguments: dict[str, list[str]]
    findings: list[Finding]


def produce(models_: tuple[ModelRequest, ...], plan: Plan, settings: ChartSettings, directory: str) -> Product:
    """Build and check everything. Raises a Refusal only where nothing can be built; other findings are returned."""
    built = build_values(models_, plan, settings)
    findings = check_values(built.values, settings.release_of_chart, settings.release, settings.alias)
    named = [replace(f, subject=_named(f.subject, built.origins, settings.alias)) for f in findings]
    files = wrapper_files(built, models_, plan, settings, directory)
    return Product(built, files, argument_lists(built.values, settings.release_of_chart), named)


def check_values(values: Mapping[str, Any], release: Release, name: str = "vllm", alias: str = "vllm") -> list[Finding]:
    """All findings about a chart's values: keys, traps, and the engine arguments that come of them."""
    prefix = f"{alias}."
    found = check_keys(values, release, prefix) + check_traps(Scene(values, release, name, alias, prefix))
    return found + check_engines(values, release, prefix)


def check_engines(values: Mapping[str, Any], release: Release, prefix: str = "") -> list[Finding]:
    """Findings about every model's image version and argument list."""
    lists = rendered_arguments(values, release, prefix)
    found: list[Finding] = []
    for path, model in models(values):
        engine = engine_version(str(model.get("repository")), str(model.get("tag")))
        found += check_version(engine, f"{prefix}{path}.tag")
        found += check_arguments(lists[f"{prefix}{path}"], engine)
    return found


def argument_lists(values: Mapping[str, Any], release: Release) -> dict[str, list[str]]:
    """Model name -> the arguments that the chart renders, as plain text."""
    lists = rendered_arguments(values, release)
    return {str(model.get("name")): [str(a.text) for a in lists[path]] for path, model in models(values)}


def _named(subject: str, origins: Mapping[str, str], alias: str) -> str:
    """The inventory option behind a values path, where there is one: the place where it can be corrected."""
    return origins.get(subject.removeprefix(f"{alias}."), subject)
