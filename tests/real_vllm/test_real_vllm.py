# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real vLLM against what we emit, and real failures against what we say about them (``make real-vllm``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.engine.arguments import arguments_of, check_arguments
from ansible_collections.inferops.vllm.plugins.module_utils.engine.versions import engine_version

from tools import real_vllm
from tools.real_vllm import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("REAL_VLLM"), reason="takes minutes and 6 GB: make real-vllm runs it"),
]
CHAT, EMBED = real_vllm.models()


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, Engine]]:
    """Both engines, started with exactly what the application stage emits, and up."""
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(real_vllm.engine(name, arguments))
            for name, arguments in real_vllm.emitted().items()
        }
        yield started


@pytest.fixture(scope="module")
def proof(engines: dict[str, Engine]) -> real_vllm.Proof:
    return real_vllm.prove(engines, (CHAT, EMBED))


def codes(found: real_vllm.Proof) -> list[str]:
    return [f.code for f in found.findings]


def test_emitted_arguments_serve_both_models(proof: real_vllm.Proof) -> None:
    assert codes(proof) == ["serving-engine-answers-without-key"] * 2
    chat, embed = proof.answers
    assert chat["ok"]
    assert chat["tokens"] > 0
    assert embed["ok"]
    assert embed["dimension"] == 64


def test_the_negatives_hold(proof: real_vllm.Proof) -> None:
    assert [n["status"] for n in proof.negatives] == [401, 401, 404] * 2


def test_what_needs_no_key_is_what_the_table_says(proof: real_vllm.Proof) -> None:
    opened = {(e["service"], e["path"]) for e in proof.open_endpoints}
    both = {(name, path) for name in ("chat", "embed") for path in ("/metrics", "/version", "/docs", "/tokenize")}
    assert opened == both | {("chat", "/invocations"), ("embed", "/invocations"), ("embed", "/pooling")}


@pytest.mark.usefixtures("proof")
def test_a_wrong_key_is_told(engines: dict[str, Engine]) -> None:
    assert codes(real_vllm.prove(engines, (CHAT,), key="another", seconds=0)) == ["serving-key-rejected"]


@pytest.mark.usefixtures("proof")
def test_a_wrong_role_is_told(engines: dict[str, Engine]) -> None:
    wrong = replace(CHAT, role="embeddings")
    assert codes(real_vllm.prove(engines, (wrong,), seconds=0)) == ["serving-role-mismatch"]


@pytest.mark.usefixtures("proof")
def test_another_model_is_told(engines: dict[str, Engine]) -> None:
    wrong = replace(CHAT, repository="other/model")
    assert codes(real_vllm.prove(engines, (wrong,), seconds=0)) == ["serving-model-unknown"]


@pytest.mark.usefixtures("proof")
def test_another_dimension_is_told(engines: dict[str, Engine]) -> None:
    wrong = replace(EMBED, embedding_dimension=1024)
    found = real_vllm.prove(engines, (wrong,), seconds=0)
    assert codes(found)[0] == "serving-embedding-dimension"


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (["--disable-log-requests"], "unrecognized arguments: --disable-log-requests"),
        (["--dtype", "fp16"], "invalid choice: 'fp16'"),
        (["--max-model-len", "1.048576e+06"], "1.048576e+06"),
    ],
)
def test_arguments_that_we_refuse_stop_a_real_engine_and_its_log_line_is_quoted(extra: list[str], line: str) -> None:
    arguments = [*real_vllm.emitted()["chat"], *extra]
    refused = check_arguments(arguments_of(arguments), engine_version("vllm/vllm-openai", f"v{real_vllm.VLLM}"))
    assert refused
    with real_vllm.engine("broken", arguments) as broken:
        found = real_vllm.prove({"chat": broken}, (CHAT,))
        assert codes(found) == ["serving-model-crashed"]
        assert line in found.findings[0].message
        assert "vllm_models[].vllm" in found.findings[0].fix
