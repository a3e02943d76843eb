# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API server, seen by the runner: raw paths over one kept connection, with the administrator's certificate."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sandbox.runner.errors import SandboxError

MANAGER = "inferops-sandbox"
TIMEOUT = 20.0


class Api:
    """Talks to the API server on 127.0.0.1:``port``; not for use by several threads at once."""

    def __init__(self, port: int, pki: Path, client: str = "admin") -> None:
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / f"{client}.crt", pki / f"{client}.key")
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=TIMEOUT)

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Send one request and return (status, body); a connection that was closed is opened again once."""
        headers = {"Content-Type": kind, "Accept": "application/json"}
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if attempt == 2:
                    raise
        raise AssertionError

    def find(self, path: str) -> dict[str, Any] | None:
        """GET an object or a list; None where it does not exist."""
        status, body = self.request("GET", path)
        return None if status == 404 else self._object("GET", path, status, body)

    def apply(self, path: str, document: Mapping[str, Any] | bytes, subresource: str = "") -> dict[str, Any]:
        """Server-side apply of an object (a mapping, or YAML text as it is) at its own path."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        target = f"{path}{subresource}?fieldManager={MANAGER}&force=true"
        return self._object("apply", path, *self.request("PATCH", target, body, "application/apply-patch+yaml"))

    def patch(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """JSON merge patch."""
        body = json.dumps(document).encode()
        return self._object("patch", path, *self.request("PATCH", path, body, "application/merge-patch+json"))

    def create(self, path: str, document: Mapping[str, Any]) -> None:
        """Create an object unless it exists."""
        status, body = self.request("POST", path, json.dumps(document).encode())
        if status != 409:
            self._object("create", path, status, body)

    def post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""
        return self._object("create", path, *self.request("POST", path, json.dumps(document).encode()))

    def token(self, namespace: str, account: str, seconds: int = 3600) -> str:
        """Return a new token of a ServiceAccount."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = self.post(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", request)
        return str(answer["status"]["token"])

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the API server ends it; needs a connection of its own."""
        self._connection.close()
        self._connection.timeout = None  # a watch may be silent for long; its path carries timeoutSeconds
        self._connection.request("GET", path, headers={"Accept": "application/json"})
        answer = self._connection.getresponse()
        if answer.status != 200:
            self._object("watch", path, answer.status, answer.read())
        while line := answer.readline():
            yield json.loads(line)

    def delete(self, path: str) -> None:
        """Delete an object; one that is not there is fine."""
        status, body = self.request("DELETE", path)
        if status != 404:
            self._object("delete", path, status, body)

    @staticmethod
    def _object(verb: str, path: str, status: int, body: bytes) -> dict[str, Any]:
        if status >= 300:
            raise SandboxError(f"API server: {verb} {path}: {status} {body[:500].decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(body)
        return answer


def plural(kind: str) -> str:
    """Return the resource name of a kind: Kubernetes' own rule, right for every kind the sandbox uses."""
    lower = kind.lower()
    if lower.endswith("class"):
        return lower + "es"
    return lower[:-1] + "ies" if lower.endswith("y") else lower + "s"


def path_of(document: Mapping[str, Any]) -> str:
    """Return the API path of an object."""
    version, metadata = document["apiVersion"], document["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    space = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{root}{space}/{plural(document['kind'])}/{urllib.parse.quote(metadata['name'])}"


def certificate_user(pki: Path, client: str) -> dict[str, str]:
    """Return the user of a kubeconfig that has a client certificate."""
    return {
        "client-certificate-data": encoded(pki / f"{client}.crt"),
        "client-key-data": encoded(pki / f"{client}.key"),
    }


def encoded(path: Path) -> str:
    """Return a file's content as a kubeconfig holds it."""
    return base64.b64encode(path.read_bytes()).decode()


def write_kubeconfig(path: Path, port: int, pki: Path, context: str, user: Mapping[str, str]) -> None:
    """Write a self-contained kubeconfig (0600) for one user."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority-data": encoded(pki / "ca.crt"),
                },
            }
        ],
        "users": [{"name": context, "user": dict(user)}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
