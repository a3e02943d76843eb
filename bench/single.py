# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other style, for comparison: the same objects as one ``kubernetes.core.k8s`` task an object."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.bed import Bed, call, playbook
from bench.measure import CACHE, ROOT

SCRATCH = "bench-single"
COLLECTIONS = CACHE / "collections"
ENVIRONMENT = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
ANSIBLE_OF_CORE = {"2.18": "11", "2.19": "12", "2.20": "13"}
"""Which release of the ansible package belongs to an ansible-core."""


def objects_of(bed: Bed) -> list[dict[str, Any]]:
    """What the site's repository and the play put into the cluster, for the namespace :data:`SCRATCH`.

    Without pods: the GPUs are taken. The Applications and projects are left out, they would act.
    """
    with tempfile.TemporaryDirectory() as folder:
        call(["git", "clone", "--quiet", bed.state["git_url"], folder])
        chart = f"{folder}/applications/vllm"
        call(["helm", "dependency", "build", chart], env=bed.tools)
        text = call(["helm", "template", "vllm", chart, "--namespace", SCRATCH], env=bed.tools)
        class_ = (Path(folder) / "k8s" / "manifests" / "runtimeclass-nvidia.yaml").read_text("utf-8")
    found = [entry for entry in (*yaml.safe_load_all(text), *yaml.safe_load_all(class_)) if entry]
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SCRATCH}}, *map(scratch, found)]


def scratch(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest as it can stand beside the real one."""
    if manifest["kind"] != "RuntimeClass":
        manifest["metadata"]["namespace"] = SCRATCH
    if manifest["kind"] == "Deployment":
        manifest["spec"]["replicas"] = 0
    return manifest


def tasks(kubeconfig: str, objects: list[dict[str, Any]]) -> str:
    """The playbook with a task an object."""
    common = {"kubeconfig": kubeconfig, "state": "present"}
    listed = [
        {
            "name": f"Have {entry['kind']} {entry['metadata']['name']}",
            "kubernetes.core.k8s": {**common, "definition": entry},
        }
        for entry in objects
    ]
    return playbook("single", listed)


def available() -> bool:
    """Have kubernetes.core under the cache, from the ansible package of PyPI; false when that cannot be had."""
    if (COLLECTIONS / "ansible_collections" / "kubernetes" / "core").is_dir():
        return True
    version = call([str(Path(sys.executable).with_name("ansible")), "--version"])
    core = re.search(r"core (\d+\.\d+)", version)
    release = ANSIBLE_OF_CORE.get(core[1]) if core else None
    return release is not None and _download(f"ansible=={release}.*")


def _download(package: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package]
        if subprocess.run(command, cwd=ROOT, capture_output=True).returncode:
            return False
        for wheel in Path(folder).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(COLLECTIONS, _wanted(archive))
    return True


def _wanted(archive: zipfile.ZipFile) -> Iterator[str]:
    return (name for name in archive.namelist() if name.startswith("ansible_collections/kubernetes/core/"))
