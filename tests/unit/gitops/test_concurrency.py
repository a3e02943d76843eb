# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs on one branch at once: everything lands, in one line."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Request, commit, files
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository

ROOT = Path(__file__).parents[3]
MODULES = "ansible_collections.inferops.vllm.plugins.module_utils.gitops"


def writer(url: str, name: str, pushes: int) -> None:
    """The pushes of one run; the exit status tells."""
    for number in range(pushes):
        wanted = [
            Wanted(f"sites/{name}.yaml", f"n: {number}\n".encode()),
            Wanted("shared.yaml", edit=_line(name, number)),
        ]
        while True:
            try:
                with Repository(url) as repository:
                    commit(repository, Request(files(wanted), f"{name} {number}"))
                break
            except Refusal as refusal:  # ten lost races in a row: what an operator does is run again
                if refusal.findings[0].code != "gitops-push-race":
                    raise


def _line(name: str, number: int):
    line = f"{name}-{number}: 1\n"
    return lambda path, text: text if line in text else text + line


@pytest.mark.parametrize(("writers", "pushes"), [(3, 3), pytest.param(4, 10, marks=pytest.mark.slow)])
def test_concurrent_writers(origin, writers, pushes):
    origin.seed({"shared.yaml": "start: 1\n"})
    before = int(origin.git("rev-list", "--count", "main"))
    context = multiprocessing.get_context("fork")
    runs = [context.Process(target=writer, args=(origin.url, f"town{i}", pushes)) for i in range(writers)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0] * writers
    assert int(origin.git("rev-list", "--count", "main")) == before + writers * pushes
    assert origin.git("rev-list", "--merges", "main") == ""
    lines = origin.show("shared.yaml").splitlines()
    assert sorted(lines[1:]) == sorted(f"town{i}-{n}: 1" for i in range(writers) for n in range(pushes))
    assert origin.git("fsck", "--strict", "--no-dangling") == ""


RUN = f"""
import sys, tempfile
sys.path.insert(0, "collections")
tempfile.tempdir = sys.argv[2]
from {MODULES}.changes import Wanted
from {MODULES}.commit import Request, commit, files
from {MODULES}.repository import Repository
print("ready", flush=True)
with Repository(sys.argv[1]) as repository:
    wanted = [Wanted(f"f{{n}}.yaml", b"a: 1\\n") for n in range(5)]
    commit(repository, Request(files(wanted), "all or nothing"))
"""


def test_a_kill_at_any_moment_leaves_all_or_nothing(origin, private_tmp):
    head = origin.head()
    for delay in (0.0, 0.02, 0.05, 0.08, 0.12):
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, origin.url, str(private_tmp)], cwd=ROOT, stdout=subprocess.PIPE
        )
        run.stdout.readline()
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    time.sleep(0.3)  # a git that outlives its killed parent may still end its push
    held = [name for name in origin.git("ls-tree", "--name-only", "main").split() if name.startswith("f")]
    assert len(held) == (0 if origin.head() == head else 5)
    for left in private_tmp.iterdir():
        os.utime(left, (0, 0))
    with Repository(origin.url) as repository:
        commit(repository, Request(files([Wanted(f"f{n}.yaml", b"a: 1\n") for n in range(5)]), "all or nothing"))
    assert len(origin.log()) == 2
    assert list(private_tmp.iterdir()) == []
