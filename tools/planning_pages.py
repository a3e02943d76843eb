# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/memory-fit.md and docs/models.md: ``python -m tools.planning_pages``.

The text around the tables is written by hand; a table stands between two comments that name it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.inferops.vllm.plugins.module_utils.planning.fields import Fields
from ansible_collections.inferops.vllm.plugins.module_utils.planning.memory import fit, torch_total
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import ModelRequest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models_catalogue import MODELS
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import (
    ENGINE,
    ENTRY,
    PLACEMENT,
    SPEC,
    parse_models,
)

PAGES = (ROOT / "docs" / "memory-fit.md", ROOT / "docs" / "models.md")

#: Name, product as GPU Feature Discovery writes it, and its nvidia.com/gpu.memory in MiB.
CARDS = (
    ("A100 80 GB", "NVIDIA-A100-SXM4-80GB", 81920),
    ("vGPU GRID-A100D-80C", "GRID-A100D-80C", 81920),
    ("vGPU GRID-A100D-20C", "GRID-A100D-20C", 20480),
    ("L40S 48 GB", "NVIDIA-L40S", 46068),
    ("H100 80 GB", "NVIDIA-H100-80GB-HBM3", 81559),
)
MISTRAL = {"name": "mistral", "model": "mistral-small-3.2-24b", "vllm": {"max_model_len": 16384}}
VARIANTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("Mistral Small 3.2 24B, 16,384 tokens", MISTRAL),
    ("the same on two GPUs", {**MISTRAL, "gpu": 2}),
    ("the same in fp8", {**MISTRAL, "spec": {"quantization": "fp8"}}),
    (
        "multilingual-e5-large, utilisation 0.85",
        {"name": "embeddings", "model": "multilingual-e5-large", "vllm": {"gpu_memory_utilization": 0.85}},
    ),
)


def rows(*cells: Sequence[str]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = ("| " + " | ".join(row) + " |" for row in cells)
    return "\n".join([head, "|" + "---|" * len(cells[0]), *body])


def seed(tag: str) -> str:
    """The memory sum of the seed's models on common cards, for one vLLM version."""
    head = (
        "GPU (GiB)",
        "model",
        "weights",
        "activation, overhead",
        "KV cache, one request",
        "needs",
        "reserves",
        "verdict",
    )
    return rows(head, *(_sum(card, variant, tag) for card in CARDS for variant in VARIANTS))


def _sum(card: tuple[str, str, int], variant: tuple[str, dict[str, object]], tag: str) -> tuple[str, ...]:
    total = torch_total(card[2])
    found = fit(_request(variant[1], tag), total, tag, card[1])
    return (
        f"{card[0]} ({total:.1f})",
        variant[0],
        f"{found.weights:.1f}",
        f"{found.activation + found.overhead:.1f}",
        f"{found.kv_needed:.1f}",
        f"{found.needed:.1f}",
        f"{found.reserved:.1f}",
        f"**{found.verdict.value}**: {found.reason}",
    )


def _request(entry: dict[str, object], tag: str) -> ModelRequest:
    requests, findings = parse_models([entry], default_tag=tag)
    if findings:
        raise SystemExit(str(findings))
    return requests[0]


def catalogue() -> str:
    """The models whose facts are recorded."""
    head = (
        "`model`",
        "repository",
        "role",
        "parameters",
        "context",
        "files, GiB",
        "16-bit weights, GiB",
        "gated",
        "embedding",
    )
    return rows(head, *(_model(name) for name in MODELS))


def _model(name: str) -> tuple[str, ...]:
    facts, role = MODELS[name].facts, MODELS[name].role
    request = replace(_request({"name": "m", "model": name}, "v0.12.0"))
    return (
        f"`{name}`",
        facts.repository,
        role.value,
        f"{facts.parameters / 1e9:.2f} · 10⁹",
        f"{facts.context}",
        f"{facts.disk_gib:g}",
        f"{fit(request, None, 'v0.12.0').weights:.1f}",
        "yes" if facts.gated else "no",
        f"{facts.embedding_dimension or ''}",
    )


def keys(fields: Fields) -> str:
    """The keys of one mapping with the allowed values, as a refusal states them."""
    return rows(("key", "allowed"), *((f"`{key}`", kind.allowed) for key, kind in fields.items()))


TABLES: dict[str, Callable[[], str]] = {
    "seed-0.12.0": lambda: seed("v0.12.0"),
    "seed-0.33.0": lambda: seed("v0.33.0"),
    "catalogue": catalogue,
    "keys-entry": lambda: keys(ENTRY),
    "keys-vllm": lambda: keys(ENGINE),
    "keys-placement": lambda: keys(PLACEMENT),
    "keys-spec": lambda: keys(SPEC),
}
MARK = re.compile(r"(?s)<!-- table: (\S+) -->\n.*?<!-- end -->")


def page(text: str) -> str:
    """The page with all its tables made anew."""
    return MARK.sub(lambda found: f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end -->", text)


def stale(pages: Iterable[Path] = PAGES) -> list[str]:
    """Names of the pages whose tables are not those of the code."""
    return [path.name for path in pages if page(path.read_text("utf-8")) != path.read_text("utf-8")]


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path.read_text("utf-8")), "utf-8")
        print(path.relative_to(ROOT))
