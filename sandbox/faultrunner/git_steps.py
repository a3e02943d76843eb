# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other people and the server do to the site's repository."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.faultrunner.steps import Site

Undo = Callable[[], object]
MEANWHILE = "meanwhile"
"""A branch that holds a commit until a push comes that it is to be faster than."""

OVERTAKE = """#!/bin/sh
rm "$0"
exec env -u GIT_QUARANTINE_PATH git update-ref refs/heads/{branch} {commit}
"""


def commit(site: Site, files: Mapping[str, str | None]) -> Undo:
    """Commit files as somebody else would; null removes one. Undone by a commit, not by rewriting history."""
    before = {path: show(site, path) for path in files}
    push(site, files, "Change the site by hand")
    return lambda: push(site, before, "Take the change by hand back")


def show(site: Site, path: str) -> str | None:
    """The committed text of a file; None where there is none."""
    done = subprocess.run(
        ["git", "show", f"{site.known['git_branch']}:{path}"], cwd=site.repository, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None


def push(site: Site, files: Mapping[str, str | None], message: str, branch: str = "") -> None:
    """One commit on top of the site's branch, pushed there or to another ``branch``."""
    with tempfile.TemporaryDirectory(dir=site.work) as folder:
        clone = Path(folder) / "clone"
        site.git("clone", "--quiet", site.known["git_url"], str(clone))
        for name, text in files.items():
            path = clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True) if text is None else path.write_text(text, "utf-8")
        site.git("add", "--all", "--force", folder=clone)
        site.git("commit", "--quiet", "--allow-empty", "--message", message, folder=clone)
        site.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch or site.known['git_branch']}", folder=clone)


def race(site: Site, files: Mapping[str, str | None]) -> Undo:
    """Let somebody else's commit of ``files`` reach the branch while the next push is on its way."""
    before = {path: show(site, path) for path in files}
    push(site, files, "Change the site meanwhile", MEANWHILE)
    commit_name = site.git("rev-parse", MEANWHILE)
    script = OVERTAKE.format(branch=site.known["git_branch"], commit=commit_name)
    unhook = hook(site, {"pre-receive": script})

    def undo() -> None:
        unhook()
        site.git("branch", "--delete", "--force", MEANWHILE)
        if any(show(site, path) != text for path, text in before.items()):
            push(site, before, "Take the change by hand back")

    return undo


def rewind(site: Site, stage: str) -> Undo:
    """Force the branch back to the newest commit of a stage, as ``git push --force`` does; nothing to take back."""
    branch = site.known["git_branch"]
    site.git("update-ref", f"refs/heads/{branch}", newest(site, stage))
    return lambda: None


def newest(site: Site, stage: str) -> str:
    """The newest commit that a stage made."""
    return site.git("log", "-1", "--format=%H", f"--grep=^Inferops-Stage: {stage}$", site.known["git_branch"])


def ours(site: Site, since: str) -> list[str]:
    """The commits since ``since`` that the play made."""
    branch = site.known["git_branch"]
    return site.git("log", "--format=%h", "--grep=^Inferops-Stage: ", f"{since}..{branch}").split()


def hook(site: Site, wish: Mapping[str, str]) -> Undo:
    """Install a hook of the repository's server."""
    paths = []
    for name, script in wish.items():
        path = site.repository / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script, "utf-8")
        path.chmod(0o755)
        paths.append(path)
    return lambda: remove(paths)


def remove(paths: Iterable[Path]) -> None:
    """Delete files, where they are."""
    for path in paths:
        path.unlink(missing_ok=True)
