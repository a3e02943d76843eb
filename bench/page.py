# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/performance.md from the stored results. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.machine import busy
from bench.measure import Budget

INTRODUCTION = """\
# Performance

Written by `make bench`; the figures are in [performance.json](performance.json). Variants that are compared run side by
side, round by round, in one run; a ratio is the median of the rounds' ratios. Ratios can be compared between machines,
seconds cannot. `make bench-check` measures anew and fails when a ratio is outside `bench/budgets.yml`.

![Share of each budget that is used](performance.svg)
"""
TITLES = {
    "site": "One site",
    "fleet": "A fleet",
    "preflight": "The preflight of large clusters",
    "large_cluster": "The preflight in a real API server",
    "planning": "Planning",
    "sealing": "Sealing",
    "rehearsal": "The sandbox",
}
ABOUT = {
    "site": """\
`bench/manual.sh` is the procedure of the documentation as a script: what a careful person types, without the pauses.
The sandbox's models load in no time, so the first run has no load time in it.""",
    "fleet": """\
Each site has a repository, a namespace, models and a GPU node of its own on one control plane; forks 10. The
control plane shares the processors with the play.""",
    "preflight": """\
Against a loopback API server whose nodes and pods have the size of real ones; processor time of client and server.""",
    "large_cluster": """\
Against the etcd and API server of the sandbox, its controllers halted; processor time of client and API server.""",
    "planning": "On 1,000 nodes; processor time.",
    "sealing": "RSA-4096, at most ten items a Secret; processor time of the whole task as Ansible runs it.",
    "rehearsal": "All processes of the rehearsal: etcd, the control plane, Argo CD, sealed-secrets, KWOK.",
}


def page(results: Mapping[str, Any], known: Mapping[str, Budget]) -> str:
    """The whole page."""
    found = results["benchmarks"]
    figures = {name: value for one in found.values() for name, value in one["figures"].items()}
    parts = [INTRODUCTION, *_budgets(figures, known), *_explained(figures, known)]
    for name, title in TITLES.items():
        if name in found:
            parts += [f"\n## {title}\n", ABOUT[name], "", *_measured(found[name])]
    return "\n".join([*parts, *_circumstances(results)]) + "\n"


def verdict(value: float, budget: Budget) -> str:
    """Whether the goal is met, or the limit that takes its place."""
    if budget.within(value, budget.goal):
        return "met"
    return f"within {budget.written(budget.held)}, see below" if budget.within(value, budget.held) else "**missed**"


def _budgets(figures: Mapping[str, float], known: Mapping[str, Budget]) -> Iterator[str]:
    rows = [
        (b.title, number(figures[name]), b.written(b.goal), verdict(figures[name], b))
        for name, b in known.items()
        if name in figures
    ]
    yield from table(("", "measured", "goal", ""), rows)


def _explained(figures: Mapping[str, float], known: Mapping[str, Budget]) -> Iterator[str]:
    """Why a limit is not the goal; those that miss their goal first of all."""
    explained = [budget for name, budget in known.items() if budget.why and name in figures]
    if explained:
        yield "\n## Where the limit is not the goal\n"
    for budget in explained:
        bounds = f"goal {budget.written(budget.goal)}, limit {budget.written(budget.held)}"
        yield f"- **{budget.title}** ({bounds}): {budget.why.strip()}"


def _measured(result: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            row["what"],
            f"{number(row['median'])} {row['unit']}",
            f"{number(row['min'])} to {number(row['max'])}",
            row["runs"],
        )
        for row in result["rows"]
    ]
    yield from table(("", "median", "range", "runs"), rows)
    if requests := result["details"].get("requests"):
        yield "\nAPI requests of a converged run, from the audit log of the API server:\n"
        yield from table(("request", "number"), requests.items())
    yield from (f"\n{note}" for note in result["notes"])


def _circumstances(results: Mapping[str, Any]) -> Iterator[str]:
    yield "\n## Machine and versions\n"
    yield from table(("", ""), results["machine"].items())
    yield ""
    measured = results["benchmarks"].items()
    rows = [
        (TITLES[n], one["date"], f"{one['seconds']:.0f} s", " → ".join(map(str, one["load"]))) for n, one in measured
    ]
    yield from table(("benchmark", "measured", "took", "load average before → after"), rows)
    if disturbed := [TITLES[name] for name, one in measured if busy(one["load"])]:
        yield f"\n**The machine was not quiet** when these began: {', '.join(disturbed)}. Repeat them on a quiet one."


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def table(heads: Sequence[str], rows: Any) -> Iterator[str]:
    """A Markdown table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
