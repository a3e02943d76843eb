# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster and the keys at hand know about items that are already sealed."""

from __future__ import annotations

import base64
import binascii
import http.client
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ..api_error import ApiError
from ..cluster import path_of
from ..findings import refuse
from .crypto import CannotOpen, open_item
from .decide import Evidence
from .manifest import SealedFile
from .validate import Wanted

try:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError:  # pragma: no cover - ansible-core needs it too; only import checkers go without
    pass

PEM_KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
CANNOT_OPEN = re.compile(r"no key could decrypt secret \(([^)]*)\)")


class Reader(Protocol):
    """The part of a cluster connection that is needed here."""

    def find(self, path: str, **query: Any) -> dict[str, Any] | None: ...

    def items(self, path: str, **query: Any) -> Iterator[dict[str, Any]]: ...


class Live:
    """What a cluster holds now. SealedSecrets cost one request a namespace, however many files are asked about."""

    def __init__(self, cluster: Reader) -> None:
        self._cluster = cluster
        self._known: dict[str, dict[str, dict[str, Any]]] = {}

    def sealed(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A SealedSecret; None when it, or the whole kind, is not there. Raises :class:`ApiError`."""
        if namespace not in self._known:
            self._known[namespace] = {item["metadata"]["name"]: item for item in self._list(namespace)}
        return self._known[namespace].get(name)

    def secret(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Secret, or None. Raises :class:`ApiError`."""
        return self._cluster.find(path_of("Secret", namespace, name))

    def _list(self, namespace: str) -> list[dict[str, Any]]:
        try:
            return list(self._cluster.items(path_of("SealedSecret", namespace)))
        except ApiError as error:
            if error.status == http.client.NOT_FOUND:
                return []
            raise


def synced(sealed: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The Synced condition of a live SealedSecret, if the controller has looked at this very version."""
    status = sealed.get("status") or {}
    if status.get("observedGeneration") != (sealed.get("metadata") or {}).get("generation"):
        return None
    conditions = status.get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == "Synced"), None)


def lost_keys(sealed: Mapping[str, Any]) -> frozenset[str]:
    """The data keys that the controller says it cannot open."""
    condition = synced(sealed)
    if condition is None or condition.get("status") != "False":
        return frozenset()
    match = CANNOT_OPEN.search(str(condition.get("message") or ""))
    return frozenset(key.strip() for key in match[1].split(",")) if match else frozenset()


def live_evidence(sealed: Mapping[str, Any] | None, file: SealedFile, secret: Callable[[], Any]) -> Evidence:
    """What a live SealedSecret and its Secret say about the items of ``file``.

    They count only where the cluster has the file's very item and has unsealed it; ``secret`` is asked for the
    Secret only when a value is wanted.
    """
    if sealed is None:
        return Evidence()
    live_items = (sealed.get("spec") or {}).get("encryptedData") or {}
    agreeing = {key for key, item in file.items.items() if live_items.get(key) == item}
    opened = (synced(sealed) or {}).get("status") == "True"

    def value(key: str) -> bytes | None:
        if not opened or key not in agreeing:
            return None
        return _plain(((secret() or {}).get("data") or {}).get(key))

    return Evidence("the live Secret", value, lost_keys(sealed) & agreeing)


def ask_cluster(live: Live, wanted: Wanted, file: SealedFile) -> Evidence:
    """Evidence from a cluster. What it does not tell (no right, no answer) is simply not known."""
    namespace, name = file.namespace or wanted.namespace, file.name
    sealed = _told(lambda: live.sealed(namespace, name))
    return live_evidence(sealed, file, _once(lambda: _told(lambda: live.secret(namespace, name))))


def private_keys(text: str) -> list[RSAPrivateKey]:
    """The RSA keys in PEM text, or in a file at that path.

    Raises :class:`Refusal` with ``sealing-certificate-unreadable``.
    """
    try:
        pem = text if "-----BEGIN" in text else Path(text).expanduser().read_text(encoding="utf-8")
        keys = [load_pem_private_key(match[0].encode(), None) for match in PEM_KEY.finditer(pem)]
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        said = getattr(error, "strerror", None) or "is not a private key without a passphrase"
        raise refuse("sealing-certificate-unreadable", "private_key", said) from None
    found = [key for key in keys if isinstance(key, RSAPrivateKey)]
    if not found:
        raise refuse("sealing-certificate-unreadable", "private_key", "holds no RSA private key in PEM form")
    return found


def key_evidence(keys: list[RSAPrivateKey], file: SealedFile) -> Evidence:
    """Evidence from private keys: exact, for every item that one of them opens."""

    def value(key: str) -> bytes | None:
        try:
            return open_item(keys, file.items[key], file.label)
        except CannotOpen:
            return None

    return Evidence("the private key", value)


def _told(ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    try:
        return ask()
    except ApiError:
        return None


def _once(ask: Callable[[], Any]) -> Callable[[], Any]:
    answers: list[Any] = []

    def answer() -> Any:
        if not answers:
            answers.append(ask())
        return answers[0]

    return answer


def _plain(encoded: object) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except (binascii.Error, ValueError):
        return None
