# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the report of a run."""

from __future__ import annotations

import json
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.findings import refuse
from ansible_collections.inferops.vllm.plugins.module_utils.site.fleet import row_of
from ansible_collections.inferops.vllm.plugins.module_utils.site.page import render
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import (
    Run,
    build,
    readable,
    summary_lines,
)
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
MODE = 0o644


class ActionModule(FindingsAction):
    """Two files, each replaced whole; nothing in check mode."""

    MODULE = "site_report"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        directory, site = Path(options.pop("directory")), options["site"]
        if not FILE_NAME.fullmatch(site):
            message = "a site's name is a file name here: letters, digits, dots, hyphens, underscores"
            raise refuse("serving-report-input-invalid", f"site {site[:60]!r}", message)
        generated = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        document = build(Run(generated=generated, check=self.check_mode, **options))
        # all forms of it before the first is written: what one of them cannot show leaves no half report
        page, lines, row = readable(site, lambda: (render(document), summary_lines(document), row_of(document)))
        paths = {"json_path": str(directory / f"{site}.json"), "html_path": str(directory / f"{site}.html")}
        if not self.check_mode:
            _write(Path(paths["json_path"]), json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            _write(Path(paths["html_path"]), page)
        written = [] if self.check_mode else [f"report: {paths['html_path']}"]
        return {**paths, "outcome": document["outcome"], "row": row, "lines": [*lines, *written]}


def _write(path: Path, text: str) -> None:
    """Replace ``path`` at once: a reader sees the old report or the new one, never half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
                stream.write(text)
            Path(temporary).chmod(MODE)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise refuse("serving-report-unwritable", str(path), error.strerror or type(error).__name__) from None
