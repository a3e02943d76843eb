# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to one cluster: the only file that talks HTTP to a Kubernetes API server.

Configuration, credentials (exec plugins and token files included) and TLS come from the ``kubernetes``
package; requests are raw paths on its connection pool, because typed models and discovery would cost
a third of a second and dozens of requests in every task.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlencode

from .api_error import UNREACHABLE, ApiError
from .findings import refuse

try:
    import urllib3
    from kubernetes import config as kube_config
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.stream import ws_client
except ImportError as error:  # pragma: no cover - the message is what matters
    MISSING_LIBRARY: str | None = str(error)
else:
    MISSING_LIBRARY = None

PAGE = 500
"""Objects asked for in one LIST request: few round trips, bounded memory."""

TIMEOUT_SECONDS = 30.0
"""For one request; waits are the callers' business."""

BUSY_TRIES = 5
BUSY_SECONDS = 5.0
"""A busy API server (429) is asked so often, and no longer than this apart: it has not begun with the request."""

LEAVE_SECONDS = 1.0
"""For the other end of a port-forward to notice that we have finished."""

FIELD_MANAGER = "inferops-vllm"

__all__ = ["FIELD_MANAGER", "ApiError", "Cluster", "path_of", "path_of_object"]

RESOURCES: dict[str, tuple[str, str, bool]] = {
    # kind: (path of group and version, plural, namespaced)
    "AppProject": ("apis/argoproj.io/v1alpha1", "appprojects", True),
    "Application": ("apis/argoproj.io/v1alpha1", "applications", True),
    "ConfigMap": ("api/v1", "configmaps", True),
    "CustomResourceDefinition": ("apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "Deployment": ("apis/apps/v1", "deployments", True),
    "EndpointSlice": ("apis/discovery.k8s.io/v1", "endpointslices", True),
    "Event": ("api/v1", "events", True),
    "LimitRange": ("api/v1", "limitranges", True),
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "PersistentVolumeClaim": ("api/v1", "persistentvolumeclaims", True),
    "Pod": ("api/v1", "pods", True),
    "ReplicaSet": ("apis/apps/v1", "replicasets", True),
    "ResourceQuota": ("api/v1", "resourcequotas", True),
    "RuntimeClass": ("apis/node.k8s.io/v1", "runtimeclasses", False),
    "SealedSecret": ("apis/bitnami.com/v1alpha1", "sealedsecrets", True),
    "Secret": ("api/v1", "secrets", True),
    "Service": ("api/v1", "services", True),
    "ServiceMonitor": ("apis/monitoring.coreos.com/v1", "servicemonitors", True),
    "StorageClass": ("apis/storage.k8s.io/v1", "storageclasses", False),
}


def path_of(kind: str, namespace: str | None = None, name: str | None = None) -> str:
    """The API path of a known ``kind``: the collection, or one object of it when ``name`` is given.

    ``namespace`` None means all namespaces (or none, for cluster-scoped kinds). Raises ``KeyError`` for a kind
    that :data:`RESOURCES` lacks.
    """
    group, plural, namespaced = RESOURCES[kind]
    where = f"namespaces/{quote(namespace)}/" if namespaced and namespace else ""
    return f"/{group}/{where}{plural}" + (f"/{quote(name)}" if name else "")


def path_of_object(manifest: Mapping[str, Any]) -> str:
    """The API path of the object that ``manifest`` describes."""
    metadata = manifest["metadata"]
    return path_of(manifest["kind"], metadata.get("namespace"), metadata["name"])


class Cluster:
    """A connection. Not thread-safe beyond what urllib3's pool is; cheap to make once a task."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        self.host: str = configuration.host.rstrip("/")

    @classmethod
    def connect(cls, options: Mapping[str, Any]) -> Cluster:
        """Connect as the module options of the ``kubernetes`` fragment say; no request is made yet.

        Raises :class:`Refusal` (``cluster-config-invalid``, ``options-invalid``) when there is nothing usable.
        """
        if MISSING_LIBRARY:
            raise refuse("options-invalid", "python library kubernetes", MISSING_LIBRARY, fix="pip install kubernetes")
        cluster = cls(_configuration(_settings(options)))
        if not all(value.isascii() and value.isprintable() for value in cluster._headers().values()):
            raise refuse("cluster-config-invalid", "the token", "holds a character that no HTTP header carries")
        return cluster

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """One object, or one page of a list. Raises :class:`ApiError`."""
        answer: dict[str, Any] = json.loads(self._request("GET", path, query))
        return answer

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """One object, or None when there is none (or when its kind is not installed)."""
        try:
            return self.get(path, **query)
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All objects of a list, page by page; only one page is in memory at a time."""
        token = ""
        while True:
            page = self.get(path, **query, limit=PAGE, **({"continue": token} if token else {}))
            yield from page.get("items") or ()
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return

    def text(self, path: str, **query: Any) -> str:
        """A body that is not JSON: a log, a readiness check."""
        return self._request("GET", path, query).decode("utf-8", "replace")

    def apply(
        self,
        manifest: Mapping[str, Any],
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Server-side apply; returns the object as stored. A conflict is an :class:`ApiError` with status 409."""
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower(), **_dry(dry_run)}
        body = json.dumps(manifest)
        return self._send("PATCH", path_of_object(manifest), query, body, "application/apply-patch+yaml")

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create the object; ``metadata.generateName`` works too."""
        path = path_of(manifest["kind"], manifest["metadata"].get("namespace"))
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", **_dry(dry_run)}
        return self._send("POST", path, query, json.dumps(manifest), "application/json")

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """JSON merge patch of one object."""
        query = {"fieldManager": FIELD_MANAGER, **_dry(dry_run)}
        return self._send("PATCH", path, query, json.dumps(body), "application/merge-patch+json")

    def delete(self, path: str, **query: Any) -> dict[str, Any] | None:
        """Delete one object; None when it was not there."""
        try:
            return self._send("DELETE", path, query, None, "application/json")
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    @contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[http.client.HTTPConnection]:
        """An HTTP connection to ``port`` of a pod, carried by the API server (as kubectl port-forward does).

        Raises :class:`ApiError` with status 0 when the stream cannot be opened; what happens on the connection
        afterwards is the caller's (``OSError``, ``http.client.HTTPException``).
        """
        url = f"{self.host}{path_of('Pod', namespace, pod)}/portforward"
        headers = {**self._headers(), "sec-websocket-protocol": "v4.channel.k8s.io"}
        try:
            stream = ws_client.portforward_call(
                self._configuration, "GET", url, query_params=[("ports", str(port))], headers=headers
            )
        except Exception as error:
            raise _forward_error(error, pod, port) from None
        connection = http.client.HTTPConnection("localhost", port, timeout=TIMEOUT_SECONDS)
        connection.sock = stream.socket(port)
        connection.sock.settimeout(TIMEOUT_SECONDS)
        try:
            yield connection
        finally:
            _leave(connection)

    def _send(
        self, method: str, path: str, query: Mapping[str, Any], body: str | None, content_type: str
    ) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._request(method, path, query, body, content_type))
        return answer

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        body: str | None = None,
        content_type: str | None = None,
    ) -> bytes:
        headers = {**self._headers(), "Accept": "application/json, */*"}
        if content_type:
            headers["Content-Type"] = content_type
        url = f"{self.host}{path}" + (f"?{urlencode(query)}" if query else "")
        for left in reversed(range(BUSY_TRIES)):
            response = self._ask(method, url, body, headers)
            if response.status != http.client.TOO_MANY_REQUESTS or not left:
                break
            time.sleep(_pause(response.headers.get("Retry-After")))
        if response.status >= http.client.BAD_REQUEST:
            raise _api_error(f"{method} {path}", response.status, response.data)
        data: bytes = response.data
        return data

    def _ask(self, method: str, url: str, body: str | None, headers: Mapping[str, str]) -> Any:
        try:
            return self._pool.request(method, url, body=body, headers=headers, timeout=TIMEOUT_SECONDS, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(UNREACHABLE, "Unreachable", _first_line(error), self.host) from None

    def _headers(self) -> dict[str, str]:
        return {
            setting["key"]: setting["value"]
            for setting in self._configuration.auth_settings().values()
            if setting["in"] == "header" and setting["value"]
        }


def _pause(retry_after: str | None) -> float:
    """Seconds until the next try; API servers send whole seconds."""
    try:
        return min(max(float(retry_after or 1), 0.0), BUSY_SECONDS)
    except ValueError:
        return 1.0


def _api_error(request: str, status: int, body: bytes) -> ApiError:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {}
    message = str(answer.get("message") or body[:300].decode("utf-8", "replace"))
    return ApiError(status, str(answer.get("reason") or ""), message, request)


def _leave(connection: http.client.HTTPConnection) -> None:
    """Close our end; the forwarding thread sees that and closes the stream itself.

    Unread data would reset the socket under the thread, which then dies with a stack trace on the console.
    """
    with suppress(OSError):
        if connection.sock:
            connection.sock.settimeout(LEAVE_SECONDS)
            connection.sock.shutdown(socket.SHUT_WR)
            while connection.sock.recv(1 << 16):
                pass
    connection.close()


def _forward_error(error: Exception, pod: str, port: int) -> ApiError:
    """The websocket library tells the API server's answer in one text: status, headers and body."""
    text = str(getattr(error, "reason", None) or error).replace("\\\\", "\\")  # the body is a repr of bytes
    status = re.search(r"Handshake status (\d{3}) ([^-+]*)", text)
    if not status:
        return ApiError(UNREACHABLE, "PortForwardFailed", _first_line(error), f"port-forward {pod}:{port}")
    said = re.search(r'"message":"((?:[^"\\]|\\.)*)"', text)
    message = said[1].replace('\\"', '"') if said else status[0].strip()
    if int(status[1]) == http.client.FORBIDDEN and "cannot" not in message:
        message += " needs get and create on pods/portforward"  # some API servers name no verb here
    return ApiError(int(status[1]), status[2].strip(), message, f"port-forward {pod}:{port}")


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "reason", None) or error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def forget_credentials() -> None:
    """Delete the temporary files that the kubernetes package keeps a kubeconfig's certificate and key in.

    It does so itself when a program ends, but Ansible's workers end without that. Connections made so far cannot be
    used afterwards.
    """
    clean = None if MISSING_LIBRARY else getattr(kube_config.kube_config, "_cleanup_temp_files", None)
    if clean:
        clean()


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The connection options, each from the option or its variable; AWX injects empty strings for unset ones."""

    def pick(name: str, *variables: str) -> Any:
        values = [options.get(name), *(os.environ.get(variable) for variable in variables)]
        return next((value for value in values if value not in (None, "")), None)

    return {
        "kubeconfig": pick("kubeconfig", "K8S_AUTH_KUBECONFIG", "KUBECONFIG"),
        "context": pick("context", "K8S_AUTH_CONTEXT"),
        "host": pick("host", "K8S_AUTH_HOST"),
        "api_key": pick("api_key", "K8S_AUTH_API_KEY"),
        "ca_cert": pick("ca_cert", "K8S_AUTH_SSL_CA_CERT"),
        "validate_certs": pick("validate_certs", "K8S_AUTH_VERIFY_SSL"),
    }


def _configuration(settings: Mapping[str, Any]) -> Any:
    if settings["host"]:
        return _from_token(settings)
    configuration = Configuration()
    source = settings["kubeconfig"] or os.path.expanduser("~/.kube/config")  # noqa: PTH111 - no HOME is no error
    try:
        if not settings["kubeconfig"] and "KUBERNETES_SERVICE_HOST" in os.environ and not os.path.exists(source):  # noqa: PTH110
            kube_config.load_incluster_config(client_configuration=configuration)
        else:
            kube_config.load_kube_config(
                config_file=source,
                context=settings["context"],
                client_configuration=configuration,
                persist_config=False,
            )
    except Exception as error:
        raise refuse("cluster-config-invalid", str(source), _first_line(error)) from None
    return configuration


def _from_token(settings: Mapping[str, Any]) -> Any:
    configuration = Configuration(host=settings["host"])
    configuration.verify_ssl = str(settings["validate_certs"]).lower() not in ("false", "no", "0")
    configuration.ssl_ca_cert = settings["ca_cert"]
    if settings["api_key"]:
        configuration.api_key = {"authorization": f"Bearer {settings['api_key']}"}
    return configuration
