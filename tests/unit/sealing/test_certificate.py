# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only a certificate that may be sealed for is taken, and nobody reads its extensions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.certificate import (
    expiry_findings,
    load,
    newest,
    normal_fingerprint,
)
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.unit.sealing.fakes import NOW, Pair, make_certificate


def code(text: str, **options: str) -> str:
    with pytest.raises(Refusal) as refused:
        load(text, source="cert.pem", now=NOW, **options)
    (found,) = refused.value.findings
    assert found.subject == "cert.pem"
    return found.code


def test_a_certificate_of_the_controller_is_taken(pair: Pair) -> None:
    taken = pair.certificate
    with pytest.raises(ValueError, match="encipher_only"):
        __import__("cryptography.x509").x509.load_pem_x509_certificate(pair.pem.encode()).extensions  # noqa: B018
    assert taken.modulus_bytes == 256
    assert taken.key_id.startswith("SHA256:")
    assert taken.to_dict()["source"] == "test"


def test_text_around_a_certificate_and_carriage_returns_do_not_matter(pair: Pair) -> None:
    text = "some text\n" + pair.private_pem + pair.pem.replace("\n", "\r\n")
    assert load(text, source="x", now=NOW).fingerprint == pair.certificate.fingerprint


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "\x00M\x00I", "-----BEGIN PUBLIC KEY-----\n", "-----BEGIN CERTIFICATE-----\nMII", "hello"],
)
def test_what_is_no_certificate(text: str) -> None:
    assert code(text) == "sealing-certificate-invalid"


def test_a_damaged_certificate(pair: Pair) -> None:
    assert code(pair.pem.replace("MII", "AAA", 1)) == "sealing-certificate-invalid"


def test_dates(pair: Pair) -> None:
    assert code(make_certificate(pair.key, NOW - timedelta(days=10), days=9)) == "sealing-certificate-expired"
    assert code(make_certificate(pair.key, NOW + timedelta(days=1))) == "sealing-certificate-not-yet-valid"
    soon = load(make_certificate(pair.key, NOW - timedelta(days=10), days=30), source="x", now=NOW)
    assert [f.code for f in expiry_findings(soon, NOW)] == ["sealing-certificate-expiring"]
    assert expiry_findings(pair.certificate, NOW) == []


def test_keys_that_are_not_rsa_or_too_short() -> None:
    assert code(make_certificate(ec.generate_private_key(ec.SECP256R1()))) == "sealing-certificate-weak"
    assert code(make_certificate(rsa.generate_private_key(65537, 1024))) == "sealing-certificate-weak"


def test_several_certificates_and_a_pin(pair: Pair, newer: Pair) -> None:
    both = pair.pem + newer.pem
    assert code(both) == "sealing-certificate-ambiguous"
    assert load(pair.pem * 2, source="x", now=NOW).key_id == pair.certificate.key_id
    pin = newer.certificate.fingerprint
    written = "SHA256:" + ":".join(pin[i : i + 2] for i in range(0, 64, 2)).upper()
    assert normal_fingerprint(written) == pin
    assert load(both, source="x", now=NOW, pin=written).fingerprint == pin
    assert code(pair.pem, pin=pin) == "sealing-certificate-foreign"


def test_the_newest_of_several_active_keys(pair: Pair, newer: Pair) -> None:
    assert newest([pair.pem, newer.pem, "damaged"]) == newer.pem
    assert newest([]) is None
