# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox: warm start, reset, stop, memory, and what building its programs took."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time

from bench.bed import Bed, BenchError
from bench.measure import ROOT, Measured, Row, interleaved

COLD_SECONDS = 3600


def rehearsal(bed: Bed, quick: bool = False, cold: bool = False) -> Measured:
    """Item 9. A cold build takes minutes of all cores, so it is done only when ``cold`` asks for it."""
    variants = {"stop": lambda: bed.runner("down"), "start with data": lambda: bed.runner("up")}
    runs = 1 if quick else 3
    taken = interleaved(variants, runs) | interleaved({"reset": lambda: bed.runner("reset")}, runs)
    found = Measured([Row(what, tuple(values)) for what, values in taken.items()])
    megabytes = re.search(r"(\d+) MB, state", bed.runner("status"))
    if not megabytes:
        raise BenchError("the sandbox does not say how much memory it takes")
    found.rows.append(Row("memory of all processes", (float(megabytes[1]),), "MB"))
    found.figures["sandbox_memory"] = float(megabytes[1])
    if cold:
        found.rows += _cold()
    else:
        found.notes.append("The cold build of the sandbox's programs is measured only with --cold: it takes minutes.")
    return found


def _cold() -> list[Row]:
    """Build every program anew, with caches of its own; downloads count, too."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = {
            "SANDBOX_CACHE": folder,
            "GOCACHE": f"{folder}/go",
            "GOMODCACHE": f"{folder}/mod",
            "GOFLAGS": "-modcacherw",
        }
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [sys.executable, "-m", "sandbox.runner", "binaries"]
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, **fresh}, check=True, capture_output=True, timeout=COLD_SECONDS
        )
        after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [Row("cold build, by the clock", (seconds,)), Row("cold build, processor time", (spent,))]
