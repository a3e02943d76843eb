# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's Git repository: a bare one that Argo CD and the play reach as ``file://``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

BRANCH = "main"
IDENTITY = ("-c", "user.name=sandbox", "-c", "user.email=sandbox@sandbox.invalid", "-c", "commit.gpgsign=false")
README = "# Rehearsal site\n\nThe GitOps repository of the sandbox. Everything in it was written by the playbook.\n"


def initialise(repository: Path) -> None:
    """Make the bare repository with one commit on ``main``, unless it is there; Argo CD cannot read an empty one."""
    if (repository / "HEAD").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        git(work, "init", "--quiet", f"--initial-branch={BRANCH}")
        (work / "README.md").write_text(README, encoding="utf-8")
        git(work, "add", "README.md")
        git(work, *IDENTITY, "commit", "--quiet", "--message", "Start the rehearsal site's repository")
        partial = repository.with_name(f".{repository.name}")
        shutil.rmtree(partial, ignore_errors=True)
        git(work, "clone", "--quiet", "--bare", "--no-hardlinks", ".", str(partial))
        git(partial, "remote", "remove", "origin")
        partial.rename(repository)


def git(folder: Path, *arguments: str) -> None:
    """Run git without the user's own configuration, hooks or templates."""
    subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env={
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TEMPLATE_DIR": "",
        },
    )
