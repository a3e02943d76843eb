# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's certificates: one CA, a serving certificate, client certificates, the service-account key pair.

Python 3.13 checks certificates strictly (``VERIFY_X509_STRICT``): a CA without keyUsage or a leaf without key
identifiers would be refused by every Kubernetes client, so all of them are set.
"""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=3650)
SERVING_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
SERVING_ADDRESSES = ("127.0.0.1", "10.96.0.1")
CLIENTS = {"admin": ("admin", "system:masters"), "scheduler": ("system:kube-scheduler", "")}

Key = ec.EllipticCurvePrivateKey


def create(folder: Path) -> None:
    """Write the whole PKI into ``folder`` (mode 0700), unless it is there already."""
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = authority_certificate(authority_key)
    save(folder, "ca", authority_key, authority)
    names = x509.SubjectAlternativeName(
        [*map(x509.DNSName, SERVING_NAMES), *(x509.IPAddress(ipaddress.ip_address(a)) for a in SERVING_ADDRESSES)]
    )
    key = ec.generate_private_key(ec.SECP256R1())
    save(
        folder,
        "apiserver",
        key,
        leaf(key, subject("kube-apiserver"), ExtendedKeyUsageOID.SERVER_AUTH, authority, authority_key, names),
    )
    for file, (common_name, organisation) in CLIENTS.items():
        key = ec.generate_private_key(ec.SECP256R1())
        name = subject(common_name, organisation)
        save(folder, file, key, leaf(key, name, ExtendedKeyUsageOID.CLIENT_AUTH, authority, authority_key))
    service_accounts(folder)
    (folder / "complete").touch()


def subject(common_name: str, organisation: str = "") -> x509.Name:
    """Return the name of a user (CN) and its group (O)."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def usage(*, authority: bool) -> x509.KeyUsage:
    """Return the key usage of a CA or of a leaf."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def builder(name: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    """Return what all certificates share: names, validity, serial number and the subject key identifier."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def authority_certificate(key: Key) -> x509.Certificate:
    """Return the self-signed CA certificate."""
    name = subject("inferops sandbox CA")
    return (
        builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(authority=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf(
    key: Key,
    name: x509.Name,
    purpose: x509.ObjectIdentifier,
    authority: x509.Certificate,
    authority_key: Key,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    """Return a certificate for ``key`` signed by the CA."""
    certificate = (
        builder(name, authority.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
    )
    if names:
        certificate = certificate.add_extension(names, critical=False)
    return certificate.sign(authority_key, hashes.SHA256())


def save(folder: Path, name: str, key: Key, certificate: x509.Certificate) -> None:
    """Write ``name.key`` (0600) and ``name.crt``."""
    private(folder / f"{name}.key", pem(key))
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def service_accounts(folder: Path) -> None:
    """Write the RSA key pair that signs service-account tokens: ``sa.key``, ``sa.pub``."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private(folder / "sa.key", pem(key))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "sa.pub").write_bytes(public)


def pem(key: Key | rsa.RSAPrivateKey) -> bytes:
    """Return a private key as unencrypted PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_bytes(content)
