# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a play is killed (SIGKILL, with all that it started), and how the moment is met."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.faultrunner.git_steps import hook
from sandbox.faultrunner.playing import start
from sandbox.faultrunner.proxy import Rule, kubeconfig, proxy
from sandbox.faultrunner.steps import Site

POLL_SECONDS = 0.001

BOUNDARIES = (
    "Read and check this site's variables",
    "Learn what the GPU nodes offer",
    "Plan which model runs on which GPU",
    "Commit the RuntimeClass",
    "Let Argo CD apply it",
    "Run nvidia-smi in a pod",
    "Seal the Hugging Face token",
    "Commit the sealed secrets",
    "Refuse an upgrade",
    "Commit the application",
    "Let Argo CD sync it",
    "Prove that the models answer",
)
"""Steps whose end the play prints: the next one, or the next stage, begins."""

PROJECT, APPLICATION, POD = "/appprojects/", "/applications/", "/namespaces/default/pods"
WRITES = (
    ("the project of the RuntimeClass", f"^PATCH .*{PROJECT}runtime-class"),
    ("the Application of the RuntimeClass", f"^PATCH .*{APPLICATION}runtime-class"),
    ("the GPU test pod", f"^POST .*{POD}"),
    ("the end of the GPU test pod", f"^DELETE .*{POD}"),
    ("the project of the models", f"^PATCH .*{PROJECT}vllm"),
    ("the Application of the models", f"^PATCH .*{APPLICATION}vllm"),
)
"""Requests that write, of a first run."""

STAGES = ("runtime_class", "sealed_secrets", "application")
HOOK = """#!/bin/sh
while read -r old new ref; do
  if git log -1 --format=%B "$new" | grep -q "^Inferops-Stage: {stage}$"; then
    touch {flag}
    exec sleep 60
  fi
done
"""
FILES = (
    ("a commit is built", "tmp/inferops-vllm-git-*/git/objects/[0-9a-f][0-9a-f]"),
    ("the report is half written", "report/sandbox.json"),
)


@dataclass(frozen=True)
class Point:
    """A moment of a first run. ``where``: ``line``, ``request``, ``push`` or ``file``; ``side`` is before or after."""

    name: str
    where: str
    what: str
    side: str = ""


def every() -> list[Point]:
    """All points, in the order of a run as far as that is one."""
    lines = [Point(f"at the end of '{line}'", "line", re.escape(line)) for line in BOUNDARIES]
    sides = (("before", "the API server never saw it"), ("after", "its answer is lost"))
    requests = [
        Point(f"while writing {name}: {words}", "request", what, side) for name, what in WRITES for side, words in sides
    ]
    ends = (("pre-receive", "the server has it, but not on the branch"), ("post-receive", "it is on the branch"))
    pushes = [
        Point(f"while pushing the commit of {stage}: {words}", "push", stage, side)
        for stage in STAGES
        for side, words in ends
    ]
    return [*lines, *requests, *pushes, *(Point(f"when {name}", "file", what) for name, what in FILES)]


class Victim:
    """A play that can be killed once, by whatever meets the moment."""

    def __init__(self, site: Site, environment: Mapping[str, str], extra: Mapping[str, Any]) -> None:
        self.killed = False
        self.process = start(site, extra, environment, own_session=True)

    def kill(self) -> None:
        """End it without a warning, and its workers and their git too, which have sessions of their own."""
        if self.process.poll() is None:
            self.killed = True
            for pid in tree(self.process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def read(self, line: str) -> str:
        """Read what it prints until it ends, and kill it at a line that matches, where one is given."""
        assert self.process.stdout
        lines = []
        for text in self.process.stdout:
            lines.append(text)
            if line and not self.killed and re.search(line, text):
                self.kill()
        self.killed = self.process.wait() == -signal.SIGKILL
        return "".join(lines)


def tree(root: int) -> list[int]:
    """A process and all that descends from it."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            text = place.read_text("utf-8", "replace")
            parents[int(text.split(" ", 1)[0])] = int(text.rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def kill_at(site: Site, point: Point, environment: Mapping[str, str]) -> str:
    """Run the play, kill it at the point; returns what it printed if it ended otherwise, else ''."""
    with ExitStack() as stack:
        holder: list[Victim] = []
        extra = stack.enter_context(MOMENTS[point.where](site, point, lambda: holder[0].kill()))
        holder.append(Victim(site, environment, extra))
        text = holder[0].read(point.what if point.where == "line" else "")
        return "" if holder[0].killed else text[-800:] or "(no output)"


Kill = Callable[[], object]


@contextmanager
def at_line(_site: Site, _point: Point, _kill: Kill) -> Iterator[dict[str, Any]]:
    """Nothing to set up: the reader kills."""
    yield {}


@contextmanager
def at_request(site: Site, point: Point, kill: Kill) -> Iterator[dict[str, Any]]:
    """Through the proxy, which kills before it passes the request on, or before it passes the answer on."""
    rule = Rule(point.what, kind=point.side, act=kill)
    with proxied(site, [rule]) as (extra, _):
        yield extra


@contextmanager
def at_push(site: Site, point: Point, kill: Kill) -> Iterator[dict[str, Any]]:
    """With a hook of the repository that tells when it runs, and waits to be killed with the rest."""
    flag = site.work / "pushing"
    flag.unlink(missing_ok=True)
    undo = hook(site, {point.side: HOOK.format(stage=point.what, flag=flag)})
    try:
        with watching(site, flag.name, kill):
            yield {}
    finally:
        undo()


@contextmanager
def at_file(site: Site, point: Point, kill: Kill) -> Iterator[dict[str, Any]]:
    """As soon as a file is there."""
    (site.work / "report" / "sandbox.json").unlink(missing_ok=True)
    with watching(site, point.what, kill):
        yield {}


@contextmanager
def watching(site: Site, pattern: str, kill: Kill) -> Iterator[None]:
    """Kill once a file that matches appears in the working folder."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if any(site.work.glob(pattern)):
                kill()
                return
            time.sleep(POLL_SECONDS)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def proxied(site: Site, rules: Sequence[Rule]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Variables that send a play through a proxy, and the list of requests that it will have seen."""
    with proxy(site.known["ports"]["kube-apiserver"], site.state.pki, rules) as server:
        path = site.work / "proxied.kubeconfig"
        path.write_text(kubeconfig(server.url, site.known["accounts"]["site"]), "utf-8")
        path.chmod(0o600)
        yield {"vllm_kubeconfig": str(path)}, server.seen


MOMENTS = {"line": at_line, "request": at_request, "push": at_push, "file": at_file}
