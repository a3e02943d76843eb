# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart repository: the vLLM project's own where it can be reached, else our stand-in served over loopback HTTP.

``SANDBOX_CHART`` chooses: ``auto`` (default), ``upstream`` or ``standin``. The stand-in is packaged under the
versions below; its templates ask for the packaged version where the real chart's versions differ.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import urllib.request
from pathlib import Path

import yaml

from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import HERE

SOURCE = HERE / "chart" / "vllm-stack"
VERSIONS = ("0.1.8", "0.1.9", "0.1.10", "0.1.11", "0.1.12")
UPSTREAM = "https://vllm-project.github.io/production-stack"
UPSTREAM_TIMEOUT = 2.0
CREATED = "2026-01-01T00:00:00Z"


def publish(folder: Path, port: int, known: str = "") -> dict[str, str]:
    """Write the stand-in's repository into ``folder``; return {source, repository} of what sites shall use.

    ``known`` is the source that this sandbox used before: ``auto`` does not ask the network at every start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = [entry(folder, version) for version in VERSIONS]
    index = {"apiVersion": "v1", "generated": CREATED, "entries": {"vllm-stack": entries}}
    (folder / "index.yaml").write_text(yaml.safe_dump(index, sort_keys=False), encoding="utf-8")
    chosen = os.environ.get("SANDBOX_CHART", "auto")
    if chosen not in ("auto", "upstream", "standin"):
        raise SandboxError(f"SANDBOX_CHART is {chosen!r}; allowed: auto, upstream, standin")
    if chosen == "auto":
        chosen = known or ("upstream" if upstream_answers() else "standin")
    repository = UPSTREAM if chosen == "upstream" else f"http://127.0.0.1:{port}"
    return {"source": chosen, "repository": repository}


def upstream_answers() -> bool:
    """Tell whether the vLLM project's chart index can be fetched."""
    try:
        with urllib.request.urlopen(f"{UPSTREAM}/index.yaml", timeout=UPSTREAM_TIMEOUT) as answer:
            return b"vllm-stack" in answer.read()
    except (OSError, ValueError):
        return False


def entry(folder: Path, version: str) -> dict[str, object]:
    """Write the package of one version and return its line of the index."""
    content = package(version)
    name = f"vllm-stack-{version}.tgz"
    (folder / name).write_bytes(content)
    metadata = {**yaml.safe_load((SOURCE / "Chart.yaml").read_text(encoding="utf-8")), "version": version}
    return {**metadata, "created": CREATED, "digest": hashlib.sha256(content).hexdigest(), "urls": [name]}


def package(version: str) -> bytes:
    """Return the chart as a .tgz with the same bytes every time."""
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(SOURCE.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if path.name == "Chart.yaml":
                    content = content.replace(b"version: 0.0.0", f"version: {version}".encode())
                member = tarfile.TarInfo(f"vllm-stack/{path.relative_to(SOURCE)}")
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()
