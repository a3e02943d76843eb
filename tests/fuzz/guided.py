# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.fuzz.guided``: the properties again, with inputs that libFuzzer steers to code not yet reached.

Each property that needs no fixture gets a process of its own for ``--seconds``; what led to new code is kept under
``.cache/fuzz`` and is where the next run starts. Hypothesis remembers what falsifies a property (``.hypothesis``), so
the suite finds it again, makes it small, and it is saved like any other (:mod:`tests.fuzz.__main__`).

Ends with ``N inputs, N properties, N failed``.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module

from tests.fuzz import __main__ as fuzz

CORPORA = fuzz.ROOT / ".cache" / "fuzz"
PRODUCT = "ansible_collections.inferops.vllm.plugins"
PATHS = (fuzz.ROOT, fuzz.ROOT / "tests", fuzz.ROOT / "collections")
EXECUTED = re.compile(r"^stat::number_of_executed_units: (\d+)", re.MULTILINE)
LARGEST_INPUT, HANG_SECONDS, START_SECONDS = 4096, 60, 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz every property, one a processor at a time; the exit status is 1 when one was falsified or none was tried."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="for each property (default: 30)")
    parser.add_argument("--write-docs", action="store_true", help="record the result, and write docs/reliability.md")
    parser.add_argument("--one", metavar="MODULE:TEST", help="fuzz this property in this process")
    options = parser.parse_args(arguments)
    if options.one:
        steer(options.one, options.seconds)
    began, names = time.monotonic(), list(properties())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = list(pool.map(partial(try_one, seconds=options.seconds), names))
    failed = sum(1 for _, status in counts if status)
    tally = fuzz.Tally(inputs=sum(inputs for inputs, _ in counts), properties=len(names), failed=failed)
    code = 1 if failed or not names else 0
    fuzz.conclude("guided", tally, code, time.monotonic() - began, write_docs=options.write_docs)
    return code


def properties() -> Iterator[str]:
    """``module:test`` of every property whose arguments are all drawn."""
    sys.path[:0] = map(str, PATHS)
    for path in fuzz.properties():
        module = path.removesuffix(".py").replace("/", ".")
        for name, test in vars(import_module(module)).items():
            if name.startswith("test_") and hasattr(test, "hypothesis") and not inspect.signature(test).parameters:
                yield f"{module}:{name}"


def try_one(name: str, seconds: int) -> tuple[int, int]:
    """How many inputs a property got, and an exit status other than 0 where one falsified it."""
    command = [sys.executable, "-m", "tests.fuzz.guided", "--one", name, "--seconds", str(seconds)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS)), "HYPOTHESIS_PROFILE": "suite"}
    limit = seconds + HANG_SECONDS + START_SECONDS
    done = subprocess.run(command, cwd=fuzz.ROOT, env=environment, capture_output=True, text=True, timeout=limit)
    executed = EXECUTED.search(done.stderr)
    if done.returncode:
        module, test = name.split(":")
        sys.stdout.write(f"{name}:\n{done.stderr[-2000:]}\n")
        fuzz.run("suite", [f"{module.replace('.', '/')}.py::{test}"], fuzz.Tally())
    return int(executed[1]) if executed else 0, done.returncode or int(executed is None)


def steer(name: str, seconds: int) -> None:
    """Fuzz one property in this process, which ends with it."""
    import atheris

    module, test = name.split(":")
    with atheris.instrument_imports(include=[PRODUCT]):
        import_module("tests.conftest")
        found = getattr(import_module(module), test)
    corpus = CORPORA / test
    corpus.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-max_len={LARGEST_INPUT}", f"-timeout={HANG_SECONDS}"]
    options += ["-print_final_stats=1", f"-artifact_prefix={CORPORA}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], found.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
