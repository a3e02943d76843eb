# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes for the integration tests, and plays against them.

The suite starts its own sandboxes (state under ``.cache/sandbox-tests``), so it never touches the one that
``make sandbox-up`` started. A sandbox that cannot be started is an error, not a skip.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster

ROOT = Path(__file__).parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
STATES = Path(os.environ.get("SANDBOX_TEST_STATE") or ROOT / ".cache" / "sandbox-tests") / WORKER
RECAP = re.compile(r"^\S+ +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
INVENTORY = ROOT / "inventories" / "sandbox"
ACCOUNTS = {
    "preflight": ("preflight",),
    "drift": ("drift", "plan", "verify"),
    "operations": ("upgrade", "rollback", "rotate_secrets", "remove", "repository"),
}
"""The service account of docs/rbac that a playbook plays as; the others play as ``site``."""

START_SECONDS = 3600
PLAY_SECONDS = 300


def runner(command: str, profile: str) -> None:
    """One command of the sandbox runner; building its programs the first time takes many minutes."""
    arguments = [
        sys.executable,
        "-m",
        "sandbox.runner",
        command,
        "--profile",
        profile,
        "--state",
        str(STATES / profile),
    ]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=START_SECONDS)
    assert done.returncode == 0, f"sandbox {command}: {done.stdout}{done.stderr}"


@dataclass
class Played:
    """What one play printed, and its recap."""

    code: int
    text: str
    changed: int = -1
    failed: int = -1

    @property
    def codes(self) -> set[str]:
        """The fatal finding codes in the output."""
        return set(re.findall(r"× ([a-z0-9]+(?:-[a-z0-9]+)+): ", self.text))


def account_of(playbook: str) -> str:
    """The service account that a playbook plays as."""
    return next((name for name, playbooks in ACCOUNTS.items() if Path(playbook).stem in playbooks), "site")


@dataclass
class Sandbox:
    """A running sandbox and how to play against it."""

    profile: str
    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> dict[str, Any]:
        """The state file."""
        found: dict[str, Any] = json.loads((self.root / "state.json").read_text("utf-8"))
        return found

    @property
    def cluster(self) -> Cluster:
        """A connection as its administrator."""
        return Cluster.connect({"kubeconfig": self.state["kubeconfig"]})

    def git(self, *arguments: str) -> str:
        """Run git on the bare repository."""
        repository = self.state["git_url"].removeprefix("file://")
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def run(self, program: str, *arguments: str, stdin: str = "") -> str:
        """Run one of the sandbox's programs."""
        command = [self.state["binaries"][program], *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as administrator."""
        return self.run("kubectl", "--kubeconfig", self.state["kubeconfig"], *arguments, stdin=stdin)

    @property
    def head(self) -> str:
        """The commit that the branch is at."""
        return self.git("rev-parse", self.state["git_branch"])

    def play(
        self,
        *arguments: str,
        playbook: str = "playbooks/site.yml",
        inventory: Path = INVENTORY,
        cwd: Path = ROOT,
        **environment: str,
    ) -> Played:
        """Run a playbook as its service account, with the sandbox's inventory unless another one is given."""
        environment = {"SANDBOX_ACCOUNT": account_of(playbook), **environment}
        command = [str(Path(sys.executable).parent / "ansible-playbook"), playbook]
        command += ["--inventory", str(inventory), *arguments]
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.surroundings(environment),
            capture_output=True,
            text=True,
            timeout=PLAY_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        text = done.stdout + done.stderr
        recap = RECAP.search(text)
        changed, failed = (int(recap[2]), int(recap[3]) + int(recap[4])) if recap else (-1, -1)
        return Played(done.returncode, text, changed, failed)

    def surroundings(self, more: dict[str, str]) -> dict[str, str]:
        """The environment of a play: nothing of the caller's that could decide what it does."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "SANDBOX_")) and name not in ("HF_TOKEN", "VLLM_API_KEY")
        }
        ours = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "inferops.vllm.stages",
            "SANDBOX_PROFILE": self.profile,
            "SANDBOX_STATE": str(self.root),
        }
        return {**inherited, **ours, **self.environment, **more}


@pytest.fixture(scope="session")
def sandbox_of() -> Iterator[Callable[[str], Sandbox]]:
    """Start the sandbox of a profile on first use; all are stopped at the end."""
    started: dict[str, Sandbox] = {}

    def of(profile: str) -> Sandbox:
        if profile not in started:
            runner("up", profile)
            runner("reset", profile)
            started[profile] = Sandbox(profile, STATES / profile)
        return started[profile]

    yield of
    for profile in started:
        runner("down", profile)


@pytest.fixture(scope="module")
def fresh(sandbox_of: Callable[[str], Sandbox]) -> Callable[[str], Sandbox]:
    """A sandbox with an empty cluster and an empty repository, emptied once a module."""
    emptied: set[str] = set()

    def of(profile: str) -> Sandbox:
        known = sandbox_of(profile)
        if profile not in emptied:
            runner("reset", profile)
            emptied.add(profile)
        return known

    return of
