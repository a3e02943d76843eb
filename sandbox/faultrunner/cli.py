# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: every fault, or those that are named."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox.faultrunner import page, record
from sandbox.faultrunner.catalogue import CatalogueError, Fault, Meanwhile, read_all
from sandbox.faultrunner.git_steps import ours
from sandbox.faultrunner.judge import Case, complaints
from sandbox.faultrunner.playing import PATIENT, ROOT, Played, changed_models, play
from sandbox.faultrunner.steps import Site, Undo
from sandbox.runner import lifecycle
from sandbox.runner.errors import SandboxError
from sandbox.runner.state import PROFILES, State, locate

TAIL = 25
"""Lines of output shown for a case that failed."""


@dataclass(frozen=True)
class Verdict:
    """What became of one fault."""

    fault: Fault
    seconds: float
    wrong: tuple[str, ...]
    converged: bool | None
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What is recorded of it."""
        result = {"result": "failed" if self.wrong else "passed", "seconds": round(self.seconds, 1)}
        return {**result, "code": self.fault.code, "converged": self.converged, "wrong": list(self.wrong)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the catalogue; the exit status is 0 when every fault was named as it must be."""
    options = parser().parse_args(arguments)
    try:
        faults = chosen(options.only)
        if options.again:
            done = {name for name, case in record.read("faults").get("cases", {}).items() if case["result"] == "passed"}
            faults = tuple(fault for fault in faults if fault.name not in done)
        if options.list:
            print("\n".join(f"{fault.name:34} {fault.code or 'nothing':34} {fault.when}" for fault in faults))
            return 0
        state = locate(options.profile, options.state or str(ROOT / ".cache" / "sandbox-faults" / options.profile))
        verdicts = []
        for verdict in run(faults, state, options):
            verdicts.append(verdict)
            if options.write_docs:
                record.write("faults", {verdict.fault.name: verdict.to_dict()}, [fault.name for fault in read_all()])
    except (CatalogueError, SandboxError) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 1
    failed = sum(1 for verdict in verdicts if verdict.wrong)
    if options.write_docs:
        page.write()
    print(f"{len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed or not verdicts else 0


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m sandbox.faultrunner", description=__doc__)
    result.add_argument("--only", action="append", default=[], metavar="NAME", help="just this fault; may be repeated")
    result.add_argument("--again", action="store_true", help="just what has no record of having passed")
    result.add_argument("--list", action="store_true", help="print the catalogue and stop")
    result.add_argument("--converge", action="store_true", help="after every fault, mend it and run the play again")
    result.add_argument("--reset", action="store_true", help="begin with an empty cluster")
    result.add_argument("--keep", action="store_true", help="leave the sandbox running at the end")
    result.add_argument("--verbose", action="store_true", help="print the whole output of a case that failed")
    result.add_argument("--write-docs", action="store_true", help="record the results, and write docs/reliability.md")
    result.add_argument("--profile", choices=PROFILES, default="bare_metal")
    result.add_argument("--state", help="state directory (default: .cache/sandbox-faults/<profile>)")
    return result


def chosen(names: Sequence[str]) -> tuple[Fault, ...]:
    """The faults of these names; all without a name."""
    faults = read_all()
    unknown = sorted(set(names) - {fault.name for fault in faults})
    if unknown:
        raise CatalogueError(f"no fault is named {', '.join(unknown)}; --list prints the names")
    return tuple(fault for fault in faults if not names or fault.name in names)


def run(faults: Sequence[Fault], state: State, options: argparse.Namespace) -> Iterator[Verdict]:
    """Take a site to verified, then break, play, judge and mend it, fault after fault."""
    with sandbox(state, options) as site:
        converge(site)
        for fault in faults:
            verdict = examine(site, fault, converges=options.converge or bool(fault.stage))
            show(verdict, verbose=options.verbose)
            yield verdict


@contextmanager
def sandbox(state: State, options: argparse.Namespace) -> Iterator[Site]:
    """The running sandbox."""
    (lifecycle.reset if options.reset else lifecycle.up)(state, options.profile)
    work = state.root / "faults"
    work.mkdir(exist_ok=True)
    try:
        yield Site(state, work)
    finally:
        if not options.keep:
            lifecycle.down(state)


def converge(site: Site) -> Played:
    """A run without any fault; where a fault has left something behind, once more on an empty cluster."""
    played = play(site, PATIENT, {})
    if played.code:
        lifecycle.reset(site.state, site.known["profile"])
        played = play(site, PATIENT, {})
    if played.code:
        raise SandboxError(f"the site does not converge without a fault:\n{played.text}")
    return played


def examine(site: Site, fault: Fault, *, converges: bool) -> Verdict:
    """Break, play, judge, mend; with ``converges``, a second run must end well."""
    undo: list[Undo] = []
    played = Played(0, "", {}, 0.0, 0.0)
    try:
        for step in fault.breaks:
            undo += site.take(step)
        head = site.head
        played = play(
            site,
            site.fill({**changed_models(fault.models), **fault.variables}),
            site.fill(fault.environment),
            watcher(site, fault.meanwhile, undo),
        )
        case = Case(fault, played, bool(ours(site, head)))
        wrong = complaints(case)
    except SandboxError as error:
        wrong = [f"it could not be brought about: {error}"]
    finally:
        mend(site, fault, undo)
    converged = None
    if converges or wrong:
        after = play(site, PATIENT, {})
        converged = after.code == 0
        if not converged:
            wrong.append(f"after mending: {after.fatal or after.text[-600:]}")
            converge(site)
    return Verdict(fault, played.seconds, tuple(wrong), converged, played.text)


def watcher(site: Site, meanwhile: Meanwhile | None, undo: list[Undo]) -> Callable[[str], object] | None:
    """What takes the steps of ``meanwhile``, once."""
    if meanwhile is None:
        return None
    steps = [*meanwhile.steps]

    def seen(line: str) -> None:
        if re.search(meanwhile.at, line):
            while steps:
                undo.extend(site.take(steps.pop(0)))

    return seen


def mend(site: Site, fault: Fault, undo: Sequence[Undo]) -> None:
    """Take every step back, the last one first."""
    for back in reversed(undo):
        back()
    for step in fault.mends:
        site.take(step)


def show(verdict: Verdict, *, verbose: bool) -> None:
    """A line a fault; what was wrong, under it."""
    mark = "×" if verdict.wrong else "√"
    told = verdict.fault.code or ("repaired" if verdict.fault.healed else "nothing above info")
    back = {True: ", then converged", False: ", then NOT converged", None: ""}[verdict.converged]
    print(f"{mark} {verdict.fault.name}: {told} after {verdict.seconds:.1f} s{back}", flush=True)
    for text in verdict.wrong:
        print(f"    {text}", flush=True)
    if verdict.wrong:
        lines = verdict.text.splitlines()
        print("\n".join(f"    | {line}" for line in (lines if verbose else lines[-TAIL:])), flush=True)
