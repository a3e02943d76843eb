# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the collection with every supported line of ansible-core, each on a Python of its own.

For each line: an environment under ``.cache/compat``, the unit tests, ``ansible-test sanity`` on the built artefact,
and the site on an emptied sandbox, twice: the second run must change nothing. ``--record`` writes what was measured
into docs/compatibility.md.

    python -m tools.compat [--only 2.20] [--record]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "compat"
PAGE = ROOT / "docs" / "compatibility.md"
START, END = "<!-- written by make compat ARGS=--record -->", "<!-- end -->"

LINES = (("2.19.14", "3.11"), ("2.20.10", "3.12"), ("2.21.5", "3.13"))
"""Exact ansible-core, and the Python it is tested on."""

NEEDED = ("cryptography", "hypothesis", "jmespath", "jsonschema", "kubernetes", "pytest", "pytest-xdist", "PyYAML")
SECONDS = 3600
RECAP = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


class Failed(Exception):
    """A check did not pass; the text is what its program printed."""


@dataclass
class Line:
    """One ansible-core on one Python."""

    core: str
    python: str
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"ansible-core {self.core} on Python {self.figures.get('python', self.python)}"

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return CACHE / f"core-{self.core}-py{self.python}" / "bin"


def interpreter(version: str) -> str | None:
    """A working Python of that version: a shim in PATH can exist and still fail, so each is tried."""
    candidates = [f"python{version}", *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for candidate in candidates:
        found = shutil.which(candidate)
        if found and subprocess.run([found, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return found
    return None


def run(*command: object, **environment: str) -> str:
    """What a command printed; raises :class:`Failed`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**inherited, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def pins() -> Iterator[str]:
    """The needed libraries, as requirements-dev.in pins them."""
    for line in (ROOT / "requirements-dev.in").read_text("utf-8").splitlines():
        if line.partition("==")[0] in NEEDED:
            yield line


def install(line: Line) -> None:
    """Make the environment, unless it is there."""
    done = line.bin.parent / ".installed"
    if not done.exists():
        run(interpreter(line.python), "-m", "venv", "--clear", line.bin.parent)
        run(line.bin / "pip", "install", "--quiet", f"ansible-core=={line.core}", *pins())
        done.touch()
    line.figures["python"] = run(line.bin / "python", "-c", "import platform; print(platform.python_version())").strip()


def units(line: Line) -> str:
    """The unit tests, under that core."""
    printed = run(line.bin / "pytest", "-p", "no:cacheprovider", "--color=no", "tests/unit")
    passed, seconds = re.findall(r"(\d+) passed.* in ([\d.]+)s", printed)[-1]
    return f"{passed} passed in {float(seconds):.0f} s"


def sanity(line: Line) -> str:
    """``ansible-test sanity`` on the built artefact."""
    started = time.monotonic()
    printed = run("tools/check_collection.sh", "sanity", BIN=str(line.bin))
    (tests,) = re.findall(r"sanity: (\d+) tests passed", printed)
    return f"{tests} tests in {time.monotonic() - started:.0f} s"


def site(line: Line) -> str:
    """The site on an emptied sandbox; the second run must change nothing."""
    state = CACHE / "sandbox"
    sandbox = (sys.executable, "-m", "sandbox.runner")
    for step in ("up", "reset"):
        run(*sandbox, step, "--profile", "bare_metal", "--state", state)
    try:
        first, second = play(line, state), play(line, state)
    finally:
        run(*sandbox, "down", "--profile", "bare_metal", "--state", state)
    if first[0] == 0 or second[0] != 0:
        raise Failed(f"the first run changed {first[0]} tasks, the second {second[0]}")
    return f"verified in {first[1]:.0f} s; again in {second[1]:.0f} s, changed=0"


def play(line: Line, state: Path) -> tuple[int, float]:
    """Changed tasks and seconds of one run of the site."""
    started = time.monotonic()
    report = CACHE / "report"
    command = (line.bin / "ansible-playbook", "playbooks/site.yml", "--inventory", "inventories/sandbox")
    printed = run(
        *command,
        "-e",
        f"vllm_report_directory={report}",
        ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
        SANDBOX_STATE=str(state),
        SANDBOX_PROFILE="bare_metal",
    )
    seconds = time.monotonic() - started
    outcome = json.loads((report / "sandbox.json").read_text("utf-8"))["outcome"]
    recap = RECAP.search(printed)
    if outcome != "verified" or not recap:
        raise Failed(f"the site ended as {outcome}\n{printed[-3000:]}")
    return int(recap[1]), seconds


CHECKS: dict[str, Callable[[Line], str]] = {"unit tests": units, "sanity": sanity, "site": site}


def record(lines: Sequence[Line]) -> None:
    """Put the lines into the table of the page; rows of other lines stay, with their date."""
    before, mark, rest = PAGE.read_text("utf-8").partition(START)
    held, end, after = rest.partition(END)
    if not (mark and end):
        raise Failed(f"{PAGE.name} has no place that begins with {START}")
    rows = {row.split("|")[1].strip(): row for row in held.splitlines() if re.match(r"\| \d", row)}
    today = datetime.datetime.now(tz=datetime.UTC).date()
    for line in lines:
        cells = [line.core, line.figures["python"], *(line.figures[name] for name in CHECKS), str(today)]
        rows[line.core] = f"| {' | '.join(cells)} |"
    titles = ["ansible-core", "Python", *CHECKS, "tested on"]
    head = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    table = "\n".join([*head, *(rows[core] for core in sorted(rows, key=_numbers))])
    PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", "utf-8")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def examine(line: Line) -> bool:
    """Run all checks of one line; say at once what came out."""
    try:
        install(line)
        for name, check in CHECKS.items():
            line.figures[name] = check(line)
            print(f"√ {line.name}: {name}: {line.figures[name]}", flush=True)
    except Failed as failure:
        print(f"× {line.name}: {failure}", flush=True)
        return False
    return True


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="a line of ansible-core, for example 2.20")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/compatibility.md")
    arguments = parser.parse_args()
    wanted = [Line(core, python) for core, python in LINES if core.startswith(arguments.only)]
    here = [line for line in wanted if interpreter(line.python)]
    for line in wanted:
        if line not in here:
            print(f"‼ {line.name}: not tested, there is no Python {line.python} on this machine")
    passed = [line for line in here if examine(line)]
    if arguments.record and passed == here:
        record(passed)
    return 0 if here and passed == here else 1


if __name__ == "__main__":
    sys.exit(main())
