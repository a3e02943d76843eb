# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's own facts forbid, whatever the GPU: vLLM stops at start-up for each of these."""

from __future__ import annotations

from collections.abc import Callable

from ..findings import Finding, finding
from ..gpu.quantity import mebibytes
from .models import ModelRequest
from .settings import effective
from .startup import disk_gib

VOCABULARY_BLOCK = 64
"""vLLM pads the vocabulary to a multiple of this."""


def limits(request: ModelRequest, path: str) -> list[Finding]:
    """Everything about the entry at ``path`` that cannot work with this model."""
    return [found for check in LIMITS for found in check(request, path)]


def _context(request: ModelRequest, path: str) -> list[Finding]:
    length, most = effective(request).max_model_len, request.facts.context
    if length <= most:
        return []
    message = f"is {length}, but {request.repository} has a context of {most} tokens; allowed is at most {most}"
    return [finding("planning-context-too-long", f"{path}.vllm.max_model_len", message)]


def _batch(request: ModelRequest, path: str) -> list[Finding]:
    settings = effective(request)
    tokens, sequences = settings.max_num_batched_tokens, settings.max_num_seqs
    subject = f"{path}.vllm.max_num_batched_tokens"
    if not tokens:
        return []
    if not settings.chunked_prefill and tokens < settings.max_model_len:
        message = f"is {tokens}; without chunked prefill at least max_model_len ({settings.max_model_len}) is allowed"
        return [finding("planning-batch-too-small", subject, message)]
    if sequences and tokens < sequences:
        message = f"is {tokens}; at least max_num_seqs ({sequences}) is allowed"
        return [finding("planning-batch-too-small", subject, message)]
    return []


def _heads(request: ModelRequest, path: str) -> list[Finding]:
    facts, parallel = request.facts, effective(request).tensor_parallel
    padded = facts.vocabulary and -(-facts.vocabulary // VOCABULARY_BLOCK) * VOCABULARY_BLOCK
    wrong = [
        f"{count} {what}"
        for count, what in ((facts.attention_heads, "attention heads"), (padded, "vocabulary entries"))
        if count and count % parallel
    ]
    if not wrong:
        return []
    message = f"is {parallel}, which does not divide the {' and '.join(wrong)} of {request.repository}"
    return [finding("planning-tensor-parallel-indivisible", f"{path}.gpu", message)]


def _storage(request: ModelRequest, path: str) -> list[Finding]:
    size, needed = mebibytes(request.storage) / 1024, disk_gib(request)
    if size >= needed:
        return []
    message = f"is {request.storage}, but the files of {request.repository} take {needed:.1f}Gi"
    return [finding("planning-storage-too-small", f"{path}.storage", message)]


LIMITS: tuple[Callable[[ModelRequest, str], list[Finding]], ...] = (_context, _batch, _heads, _storage)
