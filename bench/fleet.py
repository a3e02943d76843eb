# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: 1, 5 and 20 sites in one run, each with a repository, a namespace, models and GPUs of its own.

They share one control plane: twenty of them would need 20 GB of memory and more cores than a fleet's controller has.
Real sites do not share one, because the chart brings a cluster-wide kind; so these take the same chart without it.
All five stages run, also the RuntimeClass: each site has one of its own.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import resource
import tarfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench.bed import REPORTS, SITE, Bed, BenchError
from bench.measure import CACHE, ROOT, Measured, Row, interleaved, ratio
from sandbox.runner import charts, gitrepo, objects
from sandbox.runner.api import Api, path_of

SIZES = (1, 5, 20)
FORKS = 10
CHART = "0.1.8"
INVENTORY = CACHE / "fleet"
SANDBOX = ROOT / "inventories" / "sandbox" / "group_vars"
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
OWN = {
    "vllm_kubeconfig": "{{ sandbox.kubeconfig }}",  # one account of docs/rbac is for one namespace
    "vllm_namespace": "{{ inventory_hostname }}",
    "vllm_release": "vllm-{{ inventory_hostname }}",
    "vllm_gpu_nodes": ["gpu-{{ inventory_hostname }}"],
    "vllm_runtime_class": "nvidia-{{ inventory_hostname }}",
    "vllm_runtime_class_path": "k8s/manifests/runtimeclass.yaml",
    "vllm_chart_repository": "{{ sandbox.chart.repository }}/fleet",
    "argocd_project": "vllm-{{ inventory_hostname }}",
    "vllm_local_secrets": "{{ sandbox_state }}/fleet/{{ inventory_hostname }}",
    "gitops_repo_url": "file://{{ sandbox_state }}/fleet/{{ inventory_hostname }}.git",
    "runtime_class_application": "runtime-class-{{ inventory_hostname }}",
}
"""Variables of a site that differ from the rehearsal's."""


def names(count: int) -> list[str]:
    """The names of the first sites."""
    return [f"town{number:02}" for number in range(1, count + 1)]


def fleet(bed: Bed, quick: bool = False) -> Measured:
    """Item 8: converged runs of 1, 5 and 20 sites. Empties the sandbox first."""
    sizes = SIZES[:2] if quick else SIZES
    bed.runner("reset")
    prepare(bed, names(sizes[-1]))
    found = Measured([_first(bed, 1), _first(bed, sizes[-1])])
    run(bed, sizes[-1])
    spent: dict[int, list[float]] = {size: [] for size in sizes}
    taken = interleaved({str(n): partial(_counted, bed, n, spent[n]) for n in sizes}, 1 if quick else 3)
    for size in sizes:
        found.rows += [
            Row(f"converged, sites: {size}", tuple(taken[str(size)])),
            Row(f"converged, sites: {size}, processor time of the play", tuple(spent[size])),
        ]
    for size in sizes[1:]:
        found.figures[f"fleet_{size}_over_1"] = ratio(taken[str(size)], taken["1"])
    return found


def _first(bed: Bed, count: int) -> Row:
    """The first run over the first sites, from empty repositories; what an earlier one has done is done."""
    started = time.perf_counter()
    run(bed, count, converged=False)
    return Row(f"first run, sites: {count}", (time.perf_counter() - started,))


def _counted(bed: Bed, count: int, spent: list[float]) -> None:
    """A converged run; its processor seconds go to ``spent``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(bed, count)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run(bed: Bed, count: int, converged: bool = True) -> None:
    """One run over the first sites. Raises :class:`BenchError` unless every one of them is as it should be."""
    chosen = names(count)
    printed = bed.play(
        SITE,
        *("--forks", str(FORKS), "--limit", ",".join(chosen), "-e", REPORTS),
        inventory=str(INVENTORY),
    )
    recap = {name: (int(changed), int(lost) + int(failed)) for name, changed, lost, failed in RECAP.findall(printed)}
    if sorted(recap) != chosen or (converged and any(any(counts) for counts in recap.values())):
        raise BenchError(f"not every site is converged: {recap}")


def prepare(bed: Bed, sites: list[str]) -> None:
    """Nodes, repositories, the chart and the inventory of the sites."""
    for name in sites:
        gitrepo.initialise(repository(bed, name))
        copy_secrets(bed, name)
    publish(bed.root / "charts" / "fleet")
    api = Api(bed.state["ports"]["kube-apiserver"], bed.root / "pki")
    port = bed.state["ports"]["kwok"]
    for document in (routers(port), *(node(name, port) for name in sites)):
        api.apply(path_of(document), {key: value for key, value in document.items() if key != "status"})
        api.apply(path_of(document), {**document, "spec": {}}, "/status")
    write_inventory(sites)


def repository(bed: Bed, name: str) -> Path:
    """The bare repository of a site."""
    folder = bed.root / "fleet"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.git"


def node(name: str, port: int) -> dict[str, Any]:
    """The GPU node of a site: the rehearsal's, under another name, with a handler for the site's RuntimeClass."""
    described = next(entry for entry in objects.profile_nodes("bare_metal") if entry["name"] == "gpu-1")
    handlers = [*described["runtimeHandlers"], f"nvidia-{name}"]
    return objects.node_object({**described, "name": f"gpu-{name}", "runtimeHandlers": handlers}, port)


def routers(port: int) -> dict[str, Any]:
    """A node for the routers of all sites: the rehearsal's only node without GPUs has room for a few."""
    described = next(entry for entry in objects.profile_nodes("bare_metal") if entry["name"] == "cp-1")
    room = {"cpu": "256", "memory": "1024Gi"}
    more = {name: {**described[name], **room} for name in ("capacity", "allocatable")}
    return objects.node_object({**described, **more, "name": "cp-fleet"}, port)


def without_kinds(package: bytes) -> bytes:
    """A packaged chart without the kinds that it brings."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(package)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as new,
    ):
        for member in old.getmembers():
            if "/crds/" not in member.name:
                new.addfile(member, old.extractfile(member))
    return packed.getvalue()


def publish(folder: Path) -> None:
    """A chart repository with the chart :func:`without_kinds`."""
    folder.mkdir(parents=True, exist_ok=True)
    content, file = without_kinds(charts.package(CHART)), f"vllm-stack-{CHART}.tgz"
    (folder / file).write_bytes(content)
    entry = {"name": "vllm-stack", "version": CHART, "digest": hashlib.sha256(content).hexdigest(), "urls": [file]}
    index = {"apiVersion": "v1", "entries": {"vllm-stack": [{"apiVersion": "v2", **entry}]}}
    (folder / "index.yaml").write_text(yaml.safe_dump(index), encoding="utf-8")


def copy_secrets(bed: Bed, site: str) -> None:
    """The rehearsal's plaintext secrets, for the namespace of a site."""
    folder = bed.root / "fleet" / site
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in Path(bed.state["local_secrets"]).glob("*.yaml"):
        manifest = yaml.safe_load(path.read_text("utf-8"))
        manifest["metadata"]["namespace"] = site
        copy = folder / path.name
        copy.touch(mode=0o600)
        copy.write_text(yaml.safe_dump(manifest), encoding="utf-8")


def write_inventory(sites: list[str]) -> None:
    """The rehearsal's inventory with these sites in place of its one."""
    folder = INVENTORY / "group_vars" / "all"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.yml").write_text((SANDBOX / "all" / "main.yml").read_text("utf-8"), encoding="utf-8")
    (folder / "own.yml").write_text(yaml.safe_dump(OWN), encoding="utf-8")
    (INVENTORY / "hosts.ini").write_text("\n".join(["[towns]", *sites, ""]), encoding="utf-8")
