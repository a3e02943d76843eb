# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models, plan and settings → the files of the wrapper chart. Pure but for the optional rendering with helm."""

from __future__ import annotations

import shutil
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.chart.compare import check_takeover, compare_files
from ansible_collections.inferops.vllm.plugins.module_utils.chart.files import monitor_findings
from ansible_collections.inferops.vllm.plugins.module_utils.chart.objects import chart_objects, file_objects
from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import Product, produce
from ansible_collections.inferops.vllm.plugins.module_utils.chart.render import Helm, check_render
from ansible_collections.inferops.vllm.plugins.module_utils.chart.settings import ChartSettings, settings_from
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding, finding, raise_if_fatal, refuse
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import request_from_dict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import plan_from_dict
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, handed_over, text_files


class ActionModule(FindingsAction):
    """The module inferops.vllm.vllm_values."""

    MODULE = "vllm_values"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Build, check, compare; refuse if anything is fatal."""
        wanted = options["service_monitor"]
        available = options["service_monitor_available"]
        monitor = bool(available) if wanted == "auto" else wanted == "true"
        settings = settings_from({**options, "service_monitor": monitor})
        models = handed_over(
            "models", "vllm_plan", lambda: tuple(request_from_dict(model) for model in options["models"])
        )
        plan = handed_over("plan", "vllm_plan", lambda: plan_from_dict(options["plan"]))
        product = produce(models, plan, settings, options["directory"])
        existing = text_files("existing_files", options["existing_files"])
        findings = [
            *product.findings,
            *monitor_findings(settings, wanted, available, options["directory"]),
            *check_takeover(existing, product.files, take_over=options["take_over"]),
        ]
        raise_if_fatal(findings)
        findings += self._rendered(options, settings, product)
        raise_if_fatal(findings)
        return {
            "files": [file.to_dict() for file in product.files],
            "arguments": product.arguments,
            "objects": _objects(product, settings, existing, options["directory"]),
            "differences": [change.to_dict() for change in compare_files(existing, product.files)],
            "findings": findings,
        }

    def _rendered(self, options: dict[str, Any], settings: ChartSettings, product: Product) -> list[Finding]:
        """The findings of the rendering; with ``auto`` one that says why there is none."""
        if options["render_check"] == "false":
            return []
        binary, chart = shutil.which(options["helm"]), options["chart_path"]
        if binary and chart:
            return check_render(Helm(binary, chart, settings), product.built.values)
        missing = "no helm binary" if not binary else "no chart_path"
        skipped = finding("values-render-skipped", "render_check", f"there is {missing}")
        if options["render_check"] == "true":
            raise refuse("values-render-failed", "render_check", f"there is {missing}")
        return [skipped]


def _objects(
    product: Product, settings: ChartSettings, existing: dict[str, str], directory: str
) -> list[dict[str, Any]]:
    """What the whole folder would make: the chart's objects, and those of every file in its templates."""
    files = {**existing, **{file.path: file.content for file in product.files}}
    return [*chart_objects(product.built.values, settings), *file_objects(files, directory, settings.namespace)]
