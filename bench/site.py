# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site playbook on a sandbox: first run, then converged beside the manual procedure, no-op tasks, single tasks."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.audit import Log
from bench.bed import Bed, call
from bench.measure import CACHE, ROOT, Measured, Row, interleaved, ratio

SITE = "playbooks/site.yml"
REPORTS = f"vllm_report_directory={CACHE / 'report'}"
OK = re.compile(r" : ok=(\d+)")
SCRATCH = "bench-single"
COLLECTIONS = CACHE / "collections"
ANSIBLE_OF_CORE = {"2.18": "11", "2.19": "12", "2.20": "13"}
"""Which release of the ansible package belongs to an ansible-core."""


def site(bed: Bed, runs: int) -> Measured:
    """Items 1 to 4: everything about one site. Leaves the sandbox converged."""
    bed.runner("reset")
    started = time.perf_counter()
    bed.play(SITE, "-e", REPORTS)
    first = time.perf_counter() - started
    tasks = int(OK.search(bed.play(SITE, "-e", REPORTS))[1])  # type: ignore[index]
    found = _converged(bed, runs, tasks)
    found.rows.insert(0, Row("first run, empty repository to verified", (first,)))
    found.figures["first_over_converged"] = first / sorted(found.rows[1].values)[runs // 2]
    log = Log(bed.root / "logs" / "audit.log")
    bed.play(SITE, "-e", REPORTS)
    time.sleep(0.5)  # the log is written behind the answers
    found.details["requests"] = log.counted()
    found.figures["api_requests"] = sum(found.details["requests"].values())
    found.details["tasks"] = tasks
    return found


def _converged(bed: Bed, runs: int, tasks: int) -> Measured:
    noop = playbook("noop", [{"name": f"Do nothing {n}", "ansible.builtin.ping": {}} for n in range(tasks)])
    variants = {
        "converged site.yml": lambda: bed.play(SITE, "-e", REPORTS),
        "the manual procedure as a script": lambda: call(["bash", "bench/manual.sh"], env=bed.tools),
        f"{tasks} no-op module tasks": lambda: bed.play(noop, inventory="localhost,"),
    }
    note, objects = "", objects_of(bed)
    if kubernetes_core():
        single = _single(bed, objects)
        bed.play(single, inventory="localhost,", **_with_core())
        variants[f"one kubernetes.core.k8s task for each of {len(objects)} objects"] = lambda: bed.play(
            single, inventory="localhost,", **_with_core()
        )
    else:
        note = "one kubernetes.core.k8s task per object: skipped, the collection could not be downloaded"
    taken = interleaved(variants, runs)
    ours, *others = taken.values()
    names = ("site_over_manual", "site_over_noop", "site_over_single_tasks")
    figures = {name: ratio(ours, other) for name, other in zip(names, others, strict=False)}
    rows = [Row(what, tuple(values)) for what, values in taken.items()]
    return Measured(rows, figures, [note] if note else [])


def playbook(name: str, tasks: list[dict[str, Any]]) -> str:
    """Write a playbook of these tasks for localhost; returns its path."""
    path = CACHE / "playbooks" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    play = {"name": name, "hosts": "all", "gather_facts": False, "vars": variables, "tasks": tasks}
    path.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    return str(path)


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
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SCRATCH}}, *map(_scratch, found)]


def _scratch(manifest: dict[str, Any]) -> dict[str, Any]:
    if manifest["kind"] != "RuntimeClass":
        manifest["metadata"]["namespace"] = SCRATCH
    if manifest["kind"] == "Deployment":
        manifest["spec"]["replicas"] = 0
    return manifest


def _single(bed: Bed, objects: list[dict[str, Any]]) -> str:
    common = {"kubeconfig": bed.state["kubeconfig"], "state": "present"}
    return playbook(
        "single",
        [
            {
                "name": f"Have {entry['kind']} {entry['metadata']['name']}",
                "kubernetes.core.k8s": {**common, "definition": entry},
            }
            for entry in objects
        ],
    )


def _with_core() -> dict[str, str]:
    return {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}


def kubernetes_core() -> bool:
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


def sandbox(bed: Bed, runs: int) -> Measured:
    """Item 9: warm start, reset, memory. A cold build takes minutes of both cores and is not done here."""
    variants = {"stop": lambda: bed.runner("down"), "start with data": lambda: bed.runner("up")}
    taken = interleaved(variants, runs) | interleaved({"reset": lambda: bed.runner("reset")}, runs)
    rows = [Row(what, tuple(values)) for what, values in taken.items()]
    megabytes = re.search(r"(\d+) MB, state", bed.runner("status"))
    rows.append(Row("memory of all processes", (float(megabytes[1]) if megabytes else 0.0,), "MB"))
    cold = "cold build: SANDBOX_CACHE=/tmp/empty SANDBOX_BIN= /usr/bin/time -v python -m sandbox.runner binaries"
    return Measured(rows, {}, [cold])
