# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deterministic text embeddings: hashed words and letter triples, so that texts with much in common are near."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator

DIMENSIONS = {
    "multilingual-e5-large": 1024,
    "multilingual-e5-base": 768,
    "multilingual-e5-small": 384,
    "bge-m3": 1024,
    "all-minilm-l6-v2": 384,
    "qwen3-embedding-0.6b": 1024,
    "qwen3-embedding-4b": 2560,
    "qwen3-embedding-8b": 4096,
    "nomic-embed-text-v1.5": 768,
}
DEFAULT_DIMENSION = 1024


def dimension_of(model: str) -> int:
    """Return the embedding size of a repository id; models that are not in the table count as 1024."""
    name = model.lower().rsplit("/", 1)[-1]
    return next((size for key, size in DIMENSIONS.items() if name.startswith(key)), DEFAULT_DIMENSION)


def features(text: str) -> Iterator[tuple[str, float]]:
    """Yield the features of a text with their weights: words count more than their letters."""
    for word in re.findall(r"\w+", text.lower()):
        yield word, 2.0
        padded = f"_{word}_"
        for start in range(len(padded) - 2):
            yield padded[start : start + 3], 0.5


def embed(text: str, dimension: int) -> list[float]:
    """Return the unit vector of a text."""
    vector = [0.0] * dimension
    for feature, weight in features(text):
        digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        vector[number % dimension] += weight if number >> 63 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[0] = length = 1.0
    return [value / length for value in vector]
