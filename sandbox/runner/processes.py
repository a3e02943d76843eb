# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, watch and stop processes so that none is ever lost, even when the runner itself is killed.

* A process writes its own identity (pid and start time) before it becomes the program, so there is no moment in
  which it runs unrecorded; the start time tells it from a later process with the same pid.
* Every process carries a marker with the state directory in its environment, and ``sweep`` ends whatever carries
  it, children included.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

MARKER = "INFEROPS_SANDBOX_MEMBER"
RECORD = 'read -r line < /proc/$$/stat && echo "$line" > "$0.new" && mv "$0.new" "$0" && exec "$@"'
PAGE = os.sysconf("SC_PAGE_SIZE")


def start(name: str, argv: Sequence[str], state: Path, env: Mapping[str, str]) -> None:
    """Start ``argv`` in a session of its own; output goes to ``logs/<name>.log``, identity to ``run/<name>.pid``."""
    for folder in ("run", "logs"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    with (state / "logs" / f"{name}.log").open("ab") as log:
        subprocess.Popen(
            ["/bin/sh", "-c", RECORD, str(state / "run" / f"{name}.pid"), *argv],
            cwd=state,
            env={**env, MARKER: str(state)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def identity(stat: str) -> tuple[int, int]:
    """Return (pid, start time in clock ticks) of a ``/proc/<pid>/stat`` line."""
    pid, rest = stat.split(" ", 1)
    return int(pid), int(rest.rpartition(")")[2].split()[19])


def alive(pid: int) -> str:
    """Return the stat line of a running process, or '' for one that is gone or a zombie.

    A zombie with threads left has not ended: it still holds its ports.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" and int(fields[17]) <= 1 else stat


def pid_of(name: str, state: Path) -> int | None:
    """Return the pid of the running process ``name``, or None: not started, ended, or its pid is someone else's now."""
    try:
        pid, started = identity((state / "run" / f"{name}.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError):
        return None
    stat = alive(pid)
    return pid if stat and identity(stat)[1] == started else None


def rss(pid: int) -> int:
    """Return the resident memory of ``pid`` in bytes, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def stop(names: Iterable[str], state: Path, budget: float = 10.0, first: int = signal.SIGTERM) -> None:
    """Stop the named processes together, with their children; what has not ended after ``budget`` s is killed."""
    pids = {name: pid for name in names if (pid := pid_of(name, state))}
    for pid in pids.values():
        kill_group(pid, first)
    deadline = time.monotonic() + budget
    while any(map(alive, pids.values())) and time.monotonic() < deadline:
        reap()
        time.sleep(0.02)
    for name, pid in pids.items():
        if alive(pid):
            kill_group(pid, signal.SIGKILL)
        (state / "run" / f"{name}.pid").unlink(missing_ok=True)


def kill_group(pid: int, number: int) -> None:
    """Send a signal to the session of ``pid`` (each process leads its own)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def reap() -> None:
    """Collect ended children, which otherwise stay as zombies while the runner lives."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def members(state: Path) -> Iterator[int]:
    """Yield every process that carries the marker of this state directory."""
    wanted = f"{MARKER}={state}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0") and alive(int(entry.name)):
                    yield int(entry.name)


def sweep(state: Path) -> int:
    """Kill what still carries the marker; return how many processes there were."""
    killed = 0
    for _ in range(50):
        left = list(members(state))
        if not left:
            break
        killed = max(killed, len(left))
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.02)
    return killed


def log_tail(name: str, state: Path, lines: int = 12) -> str:
    """Return the last lines of a process's log, each cut to 300 characters."""
    try:
        with (state / "logs" / f"{name}.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
            text = log.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(f"  | {line[:300]}" for line in text.splitlines()[-lines:]) or "(empty log)"
