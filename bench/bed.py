# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox that the benchmarks run on, and plays against it. State under ``.cache/bench/sandbox``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bench.measure import CACHE, ROOT

STATE = CACHE / "sandbox"
SITE = "playbooks/site.yml"
REPORTS = f"vllm_report_directory={CACHE / 'report'}"
PLAY_SECONDS = 600


class BenchError(Exception):
    """A benchmark cannot be run; the text says why."""


@dataclass
class Bed:
    """A running sandbox."""

    root: Path = STATE

    @cached_property
    def state(self) -> dict[str, Any]:
        """Its state file."""
        found: dict[str, Any] = json.loads((self.root / "state.json").read_text("utf-8"))
        return found

    def runner(self, command: str) -> str:
        """One command of the sandbox runner."""
        arguments = [sys.executable, "-m", "sandbox.runner", command]
        return call([*arguments, "--profile", "bare_metal", "--state", str(self.root)])

    def play(self, playbook: str, *arguments: str, inventory: str = "inventories/sandbox", **more: str) -> str:
        """Run a playbook; raises :class:`BenchError` with its output when it fails."""
        command = [str(Path(sys.executable).with_name("ansible-playbook")), playbook, "--inventory", inventory]
        return call([*command, *arguments], env={**self.environment, **more})

    @property
    def environment(self) -> dict[str, str]:
        """What a play needs, without what the caller's shell says about Ansible."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "K8S_AUTH_", "SANDBOX_"))}
        ours = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "SANDBOX_PROFILE": "bare_metal"}
        return {**kept, **ours, "SANDBOX_STATE": str(self.root), "KUBECONFIG": self.state["kubeconfig"]}

    @property
    def tools(self) -> dict[str, str]:
        """The environment of a person at a terminal: kubectl, kubeseal and helm on PATH."""
        folders = {str(Path(self.state["binaries"][name]).parent) for name in ("kubectl", "kubeseal", "helm")}
        path = os.pathsep.join([*sorted(folders), os.environ.get("PATH", "")])
        certificate = f"http://127.0.0.1:{self.state['ports']['sealed-secrets']}/v1/cert.pem"
        given = {"GIT_URL": self.state["git_url"], "CERTIFICATE": certificate, "SECRETS": self.state["local_secrets"]}
        return {**self.environment, **given, "PATH": path}


def call(command: list[str], env: dict[str, str] | None = None) -> str:
    """Output of a command; raises :class:`BenchError` with the end of it."""
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PLAY_SECONDS, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BenchError(f"{' '.join(command[:4])} …: exit {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def playbook(name: str, tasks: list[dict[str, Any]]) -> str:
    """Write a playbook of these tasks for localhost; returns its path."""
    path = CACHE / "playbooks" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    play = {"name": name, "hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}
    path.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    return str(path)
