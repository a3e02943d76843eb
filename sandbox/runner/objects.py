# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster objects that a fresh sandbox needs: kinds, base workloads, the profile's nodes."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from sandbox.runner import programs
from sandbox.runner.api import Api, path_of
from sandbox.runner.binaries import Binaries
from sandbox.runner.kwok import NODE_ANNOTATION
from sandbox.runner.programs import HERE
from sandbox.runner.waiting import wait_for

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MANIFESTS = HERE / "manifests"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KINDS = ("kwok-crds", "sealed-secrets-crds", "argocd-crds")
VERSIONS = {"SEALED_SECRETS_VERSION": programs.SEALED_SECRETS, "ARGOCD_VERSION": programs.ARGOCD}
MISSED_SECONDS, POD_BUDGET = 5.0, 30.0
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def create_kinds(api: Api, binaries: Binaries) -> list[str]:
    """Create every CustomResourceDefinition, the big ones last, and return their names.

    One that exists is left as it is: the pins of a state directory change by a reset only.
    """
    documents = [
        yaml.safe_load((MANIFESTS / "servicemonitor-crd.yaml").read_text(encoding="utf-8")),
        *(json.loads(path.read_bytes()) for name in KINDS for path in sorted(binaries.assets[name].glob("*.json"))),
    ]
    for document in documents:
        api.create(CRD_PATH, document)
    return [str(document["metadata"]["name"]) for document in documents]


def await_kinds(api: Api, names: Iterable[str]) -> None:
    """Wait until the API server serves the kinds."""
    for name in names:
        wait_for(f"kind {name}", partial(established, api, name), 30)


def established(api: Api, name: str) -> str:
    """Return '' once objects of the kind can be made."""
    crd = api.find(f"{CRD_PATH}/{name}") or {}
    conditions = crd.get("status", {}).get("conditions") or []
    return "" if any(c["type"] == "Established" and c["status"] == "True" for c in conditions) else "not established"


def apply_base(api: Api) -> None:
    """Apply what a site's cluster has before the collection comes."""
    text = (MANIFESTS / "base.yaml").read_text(encoding="utf-8")
    for word, version in VERSIONS.items():
        text = text.replace(word, version)
    for document in yaml.load_all(text, Loader):
        api.apply(path_of(document), document)


def release_nodes(api: Api) -> None:
    """Delete the node leases of an earlier kwok.

    A new one would be refused by them for ten seconds, and for ever leave alone the pods of that time.
    """
    for lease in (api.find(LEASES) or {}).get("items", []):
        api.delete(f"{LEASES}/{lease['metadata']['name']}")


def apply_project(api: Api) -> None:
    """Apply Argo CD's default AppProject."""
    document = yaml.safe_load((MANIFESTS / "default-project.yaml").read_text(encoding="utf-8"))
    api.apply(path_of(document), document)


def profile_nodes(profile: str) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a profile as its file describes them."""
    text = (HERE / "profiles" / f"{profile}.yaml").read_text(encoding="utf-8")
    yield from yaml.safe_load_all(text)


def apply_nodes(api: Api, profile: str, kubelet_port: int) -> None:
    """Apply the nodes; their status too, because the kubelet port may have changed since the last start."""
    for described in profile_nodes(profile):
        node = node_object(described, kubelet_port)
        path = path_of(node)
        api.apply(path, {key: value for key, value in node.items() if key != "status"})
        api.apply(path, {**node, "spec": {}}, "/status")


def node_object(described: Mapping[str, Any], kubelet_port: int) -> dict[str, Any]:
    """Return the Node object of a profile's entry."""
    name = described["name"]
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **described["labels"],
    }
    none = dict.fromkeys(("bootID", "machineID", "systemUUID", "kubeProxyVersion"), "")
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": dict([NODE_ANNOTATION]), "labels": labels},
        "spec": {"taints": described.get("taints", [])},
        "status": {
            "capacity": described["capacity"],
            "allocatable": described["allocatable"],
            "runtimeHandlers": [{"name": handler, "features": {}} for handler in described["runtimeHandlers"]],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", **none, **described["nodeInfo"]},
        },
    }


def await_base_pods(api: Api) -> None:
    """Wait until the pods of an empty cluster run.

    kwok never starts a pod that was bound before kwok watched: such a one is deleted, and its owner makes another.
    """
    patience = time.monotonic() + MISSED_SECONDS

    def check() -> str:
        nonlocal patience
        pods = (api.find("/api/v1/pods") or {}).get("items", [])
        late = [pod["metadata"] for pod in pods if pod["status"].get("phase") != "Running"]
        if late and time.monotonic() > patience:
            patience += MISSED_SECONDS
            for pod in late:
                api.delete(f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}?gracePeriodSeconds=0")
        return f"not running: {', '.join(pod['name'] for pod in late)}" if late else "" if pods else "none was made yet"

    wait_for("the pods of an empty cluster", check, POD_BUDGET)


def write_service_account(api: Api, pki: Path, folder: Path) -> None:
    """Write the files that a kubelet would mount for the sealed-secrets controller (0700)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, content in (
        ("token", api.token("kube-system", "sealed-secrets-controller", 365 * 86400)),
        ("ca.crt", (pki / "ca.crt").read_text()),
        ("namespace", "kube-system"),
    ):
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.touch(mode=0o600)
        path.write_text(content)


def restore_sealing_key(api: Api, saved: Path) -> None:
    """Give a fresh cluster the sealing key of this sandbox: what was sealed before a reset can still be opened."""
    if saved.exists():
        key = json.loads(saved.read_text(encoding="utf-8"))
        api.create("/api/v1/namespaces/kube-system/secrets", key)


def save_sealing_key(api: Api, saved: Path) -> None:
    """Keep the controller's newest active key (0600) for the next reset."""
    selector = "sealedsecrets.bitnami.com/sealed-secrets-key%3Dactive"
    found = api.find(f"/api/v1/namespaces/kube-system/secrets?labelSelector={selector}") or {"items": []}
    keys = sorted(found["items"], key=lambda key: str(key["metadata"]["creationTimestamp"]))
    if not keys or saved.exists():
        return
    metadata = {name: keys[-1]["metadata"][name] for name in ("name", "namespace", "labels")}
    content = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": keys[-1]["type"],
        "metadata": metadata,
        "data": keys[-1]["data"],
    }
    saved.touch(mode=0o600)
    saved.write_text(json.dumps(content), encoding="utf-8")
