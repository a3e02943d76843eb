# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where certificates come from: text, a file, an https URL, or the controller of a cluster."""

from __future__ import annotations

import base64
import binascii
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..api_error import ApiError
from ..findings import Refusal, refuse
from .certificate import newest

if TYPE_CHECKING:
    from ..cluster import Cluster

CONTROLLER_NAMESPACE = "kube-system"
CONTROLLER_NAMES = ("sealed-secrets-controller", "sealed-secrets")
CONTROLLER_PORT = 8080
# The Helm chart names its port http, the plain manifest leaves it unnamed; the shipped Role knows these forms only.
PORT_FORMS = ("http:{}:http", "http:{}:", "{}")
CERTIFICATE_PATH = "/v1/cert.pem"
ACTIVE_KEYS = "sealedsecrets.bitnami.com/sealed-secrets-key=active"
TIMEOUT_SECONDS = 15
LARGEST_ANSWER = 256 * 1024


def read(certificate: str) -> tuple[str, str]:
    """Text and source of the ``certificate`` option: PEM text, the path of a file, or an https URL.

    Raises :class:`Refusal` with ``sealing-certificate-unreadable``.
    """
    if "-----BEGIN" in certificate or "\n" in certificate:
        return certificate, "certificate option"
    if certificate.startswith("https://"):
        return _download(certificate), certificate
    if "://" in certificate and not certificate.startswith("file://"):
        message = f"is a {certificate.partition('://')[0]} URL; allowed: https"
        raise refuse("sealing-certificate-unreadable", certificate, message)
    path = Path(certificate.removeprefix("file://"))
    try:
        path = path.expanduser()
        return path.read_bytes().decode("utf-8", "replace"), str(path)
    except (OSError, ValueError, RuntimeError) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("sealing-certificate-unreadable", str(path), said) from None


def fetch(cluster: Cluster, *, namespace: str = "", name: str = "") -> tuple[str, str]:
    """Text and source of the controller's newest certificate.

    Tried in this order: the API server's service proxy with every name in use, a port-forward to the
    controller's pod, and the public half of the newest active key Secret (an administrator's right). Raises
    :class:`Refusal` with ``sealing-certificate-unreachable``, which lists every attempt.
    """
    namespace = namespace or CONTROLLER_NAMESPACE
    names = (name,) if name else CONTROLLER_NAMES
    attempts: list[str] = []
    known: Services = {}
    for ask in (_through_proxy, _through_forward, _from_key_secret):
        for source, answer in ask(cluster, namespace, _services(cluster, namespace, names, known)):
            if isinstance(answer, str) and "BEGIN CERTIFICATE" in answer:
                return answer, source
            attempts.append(f"{source}: {_said(answer)}")
    message = f"no certificate from namespace {namespace}: {'; '.join(attempts)}"
    raise refuse("sealing-certificate-unreachable", f"sealed-secrets controller {'/'.join(names)}", message)


Attempt = tuple[str, "str | Exception"]
JSON: TypeAlias = "dict[str, Any]"
Service: TypeAlias = "tuple[str, JSON | ApiError | None]"
"""Its name and itself; None: there is none, an error: it may not be read."""
Services: TypeAlias = "dict[str, JSON | ApiError | None]"


def _services(cluster: Cluster, namespace: str, names: Iterable[str], known: Services) -> Iterator[Service]:
    """Each name with its Service, read when it is its turn and once only."""
    for name in names:
        if name not in known:
            try:
                known[name] = cluster.find(f"/api/v1/namespaces/{namespace}/services/{name}")
            except ApiError as error:
                known[name] = error
        yield name, known[name]


def _through_proxy(cluster: Cluster, namespace: str, services: Iterable[Service]) -> Iterator[Attempt]:
    for name, found in services:
        for service in _forms(name, found):
            path = f"/api/v1/namespaces/{namespace}/services/{service}/proxy{CERTIFICATE_PATH}"
            try:
                yield f"service proxy {service}", cluster.text(path)
            except ApiError as error:
                yield f"service proxy {service}", error


def _forms(name: str, service: JSON | ApiError | None) -> list[str]:
    """How the Service is named in a proxy path: by its port's name, in every form where it may not be read."""
    if isinstance(service, ApiError):
        return [form.format(name) for form in PORT_FORMS]
    ports = ((service or {}).get("spec") or {}).get("ports") or ()
    return [f"http:{name}:{port.get('name') or ''}" for port in ports[:1]]


def _through_forward(cluster: Cluster, namespace: str, services: Iterable[Service]) -> Iterator[Attempt]:
    every = list(services)
    there = [one for one in every if one[1] is not None]
    for name, service in there or every:
        source = f"port-forward {name}"
        try:
            if isinstance(service, ApiError):
                raise service
            pod = _pod_of(cluster, namespace, service)
            yield (source, _ask_pod(cluster, namespace, pod)) if pod else (source, LookupError("no running pod"))
        except (ApiError, OSError, http.client.HTTPException) as error:
            yield source, error


def _pod_of(cluster: Cluster, namespace: str, service: JSON | None) -> str | None:
    selector = ((service or {}).get("spec") or {}).get("selector") or {"app.kubernetes.io/name": "sealed-secrets"}
    labels = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    pods = cluster.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=labels)
    return next((pod["metadata"]["name"] for pod in pods if _running(pod)), None)


def _running(pod: dict[str, Any]) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Running")


def _ask_pod(cluster: Cluster, namespace: str, pod: str) -> str:
    with cluster.forward(namespace, pod, CONTROLLER_PORT) as connection:
        connection.request("GET", CERTIFICATE_PATH)
        return connection.getresponse().read(LARGEST_ANSWER).decode("utf-8", "replace")


def _from_key_secret(cluster: Cluster, namespace: str, _services: Iterable[Service]) -> Iterator[Attempt]:
    source = "active key Secret"
    try:
        secrets = cluster.items(f"/api/v1/namespaces/{namespace}/secrets", labelSelector=ACTIVE_KEYS)
        # only the public half is looked at, and nothing of the answer outlives this expression
        texts = [_decoded(secret.get("data", {}).get("tls.crt", "")) for secret in secrets]
        yield source, newest(texts) or LookupError("no key is labelled active")
    except (ApiError, Refusal) as error:
        yield source, error


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _said(answer: str | Exception) -> str:
    if isinstance(answer, ApiError):
        return f"{answer.status} {answer.reason} {answer.right}".strip()
    return str(answer)[:200] if isinstance(answer, Exception) else "an answer without a certificate"


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if not newurl.startswith("https://"):
            raise urllib.error.URLError("redirects to a location that is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(url: str) -> str:
    opener = urllib.request.build_opener(_HttpsOnly, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read(LARGEST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise refuse("sealing-certificate-unreadable", url, str(reason)[:300]) from None
    return body.decode("utf-8", "replace")
