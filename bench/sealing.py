# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing 1, 100 and 1,000 items in one task, against a bare loop of the same cryptography, and against kubeseal.

Measured are the whole task as the action plugin runs it (options checked, decisions, tags, YAML, no file written),
the second run over the result, and one kubeseal process per item, as a shell script would do it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any

from ansible_collections.inferops.vllm.plugins.action.seal_secret import ActionModule
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import seal_item
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from bench.measure import Measured, Row, interleaved, processor_seconds, ratio

SIZES = (1, 100, 1000)
KEYS_IN_A_SECRET = 10
KUBESEAL_ITEMS = 20
ROUNDS = 9


def certificate(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate of the controller's size, valid today."""
    now = datetime.now(tz=UTC)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def entries(items: int) -> list[dict[str, Any]]:
    """Secrets of at most ten keys each."""
    return [
        {
            "name": f"secret-{number}",
            "namespace": "vllm",
            "string_data": {
                f"KEY_{key}": f"hf_{number:06d}{key:06d}abcdefghijklmnop" for key in range(min(items, KEYS_IN_A_SECRET))
            },
            "path": f"applications/vllm/templates/sealed-{number}.yaml",
        }
        for number in range(max(1, items // KEYS_IN_A_SECRET))
    ]


def task(pem: str, secrets: list[dict[str, Any]], existing: dict[str, str]) -> dict[str, Any]:
    """One run of the action plugin."""
    args = {"certificate": pem, "secrets": secrets, "existing": existing, "fingerprint_key": "k" * 64}
    stub = SimpleNamespace(args=args, check_mode=False, diff=False, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    return ActionModule(stub, connection, SimpleNamespace(), None, None, None).run(task_vars={})


def kubeseal(program: str, pem: str) -> list[float]:
    """Seconds of each item when every item is a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        command = [program, "--raw", "--cert", file.name, "--namespace", "vllm", "--name", "hf-secret"]
        work = partial(subprocess.run, command, input=b"hf_token", stdout=subprocess.DEVNULL, check=True)
        return interleaved({"kubeseal": work}, KUBESEAL_ITEMS)["kubeseal"]


def sealing(program: str, quick: bool = False) -> Measured:
    """Item 6. ``program`` is kubeseal."""
    key = rsa.generate_private_key(65537, 4096)
    pem, public, found = certificate(key), key.public_key(), Measured()
    for size in SIZES[:2] if quick else SIZES:
        _size(found, size, pem, public, 3 if quick else ROUNDS)
    ours = found.rows[-2]
    single = kubeseal(program, pem)
    found.rows.append(Row("kubeseal, one process an item", tuple(s * 1e6 for s in single), "µs an item"))
    found.figures["kubeseal_over_sealing"] = median(single) * 1e6 / median(ours.values)
    return found


def _size(found: Measured, size: int, pem: str, public: rsa.RSAPublicKey, rounds: int) -> None:
    """Measure one size; the first run's row is the last but one."""
    secrets = entries(size)
    values = [(f"vllm/{s['name']}".encode(), v.encode()) for s in secrets for v in s["string_data"].values()]
    existing = {file["path"]: file["content"] for file in task(pem, secrets, {})["files"]}
    variants: dict[str, Callable[[], object]] = {
        "bare cryptography": lambda: [seal_item(public, value, label) for label, value in values],
        "first run, everything new": lambda: task(pem, secrets, {}),
        "second run, nothing new": lambda: task(pem, secrets, existing),
    }
    taken = processor_seconds(variants, rounds if size > 1 else 5 * rounds)
    items = "1 item" if size == 1 else f"{size} items"
    found.rows += [
        Row(f"{items}: {what}", tuple(s * 1e6 / size for s in seconds), "µs an item") for what, seconds in taken.items()
    ]
    bare, first, _second = taken.values()
    found.figures[f"sealing_{size}_over_crypto"] = ratio(first, bare)
