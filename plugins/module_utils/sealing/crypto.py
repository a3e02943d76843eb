# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One sealed item: hybrid encryption as the Sealed Secrets controller expects it.

An item is ``len(R) (2 bytes, big endian) + R + C``, base64 encoded: R is a fresh 32-byte AES key under
RSA-OAEP (SHA-256), whose label binds the item to its scope; C is the value under AES-256-GCM with a nonce
of twelve zero bytes, which is safe only because no AES key is ever used twice. The format has not changed
since 2019 (bitnami/sealed-secrets, pkg/crypto).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:  # pragma: no cover - ansible-core needs it too; only import checkers go without
    pass

STRICT: Final = "strict"
NAMESPACE_WIDE: Final = "namespace-wide"
CLUSTER_WIDE: Final = "cluster-wide"
SCOPES: Final = (STRICT, NAMESPACE_WIDE, CLUSTER_WIDE)

KEY_BYTES = 32
NONCE = bytes(12)
TAG_BYTES = 16
SMALLEST_RSA_BYTES = 128


class CannotOpen(Exception):
    """No key opens the item, or it is not an item at all. The two are told apart by nobody."""


def label_of(scope: str, namespace: str, name: str) -> bytes:
    """The OAEP label: what an item of this scope is bound to. Empty for ``cluster-wide``."""
    bound = {STRICT: f"{namespace}/{name}", NAMESPACE_WIDE: namespace, CLUSTER_WIDE: ""}
    return bound[scope].encode()


def seal_item(key: RSAPublicKey, plaintext: bytes, label: bytes) -> str:
    """Seal one value. Random: sealing the same value twice gives two different items."""
    session_key = os.urandom(KEY_BYTES)
    wrapped = key.encrypt(session_key, _oaep(label))
    body = AESGCM(session_key).encrypt(NONCE, plaintext, None)
    return base64.b64encode(len(wrapped).to_bytes(2, "big") + wrapped + body).decode("ascii")


def open_item(keys: Sequence[RSAPrivateKey], item: str, label: bytes) -> bytes:
    """The value of a sealed item, with the first of ``keys`` that opens it. Raises :class:`CannotOpen`."""
    wrapped, body = split_item(item)
    for key in keys:
        try:
            return AESGCM(key.decrypt(wrapped, _oaep(label))).decrypt(NONCE, body, None)
        except (ValueError, InvalidTag):
            continue
    raise CannotOpen("no key could decrypt the item")


def split_item(item: str) -> tuple[bytes, bytes]:
    """The RSA part and the AES part of an item. Raises :class:`CannotOpen` when it is malformed.

    Line breaks inside the base64 text are ignored, as the controller does; nothing else is.
    """
    try:
        raw = base64.b64decode(item.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise CannotOpen("the item is not base64") from None
    size = int.from_bytes(raw[:2], "big")
    wrapped, body = raw[2 : 2 + size], raw[2 + size :]
    if size < SMALLEST_RSA_BYTES or len(wrapped) < size or len(body) < TAG_BYTES:
        raise CannotOpen("the item is cut or is not a sealed item")
    return wrapped, body


def public_length(item: str) -> int:
    """Length in bytes of the sealed value: public, as in every file that kubeseal writes."""
    return len(split_item(item)[1]) - TAG_BYTES


def modulus_bytes(item: str) -> int:
    """Size in bytes of the RSA key that the item was sealed for."""
    return len(split_item(item)[0])


def key_id(key: RSAPublicKey) -> str:
    """The controller's name for a sealing key: what ``ssh-keygen -lf`` prints for it."""
    wire = base64.b64decode(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(wire).digest()).decode("ascii").rstrip("=")


def same(one: bytes, other: bytes) -> bool:
    """Whether two secrets are equal, in a time that depends on their length only."""
    return hmac.compare_digest(one, other)


def _oaep(label: bytes) -> OAEP:
    return OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=label)
