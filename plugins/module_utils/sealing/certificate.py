# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing certificates: which one may be sealed for. Pure; ``source`` fetches them.

The extensions of a certificate are never read: the controller's own certificates carry a KeyUsage that
Python's X.509 parser refuses (``encipher_only`` without ``key_agreement``), and nothing here needs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..findings import Finding, finding, refuse
from .crypto import key_id

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
except ImportError:  # pragma: no cover - ansible-core needs it too; only import checkers go without
    pass

PEM_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
SMALLEST_RSA_BITS = 2048
WARN_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """A certificate that values may be sealed for.

    ``fingerprint`` is the SHA-256 of the DER form in lower-case hex; ``key_id`` the controller's name for
    the key; ``source`` says where the certificate came from.
    """

    key: RSAPublicKey
    fingerprint: str
    key_id: str
    not_before: datetime
    not_after: datetime
    source: str

    @property
    def modulus_bytes(self) -> int:
        """Size of the RSA key in bytes."""
        return self.key.key_size // 8

    def to_dict(self) -> dict[str, str]:
        """The JSON form; nothing in it is secret."""
        return {
            "fingerprint": self.fingerprint,
            "key_id": self.key_id,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "source": self.source,
        }


def load(text: str, *, source: str, now: datetime, pin: str | None = None) -> Certificate:
    """The certificate in ``text`` (PEM; text around it is ignored), if it may be sealed for.

    ``pin`` is a SHA-256 fingerprint (hex, colons and case do not matter): it selects one of several
    certificates and refuses any other. Raises :class:`Refusal` with ``sealing-certificate-…``.
    """
    found = [_parse(block, source) for block in PEM_BLOCK.findall(text)]
    if not found:
        raise refuse("sealing-certificate-invalid", source, f"holds no PEM certificate ({_looks_like(text)})")
    chosen = _select(found, source, pin)
    _check_dates(chosen, source, now)
    key = _rsa_key(chosen, source)
    return Certificate(
        key=key,
        fingerprint=_fingerprint(chosen),
        key_id=key_id(key),
        not_before=_utc(chosen, "not_valid_before"),
        not_after=_utc(chosen, "not_valid_after"),
        source=source,
    )


def newest(texts: list[str]) -> str | None:
    """Of several PEM texts the one whose first certificate is valid from the latest date (the controller's rule)."""
    dated = []
    for text in texts:
        block = PEM_BLOCK.search(text)
        if block:
            dated.append((_utc(_parse(block[0], "active key"), "not_valid_before"), text))
    return max(dated)[1] if dated else None


def expiry_findings(certificate: Certificate, now: datetime) -> list[Finding]:
    """A warning when the certificate ends within 30 days."""
    left = certificate.not_after - now
    if left >= WARN_BEFORE:
        return []
    message = f"expires on {certificate.not_after:%Y-%m-%d}, in {left.days} days"
    return [finding("sealing-certificate-expiring", certificate.source, message)]


def normal_fingerprint(pin: str) -> str:
    """A fingerprint as people write it, in the form this collection compares: lower-case hex."""
    return pin.lower().removeprefix("sha256:").removeprefix("sha256 fingerprint=").replace(":", "").strip()


def _parse(block: str, source: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block.encode())
    except ValueError:
        raise refuse("sealing-certificate-invalid", source, "holds a certificate that cannot be read") from None


def _select(found: list[x509.Certificate], source: str, pin: str | None) -> x509.Certificate:
    prints = [_fingerprint(one) for one in found]
    if pin:
        if normal_fingerprint(pin) not in prints:
            message = f"has the fingerprint {', '.join(prints)}, not the pinned {normal_fingerprint(pin)}"
            raise refuse("sealing-certificate-foreign", source, message)
        return found[prints.index(normal_fingerprint(pin))]
    if len(set(prints)) > 1:
        message = f"holds {len(found)} certificates: {', '.join(prints)}"
        raise refuse("sealing-certificate-ambiguous", source, message)
    return found[0]


def _check_dates(certificate: x509.Certificate, source: str, now: datetime) -> None:
    start, end = _utc(certificate, "not_valid_before"), _utc(certificate, "not_valid_after")
    if now > end:
        raise refuse("sealing-certificate-expired", source, f"expired on {end:%Y-%m-%d}")
    if now < start:
        raise refuse("sealing-certificate-not-yet-valid", source, f"is valid from {start:%Y-%m-%d} only")


def _rsa_key(certificate: x509.Certificate, source: str) -> RSAPublicKey:
    try:
        key = certificate.public_key()
    except ValueError:
        raise refuse("sealing-certificate-weak", source, "has a key that cannot be used") from None
    if not isinstance(key, RSAPublicKey):
        kind = type(key).__name__.strip("_").removesuffix("PublicKey")
        raise refuse("sealing-certificate-weak", source, f"has a key of type {kind}, not RSA")
    if key.key_size < SMALLEST_RSA_BITS:
        raise refuse("sealing-certificate-weak", source, f"has an RSA key of {key.key_size} bits")
    return key


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex()


def _utc(certificate: x509.Certificate, name: str) -> datetime:
    # cryptography < 42 has only the naive form, which is UTC by definition of X.509
    aware = getattr(certificate, f"{name}_utc", None)
    naive: datetime = aware or getattr(certificate, name)
    return naive.replace(tzinfo=UTC)


def _looks_like(text: str) -> str:
    if not text.strip():
        return "it is empty"
    if "\x00" in text:
        return "it looks like UTF-16, which PowerShell's > writes, or like DER"
    if "BEGIN PUBLIC KEY" in text:
        return "it is a bare public key"
    if "BEGIN CERTIFICATE" in text:
        return "it is cut off"
    return "PEM begins with -----BEGIN CERTIFICATE-----"
