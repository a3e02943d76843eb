# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates from text, file, URL and cluster, in the stated order."""

from __future__ import annotations

import base64
import http.client
import io
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import source

from tests.unit.sealing.fakes import FakeCluster, Pair

PROXY = "/api/v1/namespaces/kube-system/services/{}/proxy/v1/cert.pem"
PODS = "/api/v1/namespaces/kube-system/pods"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
FORBIDDEN = ApiError(403, "Forbidden", 'User "x" cannot get resource "services/proxy" in API group ""', "x")


def refused(certificate: str) -> str:
    with pytest.raises(Refusal) as caught:
        source.read(certificate)
    (found,) = caught.value.findings
    assert found.code == "sealing-certificate-unreadable"
    return found.message


def test_text_and_files(pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.write_text(pair.pem, encoding="utf-8")
    assert source.read(pair.pem) == (pair.pem, "certificate option")
    assert source.read(str(file)) == (pair.pem, str(file))
    assert source.read(f"file://{file}") == (pair.pem, str(file))
    assert "No such file" in refused(str(tmp_path / "none.pem"))


def test_only_https() -> None:
    assert refused("http://example.org/cert.pem") == "is a http URL; allowed: https"
    with pytest.raises(urllib.error.URLError, match="not https"):
        source._HttpsOnly().redirect_request(None, None, 302, "", None, "http://example.org")
    request = urllib.request.Request("https://example.org/a")
    followed = source._HttpsOnly().redirect_request(request, None, 302, "", {}, "https://example.org/b")
    assert followed.full_url == "https://example.org/b"


def test_a_download(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    class Opener:
        def open(self, url: str, timeout: int) -> Any:
            if "down" in url:
                raise urllib.error.URLError("connection refused")
            return io.BytesIO(pair.pem.encode())

    monkeypatch.setattr(source.urllib.request, "build_opener", lambda *handlers: Opener())
    assert source.read("https://example.org/cert.pem") == (pair.pem, "https://example.org/cert.pem")
    assert refused("https://down.example.org/cert.pem") == "connection refused"


SERVICE = "/api/v1/namespaces/kube-system/services/{}"


@pytest.mark.parametrize("service", ["http:sealed-secrets-controller:http", "http:sealed-secrets:", "sealed-secrets"])
def test_every_name_and_port_form_of_a_service_that_may_not_be_read(pair: Pair, service: str) -> None:
    unreadable = dict.fromkeys(map(SERVICE.format, source.CONTROLLER_NAMES), FORBIDDEN)
    cluster = FakeCluster({**unreadable, PROXY.format(service): pair.pem})
    assert source.fetch(cluster) == (pair.pem, f"service proxy {service}")


@pytest.mark.parametrize(("port", "form"), [({"name": "http"}, "http:{}:http"), ({}, "http:{}:")])
def test_a_service_that_may_be_read_is_asked_by_its_port_at_once(pair: Pair, port: dict, form: str) -> None:
    name = "sealed-secrets"
    proxied = PROXY.format(form.format(name))
    cluster = FakeCluster({SERVICE.format(name): {"spec": {"ports": [port]}}, proxied: pair.pem})
    assert source.fetch(cluster) == (pair.pem, f"service proxy {form.format(name)}")
    assert cluster.asked == [SERVICE.format("sealed-secrets-controller"), SERVICE.format(name), proxied]


def test_a_given_name_and_namespace_are_the_only_ones_asked(pair: Pair) -> None:
    path = "/api/v1/namespaces/sealing/services/http:mine:http/proxy/v1/cert.pem"
    cluster = FakeCluster({path: pair.pem})
    source.fetch(cluster, namespace="sealing", name="mine")
    assert cluster.asked == ["/api/v1/namespaces/sealing/services/mine", path]


class Connection:
    def __init__(self, body: str) -> None:
        self.body = body

    def request(self, method: str, path: str) -> None:
        assert (method, path) == ("GET", "/v1/cert.pem")

    def getresponse(self) -> io.BytesIO:
        if not self.body:
            raise http.client.RemoteDisconnected("gone")
        return io.BytesIO(self.body.encode())


def test_port_forward_comes_next(pair: Pair) -> None:
    pods = [
        {"metadata": {"name": "old"}, "status": {"phase": "Succeeded"}},
        {"metadata": {"name": "controller-1"}, "status": {"phase": "Running"}},
    ]
    service = {"spec": {"selector": {"name": "sealed-secrets-controller"}}}
    answers = {PODS: pods, "/api/v1/namespaces/kube-system/services/sealed-secrets-controller": service}
    cluster = FakeCluster(answers)
    cluster.connections["controller-1"] = Connection(pair.pem)
    assert source.fetch(cluster) == (pair.pem, "port-forward sealed-secrets-controller")


def test_the_public_half_of_the_newest_active_key_comes_last(pair: Pair, newer: Pair) -> None:
    def secret(text: str) -> dict[str, Any]:
        return {"data": {"tls.crt": base64.b64encode(text.encode()).decode(), "tls.key": "CANARY"}}

    keys = [secret(pair.pem), secret(newer.pem), {"data": {"tls.crt": "A"}}, {"data": {}}]
    cluster = FakeCluster({SECRETS: keys, PODS: [{"metadata": {"name": "x"}, "status": {"phase": "Running"}}]})
    cluster.connections["x"] = Connection("")
    assert source.fetch(cluster) == (newer.pem, "active key Secret")


def test_every_attempt_is_listed_when_all_fail() -> None:
    paths = [PROXY.format(form.format(name)) for name in source.CONTROLLER_NAMES for form in source.PORT_FORMS]
    paths += map(SERVICE.format, source.CONTROLLER_NAMES)
    cluster = FakeCluster({**dict.fromkeys(paths, FORBIDDEN), PODS: FORBIDDEN, SECRETS: FORBIDDEN, paths[0]: "<html>"})
    with pytest.raises(Refusal) as caught:
        source.fetch(cluster)
    (found,) = caught.value.findings
    assert found.code == "sealing-certificate-unreachable"
    assert found.message.count('403 Forbidden (needs get on "services/proxy")') == 8
    assert "an answer without a certificate" in found.message
    nothing = FakeCluster({PODS: [], SECRETS: []})
    with pytest.raises(Refusal, match=r"no running pod.*no key is labelled active"):
        source.fetch(nothing)
