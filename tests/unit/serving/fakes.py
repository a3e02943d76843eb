# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that is not there: an OpenAI-compatible server on loopback behind a cluster made of dicts."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Model

KEY = "key-of-the-site"
CHAT = Model("mistral", "mistralai/Mistral-Small")
EMBED = Model("embeddings", "intfloat/e5", "embeddings", 3)
RERANK = Model("reranker", "BAAI/reranker", "rerank")
MODELS = (CHAT, EMBED)

Reply = tuple[int, Any]
Handler = Callable[[str, str, str | None, dict], Reply]

VECTORS = [[1.0, 0.1, 0.0], [0.9, 0.2, 0.0], [0.0, 0.1, 1.0]]
UNAUTHORIZED = (401, {"error": "Unauthorized"})
NOT_FOUND = (404, {"detail": "Not Found"})


def completion(model: str, words: str = "A library is a collection of books.", tokens: int = 9) -> dict:
    return {
        "model": model,
        "choices": [{"message": {"role": "assistant", "content": words}}],
        "usage": {"completion_tokens": tokens},
    }


def embeddings(vectors: list = VECTORS) -> dict:
    return {"data": [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]}


def answer_of(model: Model) -> dict:
    if model.role == "instruct":
        return completion(model.repository)
    if model.role == "rerank":
        return {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]}
    return embeddings()


PATHS = {"instruct": "/v1/chat/completions", "embeddings": "/v1/embeddings", "rerank": "/v1/rerank"}


def engine(model: Model, key: str = KEY) -> Handler:
    """A vLLM engine as it behaves with an API key: the guard is a path prefix."""

    def handle(method: str, path: str, auth: str | None, body: dict) -> Reply:
        if path.startswith("/v1") and auth != f"Bearer {key}":
            return UNAUTHORIZED
        if path == "/v1/models":
            return 200, {"data": [{"id": model.repository}]}
        if path in ("/metrics", "/version", "/docs", "/tokenize"):
            return 200, {}
        opened = {"/invocations"} | ({"/pooling"} if model.role == "embeddings" else set())
        if path not in {PATHS[model.role], *opened}:
            return NOT_FOUND
        if body.get("model") != model.repository:
            return 404, {"error": {"message": f"The model `{body.get('model')}` does not exist."}}
        return 200, answer_of(model)

    return handle


def router(models: tuple[Model, ...], key: str = KEY) -> Handler:
    """The production-stack router: no key check of its own, unknown models are its own 404."""
    engines = {model.repository: engine(model, key) for model in models}

    def handle(method: str, path: str, auth: str | None, body: dict) -> Reply:
        if path == "/v1/models":
            return 200, {"data": [{"id": name} for name in engines]}
        if path in ("/engines", "/metrics", "/version", "/docs", "/tokenize"):
            return 200, {}
        if path not in PATHS.values():
            return NOT_FOUND
        if body.get("model") not in engines:
            return 404, {"error": f"Model '{body.get('model')}' not found."}
        return engines[body["model"]](method, path, auth, body)

    return handle


@contextmanager
def serving(handle: Handler, *, keep: bool = False) -> Iterator[int]:
    """Serve ``handle`` on a free loopback port; ``keep``: connections stay open between requests."""

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if keep else "HTTP/1.0"

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, reply = handle(self.command, self.path, self.headers.get("Authorization"), body)
            text = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    found = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        yield found
    finally:
        found.close()


def pod(name: str, labels: dict, *, node: str = "gpu-1", ready: bool = True, claim: str | None = None) -> dict:
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [{"name": "vllm", "restartCount": 0, "state": {"running": {}}}],
    }
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    containers = [{"name": "vllm", "ports": [{"name": "container-port", "containerPort": 8000}]}]
    spec = {"nodeName": node, "runtimeClassName": "nvidia", "volumes": volumes, "containers": containers}
    return {"metadata": {"name": name, "namespace": "vllm", "labels": labels}, "spec": spec, "status": status}


def service(name: str, selector: dict, *, port: str, labels: dict | None = None) -> dict:
    ports = [{"name": port, "port": 80, "targetPort": "container-port"}]
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": {"selector": selector, "ports": ports}}


def endpoint_slice(name: str, address: str = "10.0.0.1", ready: bool = True) -> dict:
    return {
        "metadata": {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}},
        "endpoints": [{"addresses": [address], "conditions": {"ready": ready}}],
    }


def secret(name: str, key: str, value: str) -> dict:
    owner = {"kind": "SealedSecret", "name": name}
    data = {key: base64.b64encode(value.encode()).decode()}
    return {"metadata": {"name": name, "ownerReferences": [owner]}, "data": data}


ROUTER_LABELS = {"environment": "router", "release": "router"}


def objects(models: tuple[Model, ...] = MODELS) -> dict[str, list[dict]]:
    """A healthy namespace, by plural."""
    site: dict[str, list[dict]] = {
        "pods": [pod("vllm-deployment-router-1", ROUTER_LABELS, node="cp-1")],
        "services": [
            service("vllm-router-service", ROUTER_LABELS, port="router-sport", labels=ROUTER_LABELS),
        ],
        "endpointslices": [endpoint_slice("vllm-router-service")],
        "persistentvolumeclaims": [],
        "secrets": [secret("vllm-secret", "KEY", KEY), secret("hf-secret", "TOKEN", "hf_abcdefghijklmnop")],
        "servicemonitors": [
            {
                "metadata": {"name": "vllm-router"},
                "spec": {"selector": {"matchLabels": ROUTER_LABELS}, "endpoints": [{"port": "router-sport"}]},
            }
        ],
        "events": [],
    }
    for model in models:
        labels = {"model": model.name, "helm-release-name": "vllm"}
        claim, name = f"vllm-{model.name}-storage-claim", f"vllm-{model.name}-engine-service"
        site["pods"].append(pod(f"vllm-{model.name}-1", labels, claim=claim))
        site["services"].append(service(name, labels, port="service-port"))
        site["endpointslices"].append(endpoint_slice(name))
        site["persistentvolumeclaims"].append({"metadata": {"name": claim}, "status": {"phase": "Bound"}})
    return site


class FakeCluster:
    """The read half of Cluster over :func:`objects`; pods answer with the handler of their name's prefix."""

    def __init__(self, site: dict[str, list[dict]], ports: dict[str, int], logs: dict[str, str] | None = None) -> None:
        self.site, self.ports, self.logs = site, ports, logs or {}
        self.forbidden: set[str] = set()

    def _split(self, path: str) -> tuple[str, str | None, str | None]:
        parts = path.split("/namespaces/vllm/")[1].split("/")
        return parts[0], (parts[1] if len(parts) > 1 else None), (parts[2] if len(parts) > 2 else None)

    def find(self, path: str, **query: Any) -> dict | None:
        plural, name, _ = self._split(path)
        if plural in self.forbidden:
            raise ApiError(403, "Forbidden", f"cannot get {plural}", path)
        return next((o for o in self.site[plural] if o["metadata"]["name"] == name), None)

    def get(self, path: str, **query: Any) -> dict:
        found = self.find(path)
        if found is None:
            raise ApiError(404, "NotFound", "not found", path)
        return found

    def items(self, path: str, **query: Any) -> Iterator[dict]:
        plural, _, _ = self._split(path)
        if plural in self.forbidden:
            raise ApiError(403, "Forbidden", f"cannot list {plural}", path)
        if plural not in self.site:
            raise ApiError(404, "NotFound", "not found", path)
        found = self.site[plural]
        if selector := query.get("labelSelector"):
            wanted = dict(pair.split("=") for pair in selector.split(","))
            found = [o for o in found if wanted.items() <= (o["metadata"].get("labels") or {}).items()]
        if field := query.get("fieldSelector"):
            found = [o for o in found if o["involvedObject"]["name"] == field.split("=")[1]]
        yield from found

    def text(self, path: str, **query: Any) -> str:
        _, name, _ = self._split(path)
        key = f"{name}/previous" if query.get("previous") else str(name)
        if key not in self.logs:
            raise ApiError(400, "BadRequest", "container is waiting to start", path)
        return self.logs[key]

    @contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[http.client.HTTPConnection]:
        if pod not in self.ports:
            raise ApiError(0, "PortForwardFailed", "error forwarding port 8000", pod)
        with connection(self.ports[pod]) as found:
            yield found
