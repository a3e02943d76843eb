# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m bench``: measure, compare with the budgets, write the page.

Everything runs on this machine, on a sandbox of its own (state under ``.cache/bench``), and needs nothing by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import store
from bench.bed import Bed, BenchError
from bench.fleet import fleet
from bench.large_cluster import NODES, ROUNDS, large_cluster
from bench.machine import load, machine
from bench.measure import ROOT, Budget, Measured, budgets, missed
from bench.page import number, page, verdict
from bench.planning import planning
from bench.plot import plot
from bench.preflight import preflight
from bench.rehearsal import rehearsal
from bench.sealing import sealing
from bench.site import site
from sandbox.runner.binaries import resolve

Options = argparse.Namespace
DOCS = ROOT / "docs"


def _kubeseal() -> str:
    return str(resolve().programs["kubeseal"])


BENCHMARKS: dict[str, Callable[[Bed, Options], Measured]] = {
    "planning": lambda _bed, options: planning(options.quick),
    "sealing": lambda _bed, options: sealing(_kubeseal(), options.quick),
    "preflight": lambda _bed, options: preflight(options.quick),
    "large_cluster": lambda _bed, options: large_cluster(*((500, 1) if options.quick else (NODES, ROUNDS))),
    "site": lambda bed, options: site(bed, options.quick),
    "fleet": lambda bed, options: fleet(bed, options.quick),
    "rehearsal": lambda bed, options: rehearsal(bed, options.quick, options.cold),
}
ON_REQUEST = frozenset({"large_cluster"})
"""Takes ten minutes, most of them to fill an API server."""

NEED_SANDBOX = frozenset({"site", "fleet", "rehearsal"})


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    result.add_argument("--only", choices=list(BENCHMARKS), action="append", default=[], help="just this benchmark")
    result.add_argument("--quick", action="store_true", help="one round, fewer sizes; the result is not stored")
    result.add_argument("--cold", action="store_true", help="also build the sandbox's programs anew (many minutes)")
    result.add_argument("--check", action="store_true", help="exit status 1 when a figure is outside its budget")
    result.add_argument("--write-docs", action="store_true", help="write docs/performance.* from the stored results")
    result.add_argument("--no-run", action="store_true", help="measure nothing; use the stored results")
    result.add_argument("--json", type=Path, help="write the results there, too")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit status."""
    options = parser().parse_args(arguments)
    if options.quick and options.write_docs:
        parser().error("--quick measures too little for the page")
    try:
        measured = {} if options.no_run else _run(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    results = store.merged(store.read(), machine(), measured)
    if measured and not options.quick:
        store.write(results)
    if options.json:
        store.write({"machine": machine(), "benchmarks": measured or results["benchmarks"]}, options.json)
    if options.write_docs:
        _write_docs(results)
    judged = {"machine": {}, "benchmarks": measured} if measured else results
    return _judge(store.figures(judged), budgets()) if options.check else 0


def _run(options: Options) -> dict[str, Any]:
    chosen = options.only or [name for name in BENCHMARKS if name not in ON_REQUEST]
    bed, found = Bed(), {}
    try:
        if NEED_SANDBOX & set(chosen):
            bed.runner("up")
        for name in chosen:
            found[name] = _one(name, bed, options)
            _print(name, found[name], budgets())
    finally:
        if NEED_SANDBOX & set(chosen):
            bed.runner("down")
    return found


def _one(name: str, bed: Bed, options: Options) -> dict[str, Any]:
    before, started = load(), time.perf_counter()
    measured = BENCHMARKS[name](bed, options).to_dict()
    seconds, date = round(time.perf_counter() - started, 1), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {**measured, "date": date, "seconds": seconds, "load": [before, load()], "quick": options.quick}


def _print(name: str, result: dict[str, Any], known: dict[str, Budget]) -> None:
    print(f"\n{name} ({result['seconds']:.0f} s, load average {result['load'][0]} → {result['load'][1]})")
    for row in result["rows"]:
        print(f"  {row['what']:<58} {number(row['median']):>9} {row['unit']}")
    for figure, value in result["figures"].items():
        budget = known[figure]
        print(f"  {budget.title:<68} {number(value):>8} {budget.written(budget.goal):>9}  {verdict(value, budget)}")
    for note in result["notes"]:
        print(f"  {note}")
    sys.stdout.flush()


def _write_docs(results: dict[str, Any]) -> None:
    known = budgets()
    (DOCS / "performance.md").write_text(page(results, known), encoding="utf-8")
    (DOCS / "performance.svg").write_text(plot(store.figures(results), known), encoding="utf-8")
    (DOCS / "performance.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _judge(figures: dict[str, float], known: dict[str, Budget]) -> int:
    outside = missed(figures, known)
    for name in outside:
        budget = known[name]
        print(f"outside its budget: {budget.title}: {number(figures[name])} ({budget.written(budget.held)})")
    print(f"{len(figures) - len(outside)} of {len(figures)} figures are within their budgets")
    return 1 if outside or not figures else 0


if __name__ == "__main__":
    sys.exit(main())
