# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates pass the strict checks of Python 3.13 and open the right doors only."""

import socket
import ssl
import threading

import pytest
from cryptography import x509

from sandbox.runner import pki


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("pki")
    pki.create(target)
    return target


def handshake(folder, name, client="admin"):
    """Connect with strict verification; return the server's view of the client."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "apiserver.crt", folder / "apiserver.key")
    server.load_verify_locations(folder / "ca.crt")
    server.verify_mode = ssl.CERT_REQUIRED
    server.verify_flags |= ssl.VERIFY_X509_STRICT
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder / f"{client}.crt", folder / f"{client}.key")
    left, right = socket.socketpair()
    seen = {}

    def serve():
        try:
            with server.wrap_socket(left, server_side=True) as secured:
                seen["subject"] = dict(pair for part in secured.getpeercert()["subject"] for pair in part)
                secured.sendall(b"x")
        except ssl.SSLError as error:
            seen["error"] = error
            left.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(right, server_hostname=name) as secured:
            secured.recv(1)
    finally:
        right.close()
        thread.join()
    return seen["subject"]


@pytest.mark.parametrize("name", [*pki.SERVING_NAMES, *pki.SERVING_ADDRESSES])
def test_strict_verification_accepts_every_serving_name(folder, name):
    assert handshake(folder, name) == {"organizationName": "system:masters", "commonName": "admin"}


def test_the_scheduler_is_no_administrator(folder):
    assert handshake(folder, "127.0.0.1", "scheduler") == {"commonName": "system:kube-scheduler"}


def test_other_names_are_refused(folder):
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(folder, "example.org")


def test_private_keys_are_for_the_owner_only(folder):
    keys = list(folder.glob("*.key"))
    assert {path.stem for path in keys} == {"ca", "apiserver", "admin", "scheduler", "sa"}
    assert {oct(path.stat().st_mode & 0o777) for path in keys} == {"0o600"}


def test_a_second_call_changes_nothing(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    pki.create(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_authority_may_sign_and_a_leaf_may_not(folder):
    for name, may_sign in (("ca", True), ("apiserver", False), ("admin", False)):
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert usage.critical
        assert usage.value.key_cert_sign is may_sign
        assert certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
