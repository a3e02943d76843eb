# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Can Argo CD read the repository? Asked before the first sync, with the credential that Argo CD itself would send.

Credentials are Secrets in Argo CD's namespace: ``repository`` for one URL, ``repo-creds`` for all that begin with one
(the longest wins). Values stay in memory.
"""

from __future__ import annotations

import base64
import binascii
import http.client
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from ..api_error import ApiError
from ..cluster import path_of
from ..findings import Finding, Refusal, finding
from ..gitops.remote import Credentials
from ..gitops.repository import Repository
from .objects import JSON
from .permissions import normalized_url

TYPE_LABEL = "argocd.argoproj.io/secret-type"
ONE, MANY = "repository", "repo-creds"
KNOWN_HOSTS = "argocd-ssh-known-hosts-cm"
REFUSED = frozenset({"gitops-auth", "gitops-repository-missing", "gitops-ssh-key-invalid"})
"""What a server says to a wrong or missing credential; many say "not found" to whoever may not know."""

SECONDS = 20.0
Ask = Callable[[str, Credentials], None]


class Reader(Protocol):
    """The part of a cluster connection that is needed."""

    def find(self, path: str, **query: Any) -> JSON | None:
        """One object, or None."""

    def items(self, path: str, **query: Any) -> Iterable[JSON]:
        """A list."""


def ask(url: str, credentials: Credentials) -> None:
    """List the branches, as Argo CD does first. Raises what git says as a :class:`Refusal`."""
    with Repository(url, credentials, timeout=SECONDS) as repository:
        repository.heads()


def check(cluster: Reader, namespace: str, url: str, ask: Ask = ask) -> list[Finding]:
    """Whether Argo CD in ``namespace`` can read ``url``."""
    try:
        labels = f"{TYPE_LABEL} in ({ONE},{MANY})"
        secret = credential_of(url, cluster.items(path_of("Secret", namespace), labelSelector=labels))
        hosts = cluster.find(path_of("ConfigMap", namespace, KNOWN_HOSTS)) if _ssh(url) else None
    except ApiError as error:
        if error.status == http.client.FORBIDDEN:
            return [finding("argocd-repository-unchecked", f"namespace/{namespace}", "its Secrets may not be listed")]
        raise
    credentials = _credentials(secret, hosts)
    if credentials is None:
        return [finding("argocd-repository-unchecked", _name(secret), "is of a kind that only Argo CD can use")]
    try:
        ask(url, credentials)
    except Refusal as refusal:
        return [_explain(refusal.findings[0], secret)]
    return []


def credential_of(url: str, secrets: Iterable[JSON]) -> JSON | None:
    """The Secret that Argo CD would use for ``url``: the one for it, else the longest beginning of it."""
    wanted, templates = normalized_url(url), []
    for secret in secrets:
        place = normalized_url(_value(secret, "url"))
        if (secret["metadata"].get("labels") or {}).get(TYPE_LABEL) == ONE:
            if place == wanted:
                return secret
        elif place and wanted.startswith(place):
            templates.append((len(place), secret))
    return max(templates, key=lambda entry: entry[0])[1] if templates else None


def _credentials(secret: JSON | None, hosts: JSON | None) -> Credentials | None:
    """What Argo CD would send; None for what needs Argo CD itself (GitHub apps, cloud identities)."""
    known = ((hosts or {}).get("data") or {}).get("ssh_known_hosts", "")
    if secret is None:
        return Credentials(known_hosts=known)
    if not any(_value(secret, key) for key in ("password", "sshPrivateKey", "bearerToken")) and _foreign(secret):
        return None
    return Credentials(
        username=_value(secret, "username"),
        token=_value(secret, "password"),
        ssh_key=_value(secret, "sshPrivateKey"),
        known_hosts=known,
    )


def _foreign(secret: JSON) -> bool:
    return any(key.startswith(("githubApp", "gcp", "useAzure", "tlsClient")) for key in secret.get("data") or {})


def _explain(found: Finding, secret: JSON | None) -> Finding:
    if found.code not in REFUSED:
        message = f"this machine cannot tell: {found.message}"
        return finding("argocd-repository-unchecked", found.subject, message)
    who = f"Argo CD's credential ({_name(secret)}) is refused" if secret else "Argo CD has no credential for it"
    return finding("argocd-repository-unreadable", found.subject, f"{who}: {found.message}")


def _name(secret: Mapping[str, Any] | None) -> str:
    return f"Secret/{secret['metadata']['name']}" if secret else "no Secret"


def _value(secret: JSON, key: str) -> str:
    try:
        return base64.b64decode((secret.get("data") or {}).get(key) or "").decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _ssh(url: str) -> bool:
    return url.startswith("ssh://") or ("@" in url and "://" not in url)
