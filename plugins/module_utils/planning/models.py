# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models of a site, typed: what an inventory asks for and what is known about each model."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Role(str, Enum):
    """What a model does. ``embeddings`` and ``rerank`` run vLLM's pooling runner."""

    INSTRUCT = "instruct"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"

    @property
    def pooling(self) -> bool:
        """Whether the engine runs the pooling runner (no KV cache growth, no completion endpoints)."""
        return self is not Role.INSTRUCT


@dataclass(frozen=True)
class ModelFacts:
    """What the memory estimate and the download time need to know about a model; no hub is asked.

    ``weights_gib`` (the whole model) and ``activation_gib`` (one GPU) are measured values that replace the
    estimates; ``kept_parameters`` stay 16-bit when the model is quantised; ``architecture`` picks the activation
    constant (dense, moe, gemma, mistral3, encoder). ``latent_dim`` is the KV-cache width of multi-head latent
    attention (kv_lora_rank + qk_rope_head_dim). Of a model with sliding-window layers, ``global_layers``
    see the whole context and the others ``sliding_window`` tokens.
    """

    repository: str
    parameters: int
    layers: int
    kv_heads: int
    head_dim: int
    context: int
    architecture: str = "dense"
    dtype: str = "bfloat16"
    quantization: str | None = None
    kept_parameters: int = 0
    disk_gib: float | None = None
    weights_gib: float | None = None
    embedding_dimension: int | None = None
    gated: bool = False
    attention_heads: int | None = None
    vocabulary: int | None = None
    latent_dim: int | None = None
    sliding_window: int | None = None
    global_layers: int | None = None
    activation_gib: float | None = None


EAGER_WAYS = ("none", "enforce-eager", "compilation-config")
"""Not at all (the default of instruct models), by the switch (the default of pooling models), or by the JSON option."""


@dataclass(frozen=True)
class EngineSettings:
    """``vllm_models[].vllm``: engine settings; None leaves vLLM's (or the role's) own default."""

    max_model_len: int | None = None
    dtype: str | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    tensor_parallel_size: int | None = None
    enable_chunked_prefill: bool | None = None
    enable_prefix_caching: bool | None = None
    kv_cache_dtype: str | None = None
    eager: str | None = None
    """How compilation and CUDA graphs are switched off; None is the role's default, see :data:`EAGER_WAYS`."""
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pin:
    """``vllm_models[].placement``: where the model may run; empty means wherever the GPU mode allows."""

    node: str | None = None
    product: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    expression: str | None = None
    """JMESPath over the preflight's node facts."""


@dataclass(frozen=True)
class ModelRequest:
    """One entry of ``vllm_models``, defaults applied and facts attached."""

    name: str
    role: Role
    facts: ModelFacts
    tag: str
    image: str = "vllm/vllm-openai"
    cpu: str = "4"
    memory: str = "16Gi"
    gpu: int = 1
    gpu_resource: str = "nvidia.com/gpu"
    storage: str = "50Gi"
    storage_class: str | None = None
    replicas: int = 1
    vllm: EngineSettings = field(default_factory=EngineSettings)
    placement: Pin = field(default_factory=Pin)
    env: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        """The Hub repository: what ``vllm serve`` gets and the model id that clients send."""
        return self.facts.repository
