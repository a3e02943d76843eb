# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary secrets go through a whole site run at the highest verbosity; nothing that it leaves behind may hold one."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.faultrunner import record
from sandbox.faultrunner.proxy import kubeconfig, proxy
from tests.integration.conftest import ROOT, Played, Sandbox, fresh, sandbox_of

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
    if folder.is_file():
        return {str(folder): folder.read_bytes()}
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
    """Everything that three runs left: a first one, a second one by ansible-runner, a refused one."""
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
    (kept / "cache").mkdir()
    environment = {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(kept / "cache"),
        "TMPDIR": marker,
        "HOME": str(kept / "home"),
        "ANSIBLE_LOCAL_TEMP": str(kept / "ansible"),
        "ANSIBLE_LOG_PATH": str(kept / "ansible.log"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
    }
    arguments = ("-vvv", "-e", f"@{vault}", "-e", f"vllm_report_directory={kept / 'report'}")
    port, pki = sandbox.state["ports"]["kube-apiserver"], sandbox.root / "pki"
    with process_samples(marker) as samples, proxy(port, pki) as server:
        (given / "kubeconfig").write_text(kubeconfig(server.url, sandbox.state["accounts"]["site"]))
        through = ("-e", f"vllm_kubeconfig={given / 'kubeconfig'}")
        first = sandbox.play(*arguments, *through, "--diff", **environment)
        second = artefacts(sandbox, kept / "runner", [*arguments, "--diff", "--check"], environment)
        refused = sandbox.play(*arguments, "-e", "vllm_hf_token=", "-e", "vllm_gpu_nodes=['gpu-2']", **environment)
    repository = sandbox.state["git_url"].removeprefix("file://")
    command = ["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--buffer"]
    objects = subprocess.run(command, capture_output=True, check=True).stdout  # trees are no text
    logs = files(sandbox.root / "logs")
    audit = {name: text for name, text in logs.items() if "/audit" in name}
    return first, {
        "output": {"first": first.text.encode(), "second": second, "refused": refused.text.encode()},
        "artefacts of ansible-runner": files(kept / "runner"),
        "facts": files(kept / "cache"),
        "reports": files(kept / "report"),
        "temporary files, home, Ansible's log": {
            name: text
            for part in ("tmp", "ansible", "home", "ansible.log")
            for name, text in files(kept / part).items()
        },
        "Git objects": {"all": objects},
        "process list": samples,
        "requests to the API server": {str(number): text for number, text in enumerate(server.sent)},
        "audit log of the API server": audit,
        "logs of the cluster": {name: text for name, text in logs.items() if name not in audit},
    }


PLACES = (
    *("output", "artefacts of ansible-runner", "facts", "reports", "temporary files, home, Ansible's log"),
    *("Git objects", "process list", "requests to the API server", "audit log of the API server"),
    "logs of the cluster",
)
MAY_BE_EMPTY = ("facts",)
"""Nothing is cached where no play sets cacheable facts, and that is right."""


def artefacts(sandbox: Sandbox, folder: Path, arguments: list[str], environment: dict[str, str]) -> bytes:
    """Run the site by ansible-runner, as AWX does, and keep what that writes; returns what it printed."""
    (folder / "project").mkdir(parents=True)
    inventory, playbook = ROOT / "inventories" / "sandbox", ROOT / "playbooks" / "site.yml"
    programs = Path(sys.executable).parent
    program = [str(programs / "ansible-runner"), "run", str(folder)]
    options = ["--inventory", str(inventory), "--project-dir", str(ROOT), "--playbook", str(playbook)]
    done = subprocess.run(
        [*program, *options, f"--cmdline={shlex.join(arguments)}"],
        cwd=folder,
        env=sandbox.surroundings({**environment, "PATH": f"{programs}:{os.environ['PATH']}"}),
        capture_output=True,
    )
    said = [line for line in done.stdout.decode(errors="replace").splitlines() if "× " in line]
    assert done.returncode == 0, "\n".join(said) or done.stderr.decode(errors="replace")[-3000:]
    return done.stdout + done.stderr


def test_the_runs_were_real(traces: tuple[Played, dict[str, dict[str, bytes]]]) -> None:
    """Else there would be nothing to leak: the first run ended verified and every place has something in it."""
    first, places = traces
    assert first.code == 0, first.text[-3000:]
    assert "verified: Both models answer" in first.text
    assert tuple(places) == PLACES
    assert [name for name, texts in places.items() if not any(texts.values()) and name not in MAY_BE_EMPTY] == []
    assert any(name.endswith("ansible.log") for name in places["temporary files, home, Ansible's log"])
    assert b"encryptedData" in places["Git objects"]["all"]
    assert len(places["process list"]) > 5
    assert any("/job_events/" in name for name in places["artefacts of ansible-runner"])
    assert any(b"PATCH /apis/argoproj.io" in text for text in places["requests to the API server"].values())


@pytest.mark.parametrize("place", PLACES)
def test_no_canary_is_left(traces: tuple[Played, dict[str, dict[str, bytes]]], place: str) -> None:
    texts = traces[1][place]
    found = holders(texts)
    if os.environ.get("LEAKS_RECORD"):
        size = sum(map(len, texts.values()))
        case = {"result": "failed" if found else "passed", "items": len(texts), "bytes": size, "found": len(found)}
        record.write("leaks", {place: case}, PLACES)
    assert found == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", CANARIES)
def test_a_planted_canary_is_found(traces: tuple[Played, dict[str, dict[str, bytes]]], place: str, secret: str) -> None:
    """The search can fail, in each place as it is: a canary in the middle of its largest text, plain or in base64."""
    texts = traces[1][place] or {"nothing": b""}
    name, text = max(texts.items(), key=lambda item: len(item[1]))
    for planted in (secret.encode(), base64.b64encode(b"prefix:" + secret.encode())):
        middle = len(text) // 2
        assert holders({name: text[:middle] + planted + text[middle:]}) == [name]


def test_the_search_finds_a_canary() -> None:
    texts = {"plain": TOKEN.encode(), "coded": base64.b64encode(b"prefix:" + API_KEY.encode()), "none": b""}
    assert holders(texts) == ["plain", "coded"]
