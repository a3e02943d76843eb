# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vllm_models as people write it: defaults, and that nothing at all makes the reader raise."""

from __future__ import annotations

import math

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue import CATALOGUE
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity, fatal
from ansible_collections.inferops.vllm.plugins.module_utils.planning import parse
from ansible_collections.inferops.vllm.plugins.module_utils.planning.limits import limits
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import EngineSettings, Role
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models_catalogue import MODELS, known_model
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import (
    parse_models,
    request_from_dict,
    request_to_dict,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import plan_from_dict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.startup import disk_gib
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.planning.builders import E5, MISTRAL, SITES, model, models


def problems(raw, tag="v0.12.0"):
    requests, findings = parse_models(raw, default_tag=tag)
    return requests, [(f.code, f.subject, f.message) for f in findings]


def test_instruct_defaults():
    request = model()
    assert (request.role, request.memory, request.gpu, request.storage) == (Role.INSTRUCT, "56Gi", 1, "200Gi")
    assert request.vllm.enable_chunked_prefill
    assert request.vllm.enable_prefix_caching
    assert request.vllm.extra_args[:2] == ("--tokenizer-mode", "mistral")
    assert request.repository == "mistralai/Mistral-Small-3.2-24B-Instruct-2506"


def test_embeddings_defaults():
    (request,) = models(E5)
    assert (request.role, request.memory, request.storage) == (Role.EMBEDDINGS, "16Gi", "10Gi")
    assert request.vllm.enable_chunked_prefill is False
    assert request.vllm.enable_prefix_caching is False


def test_more_gpus_are_tensor_parallel():
    assert model(gpu=2).vllm.tensor_parallel_size == 2
    assert model().vllm.tensor_parallel_size is None


def test_own_arguments_replace_those_of_the_catalogue():
    assert model(vllm={"extra_args": ["--seed", 1]}).vllm.extra_args == ("--seed", "1")
    assert model(vllm={"extra_args": []}).vllm.extra_args == ()


def test_a_spec_corrects_the_catalogue():
    assert model(spec={"disk_gib": 96, "repository": "town/mirror"}).facts.disk_gib == 96.0
    assert model(spec={"repository": "town/mirror"}).repository == "town/mirror"


def test_a_quantised_variant_forgets_the_size_of_the_16_bit_files():
    plain, quantised = model(model="gemma-3-12b"), model(model="gemma-3-12b", spec={"quantization": "fp8"})
    assert (quantised.facts.weights_gib, quantised.facts.disk_gib) == (None, None)
    assert 0.5 < disk_gib(quantised) / disk_gib(plain) < 0.6
    assert model(spec={"quantization": "fp8", "disk_gib": 25}).facts.disk_gib == 25.0


def test_a_batch_of_one_token_a_sequence_is_enough():
    assert model(vllm={"max_num_batched_tokens": 128, "max_num_seqs": 128})


def test_null_means_not_given():
    assert model(gpu=None, vllm=None, placement=None) == model()


def test_every_catalogue_model_is_usable_by_all_its_names():
    for short, known in MODELS.items():
        for name in (short, known.facts.repository, known.facts.repository.partition("/")[2].upper()):
            assert known_model(name) is known
            (request,) = models({"name": "m", "model": name})
            assert request.facts == known.facts
            assert not limits(request, "x")


def test_the_catalogue_holds_what_was_asked_for():
    families = ("mistral-small", "qwen", "llama", "gemma")
    sizes = {family: sum(name.startswith(family) for name in MODELS) for family in families}
    assert sizes["mistral-small"] >= 1
    assert all(sizes[family] >= 2 for family in families[1:])
    dimensions = {
        name: known.facts.embedding_dimension for name, known in MODELS.items() if known.role is Role.EMBEDDINGS
    }
    assert dimensions == {"multilingual-e5-large": 1024, "bge-m3": 1024}
    assert any(known.role is Role.RERANK for known in MODELS.values())


def test_messages_name_place_allowed_values_and_the_likely_key():
    _, found = problems([{**MISTRAL, "memroy": "1Gi"}])
    assert found[0][1] == "vllm_models[0]"
    assert "unknown key 'memroy' (did you mean 'memory'?); allowed are cpu," in found[0][2]
    _, found = problems([E5, {**MISTRAL, "vllm": {"max_model_len": "lots", "dtype": "bfloat-16"}}])
    assert found[0][1:] == (
        "vllm_models[1].vllm.max_model_len",
        "'lots' is not allowed; allowed is a whole number from 16 to 10000000",
    )
    assert "(did you mean 'bfloat16'?)" in found[1][2]
    assert "auto, half, float16" in found[1][2]


def test_all_defects_of_all_entries_are_told_at_once():
    _, found = problems([{**MISTRAL, "gpu": 0, "cpu": -1}, {"name": "X", "modle": "y"}])
    assert len(found) == 4


def test_right_entries_survive_wrong_neighbours():
    requests, found = problems([MISTRAL, {"name": "x"}])
    assert [r.name for r in requests] == ["mistral"]
    assert [f[0] for f in found] == ["planning-key-missing"]


def test_env_texts():
    assert model(env={"A": 1, "B": True, "C": "x"}).env == {"A": "1", "B": "true", "C": "x"}


def test_refused_secrets_are_not_shown():
    for entry in (
        {"env": ["HF_TOKEN=swordfish"]},
        {"env": {"A": ["swordfish"]}},
        {"env": {"HF_TOKEN": "swordfish"}},
        {"vllm": {"extra_args": "--api-key swordfish"}},
        {"vllm": {"extra_args": ["--api-key", "swordfish"]}},
        {"vllm": {"extra_args": ["--api_key=swordfish", None]}},
    ):
        _, found = problems([{**MISTRAL, **entry}])
        assert found
        assert "swordfish" not in str(found)


@pytest.mark.parametrize("index", range(14))
def test_numbers_that_are_none(index):
    # By index, because pytest cannot name all of them.
    odd = [True, -1, math.nan, math.inf, 10**5000, "1" * 5000, b"7", [], "١", "\ud800", object(), 1.5, "0x10", ""]
    for entry in ({"gpu": odd[index]}, {"replicas": odd[index]}, {"vllm": {"gpu_memory_utilization": odd[index]}}):
        _, found = problems([{**MISTRAL, **entry}])
        assert [f[0] for f in found] == ["planning-value-invalid"]


def test_an_endless_structure_is_shown_briefly():
    endless: list = []
    endless.append(endless)
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for raw in (endless, [endless], [{**MISTRAL, "name": endless}], [{**MISTRAL, "name": deep}], deep):
        _, found = problems(raw)
        assert found
        assert all(len(f[2]) < 1000 for f in found)


def test_the_tables_and_the_types_have_the_same_fields():
    assert set(parse.ENGINE) == set(EngineSettings.__dataclass_fields__)
    assert set(parse.PLACEMENT) == set(type(model().placement).__dataclass_fields__)
    assert set(parse.SPEC) == set(type(model().facts).__dataclass_fields__)
    own = set(type(model()).__dataclass_fields__) - {"facts"} | {"model", "spec"}
    assert set(parse.ENTRY) == own


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3), max_leaves=12
)


def entries_near_the_truth():
    """Entries with known keys and values that are right, nearly right, or anything."""
    near = {
        "name": st.sampled_from(["mistral", "m2", "M"]),
        "model": st.sampled_from([*MODELS, "town/own", "nonsense"]),
        "role": st.sampled_from([*(r.value for r in Role), "chat"]),
        "gpu": st.sampled_from([1, 2, 4, "2", 0]),
        "replicas": st.integers(0, 3),
        "memory": st.sampled_from(["16Gi", "1Ti", "x", 4]),
        "gpu_resource": st.sampled_from(["nvidia.com/gpu", "nvidia.com/mig-3g.40gb", "gpu"]),
        "vllm": st.fixed_dictionaries(
            {},
            optional={
                "max_model_len": st.sampled_from([512, 16384, "16k", 10**7]),
                "gpu_memory_utilization": st.floats(0, 1.2),
                "extra_args": st.lists(
                    st.sampled_from(["--max-model-len", "1k", "--dtype=float32", "-q", "fp8", "-", "="])
                ),
                "max_num_seqs": st.integers(-1, 5000),
            },
        ),
        "placement": st.fixed_dictionaries(
            {},
            optional={
                "node": st.sampled_from(["gpu-1", "vgpu-2", "nowhere"]),
                "product": st.sampled_from(["A100", "GRID-A100D-80C"]),
                "labels": st.dictionaries(st.sampled_from(["zone", "a/b"]), st.text(max_size=3), max_size=2),
                "expression": st.text(max_size=8) | st.sampled_from(["ready", "labels.zone", "resources[0].free"]),
            },
        ),
        "spec": st.fixed_dictionaries({}, optional=dict.fromkeys(parse.SPEC, scalars)),
        "env": anything,
    }
    return st.fixed_dictionaries({}, optional={key: value | anything for key, value in near.items()})


def check_never_raises(raw, nodes, mode):
    requests, findings = parse_models(raw, default_tag="v0.12.0")
    for found in findings:
        assert found.severity is Severity.FATAL
        assert found.subject.startswith("vllm_models")
        assert found.code in CATALOGUE
        found.message.encode()
    if not findings:
        plan, findings = plan_models(requests, nodes, mode)
        assert bool(plan) != bool(fatal(findings))
        if plan:
            assert plan_from_dict(plan.to_dict()) == plan
            yaml.safe_dump([request_to_dict(r) for r in requests])
            assert [request_from_dict(request_to_dict(r)) for r in requests] == requests


@given(anything)
def test_any_yaml_gives_findings(raw):
    check_never_raises(raw, SITES["two-a100"], "bare_metal")


@given(
    st.lists(entries_near_the_truth(), min_size=1, max_size=3),
    st.sampled_from([*SITES.values()]),
    st.sampled_from(["bare_metal", "vgpu", "metal"]),
)
def test_any_models_give_findings_or_a_plan(raw, nodes, mode):
    check_never_raises(raw, nodes, mode)
