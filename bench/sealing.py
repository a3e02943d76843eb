# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing 1,000 items in one task, against a bare loop of the same cryptography. Prints figures; judges one ratio.

    python bench/sealing.py [--items N] [--kubeseal PATH]

Measured are the whole task as the action plugin runs it (options checked, decisions, tags, YAML, no file written),
the second run over the result, and with --kubeseal one kubeseal process per item, as a shell script would do it.
Rounds are interleaved, the fastest of each counts. Exit 1 when the first run takes more than 1.3 times the bare loop.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.inferops.vllm.plugins.action.seal_secret import ActionModule
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import seal_item
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

LIMIT = 1.3
ROUNDS = 15
KEYS_IN_A_SECRET = 10
KUBESEAL_ITEMS = 20


def certificate(key: rsa.RSAPrivateKey) -> str:
    """A self-signed certificate of the controller's size, valid today."""
    now = datetime.now(tz=UTC)
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


def entries(items: int) -> list[dict[str, Any]]:
    """Secrets of ten keys each."""
    return [
        {
            "name": f"secret-{number}",
            "namespace": "vllm",
            "string_data": {
                f"KEY_{key}": f"hf_{number:06d}{key:06d}abcdefghijklmnop" for key in range(KEYS_IN_A_SECRET)
            },
            "path": f"applications/vllm/templates/sealed-{number}.yaml",
        }
        for number in range(items // KEYS_IN_A_SECRET)
    ]


def task(pem: str, secrets: list[dict[str, Any]], existing: dict[str, str]) -> dict[str, Any]:
    """One run of the action plugin."""
    args = {"certificate": pem, "secrets": secrets, "existing": existing, "fingerprint_key": "k" * 64}
    stub = SimpleNamespace(args=args, check_mode=False, diff=False, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    return ActionModule(stub, connection, SimpleNamespace(), None, None, None).run(task_vars={})


def fastest(*calls: Callable[[], Any]) -> list[float]:
    """Least processor time of each call in seconds; interleaved, so that a busy machine hits all alike."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, taken in zip(calls, times, strict=True):
            started = time.process_time()
            call()
            taken.append(time.process_time() - started)
    return [min(taken) for taken in times]


def kubeseal_seconds(program: str, pem: str) -> float:
    """Seconds an item when every item is a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        command = [program, "--raw", "--cert", file.name, "--namespace", "vllm", "--name", "hf-secret"]
        started = time.perf_counter()
        for _ in range(KUBESEAL_ITEMS):
            subprocess.run(command, input=b"hf_token", stdout=subprocess.DEVNULL, check=True)
        return (time.perf_counter() - started) / KUBESEAL_ITEMS


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Benchmark of sealing")
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--kubeseal", help="path of a kubeseal binary to compare with")
    options = parser.parse_args()
    key = rsa.generate_private_key(65537, 4096)
    pem, public, secrets = certificate(key), key.public_key(), entries(options.items)
    values = [
        (f"vllm/{secret['name']}".encode(), value.encode())
        for secret in secrets
        for value in secret["string_data"].values()
    ]
    existing = {file["path"]: file["content"] for file in task(pem, secrets, {})["files"]}
    bare, first, second = fastest(
        lambda: [seal_item(public, value, label) for label, value in values],
        lambda: task(pem, secrets, {}),
        lambda: task(pem, secrets, existing),
    )
    each = 1e6 / len(values)
    lines = [
        f"items                       {len(values)} (RSA-4096, {KEYS_IN_A_SECRET} in a Secret)",
        f"bare loop                   {bare * each:8.1f} us an item",
        f"first run, everything new   {first * each:8.1f} us an item, ratio {first / bare:.2f} (limit {LIMIT})",
        f"second run, nothing new     {second * each:8.1f} us an item, ratio {second / bare:.2f}",
    ]
    if options.kubeseal:
        seconds = kubeseal_seconds(options.kubeseal, pem)
        times = seconds * len(values) / first
        lines.append(f"kubeseal, one process each  {seconds * 1e6:8.1f} us an item, {times:.0f} times ours")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if first <= LIMIT * bare else 1


if __name__ == "__main__":
    sys.exit(main())
