# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: ``python -m sandbox.runner up | down | reset | status | env | binaries``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.runner import binaries, lifecycle
from sandbox.runner.components import COMPONENTS
from sandbox.runner.errors import SandboxError
from sandbox.runner.state import PROFILES, State, locate

Options = argparse.Namespace


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status (0 done, 1 not healthy or refused)."""
    options = parser().parse_args(arguments)
    state = locate(options.profile, options.state)
    try:
        return COMMANDS[options.command](state, options)
    except SandboxError as error:
        print(f"sandbox {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"sandbox {options.command}: interrupted; `down` stops what was started", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog="python -m sandbox.runner", description=__doc__)
    result.add_argument("command", choices=sorted(COMMANDS))
    result.add_argument("--profile", choices=PROFILES, default="bare_metal", help="the nodes (default: bare_metal)")
    result.add_argument("--state", help="state directory (default: $SANDBOX_STATE, else .cache/sandbox/<profile>)")
    names = [component.name for component in COMPONENTS]
    result.add_argument("--only", choices=names, action="append", default=[], help="down: stop just this process")
    return result


def up(state: State, options: Options) -> int:
    """Start the sandbox unless it runs."""
    print(f"sandbox {options.profile}: {lifecycle.up(state, options.profile)}")
    return 0


def down(state: State, options: Options) -> int:
    """Stop the sandbox, or some of its processes, and keep its data."""
    began = time.monotonic()
    stopped = lifecycle.down(state, options.only)
    words = f"stopped {stopped} processes in {time.monotonic() - began:.1f} s" if stopped else "was not running"
    print(f"sandbox {options.profile}: {words}")
    return 0


def reset(state: State, options: Options) -> int:
    """Start with an empty cluster and an empty repository."""
    began = time.monotonic()
    lifecycle.reset(state, options.profile)
    print(f"sandbox {options.profile}: reset in {time.monotonic() - began:.1f} s")
    return 0


def status(state: State, options: Options) -> int:
    """Print a line a process."""
    rows = lifecycle.status(state)
    print(f"{'process':32}{'pid':>8}{'port':>7}{'MB':>6}  ready")
    for row in rows:
        answer = "yes" if row.ready else row.missing
        print(f"{row.name:32}{row.pid or '-':>8}{row.port:>7}{row.rss // 1_000_000:>6}  {answer}")
    known = state.read()
    chart = known.get("chart", {})
    total = sum(row.rss for row in rows) // 1_000_000
    print(f"profile {known.get('profile', options.profile)}, {total} MB, state {state.root}")
    if chart:
        print(f"chart vllm-stack: {chart['source']} from {chart['repository']}")
    return 0 if all(row.ready for row in rows) else 1


def env(state: State, options: Options) -> int:
    """Print shell exports."""
    known = state.read()
    if not known:
        raise SandboxError(f"nothing was started in {state.root} (profile {options.profile})")
    for name, value in exports(state, known).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def exports(state: State, known: dict[str, Any]) -> dict[str, str]:
    """Return the variables that connect other programs with this sandbox.

    ``SANDBOX_TOOLS`` holds the folders of kubectl, kubeseal and helm, for a PATH.
    """
    folders = dict.fromkeys(str(Path(known["binaries"][name]).parent) for name in ("kubectl", "kubeseal", "helm"))
    return {
        "KUBECONFIG": known["kubeconfig"],
        "SANDBOX_STATE": str(state.root),
        "SANDBOX_PROFILE": known["profile"],
        "SANDBOX_CONTEXT": known["context"],
        "SANDBOX_GIT_URL": known["git_url"],
        "SANDBOX_GIT_BRANCH": known["git_branch"],
        "SANDBOX_ARGOCD_NAMESPACE": known["argocd_namespace"],
        "SANDBOX_CHART_REPOSITORY": known["chart"]["repository"],
        "SANDBOX_CHART_SOURCE": known["chart"]["source"],
        "SANDBOX_SEALED_SECRETS_CERT": f"http://127.0.0.1:{known['ports']['sealed-secrets']}/v1/cert.pem",
        "SANDBOX_TOOLS": ":".join(folders),
    }


def resolve(state: State, options: Options) -> int:
    """Obtain every program and say where each is."""
    del state, options
    for name, path in sorted(binaries.resolve().programs.items()):
        print(f"{name:28} {path}")
    return 0


COMMANDS: dict[str, Callable[[State, Options], int]] = {
    "up": up,
    "down": down,
    "reset": reset,
    "status": status,
    "env": env,
    "binaries": resolve,
}
