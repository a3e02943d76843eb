# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models whose facts are recorded, so that a plan needs no call to a hub.

Sources: the models' public config.json (layers, heads, context), published safetensors parameter counts, and
weights that vLLM logged (Gemma). A new model needs one entry here; docs/models.md lists what a field means.
"""

from __future__ import annotations

from dataclasses import dataclass

from .models import ModelFacts, Role

GIB = 2**30


@dataclass(frozen=True)
class KnownModel:
    """A catalogue entry: facts, what the model is for, and the engine arguments that it cannot do without."""

    facts: ModelFacts
    role: Role = Role.INSTRUCT
    extra_args: tuple[str, ...] = ()


MISTRAL_FORMAT = ("--tokenizer-mode", "mistral", "--config_format", "mistral", "--load_format", "mistral")


def _qwen(size: str, parameters: int, layers: int, heads: int, kept: int) -> KnownModel:
    return KnownModel(
        ModelFacts(
            repository=f"Qwen/Qwen3-{size}",
            parameters=parameters,
            kept_parameters=kept,
            layers=layers,
            attention_heads=heads,
            kv_heads=8,
            head_dim=128,
            context=40960,
            vocabulary=151936,
            disk_gib=round(parameters * 2 / GIB, 1),
        )
    )


def _llama(repository: str, parameters: int, layers: int, heads: int, kept: int) -> KnownModel:
    return KnownModel(
        ModelFacts(
            repository=repository,
            parameters=parameters,
            kept_parameters=kept,
            layers=layers,
            attention_heads=heads,
            kv_heads=8,
            head_dim=128,
            context=131072,
            vocabulary=128256,
            disk_gib=round(parameters * 2 / GIB, 1),
            gated=True,
        )
    )


def _gemma(
    size: str, weights: float, hidden: int, layers: int, heads: tuple[int, int, int], global_layers: int
) -> KnownModel:
    attention_heads, kv_heads, head_dim = heads
    return KnownModel(
        ModelFacts(
            repository=f"google/gemma-3-{size}-it",
            # As loaded by vLLM, which is a little more than the checkpoint.
            parameters=round(weights * GIB / 2),
            weights_gib=weights,
            # Embeddings, tied to the output layer, and the vision tower.
            kept_parameters=262208 * hidden + 420_000_000,
            layers=layers,
            attention_heads=attention_heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            context=131072,
            architecture="gemma",
            sliding_window=1024,
            global_layers=global_layers,
            disk_gib=round(weights, 1),
            gated=True,
        )
    )


def _xlm_roberta(repository: str, parameters: int, context: int, role: Role, dimension: int | None) -> KnownModel:
    return KnownModel(
        ModelFacts(
            repository=repository,
            parameters=parameters,
            layers=24,
            attention_heads=16,
            kv_heads=16,
            head_dim=64,
            context=context,
            architecture="encoder",
            dtype="float32",
            disk_gib=round(parameters * 4 / GIB, 1),
            embedding_dimension=dimension,
        ),
        role,
    )


MODELS: dict[str, KnownModel] = {
    "mistral-small-3.2-24b": KnownModel(
        ModelFacts(
            repository="mistralai/Mistral-Small-3.2-24B-Instruct-2506",
            parameters=24_011_361_280,
            kept_parameters=1_781_135_360,
            layers=40,
            attention_heads=32,
            kv_heads=8,
            head_dim=128,
            context=131072,
            architecture="mistral3",
            vocabulary=131072,
            disk_gib=44.7,
        ),
        extra_args=MISTRAL_FORMAT,
    ),
    "qwen3-8b": _qwen("8B", 8_190_735_360, 36, 32, 2 * 151936 * 4096),
    "qwen3-14b": _qwen("14B", 14_768_307_200, 40, 40, 2 * 151936 * 5120),
    "qwen3-32b": _qwen("32B", 32_762_123_264, 64, 64, 2 * 151936 * 5120),
    "llama-3.1-8b": _llama("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248, 32, 32, 2 * 128256 * 4096),
    "llama-3.3-70b": _llama("meta-llama/Llama-3.3-70B-Instruct", 70_553_706_496, 80, 64, 2 * 128256 * 8192),
    "gemma-3-4b": _gemma("4b", 8.58, 2560, 34, (8, 4, 256), 5),
    "gemma-3-12b": _gemma("12b", 23.31, 3840, 48, (16, 8, 256), 8),
    "gemma-3-27b": _gemma("27b", 51.45, 5376, 62, (32, 16, 128), 10),
    "multilingual-e5-large": _xlm_roberta("intfloat/multilingual-e5-large", 559_890_432, 512, Role.EMBEDDINGS, 1024),
    "bge-m3": _xlm_roberta("BAAI/bge-m3", 567_754_752, 8192, Role.EMBEDDINGS, 1024),
    "bge-reranker-v2-m3": _xlm_roberta("BAAI/bge-reranker-v2-m3", 567_755_777, 8192, Role.RERANK, None),
}


def _names() -> dict[str, KnownModel]:
    """Every way to name a model: the short name, the repository, the repository without its owner."""
    names = {}
    for short, known in MODELS.items():
        repository = known.facts.repository
        names.update({name.lower(): known for name in (short, repository, repository.partition("/")[2])})
    return names


BY_NAME = _names()


def known_model(name: str) -> KnownModel | None:
    """The catalogue entry of a short name (``qwen3-8b``) or Hub repository, upper and lower case alike."""
    return BY_NAME.get(name.lower())
