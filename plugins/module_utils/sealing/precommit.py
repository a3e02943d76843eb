# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard as a Git hook: ``python3 -m ansible_collections.inferops.vllm.plugins.module_utils.sealing.precommit``.

Looks at what is staged, or with ``--all`` at everything that is tracked. Ends with 1 when something must not be
committed; prints codes, paths and fixes, never a value.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

from ..findings import Finding, Refusal, fatal, refuse, render
from ..gitops.app_of_apps import app_namespaces
from .guard import check, probes_of

# pylint: disable=ansible-bad-function  # we run on the controller, where no module offers run_command

GIT_SECONDS = 60
LARGEST_FILE = 1024 * 1024
APP_OF_APPS = "applications/argo-cd-resources/values.yaml"
"""Says to which namespace each folder below applications/ is deployed, where a site has it."""


def repository_findings(directory: str, *, everything: bool, namespaces: dict[str, str] | None = None) -> list[Finding]:
    """The guard over a working copy: over what is staged, or over everything that is tracked.

    Raises :class:`Refusal` (``sealing-guard-empty``) when ``directory`` is no working copy.
    """
    tracked = _lines(directory, "ls-files", "-z")
    if namespaces is None and APP_OF_APPS in tracked:
        namespaces = app_namespaces(_show(directory, APP_OF_APPS))
    looked_at = tracked if everything else _lines(directory, "diff", "--cached", "--name-only", "--diff-filter=d", "-z")
    if not looked_at and not everything:
        return []
    probes = probes_of(tracked)
    ignored = _lines(directory, "check-ignore", "--no-index", "--stdin", "-z", stdin=probes)
    return check(_staged(directory, looked_at), namespaces=namespaces, probes=probes, ignored=ignored)


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    try:
        findings = repository_findings(".", everything="--all" in arguments)
    except Refusal as refusal:
        findings = refusal.findings
    sys.stdout.write("".join(f"{line}\n" for line in render(findings)))
    return 1 if fatal(findings) else 0


def _staged(directory: str, paths: Iterable[str]) -> dict[str, str]:
    return {path: _show(directory, path) for path in paths}


def _show(directory: str, path: str) -> str:
    """The staged text; empty for what is no file (a submodule) or is in the middle of a merge, which Git refuses."""
    return _run(directory, "show", f":{path}").stdout[:LARGEST_FILE].decode("utf-8", "replace")


def _lines(directory: str, *arguments: str, stdin: Iterable[str] = ()) -> list[str]:
    answer = _git(directory, *arguments, stdin="\0".join(stdin).encode())
    return [part for part in answer.decode("utf-8", "replace").split("\0") if part]


def _git(directory: str, *arguments: str, stdin: bytes = b"") -> bytes:
    answer = _run(directory, *arguments, stdin=stdin)
    # check-ignore answers 1 for "none of them"
    if answer.returncode > 1:
        raise refuse("sealing-guard-empty", directory, "is no Git working copy")
    return answer.stdout


def _run(directory: str, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", directory, *arguments]
    try:
        return subprocess.run(command, input=stdin, capture_output=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise refuse("sealing-guard-empty", directory, f"git: {type(error).__name__}") from None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
