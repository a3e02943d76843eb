# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the freshly started cluster's data, which makes the next reset a restart.

It is taken while etcd is held for a moment: what lies on disk then is what a crashed etcd would leave, and etcd
starts from that by design.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from pathlib import Path

from sandbox.runner import accounts, processes
from sandbox.runner.binaries import Binaries
from sandbox.runner.programs import HERE
from sandbox.runner.state import State


def key(state: State, profile: str, binaries: Binaries) -> str:
    """Return a hash of everything that decides what a fresh cluster holds."""
    digest = hashlib.sha256()
    manifests = [*sorted((HERE / "manifests").glob("*.yaml")), *accounts.manifests()]
    files = [*manifests, HERE / "profiles" / f"{profile}.yaml", state.pki / "ca.crt"]
    for content in (*(path.read_bytes() for path in files), repr(sorted(binaries.assets.items())).encode()):
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]


def folder(state: State, name: str) -> Path:
    """Return where the copy with this key lies."""
    return state.root / "fresh" / name


def save(state: State, name: str) -> None:
    """Copy etcd's data; copies with other keys are dropped."""
    pid = processes.pid_of("etcd", state.root)
    target = folder(state, name)
    if pid is None or target.exists():
        return
    shutil.rmtree(target.parent, ignore_errors=True)
    partial = target.with_name("partial")
    os.kill(pid, signal.SIGSTOP)
    try:
        shutil.copytree(state.root / "etcd", partial)
    finally:
        os.kill(pid, signal.SIGCONT)
    partial.rename(target)


def restore(state: State, name: str) -> bool:
    """Put the copy in place of an empty data directory; False where there is no copy, or data already."""
    data, source = state.root / "etcd", folder(state, name)
    if not source.is_dir() or (data / "member").exists():
        return False
    shutil.copytree(source, data, dirs_exist_ok=True)
    return True
