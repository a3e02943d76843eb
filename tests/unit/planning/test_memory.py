# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory sum against vLLM's own log lines (where the reference data is at hand) and against itself."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.memory import (
    batch,
    fit,
    kv_bytes_per_token,
    kv_gib,
    longest,
    smallest_utilization,
    torch_total,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import (
    EngineSettings,
    ModelFacts,
    ModelRequest,
    Role,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models_catalogue import MODELS, known_model
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Verdict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.settings import effective, release
from shared_data import shared_data

from tests.unit.planning.builders import model

QUANTIZATION = {"bfloat16": None, "float16": None, "float32": None}


@pytest.fixture(scope="module")
def cases():
    return json.loads(shared_data("vllm-flags/memory-fit-cases.json").read_text())


def facts(known):
    latent = known.get("kv_lora_rank", 0) + known.get("qk_rope_head_dim", 0)
    return ModelFacts(
        repository="x/y",
        parameters=known["params"],
        layers=known["layers"],
        kv_heads=known.get("kv_heads", 1),
        head_dim=known.get("head_dim", 1),
        context=10**6,
        architecture=known["family"],
        kept_parameters=known.get("unquantized_params", 0),
        latent_dim=latent or None,
    )


def request(known, weight_dtype, *, tp=1, kv="auto", util=None, length=16384, batch=8192, seqs=1024):
    quantization = QUANTIZATION.get(weight_dtype, weight_dtype)
    encoder = known.get("encoder_only", False)
    return ModelRequest(
        name="m",
        role=Role.EMBEDDINGS if encoder else Role.INSTRUCT,
        facts=replace(facts(known), quantization=quantization),
        tag="",
        gpu=tp,
        vllm=EngineSettings(
            max_model_len=length,
            dtype=None if quantization else weight_dtype,
            max_num_seqs=seqs,
            max_num_batched_tokens=batch,
            gpu_memory_utilization=util,
            kv_cache_dtype=kv,
        ),
    )


def predict(case, known):
    settings = case["settings"]
    asked = request(
        known,
        settings["weight_dtype"],
        tp=settings["tp"],
        kv=settings.get("kv_cache_dtype", "auto"),
        util=settings["gpu_memory_utilization"],
        length=settings["max_model_len"],
    )
    return fit(asked, case["gpu_total_gib"], case["vllm"]), asked


def comparable(cases):
    """The measured starts that the formula covers: no hybrid attention, no pipeline, facts and version known."""
    for case in cases["measured"]:
        known = cases["models"][case["model"]]
        covered = "params" in known and known.get("attention") != "hybrid"
        if covered and case["settings"]["pp"] == 1 and case["vllm"] != "unknown":
            yield case, known


def test_measured_starts(cases):
    weights, room = [], []
    for case, known in comparable(cases):
        found, _ = predict(case, known)
        weights.append(found.weights - case["measured"]["weights_gib"])
        room.append(found.kv_room - case["measured"]["kv_available_gib"])
        assert found.verdict in (Verdict.FITS, Verdict.TIGHT), (case["id"], found)
    assert len(room) == 51
    assert min(weights) >= -0.16
    assert max(weights) <= 0.01
    assert min(room) >= -1.76
    assert max(room) <= 0.21
    assert abs(statistics.mean(room)) <= 0.31


def test_kv_bytes_per_token_are_exact(cases):
    checked = 0
    for case, known in comparable(cases):
        if case["measured"].get("kv_tokens"):
            _, asked = predict(case, known)
            measured = case["measured"]["kv_available_gib"] * 2**30 / case["measured"]["kv_tokens"]
            assert kv_bytes_per_token(asked.facts, effective(asked)) == pytest.approx(measured, rel=0.002)
            checked += 1
    assert checked > 40


def test_latent_attention_is_exact_too(cases):
    known = {**cases["models"]["deepseek-v2-lite"], "params": 15_706_484_224}
    case = next(case for case in cases["measured"] if case["model"] == "deepseek-v2-lite")
    asked = request(known, "bfloat16", tp=2)
    measured = case["measured"]["kv_available_gib"] * 2**30 / case["measured"]["kv_tokens"]
    assert kv_bytes_per_token(asked.facts, effective(asked)) == pytest.approx(measured, rel=0.002)


def test_sliding_window_layers_are_padded_as_measured(cases):
    """vLLM logs the cache as if every layer, padding included, kept the whole context."""
    checked = 0
    for case in cases["measured"]:
        known = known_model(cases["models"][case["model"]]["hf"])
        if not known or not known.facts.sliding_window:
            continue
        facts = known.facts
        padded = facts.global_layers * (1 + -(-(facts.layers - facts.global_layers) // facts.global_layers))
        per_token = 2 * facts.kv_heads * facts.head_dim * 2 * padded
        measured = case["measured"]["kv_available_gib"] * 2**30 / case["measured"]["kv_tokens"]
        assert per_token == pytest.approx(measured, rel=0.002)
        assert facts.weights_gib == case["measured"]["weights_gib"]
        checked += 1
    assert checked == 3


@pytest.mark.parametrize(
    ("case_id", "words"),
    [
        ("0.11-llama-3.3-70b-fp8-tp1", "before any KV cache"),
        ("0.11-qwen3-32b-tp1-32000", "one request of 32000 tokens"),
    ],
)
def test_measured_failures(cases, case_id, words):
    case = next(case for case in cases["failures"] if case["id"] == case_id)
    case["settings"].setdefault("kv_cache_dtype", "auto")
    found, _ = predict(case, cases["models"][case["model"]])
    assert found.verdict is Verdict.NO
    assert words in found.reason


def test_the_estimated_longest_request_starts_as_measured(cases):
    case = next(case for case in cases["failures"] if case["id"] == "0.11-qwen3-32b-tp1-32000")
    found, asked = predict(case, cases["models"]["qwen3-32b"])
    # 16,000 tokens were measured to start.
    assert 16000 <= longest(asked.facts, effective(asked), 8192, found.kv_room) < 32000


def test_calculated_cases(cases):
    compared = 0
    for case in cases["calculated"]:
        inputs = dict(case["inputs"])
        version, total = inputs.pop("version"), inputs.pop("total")
        parallel = inputs.get("tp", 1)
        if parallel > 1 and release(version) < (0, 17):
            continue  # we take the larger, cautious overhead there
        asked = request(
            cases["models"][case["model"]],
            inputs["weight_dtype"],
            tp=parallel,
            kv="fp8" if inputs.get("kv_bytes") == 1 else "auto",
            util=inputs["util"],
            length=inputs["max_model_len"],
            batch=inputs.get("batched_tokens", 8192),
            seqs=inputs.get("seqs", 1024),
        )
        if not inputs.get("eager") and asked.role.pooling and release(version) >= (0, 20):
            continue  # our values always run pooling models without CUDA graphs
        found, expected = fit(asked, total, version), case["expected"]
        assert found.weights == pytest.approx(expected["weights_gib"], abs=0.01)
        assert found.kv_room == pytest.approx(expected["kv_available_gib"], abs=0.02), case["id"]
        assert found.kv_needed == pytest.approx(expected["kv_need_gib"], abs=0.01)
        assert found.verdict.value == expected["verdict"].partition(":")[0], case["id"]
        compared += 1
    assert compared > 60


def test_seed_on_a_known_card():
    found = fit(model(vllm={"max_model_len": 16384}), 79.32, "v0.12.0", "A100-SXM4-80GB")
    assert (found.weights, found.kv_needed, found.kv_room) == (44.72, 2.5, 24.32)
    assert found.needed == pytest.approx(44.72 + 2.2 + 0.14 + 2.5)
    assert found.verdict is Verdict.FITS


@pytest.mark.parametrize(
    ("vllm", "total", "verdict", "words"),
    [
        ({}, 44.4, Verdict.NO, "weights alone"),
        ({"extra_args": ["--gpu-memory-utilization", "1.0"]}, 79.3, Verdict.NO, "more than is free"),
        ({"gpu_memory_utilization": 0.5}, 79.3, Verdict.NO, "missing before any KV cache"),
        ({"gpu_memory_utilization": 0.8}, 79.3, Verdict.NO, "enough for"),
        ({"gpu_memory_utilization": 0.64, "max_model_len": 16384}, 79.3, Verdict.FITS, "requests of 16384"),
        ({"gpu_memory_utilization": 0.63, "max_model_len": 16384}, 79.3, Verdict.TIGHT, "requests of 16384"),
        ({}, None, Verdict.UNKNOWN, "not known"),
    ],
)
def test_verdicts(vllm, total, verdict, words):
    found = fit(model(vllm=vllm), total, "v0.12.0", "A100")
    assert found.verdict is verdict
    assert words in found.reason


def test_encoder_without_room_to_spare_is_tight():
    found = fit(model(name="e", model="multilingual-e5-large", vllm={"gpu_memory_utilization": 0.15}), 19.3, "v0.12.0")
    assert found.kv_needed == 0
    assert found.verdict is Verdict.TIGHT


def test_smallest_utilization_just_fits():
    asked = model(vllm={"max_model_len": 16384})
    share = smallest_utilization(fit(asked, 79.3, "v0.12.0", "A100"))
    tuned = model(vllm={"max_model_len": 16384, "gpu_memory_utilization": share})
    less = model(vllm={"max_model_len": 16384, "gpu_memory_utilization": share - 0.02})
    assert fit(tuned, 79.3, "v0.12.0", "A100").verdict is Verdict.FITS
    assert fit(less, 79.3, "v0.12.0", "A100").verdict is not Verdict.FITS


def test_an_unknown_version_is_never_more_optimistic():
    for known in MODELS:
        for gpus in (1, 2):
            asked = model(model=known, gpu=gpus)
            worst = fit(asked, 79.3, "latest").kv_room
            for version in ("v0.11.0", "v0.12.0", "0.17.1", "0.19.0", "v0.33.0-cu129"):
                explicit = replace(asked, vllm=replace(asked.vllm, gpu_memory_utilization=0.9))
                assert worst <= fit(explicit, 79.3, version).kv_room


def test_measured_values_replace_the_estimate():
    found = fit(model(gpu=2, spec={"weights_gib": 30.0, "activation_gib": 0.3}), 79.3, "v0.12.0")
    assert (found.weights, found.activation) == (15.0, 0.3)


def test_quantised_in_extra_args_and_float32():
    fp8 = fit(model(vllm={"extra_args": ["--quantization", "fp8"]}), 79.3, "v0.12.0")
    float32 = fit(model(vllm={"dtype": "float32", "max_model_len": 16384}), 141.0, "v0.12.0")
    assert fp8.weights == pytest.approx(24.02, abs=0.01)
    assert (float32.weights, float32.kv_needed) == (pytest.approx(89.45, abs=0.01), 5.0)


def test_default_batch_follows_the_card_as_in_vllm():
    settings = effective(model())
    assert batch(settings, 79.2, "H100-80GB-HBM3") == (8192, 1024)
    assert batch(settings, 79.3, "GRID-A100D-80C") == (2048, 256)
    assert batch(settings, 44.4, "L40S") == (2048, 256)
    assert batch(settings, None, None) == (8192, 1024)
    unchunked = effective(model(vllm={"enable_chunked_prefill": False, "max_model_len": 30000}))
    assert batch(unchunked, 44.4, "L40S") == (30000, 256)


def test_sliding_window_needs_less_than_full_attention():
    asked = model(model="gemma-3-27b")
    full = replace(asked, facts=replace(asked.facts, sliding_window=None, global_layers=None))
    window, whole = fit(asked, 79.2, "v0.19.0"), fit(full, 79.2, "v0.19.0")
    assert window.verdict is Verdict.FITS
    assert whole.verdict is Verdict.NO
    # vLLM logs the cache as if all (padded) layers were full: 70 layers for this model.
    assert window.kv_needed > whole.kv_needed * 10 / 62


def test_requests_take_whole_blocks_of_16_tokens():
    settings = effective(model())
    block = 163840 * 16  # one block of Mistral Small 3
    sizes = [kv_gib(model().facts, settings, length, 8192) * 2**30 for length in (1, 16, 17, 16384)]
    assert sizes == [block, block, 2 * block, 1024 * block]


def test_torch_total_is_below_the_label():
    assert torch_total(81920) == pytest.approx(79.3)
    assert torch_total(100) == 0


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v0.12.0", (0, 12)),
        ("0.11.0.post1", (0, 11)),
        ("v0.33.0-cu129", (0, 33)),
        ("v0.9", (0, 9)),
        ("latest", None),
        ("2025-05-27-v1", None),
        ("nightly-abc", None),
        ("", None),
    ],
)
def test_release(tag, version):
    assert release(tag) == version


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--max-model-len", "16k"], "max_model_len", 16000),
        (["--max_model_len=16K"], "max_model_len", 16384),
        (["--max-model-len", "1e4"], "max_model_len", 8192),
        (["--max-model-len"], "max_model_len", 8192),
        (["--max-num-seqs", "4", "--max-num-seqs", "8"], "max_num_seqs", 8),
        (["--gpu-memory-utilization", "0.5"], "utilization", 0.5),
        (["--gpu-memory-utilization", "nonsense"], "utilization", 0.7),
        (["--gpu-memory-utilization", "2"], "utilization", 0.7),
        (["--enforce-eager"], "eager", True),
        (["--enforce-eager", "--no-enforce-eager"], "eager", False),
        (["--enforce-eager", "--no-enforce-eager", "--enforce-eager"], "eager", True),
        (["--no-enable-chunked-prefill"], "chunked_prefill", False),
        (["--kv-cache-dtype", "fp8"], "kv_cache_dtype", "fp8"),
        (["--enforce-eager", "--dtype", "float16"], "dtype", "float16"),
        ([], "tensor_parallel", 1),
    ],
)
def test_extra_args_win(arguments, field, value):
    asked = model(vllm={"max_model_len": 8192, "gpu_memory_utilization": 0.7, "extra_args": arguments})
    assert getattr(effective(asked), field) == value
