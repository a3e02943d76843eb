# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of docs/reliability.md, from the records of the runs; run as a program, it writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.faultrunner import record
from sandbox.faultrunner.catalogue import Fault, read_all
from sandbox.faultrunner.playing import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BLOCK = re.compile(r"(<!-- (\w+): from sandbox/records -->\n).*?(<!-- end -->)", re.DOTALL)


def write(page: Path = PAGE) -> None:
    """Replace every block of the page."""
    page.write_text(filled(page.read_text("utf-8")), "utf-8")


def filled(text: str) -> str:
    """The page with its blocks made anew."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]](record.read(found[2]))}\n{found[3]}", text)


def faults(known: Mapping[str, Any]) -> str:
    """The catalogue with what was measured, in its order."""
    cases = known.get("cases", {})
    rows = ["| fault | finding | refused | seconds | result |", "|---|---|---|---|---|"]
    rows += [fault_row(fault, cases.get(fault.name)) for fault in read_all()]
    return "\n".join([summary(cases, len(rows) - 2), "", *rows])


def fault_row(fault: Fault, case: Mapping[str, Any] | None) -> str:
    """One row."""
    code = (
        f"[{fault.code}](findings.md#{fault.code})" if fault.code else "repaired by the run" if fault.healed else "none"
    )
    where = f"at the gate of {fault.stage}" if fault.stage else "before anything is committed"
    seconds = f"{case['seconds']:.1f}" if case else "–"
    result = outcome(case) + (", then converged" if case and case.get("converged") else "")
    return f"| {fault.title} | {code} | {where if fault.code else '–'} | {seconds} | {result} |"


def chaos(known: Mapping[str, Any]) -> str:
    """The trials."""
    cases = known.get("cases", {})
    rows = ["| trial | seconds | result |", "|---|---|---|"]
    rows += [f"| {name} | {case.get('seconds', '–')} | {outcome(case)} |" for name, case in cases.items()]
    return "\n".join([summary(cases, len(cases)), "", *rows])


def leaks(known: Mapping[str, Any]) -> str:
    """The places that were searched."""
    cases = known.get("cases", {})
    rows = ["| place | searched | bytes | canaries found |", "|---|---|---|---|"]
    rows += [f"| {name} | {case['items']} | {case['bytes']:,} | {case['found']} |" for name, case in cases.items()]
    return "\n".join([summary(cases, len(cases)), "", *rows])


def fuzz(known: Mapping[str, Any]) -> str:
    """How many inputs, of how many properties."""
    return "\n".join(_fuzz(known.get("cases", {}))) or "Not run yet."


def _fuzz(cases: Mapping[str, Any]) -> Iterator[str]:
    for name, case in cases.items():
        yield (
            f"- {name}: {case['inputs']:,} inputs to {case['properties']} properties in {case['seconds']:,.0f} s, "
            f"{case['failed']} failed (measured {case['measured']})"
        )


def summary(cases: Mapping[str, Any], of: int) -> str:
    """What the table adds up to."""
    if not cases:
        return "Not run yet."
    results = [case["result"] for case in cases.values()]
    days = sorted({case["measured"] for case in cases.values()})
    cores = sorted({case["cores"] for case in cases.values()})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    counted = ", ".join(f"{results.count(what)} {what}" for what in ("passed", "failed", "skipped") if what in results)
    return f"{of} cases: {counted} (measured {when}, {' and '.join(map(str, cores))} cores)."


def outcome(case: Mapping[str, Any] | None) -> str:
    """A word, and why it was skipped."""
    if case is None:
        return "not run"
    return f"skipped: {case['why']}" if case["result"] == "skipped" else str(case["result"])


BLOCKS = {"faults": faults, "chaos": chaos, "leaks": leaks, "fuzz": fuzz}

if __name__ == "__main__":
    write()
