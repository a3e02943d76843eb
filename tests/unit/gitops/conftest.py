# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare repository on disk, seeded like a small site."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ENV = {
    **{k: v for k, v in os.environ.items() if k in ("PATH", "TMPDIR")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "HOME": "/nonexistent",
    **{f"GIT_{role}_{kind}": "seed@example.org" for role in ("AUTHOR", "COMMITTER") for kind in ("NAME", "EMAIL")},
}

GITIGNORE = "**/*secret*.yaml\n**/local-secrets\n!**/*sealed*.yaml\n**/charts\n*.pem\n"


class Origin:
    """A bare repository and what a test wants to know about it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "origin.git"
        self.work = folder / "seed"
        self.url = f"file://{self.path}"
        if not self.path.exists():
            self.git("init", "-q", "--bare", "-b", "main", "--template=", str(self.path), cwd=folder)

    def git(self, *arguments: str, cwd: Path | None = None, stdin: str = "") -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.path, env=ENV, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def seed(self, files: dict[str, str | bytes], message: str = "seed", branch: str = "main") -> str:
        """Commit files as a person would, and push."""
        if not self.work.exists():
            self.git("clone", "-q", str(self.path), str(self.work), cwd=self.path.parent)
            self.git("checkout", "-q", "-B", branch, cwd=self.work)
        if self.git("branch", "--list", branch):
            self.git("fetch", "-q", "origin", branch, cwd=self.work)
            self.git("reset", "-q", "--hard", f"origin/{branch}", cwd=self.work)
        for name, content in files.items():
            target = self.work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-f", "-A", cwd=self.work)
        self.git("commit", "-q", "-m", message, cwd=self.work)
        self.git("push", "-q", "origin", f"HEAD:{branch}", cwd=self.work)
        return self.head(branch)

    def head(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}")

    def show(self, path: str, branch: str = "main") -> str:
        done = subprocess.run(
            ["git", "show", f"{branch}:{path}"], cwd=self.path, env=ENV, capture_output=True, check=True
        )
        return done.stdout.decode()

    def log(self, form: str = "%s", branch: str = "main") -> list[str]:
        return self.git("log", f"--format={form}", branch).splitlines()

    def hook(self, name: str, script: str) -> None:
        hook = self.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)


@pytest.fixture(autouse=True)
def private_tmp(tmp_path, monkeypatch):
    """Temporary clones go to a folder of the test, which must be empty again at its end."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert [p.name for p in folder.iterdir() if p.name.startswith("inferops-")] == []


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A seeded repository that tests copy: cheaper than making it again."""
    folder = tmp_path_factory.mktemp("template")
    Origin(folder).seed(
        {".gitignore": GITIGNORE, "README.md": "a site\n", "applications/vllm/values.yaml": "a: 1\nb: 2\n"}
    )
    return folder / "origin.git"


@pytest.fixture
def empty(tmp_path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def origin(tmp_path, template) -> Origin:
    shutil.copytree(template, tmp_path / "origin.git")
    return Origin(tmp_path)
