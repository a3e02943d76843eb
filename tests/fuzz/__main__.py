# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.fuzz``: every property of the suite with the profile ``nightly``, and how many inputs that were.

Ends with ``N inputs, N properties, N failed``; fewer than 100,000 inputs fail the nightly run. ``--seconds`` runs
rounds of the profile ``share`` instead, each with another seed, until the time is used up. What falsifies a property
is written to ``tests/corpus/found/<property>.txt`` (commit it) and kept in ``.hypothesis``, from where the suite
tries it first.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.faultrunner import page, record

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "tests" / "corpus" / "found"
ENOUGH = 100_000
RECORDED = ("nightly", "guided", "share")
INPUTS = re.compile(r"(\d+) passing, (\d+) failing, and \d+ invalid test cases")
PROPERTY = re.compile(r"^(tests/\S+\.py::\S+):$", re.MULTILINE)
EXAMPLE = re.compile(r"(?:Failing test case|Falsifying example):")
"""Hypothesis's words for it have changed once."""
FALSIFIED = re.compile(rf"^_+ (\S+) _+$(.*?{EXAMPLE.pattern}.*?)(?=^_{{5,}}|^=====)", re.MULTILINE | re.DOTALL)


@dataclass
class Tally:
    """What rounds add up to."""

    inputs: int = 0
    properties: int = 0
    failed: int = 0
    code: int = 0

    def add(self, code: int, output: str) -> None:
        """Count a round."""
        self.inputs += sum(int(passing) + int(failing) for passing, failing in INPUTS.findall(output))
        self.properties = len(set(PROPERTY.findall(output)))
        self.failed += len(FALSIFIED.findall(output))
        self.code = self.code or code


def properties() -> list[str]:
    """The test files that state a property."""
    paths = [path for part in ("unit", "fuzz") for path in sorted((ROOT / "tests" / part).rglob("test_*.py"))]
    return [str(path.relative_to(ROOT)) for path in paths if "from hypothesis import" in path.read_text("utf-8")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the properties; the exit status is pytest's, or 1 when there were too few inputs."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="a share of the nightly run, about so long")
    parser.add_argument("--write-docs", action="store_true", help="record the result, and write docs/reliability.md")
    parser.add_argument("files", nargs="*", help="test files (default: every one with a property)")
    options = parser.parse_args(arguments)
    chosen = options.files or properties()
    tally, began = Tally(), time.monotonic()
    name = "share" if options.seconds else "nightly"
    while not tally.code:
        started = time.monotonic()
        run(name, chosen, tally)
        now = time.monotonic()
        if now + (now - started) > began + options.seconds:
            break
    few = not options.seconds and not options.files and tally.inputs < ENOUGH
    code = tally.code or (1 if few or not tally.properties else 0)
    conclude(name, tally, code, time.monotonic() - began, write_docs=options.write_docs and not options.files)
    return code


def conclude(name: str, tally: Tally, code: int, seconds: float, *, write_docs: bool) -> None:
    """Print the last line; with ``write_docs`` record it as ``name``, too."""
    if write_docs:
        case = {"inputs": tally.inputs, "properties": tally.properties, "failed": tally.failed}
        result = "failed" if code else "passed"
        record.write("fuzz", {name: {"result": result, **case, "seconds": round(seconds)}}, RECORDED)
        page.write()
    sys.stdout.write(f"{tally.inputs} inputs, {tally.properties} properties, {tally.failed} failed\n")


def run(profile: str, chosen: Sequence[str], tally: Tally) -> None:
    """One round."""
    command = [sys.executable, "-m", "pytest", "--hypothesis-show-statistics", "-m", "not sandbox"]
    seed = ["--hypothesis-seed", str(random.randrange(2**32))] if profile == "share" else []
    environment = {**os.environ, "HYPOTHESIS_PROFILE": profile}
    done = subprocess.run([*command, *seed, *chosen], cwd=ROOT, env=environment, capture_output=True, text=True)
    sys.stdout.write(done.stdout[-4000:] if done.returncode else "")
    save(done.stdout)
    tally.add(done.returncode, done.stdout)


def save(output: str) -> None:
    """Keep what falsified a property as a file of the corpus."""
    for name, text in FALSIFIED.findall(output):
        FOUND.mkdir(exist_ok=True)
        example = text[next(EXAMPLE.finditer(text)).start() :].strip()
        (FOUND / f"{name.replace('.', '-')}.txt").write_text(f"{example}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
