# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the play at stage boundaries and inside its writes, and lets the next run go on from there.

``python -m sandbox.faultrunner.chaos [--points N]``: each point begins with an empty cluster, kills the play (SIGKILL,
the whole process group) a moment after a chosen step, looks at what Git holds, and runs the play again, which must
end verified.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.faultrunner.playing import ROOT, SHORT, command, play, surroundings
from sandbox.faultrunner.steps import Site
from sandbox.runner import lifecycle
from sandbox.runner.errors import SandboxError
from sandbox.runner.state import locate

STEPS = (
    "Read and check this site's variables",
    "Plan which model runs on which GPU",
    "Commit the RuntimeClass",
    "Let Argo CD apply it",
    "GPU test pod: created",
    "Run nvidia-smi in a pod",
    "Seal the Hugging Face token",
    "Commit the sealed secrets",
    "Refuse an upgrade",
    "Commit the application",
    "vllm at [0-9a-f(]",
    "Let Argo CD sync it",
    "Prove that the models answer",
)
"""What the play prints at the end of a step (the next one begins) or inside one."""

DELAYS = (0.0, 0.06, 0.15)
"""Seconds after the line: at the boundary, and inside the write that follows."""

STAGES = ("runtime_class", "sealed_secrets", "application")


@dataclass(frozen=True)
class Point:
    """Where to kill: so many seconds after a line."""

    line: str
    delay: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the points; the exit status is 0 when every second run ended verified and nothing was left behind."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.faultrunner.chaos", description=__doc__)
    parser.add_argument("--points", type=int, default=20, help="how many of the points (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="which of them")
    parser.add_argument("--state", help="state directory (default: .cache/sandbox-faults/chaos)")
    options = parser.parse_args(arguments)
    state = locate("bare_metal", options.state or str(ROOT / ".cache" / "sandbox-faults" / "chaos"))
    every = [Point(line, delay) for delay in DELAYS for line in STEPS]
    points = random.Random(options.seed).sample(every, min(options.points, len(every)))
    failed = 0
    try:
        for point in sorted(points, key=lambda p: (STEPS.index(p.line), p.delay)):
            lifecycle.reset(state, "bare_metal")
            wrong = list(survive(Site(state, folder(state.root / "chaos")), point))
            failed += bool(wrong)
            print(f"{'×' if wrong else '√'} killed {point.delay:.2f} s after {point.line!r}", *wrong, sep="\n    ")
    except SandboxError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 1
    finally:
        lifecycle.down(state)
    print(f"{len(points) - failed} passed, {failed} failed")
    return 1 if failed or not points else 0


def folder(path: Path) -> Path:
    """Make a folder."""
    path.mkdir(exist_ok=True)
    return path


def survive(site: Site, point: Point) -> Iterator[str]:
    """Kill at a point; yield what is wrong then, and after the next run."""
    temporary = folder(site.work / "tmp")
    environment = {"TMPDIR": str(temporary)}
    if not kill_at(site, point, environment):
        yield "the play ended before the point"
    yield from half_states(site)
    after = play(site, {}, environment)
    if after.code or after.report.get("outcome") != "verified":
        yield f"the next run: exit status {after.code}, {after.fatal or after.text[-500:]}"
    yield from (f"left behind: pod {name}" for name in test_pods(site))
    yield from (f"left behind: {path.name}" for path in temporary.iterdir())


def kill_at(site: Site, point: Point, environment: dict[str, str]) -> bool:
    """Run the play and end its whole process group without a warning; False when it was over before."""
    extra = {"vllm_report_directory": str(site.work / "report"), "vllm_timeouts": SHORT}
    process = subprocess.Popen(
        [*command(), "--extra-vars", json.dumps(extra)],
        cwd=site.work,
        env=surroundings(site, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    seen = any(re.search(point.line, line) for line in process.stdout)
    time.sleep(point.delay)
    early = process.poll() is None
    if early:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return seen and early


def half_states(site: Site) -> Iterator[str]:
    """Git holds whole stages only: each file is a document, and stages came in their order."""
    site.git("fsck", "--no-progress", "--strict")
    branch = site.known["git_branch"]
    for name in site.git("ls-tree", "-r", "--name-only", branch).splitlines():
        text = site.git("show", f"{branch}:{name}")
        if name.endswith((".yaml", ".yml")) and not all(isinstance(d, dict) for d in yaml.safe_load_all(text)):
            yield f"in Git: {name} is no document"
    log = site.git("log", "--reverse", "--format=%(trailers:key=Inferops-Stage,valueonly,separator=)", branch)
    stages = [line for line in log.splitlines() if line]
    if stages != list(STAGES[: len(stages)]):
        yield f"in Git: stages {stages}"


def test_pods(site: Site) -> list[str]:
    """GPU test pods that are still there."""
    pods = (site.api.find("/api/v1/pods") or {}).get("items", [])
    return [pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("gpu-test")]


if __name__ == "__main__":
    sys.exit(main())
