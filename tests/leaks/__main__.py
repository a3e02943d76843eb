# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.leaks``: search all that whole runs leave for canary secrets; ends with ``N passed, N failed``."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.faultrunner import page

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests; the exit status is pytest's."""
    parser = argparse.ArgumentParser(prog="python -m tests.leaks", description=__doc__)
    parser.add_argument("--write-docs", action="store_true", help="record the results, and write docs/reliability.md")
    options = parser.parse_args(arguments)
    environment = {**os.environ, **({"LEAKS_RECORD": "1"} if options.write_docs else {})}
    command = [sys.executable, "-m", "pytest", "--no-header", "tests/leaks"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(done.stdout if done.returncode else "")
    if options.write_docs:
        page.write()
    counts = {word: sum(map(int, re.findall(rf"(\d+) {word}", done.stdout))) for word in ("passed", "failed", "error")}
    sys.stdout.write(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
