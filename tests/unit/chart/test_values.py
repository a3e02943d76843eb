# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that are built, byte by byte, and what they mean."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES, chart_release
from ansible_collections.inferops.vllm.plugins.module_utils.engine.embeddings import compilation_config
from ansible_collections.inferops.vllm.plugins.module_utils.engine.table import versions
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, fatal
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import EngineSettings, Role
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Plan

GOLDEN = Path(__file__).parent / "golden"


def values_of(product):
    text = next(f.content for f in product.files if f.path.endswith("/values.yaml"))
    return yaml.safe_load(text)["vllm"]


def codes(product):
    return [f.code for f in product.findings]


@pytest.mark.parametrize("chart", ["0.1.8", "0.1.12"])
@pytest.mark.parametrize("mode", ["bare_metal", "vgpu"])
def test_the_files_of_the_reference_site_are_these_bytes(build, plans, mode, chart):
    product = build(plan=plans[mode], chart=chart)
    assert product.findings == []
    for file in product.files:
        golden = GOLDEN / f"{mode}-{chart}" / file.path
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(file.content, encoding="utf-8")
        assert golden.read_text(encoding="utf-8") == file.content
    kept = {
        str(p.relative_to(GOLDEN / f"{mode}-{chart}")) for p in (GOLDEN / f"{mode}-{chart}").rglob("*") if p.is_file()
    }
    assert kept == {file.path for file in product.files}


def test_the_same_input_gives_the_same_bytes(build):
    assert build().files == build().files


def test_it_says_what_the_reference_site_says(build):
    values = values_of(build())
    engine = values["servingEngineSpec"]
    assert engine["strategy"] == {"type": "Recreate"}
    assert engine["runtimeClassName"] == "nvidia"
    assert engine["tolerations"] == [{"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}]
    assert engine["vllmApiKey"] == {"secretName": "vllm-secret", "secretKey": "KEY"}
    assert engine["startupProbe"] == {"failureThreshold": 90}
    mistral, embeddings = engine["modelSpec"]
    assert (mistral["requestGPU"], mistral["requestMemory"], embeddings["requestMemory"]) == (1, "56Gi", "16Gi")
    assert mistral["hf_token"] == {"secretName": "hf-secret", "secretKey": "TOKEN"}
    assert mistral["vllmConfig"]["enableChunkedPrefill"] and mistral["vllmConfig"]["enablePrefixCaching"]
    assert not embeddings["vllmConfig"]["enableChunkedPrefill"]
    assert mistral["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["gpu1"]}]}
    ]
    assert values["routerSpec"]["tag"] == RELEASES["0.1.8"].router_commit
    assert values["routerSpec"]["resources"]["limits"] == {"memory": "2Gi"}


def test_a_vgpu_is_selected_by_presence_and_product(build, plans):
    terms = values_of(build(plan=plans["vgpu"]))["servingEngineSpec"]["modelSpec"][1]["nodeSelectorTerms"]
    assert terms == [
        {
            "matchExpressions": [
                {"key": "nvidia.com/vgpu.present", "operator": "In", "values": ["true"]},
                {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["GRID-A100D-20C"]},
            ]
        }
    ]


@pytest.mark.parametrize("chart", RELEASES)
@pytest.mark.parametrize("version", versions())
def test_both_models_start_on_every_known_engine_and_chart(build, chart, version):
    """Whatever is pinned, the embeddings come up without CUDA graphs and nothing that we add is refused."""
    product = build(chart=chart, mistral={"tag": f"v{version}"}, embeddings={"tag": f"v{version}"})
    assert product.findings == []
    assert "--enforce-eager" in product.arguments["embeddings"]
    assert {"--runner", "--task"} & set(product.arguments["embeddings"])


@pytest.mark.parametrize("version", versions())
def test_the_compilation_config_is_written_in_the_form_of_the_image(build, version):
    vllm = EngineSettings(max_model_len=512, eager="compilation-config")
    product = build(embeddings={"vllm": vllm, "tag": f"v{version}"}, mistral={"tag": f"v{version}"})
    assert product.findings == []
    arguments = product.arguments["embeddings"]
    assert arguments[arguments.index("--compilation-config") + 1] == compilation_config(version)
    assert "--enforce-eager" not in arguments


def test_cuda_graphs_are_switched_as_asked(build):
    assert "--enforce-eager" in build(mistral={"vllm": EngineSettings(eager="enforce-eager")}).arguments["mistral"]
    embeddings = build(embeddings={"vllm": EngineSettings(max_model_len=512, eager="none")}).arguments["embeddings"]
    assert not {"--enforce-eager", "--compilation-config"} & set(embeddings)
    unknown = {"vllm": EngineSettings(max_model_len=512, eager="compilation-config"), "tag": "nightly"}
    assert "--enforce-eager" in build(embeddings=unknown).arguments["embeddings"]


def test_what_is_asked_for_and_does_not_exist_yet_is_refused(build):
    vllm = EngineSettings(max_model_len=512, enable_chunked_prefill=False)
    product = build(embeddings={"vllm": vllm, "tag": "v0.8.0"})
    assert [(f.code, f.subject) for f in product.findings] == [
        ("engine-argument-newer", "vllm_models[1].vllm.enable_chunked_prefill")
    ]


def test_the_runner_moves_into_the_chart_where_the_chart_reads_it(build):
    old = values_of(build(chart="0.1.8"))["servingEngineSpec"]["modelSpec"][1]["vllmConfig"]
    new = values_of(build(chart="0.1.9"))["servingEngineSpec"]["modelSpec"][1]["vllmConfig"]
    assert "runner" not in old and "--runner" in old["extraArgs"]
    assert new["runner"] == "pooling" and "--runner" not in new["extraArgs"]


@pytest.mark.parametrize(
    ("written", "gone"),
    [
        (("--no-enforce-eager",), "--enforce-eager"),
        (("-cc.mode=0",), "--enforce-eager"),
        (("--compilation_config", '{"mode":0}'), "--enforce-eager"),
        (("-O0",), "--enforce-eager"),
        (("--runner=pooling",), "--runner"),
    ],
)
def test_what_the_operator_decides_is_not_decided_again(build, written, gone):
    vllm = EngineSettings(max_model_len=512, extra_args=written)
    product = build(embeddings={"vllm": vllm})
    assert gone not in product.arguments["embeddings"]


def test_a_reranker_of_an_old_engine_is_asked_to_score(build, requests):
    product = build(embeddings={"role": Role.RERANK, "tag": "v0.9.2"})
    arguments = product.arguments["embeddings"]
    assert arguments[arguments.index("--task") + 1] == "score"


def test_large_numbers_are_quoted_because_helm_would_write_an_exponent(build):
    product = build(mistral={"vllm": EngineSettings(max_model_len=1_048_576)})
    assert values_of(product)["servingEngineSpec"]["modelSpec"][0]["vllmConfig"]["maxModelLen"] == "1048576"
    assert "1048576" in product.arguments["mistral"]
    assert product.findings == []


def test_several_gpus_are_used_together(build, plans):
    placement = replace(plans["bare_metal"].placements[0], gpus=2, gpu_resource="nvidia.com/mig-3g.40gb")
    plan = Plan((placement, plans["bare_metal"].placements[1]))
    spec = values_of(build(plan=plan))["servingEngineSpec"]["modelSpec"][0]
    assert spec["requestGPU"] == 2 and spec["requestGPUType"] == "nvidia.com/mig-3g.40gb"
    assert spec["vllmConfig"]["tensorParallelSize"] == 2


def test_findings_name_the_option_to_correct(build):
    product = build(
        mistral={"vllm": EngineSettings(max_model_len=16384, extra_args=("--seed", "1", "--bogus"))},
        embeddings={"memory": "16GB"},
    )
    assert [(f.code, f.subject) for f in product.findings] == [
        ("values-quantity", "vllm_models[1].memory"),
        ("engine-argument-unknown", "vllm_models[0].vllm.extra_args[2]"),
    ]


def test_extra_values_are_merged_and_checked(build):
    product = build(extra_values={"routerSpec": {"serviceType": "NodePort", "tolerations": []}})
    assert values_of(product)["routerSpec"]["serviceType"] == "NodePort"
    assert values_of(product)["routerSpec"]["replicaCount"] == 1
    assert [(f.code, f.subject) for f in product.findings] == [("values-key-unknown", "vllm.routerSpec.tolerations")]


def test_extra_values_cannot_replace_the_models(build):
    with pytest.raises(Refusal) as refusal:
        build(extra_values={"servingEngineSpec": {"modelSpec": []}})
    assert [f.code for f in refusal.value.findings] == ["values-extra-model-spec"]


def test_no_model_is_no_green(build):
    with pytest.raises(Refusal) as refusal:
        build(models=())
    assert [f.code for f in refusal.value.findings] == ["values-no-models"]


def test_a_plan_of_other_models_is_refused(build, plans):
    first = plans["bare_metal"].placements[0]
    with pytest.raises(Refusal) as refusal:
        build(plan=Plan((replace(first, gpus=0),)))
    assert [f.subject for f in refusal.value.findings] == ["vllm_models[0].gpu", "vllm_models[1]"]
    assert {f.code for f in refusal.value.findings} == {"values-plan-mismatch"}


def test_an_unknown_chart_is_refused_with_a_suggestion():
    with pytest.raises(Refusal) as refusal:
        chart_release("0.1.13")
    assert "did you mean" in refusal.value.findings[0].message


def test_without_a_token_and_a_runtime_class(build):
    values = values_of(build(hf_secret={"name": "", "key": ""}, runtime_class="", tolerations=[]))
    assert "hf_token" not in values["servingEngineSpec"]["modelSpec"][0]
    assert values["servingEngineSpec"]["runtimeClassName"] == ""


def test_environment_and_placement_without_selector(build, plans):
    first, second = plans["bare_metal"].placements
    product = build(plan=Plan((replace(first, selector=()), second)), mistral={"env": {"HF_HUB_OFFLINE": "1"}})
    spec = values_of(product)["servingEngineSpec"]["modelSpec"][0]
    assert spec["env"] == [{"name": "HF_HUB_OFFLINE", "value": "1"}]
    assert codes(product) == ["values-selector-missing"] and not fatal(product.findings)
    assert "affinity" not in next(f.content for f in product.files if f.path.endswith("gpu-test.yml"))


def test_any_order_of_settings_gives_the_same_bytes(build):
    options = {"namespace": "llm", "release": "llm", "runtime_class": "nvidia", "wrapper_version": "1.0.0"}
    shuffled = dict(random.Random(1).sample(list(options.items()), len(options)))
    assert build(**options).files == build(**shuffled).files
