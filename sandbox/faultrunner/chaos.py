# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the play, and runs it in bad surroundings; then lets the next run go on from there.

``python -m sandbox.faultrunner.chaos``: a kill begins with an empty cluster; everything else with a converged site and
a model that changes. Each time Git is looked at, the play runs again and must end verified, and nothing may be left
behind: no pod, no temporary file.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.faultrunner import kills, page, record, trouble
from sandbox.faultrunner.cli import converge
from sandbox.faultrunner.playing import PATIENT, ROOT, Played, changed_models, play
from sandbox.faultrunner.steps import Site
from sandbox.runner import lifecycle
from sandbox.runner.errors import SandboxError
from sandbox.runner.state import locate

AGED = 120.0
"""Seconds by which leftovers are made older: the next run takes only what has been idle for a minute."""

LENGTHS = (256, 320, 384, 448)
"""Context lengths that the trials change to in turn, so that each has something to commit and to sync."""


@dataclass(frozen=True)
class Trial:
    """One trial: what it is called, whether it needs an empty cluster, and what runs it."""

    name: str
    fresh: bool
    run: Callable[[Site, int], Iterator[str]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; the exit status is 0 when every second run ended verified and nothing was left behind."""
    options = parser().parse_args(arguments)
    everything = trials()
    chosen = [trial for trial in everything if re.search(options.only, trial.name)]
    if options.again:
        done = {name for name, case in record.read("chaos").get("cases", {}).items() if case["result"] != "failed"}
        chosen = [trial for trial in chosen if trial.name not in done]
    if options.list:
        print("\n".join(trial.name for trial in chosen))
        return 0
    state = locate("bare_metal", options.state or str(ROOT / ".cache" / "sandbox-faults" / "chaos"))
    results: dict[str, dict[str, Any]] = {}
    try:
        lifecycle.reset(state, "bare_metal")
        work = state.root / "chaos"
        work.mkdir(exist_ok=True)
        for number, trial in enumerate(chosen):
            results[trial.name] = examine(Site(state, work), trial, number)
            show(trial.name, results[trial.name])
            if options.write_docs:
                record.write("chaos", {trial.name: results[trial.name]}, [one.name for one in everything])
    except SandboxError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    finally:
        lifecycle.down(state)
    if options.write_docs:
        page.write()
    counts = {what: sum(1 for one in results.values() if one["result"] == what) for what in ("passed", "failed")}
    print(f"{counts['passed']} passed, {counts['failed']} failed, {len(results) - sum(counts.values())} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m sandbox.faultrunner.chaos", description=__doc__)
    result.add_argument(
        "--only", default="", metavar="PATTERN", help="trials whose name the regular expression matches"
    )
    result.add_argument("--again", action="store_true", help="just what has no record of having passed")
    result.add_argument("--list", action="store_true", help="print the names and stop")
    result.add_argument("--write-docs", action="store_true", help="record the results, and write docs/reliability.md")
    result.add_argument("--state", help="state directory (default: .cache/sandbox-faults/chaos)")
    return result


def trials() -> list[Trial]:
    """Every trial: kills first, they need an empty cluster each."""
    return [
        *(Trial(f"killed {point.name}", True, killed(point)) for point in kills.every()),
        *(Trial(one.name, False, troubled(one)) for one in trouble.every()),
    ]


def examine(site: Site, trial: Trial, number: int) -> dict[str, Any]:
    """Run a trial; what came of it."""
    if trial.fresh:
        lifecycle.reset(site.state, "bare_metal")
    began = time.monotonic()
    try:
        wrong = list(trial.run(site, number))
    except trouble.NotHere as reason:
        return {"result": "skipped", "why": str(reason)}
    seconds = round(time.monotonic() - began, 1)
    return {"result": "failed" if wrong else "passed", "why": "; ".join(wrong), "seconds": seconds}


def show(name: str, result: Mapping[str, Any]) -> None:
    """A line a trial."""
    mark = {"passed": "√", "failed": "×", "skipped": "-"}[result["result"]]
    print(f"{mark} {name} ({result.get('seconds', 0)} s)", *filter(None, [result["why"]]), sep="\n    ", flush=True)


def killed(point: kills.Point) -> Callable[[Site, int], Iterator[str]]:
    """The trial of a kill."""

    def run(site: Site, _number: int) -> Iterator[str]:
        if said := kills.kill_at(site, point, surroundings_of(site)):
            yield f"the play ended before the point: {said}"
        yield from aftermath(site, {})

    return run


def troubled(one: trouble.Trouble) -> Callable[[Site, int], Iterator[str]]:
    """The trial of a trouble."""

    def run(site: Site, number: int) -> Iterator[str]:
        if kills.STAGES[-1] not in stages_of(site):
            converge(site)
        length = LENGTHS[number % len(LENGTHS)]
        variables = changed_models({"embeddings": {"vllm": {"max_model_len": length}}})
        played = trouble.run(site, one, {**variables, **(PATIENT if one.survived else {})}, surroundings_of(site))
        yield from judge(one, played)
        yield from aftermath(site, variables)

    return run


def judge(one: trouble.Trouble, played: Played) -> Iterator[str]:
    """A play in trouble ends verified, or refuses with findings; never with a stack trace."""
    verified = played.code == 0 and played.report.get("outcome") == "verified"
    codes = [code for code, _ in played.fatal]
    if one.survived and not verified:
        yield f"not verified: exit status {played.code}, {played.fatal or played.text[-800:]}"
    if not verified and not codes:
        yield f"exit status {played.code} without a finding: {played.text[-800:]}"
    if one.code and codes != [one.code]:
        yield f"fatal codes {codes}, expected {one.code}: {played.text[-800:]}"
    if found := re.search(r"Traceback \(most recent|internal-error|\[ERROR\]: .*Error", played.text):
        yield f"printed: {found[0]}: {played.text[-800:]}"


def surroundings_of(site: Site) -> dict[str, str]:
    """Where plays keep temporary files, so that leftovers are seen."""
    temporary = site.work / "tmp"
    temporary.mkdir(exist_ok=True)
    return {"TMPDIR": str(temporary)}


def aftermath(site: Site, variables: Mapping[str, Any]) -> Iterator[str]:
    """What Git holds; then the next run, an hour later as far as leftovers know, and what that leaves."""
    yield from half_states(site)
    environment = surroundings_of(site)
    for left in Path(environment["TMPDIR"]).iterdir():
        os.utime(left, (time.time() - AGED,) * 2)
    after = play(site, {**variables, **PATIENT}, environment)
    if after.code or after.report.get("outcome") != "verified":
        yield f"the next run: exit status {after.code}, {after.fatal or after.text[-800:]}"
    yield from (f"left behind: pod {name}" for name in test_pods(site))
    yield from (f"left behind: {left.name}" for left in Path(environment["TMPDIR"]).iterdir())


def half_states(site: Site) -> Iterator[str]:
    """Git holds whole stages only: each file is a document, and stages came in their order."""
    site.git("fsck", "--no-progress", "--strict")
    branch = site.known["git_branch"]
    for name in site.git("ls-tree", "-r", "--name-only", branch).splitlines():
        text = site.git("show", f"{branch}:{name}")
        if name.endswith((".yaml", ".yml")) and not all(isinstance(d, dict) for d in yaml.safe_load_all(text)):
            yield f"in Git: {name} is no document"
    stages = stages_of(site)
    if stages != list(kills.STAGES[: len(stages)]):
        yield f"in Git: stages {stages}"


def stages_of(site: Site) -> list[str]:
    """The stages that made commits, by their first one."""
    form = "--format=%(trailers:key=Inferops-Stage,valueonly,separator=)"
    log = site.git("log", "--reverse", form, site.known["git_branch"])
    return list(dict.fromkeys(line for line in log.splitlines() if line))


def test_pods(site: Site) -> list[str]:
    """GPU test pods that are still there."""
    pods: Iterable[Mapping[str, Any]] = (site.api.find("/api/v1/pods") or {}).get("items", [])
    return [pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("gpu-test")]


if __name__ == "__main__":
    sys.exit(main())
