# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the simulated pods something to say: logs, and stand-in model servers behind their port 8000.

It watches pods and reacts to each as a node's container runtime would: a pod that runs ``nvidia-smi`` prints what its
node's GPUs are, ``vllm serve`` becomes an Engine with the key that its Secret holds at that moment, the router becomes
a Router over the engines that its own arguments select. kwok learns of both through Logs and PortForward objects,
which belong to the pod and vanish with it.

    python -m sandbox.workloads --state DIR
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import nvidia_smi
from sandbox.embedding import dimension_of
from sandbox.model_server import Engine, Listener, Router
from sandbox.runner.api import Api
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import HERE

EMBEDDING_NAME = re.compile(r"embed|(^|[-/])e5-|bge|gte-|minilm", re.IGNORECASE)
EMBEDDING_ARGUMENTS = re.compile(r"--(runner[ =]pooling|convert[ =]embed|task[ =]embed)")
KWOK_API = "/apis/kwok.x-k8s.io/v1alpha1/namespaces"
TEXTS = HERE / "kwok" / "logs"
RELIST_SECONDS = 240
Pod = Mapping[str, Any]


@dataclass
class Workload:
    """A pod that has been given logs, and a listener where it serves."""

    uid: str
    server: Engine | Router | None = None
    listener: Listener | None = None
    text: str = ""


@dataclass
class Workloads:
    """All simulated workloads of one sandbox."""

    api: Api
    folder: Path  # of log files
    faults_file: Path
    pods: dict[str, Workload] = field(default_factory=dict)
    _faults: tuple[int, dict[str, Any]] = (0, {})

    def faults(self) -> dict[str, Any]:
        """Return the content of faults.json, read again whenever it changed; a broken file is no fault at all."""
        try:
            changed = self.faults_file.stat().st_mtime_ns
            if changed != self._faults[0]:
                self._faults = changed, dict(json.loads(self.faults_file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            self._faults = 0, {}
        return self._faults[1]

    def engines(self, router: Pod | None = None) -> Iterator[Engine]:
        """Yield the engines that a router's arguments select: its namespace and its label selector."""
        namespace, selector = selection(router) if router else ("", {})
        for workload in list(self.pods.values()):
            engine = workload.server
            if (
                isinstance(engine, Engine)
                and namespace in ("", engine.namespace)
                and selector.items() <= engine.labels.items()
            ):
                yield engine

    def any_router(self) -> Router:
        """Return the newest router, for port-forwards that come before their pod's own is known."""
        routers = [w.server for w in self.pods.values() if isinstance(w.server, Router)]
        return routers[-1] if routers else Router(lambda: (), None)

    def see(self, pod: Pod) -> None:
        """React to a pod that was added or has changed."""
        metadata, status = pod["metadata"], pod.get("status", {})
        if not pod["spec"].get("nodeName"):
            return
        known = self.pods.setdefault(metadata["uid"], Workload(metadata["uid"]))
        if status.get("phase") == "Running" and known.server is None and not metadata.get("deletionTimestamp"):
            self.serve(pod, known)
        if isinstance(known.server, Engine):
            known.server.ready = is_ready(pod)
            known.server.address = status.get("podIP", known.server.address)
        text = self.log_text(pod)
        if text != known.text:
            known.text = text
            self.write_log(pod, text)

    def forget(self, pod: Pod) -> None:
        """Take back what a deleted pod had."""
        known = self.pods.pop(pod["metadata"]["uid"], None)
        if known and known.listener:
            known.listener.close()
        (self.folder / f"{pod['metadata']['uid']}.log").unlink(missing_ok=True)

    def serve(self, pod: Pod, known: Workload) -> None:
        """Start the stand-in behind a pod that serves models."""
        words = command(pod)
        if "serve" in words[:-1]:
            known.server = self.engine(pod, words)
        elif "--routing-logic" in words:
            known.server = Router(lambda: self.engines(pod), self.key(pod))
        else:
            return
        server = known.server
        known.listener = Listener(lambda: server)
        forwards = [{"ports": [8000], "target": {"port": known.listener.port, "address": "127.0.0.1"}}]
        self.attach(pod, "PortForward", "portforwards", {"forwards": forwards})

    def engine(self, pod: Pod, words: list[str]) -> Engine:
        """Return the engine that the pod's command line describes."""
        metadata, model = pod["metadata"], words[words.index("serve") + 1]
        embeddings = EMBEDDING_ARGUMENTS.search(" ".join(words)) or EMBEDDING_NAME.search(model)
        length = option(words, "--max-model-len")
        return Engine(
            model=model,
            role="embeddings" if embeddings else "instruct",
            dimension=dimension_of(model),
            key=self.key(pod),
            max_model_len=int(length) if length.isdigit() else 16384,
            version=image(pod).rpartition(":")[2].removeprefix("v"),
            name=metadata["name"],
            labels=metadata.get("labels", {}),
            namespace=metadata["namespace"],
            faults=self.faults,
        )

    def key(self, pod: Pod) -> str | None:
        """Return VLLM_API_KEY as the container has it: fixed at its start, whatever the Secret becomes later."""
        for variable in pod["spec"]["containers"][0].get("env", []):
            if variable["name"] == "VLLM_API_KEY":
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if not reference:
                    return str(variable.get("value", "")) or None
                secret = (
                    self.api.find(f"/api/v1/namespaces/{pod['metadata']['namespace']}/secrets/{reference['name']}")
                    or {}
                )
                value = secret.get("data", {}).get(reference.get("key", ""))
                return base64.b64decode(value).decode() if value else None
        return None

    def log_text(self, pod: Pod) -> str:
        """Return what the pod's container has printed."""
        chosen = pod["metadata"].get("annotations", {}).get("sandbox/log", "")
        if chosen and re.fullmatch(r"[a-z0-9-]+", chosen) and (TEXTS / f"{chosen}.txt").exists():
            return (TEXTS / f"{chosen}.txt").read_text(encoding="utf-8").rstrip("\n")
        words = command(pod)
        if any("nvidia-smi" in word for word in words):
            return nvidia_smi.output(self.visible_gpus(pod), words)
        server = self.pods[pod["metadata"]["uid"]].server
        if isinstance(server, Engine):
            return engine_log(server, words)
        if isinstance(server, Router):
            return "INFO: [simulated] production-stack router\nINFO: Uvicorn running on http://0.0.0.0:8000"
        return "(simulated by the sandbox: this container has no process)"

    def visible_gpus(self, pod: Pod) -> nvidia_smi.Gpus | None:
        """Return the GPUs in the pod: as many as its limits say; all of the node with runtime class but no limit."""
        name = pod["spec"]["nodeName"]
        node = self.api.find(f"/api/v1/nodes/{name}") or {"metadata": {}}
        limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
        count = sum(int(value) for key, value in limits.items() if key.startswith("nvidia.com/"))
        if not count and pod["spec"].get("runtimeClassName") == "nvidia":
            count = 99
        return nvidia_smi.gpus_of(name, node["metadata"].get("labels", {}), count)

    def write_log(self, pod: Pod, text: str) -> None:
        """Write the pod's log file in the form that kwok reads, and tell kwok about it."""
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        path = self.folder / f"{pod['metadata']['uid']}.log"
        path.write_text("".join(f"{stamp} stdout F {line}\n" for line in text.splitlines()), encoding="utf-8")
        files = {"logsFile": str(path), "previousLogsFile": str(path), "follow": False}
        containers = [c["name"] for key in ("containers", "initContainers") for c in pod["spec"].get(key, [])]
        self.attach(pod, "Logs", "logs", {"logs": [{"containers": containers, **files}]})

    def attach(self, pod: Pod, kind: str, plural: str, spec: dict[str, Any]) -> None:
        """Apply a kwok object with the pod's name that the pod owns."""
        metadata = pod["metadata"]
        owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        document = {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [owner]},
            "spec": spec,
        }
        with contextlib.suppress(SandboxError):  # the namespace may be on its way out
            self.api.apply(f"{KWOK_API}/{metadata['namespace']}/{plural}/{metadata['name']}", document)

    def run(self, watcher: Api) -> None:
        """Follow all pods for ever."""
        while True:
            try:
                self.follow(watcher)
            except (OSError, http.client.HTTPException, SandboxError, ValueError) as problem:
                print(f"watch ended: {problem}", flush=True)
                time.sleep(0.5)

    def follow(self, watcher: Api) -> None:
        """List all pods, then react to every change until the watch ends."""
        listed = self.api.find("/api/v1/pods") or {"items": [], "metadata": {}}
        for pod in listed["items"]:
            self.see(pod)
        present = {pod["metadata"]["uid"] for pod in listed["items"]}
        for uid in self.pods.keys() - present:
            self.forget({"metadata": {"uid": uid}})
        version = listed["metadata"].get("resourceVersion", "")
        for event in watcher.watch(f"/api/v1/pods?watch=1&resourceVersion={version}&timeoutSeconds={RELIST_SECONDS}"):
            if event["type"] == "ERROR":
                return
            (self.forget if event["type"] == "DELETED" else self.see)(event["object"])


def command(pod: Pod) -> list[str]:
    """Return the words of the first container's command line."""
    container = pod["spec"]["containers"][0]
    return [str(word) for word in [*container.get("command", []), *container.get("args", [])]]


def image(pod: Pod) -> str:
    """Return the image of the first container."""
    return str(pod["spec"]["containers"][0].get("image", ""))


def option(words: list[str], name: str) -> str:
    """Return the value of an option, '' where it is not given."""
    return words[words.index(name) + 1] if name in words[:-1] else ""


def is_ready(pod: Pod) -> bool:
    """Tell whether the pod is Ready and not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")


def selection(router: Pod) -> tuple[str, dict[str, str]]:
    """Return the namespace and labels by which a router finds engines."""
    words = command(router)
    pairs = (pair.partition("=") for pair in option(words, "--k8s-label-selector").split(",") if "=" in pair)
    return option(words, "--k8s-namespace"), {key: value for key, _, value in pairs}


def engine_log(engine: Engine, words: list[str]) -> str:
    """Return the start of an engine's log, marked as simulated."""
    return "\n".join(
        (
            f"INFO [simulated] vLLM API server version {engine.version}",
            f"INFO [simulated] arguments: {' '.join(words[words.index('serve') + 1 :])}",
            f"INFO [simulated] Loading weights of {engine.model}",
            "INFO [simulated] Application startup complete.",
        )
    )


def main() -> None:
    """Run until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    state = parser.parse_args().state
    known = json.loads((state / "state.json").read_text(encoding="utf-8"))
    ports = known["ports"]
    folder = state / "kubelet"
    folder.mkdir(exist_ok=True)
    workloads = Workloads(Api(ports["kube-apiserver"], state / "pki"), folder, state / "faults.json")
    Listener(workloads.any_router, ports["router"])
    workloads.run(Api(ports["kube-apiserver"], state / "pki"))


if __name__ == "__main__":
    main()
