# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge what was read about a site, and write it down; or sum up the sites of a play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.site import drift
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, handed_over
from ansible_collections.inferops.vllm.plugins.plugin_utils.report_files import check_name, now, write_document


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.drift_report."""

    MODULE = "drift_report"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """A document and its table."""
        if options["sites"]:
            return {"lines": handed_over("sites", "drift_report", lambda: drift.fleet_lines(options["sites"]))}
        site = options["site"] or ""
        check_name(site)
        document = drift.document(site, now(), options["results"])
        path = str(Path(options["directory"]) / f"{site}-drift.json")
        if not self.check_mode:
            write_document(Path(path), document)
        findings = [drift.Row(**row).finding for row in document["rows"]]
        # The table says the same in one place; findings stay for programs.
        return {
            "document": document,
            "path": path,
            "lines": drift.lines_of(document),
            "drifts": findings_dicts(findings),
        }


def findings_dicts(findings: list[Any]) -> list[dict[str, str]]:
    """Plain data."""
    return [one.to_dict() for one in findings]
