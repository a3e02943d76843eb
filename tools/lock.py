# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.lock``: requirements-*.txt from requirements-*.in, with a hash for every file of every package.

One lock is for every Python that we support. What is locked already stays at its version; ``--upgrade`` lets it move.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST_PYTHON = "3.11"


def main(arguments: Sequence[str] | None = None) -> int:
    """Lock every input; the exit status is that of the first lock that fails."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the inputs allow")
    options = parser.parse_args(arguments)
    program = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if program is None:
        print("lock: there is no uv; make lock installs it", file=sys.stderr)
        return 1
    for source in sorted(ROOT.glob("requirements-*.in")):
        command = [program, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-emit-index-url"]
        command += ["--python-version", OLDEST_PYTHON, "--custom-compile-command", "make lock"]
        command += ["--output-file", source.with_suffix(".txt").name, *(["--upgrade"] if options.upgrade else [])]
        done = subprocess.run([*command, source.name], cwd=ROOT)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
