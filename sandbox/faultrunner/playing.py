# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the site play, and reading what an operator would read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.faultrunner.steps import Site

ROOT = Path(__file__).parents[2]
INVENTORY = ROOT / "inventories" / "sandbox" / "group_vars" / "all" / "main.yml"
FATAL = re.compile(r"^\s*× ([a-z0-9]+(?:-[a-z0-9]+)+): (.+)$", re.MULTILINE)
WARNING = re.compile(r"^\s*‼ (?:\S+: )?([a-z0-9]+(?:-[a-z0-9]+)+): (.+)$", re.MULTILINE)
GOOD_STEP = re.compile(r"^\s+[√*] \S+: .*\([0-9.]+ s\)$")
SHORT = {"smoke": 20, "sync": 20, "load": 90, "answer": 10}
"""Budgets of the gates in seconds: what is broken for good is to be said at once, not when they are over."""

PATIENT = {"vllm_timeouts": {"smoke": 90, "sync": 180, "load": 180, "answer": 30}}
"""Budgets of what must end verified, on a machine that does other things, too."""


@dataclass(frozen=True)
class Played:
    """A finished play: exit status, output, report, and the seconds from the last good step to the refusal."""

    code: int
    text: str
    report: Mapping[str, Any]
    seconds: float
    wall: float

    @property
    def fatal(self) -> list[tuple[str, str]]:
        """(code, subject and message) of what is fatal, as printed."""
        return FATAL.findall(self.text)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """(code, subject and message) of the warnings, as printed."""
        return WARNING.findall(self.text)

    @property
    def stage(self) -> str:
        """The stage that failed, as the report says it."""
        stages = self.report.get("stages", ())
        return next((stage["stage"] for stage in stages if stage["status"] == "failed"), "")


def play(
    site: Site,
    variables: Mapping[str, Any],
    environment: Mapping[str, str],
    seen: Callable[[str], object] | None = None,
    wrap: Sequence[str] = (),
) -> Played:
    """Run ``playbooks/site.yml`` on the sandbox, by the command ``wrap``; ``seen`` is called with each line printed."""
    report, began = report_of(site), time.monotonic()
    process = start(site, variables, environment, wrap)
    lines, good, refused = [], began, 0.0
    assert process.stdout
    for line in process.stdout:
        lines.append(line)
        if seen:
            seen(line)
        if GOOD_STEP.match(line) and not refused:
            good = time.monotonic()
        elif FATAL.match(line) and not refused:
            refused = time.monotonic()
    found = json.loads(report.read_text("utf-8")) if report.exists() else {}
    ended = time.monotonic()
    return Played(process.wait(), "".join(lines), found, (refused or ended) - good, ended - began)


def report_of(site: Site) -> Path:
    """Where a play writes its report."""
    return site.work / "report" / "sandbox.json"


def start(
    site: Site,
    variables: Mapping[str, Any],
    environment: Mapping[str, str],
    wrap: Sequence[str] = (),
    *,
    own_session: bool = False,
) -> subprocess.Popen[str]:
    """Start ``playbooks/site.yml`` without the report of the play before; what it prints is to be read."""
    report = report_of(site)
    report.unlink(missing_ok=True)
    extra = {"vllm_report_directory": str(report.parent), "vllm_timeouts": SHORT, **variables}
    return subprocess.Popen(
        [*wrap, *command(), "--extra-vars", json.dumps(extra)],
        cwd=site.work,
        env=surroundings(site, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=own_session,
    )


def changed_models(changes: Mapping[str, Any]) -> dict[str, Any]:
    """``vllm_models`` of the inventory with changes by name (null removes an entry); nothing without a change."""
    if not changes:
        return {}
    known = yaml.safe_load(INVENTORY.read_text("utf-8"))["vllm_models"]
    kept = [entry for entry in known if changes.get(entry["name"], {}) is not None]
    return {"vllm_models": [merged(entry, changes.get(entry["name"], {})) for entry in kept]}


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with ``new`` merged into its mappings."""
    both = {key: merged(old[key], value) if isinstance(old.get(key), dict) else value for key, value in new.items()}
    return {**old, **both}


def command() -> list[str]:
    """The command line without variables."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    return [program, str(ROOT / "playbooks" / "site.yml"), "--inventory", str(ROOT / "inventories" / "sandbox")]


def surroundings(site: Site, more: Mapping[str, str]) -> dict[str, str]:
    """The environment of the play: nothing of the caller's that could decide what it does."""
    dropped = ("ANSIBLE_", "K8S_AUTH_", "SANDBOX_", "HF_", "VLLM_", "GIT_", "KUBECONFIG")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **inherited,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "inferops.vllm.stages",
        "SANDBOX_PROFILE": site.known["profile"],
        "SANDBOX_STATE": str(site.state.root),
        **more,
    }
