# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart repository."""

from __future__ import annotations

from pathlib import Path

from sandbox.runner.binaries import Binaries


def publish(folder: Path, port: int, binaries: Binaries) -> dict[str, str]:
    """Make the served chart repository."""
    del binaries
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.yaml").write_text("apiVersion: v1\nentries: {}\n")
    return {"source": "standin", "repository": f"http://127.0.0.1:{port}"}
