# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox for the tests marked ``sandbox``: the one that runs, or with ``SANDBOX_TESTS=1`` one of their own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.runner import cli, lifecycle
from sandbox.runner.ports import allocate
from sandbox.runner.state import State, locate


@dataclass
class Site:
    """A running sandbox as a person sees it: a shell with its exports."""

    state: State
    env: dict[str, str]

    def run(self, *argv: str, stdin: str = "", check: bool = True) -> str:
        """Run a program with the sandbox's exports and return what it printed."""
        answer = subprocess.run(
            argv, input=stdin, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert not check or answer.returncode == 0, answer.stderr
        return answer.stdout

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl."""
        return self.run("kubectl", *arguments, stdin=stdin, check=check)

    @contextlib.contextmanager
    def forward(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """Port-forward through the API server with kubectl; yield the local port."""
        local = allocate(["forward"], Path(f"/{target}"))["forward"]
        command = ["kubectl", "-n", namespace, "port-forward", target, f"{local}:{port}"]
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "Forwarding" in line, line
            yield local
        finally:
            process.terminate()
            process.wait()


def eventually(check: Callable[[], Any], budget: float = 30) -> Any:
    """Return the first true answer, or the last answer after ``budget`` seconds."""
    deadline = time.monotonic() + budget
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    own = os.environ.get("SANDBOX_TESTS") == "1"
    state = State(tmp_path_factory.mktemp("sandbox")) if own else locate("bare_metal", None)
    if own:
        lifecycle.up(state, "bare_metal")
    elif not all(row.ready for row in lifecycle.status(state)):
        pytest.skip("no sandbox runs: python -m sandbox.runner up, or SANDBOX_TESTS=1 for one of the tests' own")
    exports = cli.exports(state, state.read())
    path = f"{exports['SANDBOX_TOOLS']}:{os.environ['PATH']}"
    yield Site(state, {**os.environ, **exports, "PATH": path})
    if own:
        lifecycle.down(state)


@pytest.fixture
def namespace(site: Site) -> Iterator[str]:
    name = f"sandbox-test-{time.time_ns() % 10**9}"
    site.kubectl("create", "namespace", name)
    assert eventually(lambda: "default" in site.kubectl("-n", name, "get", "serviceaccounts", "-o", "name"))
    yield name
    site.kubectl("delete", "namespace", name, "--wait=false")
