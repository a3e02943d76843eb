# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs, certificates and a small cluster, made once for the whole area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.certificate import Certificate, load
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TOKEN = "hf_CANARYcanaryCANARYcanaryCANARY123"
HF_PATH = "applications/vllm/templates/sealed-hf-secret.yaml"


def make_certificate(key: rsa.RSAPrivateKey, start: datetime = NOW - timedelta(days=30), days: int = 3650) -> str:
    """A certificate as the controller makes it: no names, KeyUsage "encipher only" alone."""
    usage = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), bytes.fromhex("03020001"))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


@dataclass(frozen=True)
class Pair:
    """A sealing key as the controller has it."""

    key: rsa.RSAPrivateKey
    pem: str

    @property
    def certificate(self) -> Certificate:
        return load(self.pem, source="test", now=NOW)

    @property
    def private_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def make_pair(start: datetime = NOW - timedelta(days=30)) -> Pair:
    key = rsa.generate_private_key(65537, 2048)
    return Pair(key, make_certificate(key, start))


class FakeCluster:
    """Answers by path; everything that is not there is a 404, and what is an error is raised."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers, self.asked = dict(answers), []
        self.connections: dict[str, Any] = {}

    def _answer(self, path: str) -> Any:
        self.asked.append(path)
        answer = self.answers.get(path, ApiError(404, "NotFound", "not found", path))
        if isinstance(answer, Exception):
            raise answer
        return answer

    text = get = _answer

    def find(self, path: str, **query: Any) -> Any:
        folder, _, name = path.rpartition("/")
        if path not in self.answers and any(known.startswith(f"{folder}/http:{name}:") for known in self.answers):
            self.asked.append(path)  # what has a proxy is a Service
            return {"spec": {"ports": [{"name": "http", "port": 8080}]}}
        try:
            return self._answer(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> Iterator[Any]:
        below = {known: answer for known, answer in self.answers.items() if known.rpartition("/")[0] == path}
        if path in self.answers or not below:
            yield from self._answer(path)
            return
        self.asked.append(path)
        for known, answer in below.items():
            if isinstance(answer, Exception):
                raise answer
            yield {**answer, "metadata": {**answer["metadata"], "name": known.rpartition("/")[2]}}

    @contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[Any]:
        connection = self.connections.get(pod)
        if connection is None:
            raise ApiError(0, "PortForwardFailed", "no", pod)
        yield connection
