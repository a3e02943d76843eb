# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.fuzz``: every property of the suite with the profile ``nightly``, and how many inputs that were.

Ends with ``N inputs, N properties, N failed``. What falsifies a property is written to
``tests/corpus/found/<property>.txt`` (commit it) and kept in ``.hypothesis``, from where the suite tries it first.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "tests" / "corpus" / "found"
INPUTS = re.compile(r"(\d+) passing examples, (\d+) failing examples, (\d+) invalid")
PROPERTY = re.compile(r"^(tests/\S+\.py::\S+):$", re.MULTILINE)
FALSIFIED = re.compile(r"^_+ (\S+) _+$(.*?Falsifying example:.*?)(?=^_{5,}|^=====)", re.MULTILINE | re.DOTALL)


def properties() -> list[str]:
    """The test files that state a property."""
    paths = sorted((ROOT / "tests" / "unit").rglob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in paths if "from hypothesis import" in path.read_text("utf-8")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the properties; the exit status is pytest's, or 1 when there was none."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--profile", default="nightly", help="profile of tests/conftest.py (default: nightly)")
    parser.add_argument("files", nargs="*", help="test files (default: every one with a property)")
    options = parser.parse_args(arguments)
    chosen = options.files or properties()
    command = [sys.executable, "-m", "pytest", "--hypothesis-show-statistics", "-m", "not sandbox", *chosen]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": options.profile}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    sys.stdout.write(done.stdout[-4000:] if done.returncode else "")
    save(done.stdout)
    inputs = sum(sum(map(int, found)) for found in INPUTS.findall(done.stdout))
    known, failed = len(PROPERTY.findall(done.stdout)), len(FALSIFIED.findall(done.stdout))
    sys.stdout.write(f"{inputs} inputs, {known} properties, {failed} failed\n")
    return done.returncode or (0 if known else 1)


def save(output: str) -> None:
    """Keep what falsified a property as a file of the corpus."""
    for name, text in FALSIFIED.findall(output):
        FOUND.mkdir(exist_ok=True)
        example = text[text.index("Falsifying example:") :].strip()
        (FOUND / f"{name.replace('.', '-')}.txt").write_text(f"{example}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
