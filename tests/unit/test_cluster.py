# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to a cluster, against a small HTTP server that answers as an API server does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import (
    BUSY_TRIES,
    PAGE,
    Cluster,
    _forward_error,
    _pause,
    path_of,
    path_of_object,
)
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "vllm"}}


class Handler(BaseHTTPRequestHandler):
    """Remembers every request; answers from ``server.answers`` by method and path, else 404."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.server.seen.append((self.command, url.path, query, body, dict(self.headers)))  # type: ignore[attr-defined]
        answer = self.server.answers.get((self.command, url.path))  # type: ignore[attr-defined]
        if callable(answer):
            answer = answer(query)
        status, payload = answer or (404, {"reason": "NotFound", "message": "not found"})
        text = payload if isinstance(payload, str) else json.dumps(payload)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Any]:
    instance = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    instance.answers, instance.seen = {}, []  # type: ignore[attr-defined]
    threading.Thread(target=instance.serve_forever, daemon=True).start()
    yield instance
    instance.shutdown()
    instance.server_close()


@pytest.fixture
def cluster(server: Any, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    for name in ("KUBECONFIG", "K8S_AUTH_KUBECONFIG", "K8S_AUTH_HOST"):
        monkeypatch.delenv(name, raising=False)
    return Cluster.connect({"host": f"http://127.0.0.1:{server.server_port}", "api_key": "t0ken"})


def test_paths_of_known_kinds() -> None:
    assert path_of("Node", name="gpu-1") == "/api/v1/nodes/gpu-1"
    assert path_of("Pod") == "/api/v1/pods"
    assert path_of("Application", "argocd", "vllm") == "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/vllm"
    assert path_of("RuntimeClass", "ignored", "nvidia") == "/apis/node.k8s.io/v1/runtimeclasses/nvidia"
    assert path_of_object(POD) == "/api/v1/namespaces/vllm/pods/p"


def test_a_busy_server_is_asked_again_when_it_says(
    server: Any, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    busy = [(429, {"reason": "TooManyRequests"})] * 2
    server.answers["GET", "/api/v1/nodes/a"] = lambda query: busy.pop() if busy else (200, {"kind": "Node"})
    assert cluster.get("/api/v1/nodes/a") == {"kind": "Node"}
    assert (len(server.seen), pauses) == (3, [1.0, 1.0])
    server.answers["GET", "/api/v1/nodes/a"] = (429, {"reason": "TooManyRequests", "message": "slow down"})
    with pytest.raises(ApiError, match="slow down") as caught:
        cluster.get("/api/v1/nodes/a")
    assert caught.value.transient
    assert (len(server.seen), len(pauses)) == (3 + BUSY_TRIES, 2 + BUSY_TRIES - 1)


@pytest.mark.parametrize(("said", "pause"), [(None, 1.0), ("2", 2.0), ("3600", 5.0), ("-1", 0.0), ("tomorrow", 1.0)])
def test_how_long_a_busy_server_is_left_alone(said: str | None, pause: float) -> None:
    assert _pause(said) == pause


def test_requests_carry_the_token(server: Any, cluster: Cluster) -> None:
    server.answers["GET", "/api/v1/nodes/a"] = (200, {"kind": "Node"})
    assert cluster.get("/api/v1/nodes/a") == {"kind": "Node"}
    assert server.seen[0][4]["authorization"] == "Bearer t0ken"


def test_find_turns_only_404_into_none(server: Any, cluster: Cluster) -> None:
    assert cluster.find("/api/v1/nodes/absent") is None
    server.answers["GET", "/api/v1/nodes/a"] = (403, {"reason": "Forbidden", "message": "no"})
    with pytest.raises(ApiError) as caught:
        cluster.find("/api/v1/nodes/a")
    assert caught.value.status == 403
    assert caught.value.finding().code == "cluster-forbidden"
    assert caught.value.finding().subject == "GET /api/v1/nodes/a"


def test_lists_are_read_page_by_page(server: Any, cluster: Cluster) -> None:
    def page(query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        assert query["limit"] == str(PAGE)
        if "continue" in query:
            return 200, {"metadata": {}, "items": [{"n": 3}]}
        return 200, {"metadata": {"continue": "next"}, "items": [{"n": 1}, {"n": 2}]}

    server.answers["GET", "/api/v1/pods"] = page
    assert [pod["n"] for pod in cluster.items("/api/v1/pods", fieldSelector="spec.nodeName=a")] == [1, 2, 3]
    assert [seen[2].get("fieldSelector") for seen in server.seen] == ["spec.nodeName=a"] * 2


def test_an_empty_list_may_be_null(server: Any, cluster: Cluster) -> None:
    server.answers["GET", "/api/v1/pods"] = (200, {"metadata": {}, "items": None})
    assert list(cluster.items("/api/v1/pods")) == []


def test_apply_is_server_side_and_strict(server: Any, cluster: Cluster) -> None:
    server.answers["PATCH", "/api/v1/namespaces/vllm/pods/p"] = (200, POD)
    cluster.apply(POD, dry_run=True, force=True)
    _, _, query, body, headers = server.seen[0]
    assert query == {
        "fieldManager": "inferops-vllm",
        "fieldValidation": "Strict",
        "force": "true",
        "dryRun": "All",
    }
    assert headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(body) == POD


def test_create_patch_delete_and_text(server: Any, cluster: Cluster) -> None:
    server.answers["POST", "/api/v1/namespaces/vllm/pods"] = (201, POD)
    server.answers["PATCH", "/api/v1/namespaces/vllm/pods/p"] = (200, POD)
    server.answers["DELETE", "/api/v1/namespaces/vllm/pods/p"] = (200, POD)
    server.answers["GET", "/api/v1/namespaces/vllm/pods/p/log"] = (200, "two\nlines")
    cluster.create(POD)
    cluster.patch(path_of_object(POD), {"metadata": {"labels": {"a": None}}})
    assert cluster.delete(path_of_object(POD)) == POD
    assert cluster.delete("/api/v1/namespaces/vllm/pods/absent") is None
    assert cluster.text(f"{path_of_object(POD)}/log", tailLines=2) == "two\nlines"
    assert server.seen[1][4]["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "cluster-unauthorized"),
        (403, "cluster-forbidden"),
        (409, "cluster-request-failed"),
        (500, "cluster-request-failed"),
    ],
)
def test_an_error_answer_becomes_a_finding(server: Any, cluster: Cluster, status: int, code: str) -> None:
    server.answers["GET", "/x"] = (status, "not even JSON")
    with pytest.raises(ApiError) as caught:
        cluster.get("/x")
    assert caught.value.finding().code == code
    assert caught.value.transient is (status == 500)


def test_no_answer_at_all(server: Any) -> None:
    cluster = Cluster.connect({"host": "http://127.0.0.1:9"})
    with pytest.raises(ApiError) as caught:
        cluster.get("/readyz")
    assert caught.value.finding().code == "cluster-unreachable"
    assert caught.value.transient
    assert "127.0.0.1:9" in caught.value.finding().subject


def test_a_port_forward_that_cannot_be_opened(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as caught, cluster.forward("vllm", "p", 8000):
        pass
    assert caught.value.subject == "port-forward p:8000"


@pytest.mark.parametrize("text", [None, "", "{", "apiVersion: v1\nkind: Config\nclusters: []\n"])
def test_an_unusable_kubeconfig_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Refusal) as caught:
        Cluster.connect({"kubeconfig": str(path), "context": "town"})
    assert [f.code for f in caught.value.findings] == ["cluster-config-invalid"]
    assert caught.value.findings[0].subject == str(path)


def test_empty_options_are_unset_and_the_environment_is_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "a",
                "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in ("a", "b")],
                "clusters": [{"name": n, "cluster": {"server": f"https://{n}:6443"}} for n in ("a", "b")],
                "users": [{"name": n, "user": {"token": n}} for n in ("a", "b")],
            }
        )
    )
    monkeypatch.setenv("K8S_AUTH_HOST", "")
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(kubeconfig))
    assert Cluster.connect({"kubeconfig": "", "context": ""}).host == "https://a:6443"
    assert Cluster.connect({"context": "b"}).host == "https://b:6443"


def test_awx_injects_a_token_and_no_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", "https://api:6443/")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "t")
    monkeypatch.setenv("K8S_AUTH_VERIFY_SSL", "False")
    cluster = Cluster.connect({})
    assert cluster.host == "https://api:6443"
    assert cluster._configuration.verify_ssl is False


def test_a_refused_port_forward_names_the_right_that_is_missing() -> None:
    said = (
        'Handshake status 403 Forbidden -+-+- {\'audit-id\': \'1\'} -+-+- b\'{"kind":"Status","message":"pods '
        '\\\\"p\\\\" is forbidden: User \\\\"x\\\\" cannot create resource \\\\"pods/portforward\\\\"","code":403}\''
    )
    error = _forward_error(RuntimeError(said), "p", 8000)
    assert (error.status, error.finding().code) == (403, "cluster-forbidden")
    assert error.message == 'pods "p" is forbidden: User "x" cannot create resource "pods/portforward"'
    assert _forward_error(RuntimeError("Handshake status 502 Bad -+-+- x"), "p", 1).status == 502
    silent = _forward_error(RuntimeError("Handshake status 403 Forbidden -+-+- {}"), "p", 1)
    assert "create on pods/portforward" in silent.message, "an API server that names no verb"
