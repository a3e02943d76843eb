# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine settings that will really apply: ``extra_args`` come last on the command line, so they win."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .models import ModelRequest

SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:[.+-]|$)")
HUMAN = re.compile(r"(\d{1,15}(?:_\d{1,15})*)([kmgKMG]?)")


def release(tag: str) -> tuple[int, int] | None:
    """Major and minor version of an image tag (``v0.12.0``, ``0.11.0.post1``); None for ``latest`` and the like."""
    found = RELEASE.match(tag)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class Effective:
    """Engine settings after ``vllm``, ``extra_args`` and the model's own facts; None leaves vLLM's default."""

    max_model_len: int
    dtype: str
    kv_cache_dtype: str
    quantization: str | None
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    utilization: float | None
    tensor_parallel: int
    chunked_prefill: bool
    eager: bool


def effective(request: ModelRequest) -> Effective:
    """What vLLM will run with; what it would refuse in ``extra_args`` is left to the engine argument checks."""
    given, line = request.vllm, arguments(request.vllm.extra_args)
    integer = {flag: _human(line.get(flag)) for flag in ("max-model-len", "max-num-seqs", "max-num-batched-tokens")}
    chunked = given.enable_chunked_prefill if given.enable_chunked_prefill is not None else not request.role.pooling
    return Effective(
        max_model_len=integer["max-model-len"] or given.max_model_len or request.facts.context,
        dtype=line.get("dtype") or given.dtype or "auto",
        kv_cache_dtype=line.get("kv-cache-dtype") or given.kv_cache_dtype or "auto",
        quantization=request.facts.quantization or line.get("quantization") or line.get("q"),
        max_num_seqs=integer["max-num-seqs"] or given.max_num_seqs,
        max_num_batched_tokens=integer["max-num-batched-tokens"] or given.max_num_batched_tokens,
        utilization=_fraction(line.get("gpu-memory-utilization")) or given.gpu_memory_utilization,
        tensor_parallel=given.tensor_parallel_size or request.gpu,
        chunked_prefill=_switch(line, "enable-chunked-prefill", chunked),
        # The values of a pooling model switch CUDA graphs off, unless told otherwise.
        eager=_switch(line, "enforce-eager", request.role.pooling if given.eager is None else given.eager != "none"),
    )


def arguments(elements: tuple[str, ...]) -> dict[str, str]:
    """Flags and their values, named as vLLM does (underscores are dashes), in the order in which each came last."""
    found: dict[str, str] = {}
    for element, following in zip(elements, (*elements[1:], ""), strict=False):
        if not element.startswith("-"):
            continue
        flag, given, value = element.partition("=")
        name = flag.lstrip("-").replace("_", "-")
        found.pop(name, None)
        found[name] = value if given else following if following[:1] != "-" else ""
    return found


def _switch(line: dict[str, str], flag: str, default: bool) -> bool:
    last = [name for name in line if name in (flag, f"no-{flag}")]
    return last[-1] == flag if last else default


def _human(text: str | None) -> int | None:
    """An integer as vLLM reads it: 16384, 16_384, 16k (16000) or 16K (16384)."""
    found = HUMAN.fullmatch(text or "")
    return int(found[1]) * SUFFIXES.get(found[2], 1) if found else None


def _fraction(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value <= 1 else None
