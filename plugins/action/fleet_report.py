# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the page of the fleet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.site import fleet, fleet_page
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import readable
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction
from ansible_collections.inferops.vllm.plugins.plugin_utils.report_files import check_name, now, write, write_document

NAME = "fleet"


class ActionModule(FindingsAction):
    """One row a site: of this run, else of the report that an earlier run left in the folder."""

    MODULE = "fleet_report"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        directory, sites = Path(options["directory"]), list(dict.fromkeys(options["sites"]))
        for site in sites:
            check_name(site, reserved=NAME)
        rows = {str(row.get("site")): row for row in options["rows"]}
        found = [rows.get(site) or _row(directory, site) for site in sites]
        drifts = {site: drift for site in sites if (drift := _read(directory / f"{site}-drift.json"))}
        document = fleet.build(sites, [row for row in found if row], drifts, now(), self.check_mode)
        # all forms of it before the first is written: what one of them cannot show leaves no half report
        page, lines = readable(NAME, lambda: (fleet_page.render(document), fleet.summary_lines(document)))
        paths = {"json_path": str(directory / f"{NAME}.json"), "html_path": str(directory / f"{NAME}.html")}
        if not self.check_mode:
            write_document(Path(paths["json_path"]), document)
            write(Path(paths["html_path"]), page)
        written = [] if self.check_mode else [f"fleet: {paths['html_path']}"]
        return {**paths, "totals": document["totals"], "lines": [*lines, *written]}


def _row(directory: Path, site: str) -> dict[str, Any] | None:
    report = _read(directory / f"{site}.json")
    return None if report is None else fleet.row_or_unreadable(site, report)


def _read(path: Path) -> Any:
    """The JSON of a file; None where there is none, {} where it is something else."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
