# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference site: two models, on bare metal and on vGPUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import Product, produce
from ansible_collections.inferops.vllm.plugins.module_utils.chart.settings import settings_from
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import (
    EngineSettings,
    ModelFacts,
    ModelRequest,
    Role,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import (
    Fit,
    Placement,
    Plan,
    SelectorRequirement,
    Verdict,
)

MISTRAL = ModelRequest(
    name="mistral",
    role=Role.INSTRUCT,
    facts=ModelFacts("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 24_011_361_280, 40, 8, 128, 131_072),
    tag="v0.12.0",
    cpu="2",
    memory="56Gi",
    storage="200Gi",
    vllm=EngineSettings(
        max_model_len=16384,
        extra_args=("--tokenizer-mode", "mistral", "--config_format", "mistral", "--load_format", "mistral"),
    ),
)
EMBEDDINGS = ModelRequest(
    name="embeddings",
    role=Role.EMBEDDINGS,
    facts=ModelFacts("intfloat/multilingual-e5-large", 559_890_432, 24, 16, 64, 512, "encoder"),
    tag="v0.12.0",
    cpu="2",
    memory="16Gi",
    storage="10Gi",
    vllm=EngineSettings(
        max_model_len=512,
        dtype="float16",
        max_num_seqs=512,
        max_num_batched_tokens=16384,
        gpu_memory_utilization=0.85,
    ),
)
LARGE = Fit(79.32, 71.39, 44.72, 2.2, 0.14, 24.33, 2.5, Verdict.FITS, "leaves 21.8 GiB")
SMALL = Fit(19.4, 16.49, 1.04, 1.0, 0.14, 14.31, 0.0, Verdict.FITS, "leaves 14.3 GiB")


def hostname(name: str) -> tuple[SelectorRequirement, ...]:
    return (SelectorRequirement("kubernetes.io/hostname", (name,)),)


def product_of(name: str) -> tuple[SelectorRequirement, ...]:
    return (
        SelectorRequirement("nvidia.com/vgpu.present", ("true",)),
        SelectorRequirement("nvidia.com/gpu.product", (name,)),
    )


BARE_METAL = Plan(
    (
        Placement("mistral", ("gpu1",), hostname("gpu1"), "nvidia.com/gpu", 1, LARGE),
        Placement("embeddings", ("gpu2",), hostname("gpu2"), "nvidia.com/gpu", 1, SMALL),
    ),
    startup_failure_threshold=90,
)
VGPU = Plan(
    (
        Placement("mistral", ("worker-1",), product_of("GRID-A100D-80C"), "nvidia.com/gpu", 1, LARGE),
        Placement("embeddings", ("worker-2",), product_of("GRID-A100D-20C"), "nvidia.com/gpu", 1, SMALL),
    )
)
PLANS = {"bare_metal": BARE_METAL, "vgpu": VGPU}


@pytest.fixture
def build() -> Callable[..., Product]:
    """Builds the reference site with some things changed."""

    def build_it(
        plan: Plan = BARE_METAL,
        chart: str = "0.1.8",
        mistral: dict[str, Any] | None = None,
        embeddings: dict[str, Any] | None = None,
        models: tuple[ModelRequest, ...] | None = None,
        **options: Any,
    ) -> Product:
        both = (replace(MISTRAL, **(mistral or {})), replace(EMBEDDINGS, **(embeddings or {})))
        settings = settings_from({"chart_version": chart, **options})
        return produce(both if models is None else models, plan, settings, "applications/vllm")

    return build_it


@pytest.fixture
def requests() -> tuple[ModelRequest, ModelRequest]:
    """The two models."""
    return MISTRAL, EMBEDDINGS


@pytest.fixture
def plans() -> dict[str, Plan]:
    """The two plans."""
    return PLANS
