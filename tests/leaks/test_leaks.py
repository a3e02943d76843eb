# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary secrets go through a whole site run at the highest verbosity; nothing that it leaves behind may hold one."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.conftest import Played, Sandbox, fresh, sandbox_of

__all__ = ["fresh", "sandbox_of"]

pytestmark = pytest.mark.sandbox

TOKEN = "hf_CANARYtokenCANARYtokenCANARYtoken"
API_KEY = "CANARYkey-CANARYkey-CANARYkey-0123"
SEALING_KEY = "CANARYsealing" * 4
CANARIES = (TOKEN, API_KEY, SEALING_KEY)
SAMPLE_SECONDS = 0.25


def forms(secret: str) -> list[bytes]:
    """The secret as it is, and in base64 at each of the three alignments, less the ends."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]
    return [raw, *encoded]


def holders(texts: dict[str, bytes]) -> list[str]:
    """The names of what holds a canary."""
    return [name for name, text in texts.items() if any(form in text for secret in CANARIES for form in forms(secret))]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def process_samples(own: str) -> Iterator[dict[str, bytes]]:
    """Arguments of every process, and the environment of the run's child processes (``own`` marks the play itself)."""
    seen: dict[str, bytes] = {}
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            for place in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        text = (place / name).read_bytes()
                    except OSError:
                        continue
                    if name == "cmdline" or own.encode() in text:
                        seen[f"{place / name} {text[:60]!r}"] = text

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def traces(
    fresh: Callable[[str], Sandbox], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Played, dict[str, dict[str, bytes]]]:
    """Everything that three runs left: a first one, a second one, a refused one with the diff."""
    sandbox = fresh("bare_metal")
    given, kept = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("kept")
    values = {"hf-secret": ("TOKEN", TOKEN), "vllm-secret": ("KEY", API_KEY)}
    for name, (key, value) in values.items():
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "vllm"}}
        path = given / f"{name}.yaml"
        path.write_text(json.dumps({**manifest, "stringData": {key: value}}))
        path.chmod(0o600)
    vault = given / "vault.json"
    vault.write_text(json.dumps({"vllm_sealing_key": SEALING_KEY, "vllm_local_secrets": str(given)}))
    for folder in ("report", "tmp", "ansible", "home"):
        (kept / folder).mkdir()
    marker = str(kept / "tmp")
    environment = {
        "TMPDIR": marker,
        "HOME": str(kept / "home"),
        "ANSIBLE_LOCAL_TEMP": str(kept / "ansible"),
        "ANSIBLE_LOG_PATH": str(kept / "ansible.log"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
    }
    arguments = ("-vvv", "-e", f"@{vault}", "-e", f"vllm_report_directory={kept / 'report'}")
    with process_samples(marker) as samples:
        first = sandbox.play(*arguments, "--diff", **environment)
        second = sandbox.play(*arguments, "--diff", "--check", **environment)
        refused = sandbox.play(*arguments, "-e", "vllm_hf_token=", "-e", "vllm_gpu_nodes=['gpu-2']", **environment)
    repository = sandbox.state["git_url"].removeprefix("file://")
    command = ["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--buffer"]
    objects = subprocess.run(command, capture_output=True, check=True).stdout  # trees are no text
    return first, {
        "output": {"first": first.text.encode(), "second": second.text.encode(), "refused": refused.text.encode()},
        "files": files(kept),
        "git objects": {"all": objects},
        "processes": samples,
        "logs": files(sandbox.root / "logs"),
    }


def test_the_runs_were_real(traces: tuple[Played, dict[str, dict[str, bytes]]]) -> None:
    """Else there would be nothing to leak: the first run ended verified and every place has something in it."""
    first, places = traces
    assert first.code == 0, first.text[-3000:]
    assert "verified: Both models answer" in first.text
    assert all(places.values())
    assert any(name.endswith("ansible.log") for name in places["files"])
    assert b"encryptedData" in places["git objects"]["all"]
    assert len(places["processes"]) > 5


@pytest.mark.parametrize("place", ["output", "files", "git objects", "processes", "logs"])
def test_no_canary_is_left(traces: tuple[Played, dict[str, dict[str, bytes]]], place: str) -> None:
    assert holders(traces[1][place]) == []


def test_the_search_finds_a_canary() -> None:
    """The test itself can fail: plain, and inside base64."""
    assert holders(
        {"plain": TOKEN.encode(), "coded": base64.b64encode(b"prefix:" + API_KEY.encode()), "none": b""}
    ) == [
        "plain",
        "coded",
    ]
