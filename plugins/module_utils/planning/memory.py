# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a model fit on a GPU: the sum that vLLM does when it starts, done beforehand. All sizes in GiB of one GPU.

The formula, its sources and how far it is off are in docs/memory-fit.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .models import ModelFacts, ModelRequest
from .plan import Fit, Verdict
from .settings import Effective, effective, release

GIB = 2**30
NEWEST = (10**4, 0)

DRIVER_RESERVE = 0.7
"""What torch does not see of the memory that nvidia-smi and GFD's label tell (0.46 to 0.68 seen)."""
START_RESERVE = {False: 0.51, True: 2.0}
"""What an idle GPU has not free when vLLM looks: one GPU, and per GPU of a tensor-parallel group."""
TIGHT = 1.0

WEIGHT_BYTES = {"float32": 4.0, "float": 4.0}
"""Bytes of a parameter by dtype; every other dtype has two."""
QUANTIZED_BYTES = {
    "fp8": 1.0,
    "int8": 1.0,
    "int4-g128": 0.515625,
    "int4-g32": 0.5625,
    "awq": 0.515625,
    "gptq": 0.515625,
}
KV_BYTES = {"float32": 4.0, "float": 4.0}

#: GiB of the profiling pass at 8192 tokens and 1024 sequences: up to vLLM 0.16, from 0.17.
ACTIVATION = {
    "dense": (5.6, 2.3),
    "moe": (7.4, 2.9),
    "gemma": (5.6, 4.0),
    "mistral3": (2.2, 2.2),
    "encoder": (1.0, 1.0),
}
CONSTANT_ACTIVATION = frozenset({"mistral3", "encoder"})
CUDA_GRAPHS = 1.0


def torch_total(memory_mib: int) -> float:
    """What torch will call the GPU's total, from the MiB that nvidia-smi and ``nvidia.com/gpu.memory`` tell."""
    return max(0.0, memory_mib / 1024 - DRIVER_RESERVE)


@dataclass(frozen=True)
class Sum:
    """The terms of the sum before the verdict; ``total`` is None when the GPU's memory is not known."""

    total: float | None
    reserved: float
    weights: float
    activation: float
    overhead: float
    needed: float
    longest: Callable[[float], int]
    """The longest request, in tokens, whose KV cache fits into so many GiB."""

    @property
    def room(self) -> float:
        """What is left for the KV cache."""
        return self.reserved - self.weights - self.activation - self.overhead


def fit(request: ModelRequest, gpu_memory_gib: float | None, vllm_version: str, product: str | None = None) -> Fit:
    """Whether the model fits on GPUs of ``gpu_memory_gib`` (torch's total; None when unknown), and the whole sum.

    ``vllm_version`` is a version or image tag; of one that does not tell (``latest``) the larger constants are
    taken. ``product`` decides vLLM's default batch, as in vLLM itself. Never raises.
    """
    facts, settings, version = request.facts, effective(request), release(vllm_version)
    tokens, sequences = batch(settings, gpu_memory_gib, product)
    found = Sum(
        total=gpu_memory_gib,
        reserved=(gpu_memory_gib or 0.0) * utilization(settings, version),
        weights=weights_gib(facts, settings),
        activation=activation_gib(facts, version, tokens, sequences),
        overhead=_non_torch(version, settings.tensor_parallel) + _graphs(version, settings.eager),
        needed=kv_gib(facts, settings, settings.max_model_len, tokens),
        longest=lambda room: longest(facts, settings, tokens, room),
    )
    verdict, reason = _verdict(found, settings)
    return Fit(
        total=round(found.total or 0.0, 2),
        reserved=round(found.reserved, 2),
        weights=round(found.weights, 2),
        activation=round(found.activation, 2),
        overhead=round(found.overhead, 2),
        kv_room=round(found.room, 2) if found.total else 0.0,
        kv_needed=round(found.needed, 2),
        verdict=verdict,
        reason=reason,
    )


def utilization(settings: Effective, version: tuple[int, int] | None) -> float:
    """The share of the GPU that vLLM reserves; its default became 0.92 in 0.20."""
    return settings.utilization or (0.92 if version and version >= (0, 20) else 0.9)


def batch(settings: Effective, gpu_memory_gib: float | None, product: str | None) -> tuple[int, int]:
    """Batched tokens and sequences: as set, else vLLM's defaults (large cards that are no A100 get the large ones)."""
    large = gpu_memory_gib is None or (gpu_memory_gib >= 70 and "a100" not in (product or "").lower())
    tokens, sequences = (8192, 1024) if large else (2048, 256)
    if not settings.chunked_prefill:
        tokens = max(tokens, settings.max_model_len)
    return settings.max_num_batched_tokens or tokens, settings.max_num_seqs or sequences


def weights_gib(facts: ModelFacts, settings: Effective) -> float:
    """Weights on one GPU of the tensor-parallel group."""
    if facts.weights_gib is not None:
        return facts.weights_gib / settings.tensor_parallel
    per_parameter = QUANTIZED_BYTES.get(settings.quantization or "")
    if per_parameter is None:
        return facts.parameters * WEIGHT_BYTES.get(settings.dtype, 2.0) / settings.tensor_parallel / GIB
    quantized = (facts.parameters - facts.kept_parameters) * per_parameter
    return (quantized + facts.kept_parameters * 2.0) / settings.tensor_parallel / GIB


def activation_gib(facts: ModelFacts, version: tuple[int, int] | None, tokens: int, sequences: int) -> float:
    """Peak of the profiling forward pass."""
    if facts.activation_gib is not None:
        return facts.activation_gib
    before, since = ACTIVATION[facts.architecture]
    peak = max(before, since) if version is None else since if version >= (0, 17) else before
    if facts.architecture in CONSTANT_ACTIVATION:
        return peak
    return max(0.5, peak * max(tokens / 8192, sequences / 1024))


def kv_bytes_per_token(facts: ModelFacts, settings: Effective) -> float:
    """KV cache of one token in the layers that see the whole context, on one GPU."""
    return _layer_bytes(facts, settings) * _global_layers(facts)


def kv_gib(facts: ModelFacts, settings: Effective, length: int, tokens: int) -> float:
    """KV cache of one request of ``length`` tokens, on one GPU."""
    blocks = math.ceil(length / 16) * 16
    size = kv_bytes_per_token(facts, settings) * blocks
    if facts.sliding_window and facts.global_layers:
        # vLLM groups layers by the smaller kind and pads the last group.
        padded = math.ceil((facts.layers - facts.global_layers) / facts.global_layers) * facts.global_layers
        window = min(blocks, math.ceil((facts.sliding_window - 1 + tokens) / 16 + 1) * 16)
        size += _layer_bytes(facts, settings) * padded * window
    return size / GIB


def smallest_utilization(found: Fit) -> float:
    """The lowest ``gpu_memory_utilization`` with which the model starts and is not tight, rounded up to 0.01."""
    return math.ceil((found.needed + TIGHT) / found.total * 100) / 100


def _layer_bytes(facts: ModelFacts, settings: Effective) -> float:
    if facts.architecture == "encoder":
        return 0.0
    kind = settings.kv_cache_dtype
    size = 1.0 if kind.startswith("fp8") else KV_BYTES.get(settings.dtype if kind == "auto" else kind, 2.0)
    if facts.latent_dim:
        return facts.latent_dim * size
    return 2 * max(1, math.ceil(facts.kv_heads / settings.tensor_parallel)) * facts.head_dim * size


def _global_layers(facts: ModelFacts) -> int:
    return facts.global_layers if facts.sliding_window and facts.global_layers else facts.layers


def _non_torch(version: tuple[int, int] | None, tensor_parallel: int) -> float:
    """CUDA context and NCCL. When the second rose between 0.11 and 0.19 is not known: the larger one from 0.12."""
    version = version or NEWEST
    if tensor_parallel == 1:
        return 0.27 if version >= (0, 18) else 0.14
    return 2.15 if version >= (0, 12) else 0.55


def _graphs(version: tuple[int, int] | None, eager: bool) -> float:
    return CUDA_GRAPHS if not eager and (version or NEWEST) >= (0, 20) else 0.0


def _verdict(found: Sum, settings: Effective) -> tuple[Verdict, str]:
    total, room, needed, length = found.total, found.room, found.needed, settings.max_model_len
    if total is None:
        return Verdict.UNKNOWN, "the memory of the GPU is not known"
    refusal = _refusal(found, total, settings)
    if refusal:
        return Verdict.NO, refusal
    verdict = Verdict.TIGHT if room - needed < TIGHT else Verdict.FITS
    if not needed:
        return verdict, f"{room:.1f} GiB spare, no KV cache"
    return verdict, f"{room:.1f} GiB of KV cache, {room / needed:.1f} requests of {length} tokens"


def _refusal(found: Sum, total: float, settings: Effective) -> str:
    """Why vLLM would stop, in the order in which it would notice; empty if it would not."""
    room = found.room
    if found.weights >= total:
        return f"the weights alone take {found.weights:.1f} of {total:.1f} GiB"
    if found.reserved > total - START_RESERVE[settings.tensor_parallel > 1]:
        return f"vLLM would ask for {found.reserved:.1f} GiB, more than is free on an idle GPU of {total:.1f} GiB"
    if room <= 0:
        return f"{-room:.1f} GiB are missing before any KV cache"
    if room < found.needed:
        return (
            f"one request of {settings.max_model_len} tokens needs {found.needed:.1f} GiB of KV cache,"
            f" {room:.1f} GiB are left (enough for {found.longest(room)} tokens)"
        )
    return ""


def longest(facts: ModelFacts, settings: Effective, tokens: int, room: float) -> int:
    """The longest request, in tokens, whose KV cache fits into ``room``."""
    low, high = 0, settings.max_model_len // 16
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if kv_gib(facts, settings, middle * 16, tokens) <= room else (low, middle - 1)
    return low * 16
