# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No process is lost: not by a reused pid, not by a killed runner, not by children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.runner import processes

ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def state(tmp_path):
    yield tmp_path
    processes.sweep(tmp_path)


def until(check, budget=5.0):
    deadline = time.monotonic() + budget
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def run(state, *argv, name="it"):
    processes.start(name, argv, state, ENV)
    pid = until(lambda: processes.pid_of(name, state))
    assert pid, processes.log_tail(name, state)
    return pid


def test_a_started_process_is_found_measured_and_stopped(state):
    pid = run(state, "sleep", "60")
    assert until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    assert processes.rss(pid) > 0
    processes.stop(["it"], state)
    assert processes.pid_of("it", state) is None
    assert not processes.alive(pid)


def test_a_pid_that_is_someone_elses_now_is_not_ours(state):
    run(state, "sleep", "60")
    record = state / "run" / "it.pid"
    pid, rest = record.read_text().split(" ", 1)
    fields = rest.rpartition(")")[2].split()
    fields[19] = str(int(fields[19]) - 1)
    record.write_text(f"{pid} (sh) {' '.join(fields)}")
    assert processes.pid_of("it", state) is None


@pytest.mark.parametrize("record", ["", "x", "12", "999999999 (sh) S"])
def test_a_broken_record_is_no_process(state, record):
    (state / "run").mkdir()
    (state / "run" / "it.pid").write_text(record)
    assert processes.pid_of("it", state) is None


def test_a_process_that_ignores_the_signal_is_killed(state):
    pid = run(state, "/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    time.sleep(0.1)
    processes.stop(["it"], state, budget=0.3)
    assert until(lambda: not processes.alive(pid))


def test_children_are_stopped_with_it(state):
    run(state, "/bin/sh", "-c", "sleep 61 & sleep 62 & wait")
    assert until(lambda: len(list(processes.members(state))) == 3)
    processes.stop(["it"], state)
    assert until(lambda: not list(processes.members(state)))


def test_sweep_ends_what_left_its_session(state):
    processes.start("gone", ["setsid", "--fork", "sleep", "63"], state, ENV)
    assert until(lambda: (state / "run" / "gone.pid").exists() and not processes.pid_of("gone", state))
    assert len(list(processes.members(state))) == 1
    assert processes.sweep(state) == 1
    assert not list(processes.members(state))


def test_a_killed_runner_leaves_records(state):
    script = (
        "import pathlib, time; from sandbox.runner import processes; "
        f"processes.start('it', ['sleep', '64'], pathlib.Path({str(state)!r}), {ENV!r}); time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    pid = until(lambda: processes.pid_of("it", state))
    runner.kill()
    runner.wait()
    assert processes.pid_of("it", state) == pid
    processes.stop(["it"], state)
    assert until(lambda: not processes.alive(pid))


def test_another_sandbox_is_left_alone(state, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    pid = run(other, "sleep", "65")
    run(state, "sleep", "66")
    processes.sweep(state)
    assert processes.pid_of("it", other) == pid
    processes.stop(["it"], other, first=signal.SIGKILL)


def test_the_log_tail_is_short(state):
    (state / "logs").mkdir()
    (state / "logs" / "it.log").write_text("".join(f"line {i} {'x' * 400}\n" for i in range(1000)))
    tail = processes.log_tail("it", state, lines=3).splitlines()
    assert len(tail) == 3
    assert tail[-1].startswith("  | line 999")
    assert max(map(len, tail)) <= 304
    assert processes.log_tail("none", state) == "(no log)"
