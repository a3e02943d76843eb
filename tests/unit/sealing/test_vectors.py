# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both directions against what the upstream Go implementation sealed, refused and wrote."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import crypto
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.certificate import load
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.evidence import private_keys
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import emit, parse
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.shared_data import shared_data

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@cache
def vectors() -> dict[str, Any]:
    return json.loads(shared_data("sealed-secrets/vectors.json").read_text(encoding="utf-8"))


@cache
def key(name: str) -> Any:
    return private_keys(vectors()["keys"][name]["private_key_pem"])[0]


def plaintext(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["plaintext"]["base64"]) * vector["plaintext"]["repeat"]


def test_opens_everything_that_go_sealed() -> None:
    assert len(vectors()["vectors"]) >= 46
    for vector in vectors()["vectors"]:
        label = crypto.label_of(vector["scope"], vector["namespace"], vector["name"])
        assert label == vector["label"].encode(), vector["id"]
        opened = crypto.open_item([key(vector["key"])], vector["ciphertext"], label)
        assert hashlib.sha256(opened).hexdigest() == vector["plaintext_sha256"], vector["id"]
        assert opened == plaintext(vector), vector["id"]
        assert crypto.public_length(vector["ciphertext"]) == vector["plaintext_length"], vector["id"]


def test_opens_odd_but_valid_items() -> None:
    for vector in vectors()["vectors_odd_but_valid"]:
        keys = [key(name) for name in vector.get("keys", [vector.get("key")])]
        assert crypto.open_item(keys, vector["ciphertext"], vector["label"].encode()), vector["id"]


def test_refuses_everything_that_go_refuses() -> None:
    assert len(vectors()["vectors_must_fail"]) >= 56
    for vector in vectors()["vectors_must_fail"]:
        keys = [key(name) for name in vector["keys"]]
        with pytest.raises(crypto.CannotOpen):
            crypto.open_item(keys, vector["ciphertext"], vector["label"].encode())
            pytest.fail(vector["id"])


def test_what_we_seal_opens_with_the_private_key() -> None:
    for name, pair in vectors()["keys"].items():
        certificate = load(pair["certificate_pem"], source=name, now=NOW)
        for value in (b"", b"hf_x", b"hf_x\n", bytes(range(256)), b"x" * 100_000):
            item = crypto.seal_item(certificate.key, value, b"vllm/hf-secret")
            assert crypto.open_item([key(name)], item, b"vllm/hf-secret") == value
            assert len(base64.b64decode(item)) == 2 + pair["bits"] // 8 + len(value) + 16
            assert crypto.modulus_bytes(item) == pair["bits"] // 8
            with pytest.raises(crypto.CannotOpen):
                crypto.open_item([key(name)], item, b"vllm/other")


def test_known_answers() -> None:
    known = vectors()["known_answers"]
    for answer in known["aes_gcm"]:
        made = AESGCM(base64.b64decode(answer["key_base64"])).encrypt(
            crypto.NONCE, base64.b64decode(answer["plaintext_base64"]), None
        )
        assert made.hex() == answer["ciphertext_and_tag_hex"]
    for pair in vectors()["keys"].values():
        item = crypto.seal_item(load(pair["certificate_pem"], source="", now=NOW).key, b"", b"")
        assert len(item) == known["empty_value_base64_length"][str(pair["bits"])]
        assert item.startswith(known["first_base64_characters"][str(pair["bits"])])
    labels = known["oaep_label_hash_sha256"]
    for words, label in (
        ("strict vllm/hf-secret", crypto.label_of("strict", "vllm", "hf-secret")),
        ("namespace-wide vllm", crypto.label_of("namespace-wide", "vllm", "hf-secret")),
        ("cluster-wide (empty)", crypto.label_of("cluster-wide", "vllm", "hf-secret")),
    ):
        assert hashlib.sha256(label).hexdigest() == labels[words]


def test_key_ids_and_fingerprints_are_the_controllers() -> None:
    for name, pair in vectors()["keys"].items():
        certificate = load(pair["certificate_pem"], source=name, now=NOW)
        assert certificate.key_id == pair["controller_key_id"]
        assert certificate.fingerprint == pair["certificate_sha256"]


def certificate_text(entry: dict[str, Any]) -> str:
    if "pem" in entry:
        return entry["pem"]
    return base64.b64decode(entry["data_base64"]).decode("utf-8", "replace")


def test_certificates_are_taken_or_refused_as_stated() -> None:
    for entry in vectors()["certificates"]:
        text = certificate_text(entry)
        if entry["collection_should"].startswith("refuse"):
            with pytest.raises(Refusal, match="sealing-certificate-"):
                load(text, source=entry["id"], now=NOW)
                pytest.fail(entry["id"])
        else:
            load(text, source=entry["id"], now=NOW)


def test_documents_open_and_are_written_as_kubeseal_writes_them() -> None:
    for document in vectors()["documents"]:
        path = f"applications/x/templates/{document['file']}"
        text = shared_data(f"sealed-secrets/{document['file']}").read_text(encoding="utf-8")
        sealed = parse(text, path)
        opened = {
            k: base64.b64encode(crypto.open_item([key(document["key"])], item, sealed.label)).decode()
            for k, item in sealed.items.items()
        }
        assert opened == {k: v or "" for k, v in document["unsealed"]["data"].items()}
        assert (sealed.type, sealed.immutable) == (
            document["unsealed"]["type"],
            bool(document["unsealed"]["immutable"]),
        )
        written = emit(sealed, helm=True)
        assert yaml.safe_load(written) == yaml.safe_load(text)
        assert written == text, document["file"]


def test_odd_documents() -> None:
    for document in vectors()["documents_odd_but_valid"]:
        sealed = parse(document["document_yaml"], "applications/x/templates/sealed-x.yaml")
        for item in sealed.items.values():
            crypto.open_item([key(name) for name in document["keys"]], item, sealed.label)


def test_documents_that_the_controller_cannot_open() -> None:
    for document in vectors()["documents_must_fail"]:
        with pytest.raises((Refusal, crypto.CannotOpen)):
            sealed = parse(document["document_yaml"], "applications/x/templates/sealed-x.yaml")
            for item in sealed.items.values():
                crypto.open_item([key(name) for name in document["keys"]], item, sealed.label)
            pytest.fail(document["id"])
