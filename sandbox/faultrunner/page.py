# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/reliability.md, from what a run measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.faultrunner.playing import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- faults: made by `python -m sandbox.faultrunner --write-docs` -->"
END = "<!-- faults: end -->"


def table(verdicts: Iterable[Any]) -> str:
    """The rows, in the order of the catalogue."""
    rows = ["| fault | finding | refused | seconds | result |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        fault = verdict.fault
        code = (
            f"[{fault.code}](findings.md#{fault.code})"
            if fault.code
            else ("repaired by the run" if fault.healed else "none")
        )
        where = f"at the gate of {fault.stage}" if fault.stage else "before anything is committed"
        result = "failed" if verdict.wrong else "passed"
        rows.append(f"| {fault.title} | {code} | {where if fault.code else '–'} | {verdict.seconds:.1f} | {result} |")
    return "\n".join(rows)


def write(verdicts: Iterable[Any]) -> None:
    """Replace the table between the marks."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(verdicts)}\n{END}{after}", "utf-8")
