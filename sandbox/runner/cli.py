# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: ``python -m sandbox.runner up | down | reset | status | env | binaries``."""

from __future__ import annotations

import argparse
import shlex
import sys
import time

from sandbox.runner import binaries, lifecycle
from sandbox.runner.errors import SandboxError
from sandbox.runner.state import PROFILES, State, locate


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status (0 done, 1 not healthy or refused)."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.runner", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("--profile", choices=PROFILES, default="bare_metal", help="the nodes (default: bare_metal)")
    parser.add_argument("--state", help="state directory (default: $SANDBOX_STATE, else .cache/sandbox/<profile>)")
    options = parser.parse_args(arguments)
    state = locate(options.profile, options.state)
    try:
        return COMMANDS[options.command](state, options.profile)
    except SandboxError as error:
        print(f"sandbox {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"sandbox {options.command}: interrupted; `down` stops what was started", file=sys.stderr)
        return 130


def up(state: State, profile: str) -> int:
    """Start the sandbox unless it runs."""
    if not lifecycle.up(state, profile):
        print(f"sandbox {profile}: already running ({state.root})")
    return 0


def down(state: State, profile: str) -> int:
    """Stop the sandbox and keep its data."""
    began = time.monotonic()
    stopped = lifecycle.down(state)
    words = f"stopped {stopped} processes in {time.monotonic() - began:.1f} s" if stopped else "was not running"
    print(f"sandbox {profile}: {words}")
    return 0


def reset(state: State, profile: str) -> int:
    """Start with an empty cluster and an empty repository."""
    began = time.monotonic()
    lifecycle.reset(state, profile)
    print(f"sandbox {profile}: reset in {time.monotonic() - began:.1f} s")
    return 0


def status(state: State, profile: str) -> int:
    """Print a line a process."""
    rows = lifecycle.status(state)
    print(f"{'process':32}{'pid':>8}{'port':>7}{'MB':>6}  ready")
    for row in rows:
        print(f"{row.name:32}{row.pid or '-':>8}{row.port:>7}{row.rss // 1_000_000:>6}  {'yes' if row.ready else row.missing}")
    known = state.read()
    chart = known.get("chart", {})
    print(f"profile {known.get('profile', profile)}, {sum(row.rss for row in rows) // 1_000_000} MB, state {state.root}")
    if chart:
        print(f"chart vllm-stack: {chart['source']} from {chart['repository']}")
    return 0 if all(row.ready for row in rows) else 1


def env(state: State, profile: str) -> int:
    """Print shell exports."""
    known = state.read()
    if not known:
        raise SandboxError(f"nothing was started in {state.root} (profile {profile})")
    for name, value in exports(state, known).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def exports(state: State, known: dict[str, object]) -> dict[str, str]:
    """Return the variables that connect other programs with this sandbox."""
    from pathlib import Path

    chart, programs = known["chart"], known["binaries"]
    numbers = known["ports"]
    folders = dict.fromkeys(str(Path(programs[name]).parent) for name in ("kubectl", "helm"))  # type: ignore[index]
    return {
        "KUBECONFIG": str(known["kubeconfig"]),
        "SANDBOX_STATE": str(state.root),
        "SANDBOX_PROFILE": str(known["profile"]),
        "SANDBOX_CONTEXT": str(known["context"]),
        "SANDBOX_GIT_URL": str(known["git_url"]),
        "SANDBOX_GIT_BRANCH": str(known["git_branch"]),
        "SANDBOX_ARGOCD_NAMESPACE": str(known["argocd_namespace"]),
        "SANDBOX_CHART_REPOSITORY": chart["repository"],  # type: ignore[index]
        "SANDBOX_CHART_SOURCE": chart["source"],  # type: ignore[index]
        "SANDBOX_SEALED_SECRETS_CERT": f"http://127.0.0.1:{numbers['sealed-secrets']}/v1/cert.pem",  # type: ignore[index]
        "SANDBOX_TOOLS": ":".join(folders),
    }


def resolve(state: State, profile: str) -> int:
    """Obtain every program and say where each is."""
    del state, profile
    for name, path in sorted(binaries.resolve().programs.items()):
        print(f"{name:28} {path}")
    return 0


COMMANDS = {"up": up, "down": down, "reset": reset, "status": status, "env": env, "binaries": resolve}
