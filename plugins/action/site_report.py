# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.site.fleet import row_of
from ansible_collections.inferops.vllm.plugins.module_utils.site.page import render
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import (
    Run,
    build,
    readable,
    summary_lines,
)
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction
from ansible_collections.inferops.vllm.plugins.plugin_utils.report_files import check_name, now, write, write_document


class ActionModule(FindingsAction):
    """Two files, each replaced whole; nothing in check mode."""

    MODULE = "site_report"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        directory, site = Path(options.pop("directory")), options["site"]
        check_name(site)
        document = build(Run(generated=now(), check=self.check_mode, **options))
        # all forms of it before the first is written: what one of them cannot show leaves no half report
        page, lines, row = readable(
            f"site/{site}", lambda: (render(document), summary_lines(document), row_of(document))
        )
        paths = {"json_path": str(directory / f"{site}.json"), "html_path": str(directory / f"{site}.html")}
        if not self.check_mode:
            write_document(Path(paths["json_path"]), document)
            write(Path(paths["html_path"]), page)
        written = [] if self.check_mode else [f"report: {paths['html_path']}"]
        return {**paths, "outcome": document["outcome"], "row": row, "lines": [*lines, *written]}
