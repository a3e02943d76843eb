# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an embeddings or rerank model is started without CUDA graphs, in the words that its vLLM version takes.

``--enforce-eager`` switches compilation and CUDA graphs off and is accepted by every known version. The JSON form
changed three times: ``level`` became ``mode`` and ``use_cudagraph`` became ``cudagraph_mode``; 0.13 refuses what
0.11.1 to 0.12 silently ignore.
"""

from __future__ import annotations

import json

from .versions import order

EAGER = "--enforce-eager"
GRAPH_OPTIONS = frozenset(
    ("--enforce-eager", "--no-enforce-eager", "--compilation-config", "-O", "-cc", "--optimization-level")
)
"""Options with which an operator decides about CUDA graphs; ours then stays out of the way."""

RUNNER_SINCE = "0.10.1.1"
RUNNER_OPTIONS = frozenset(("--runner", "--task"))

COMPILATION_FORMS: tuple[tuple[str, dict[str, object]], ...] = (
    ("0.8.0", {"level": 0}),
    ("0.9.0", {"level": 0, "use_cudagraph": False}),
    ("0.11.1", {"mode": 0, "cudagraph_mode": "NONE"}),
)


def compilation_config(version: str) -> str:
    """The value of ``--compilation-config`` that means eager execution in a version, as compact JSON."""
    form = next((form for since, form in reversed(COMPILATION_FORMS) if order(since) <= order(version)), None)
    return json.dumps(form or COMPILATION_FORMS[0][1], separators=(",", ":"))


def eager_arguments(way: str, version: str | None) -> tuple[str, ...]:
    """The arguments that switch compilation and CUDA graphs off in one of the ways of ``vllm.eager``.

    The JSON form of a version that is not known is not known either; the switch is accepted by all.
    """
    if way == "none":
        return ()
    if way == "compilation-config" and version is not None:
        return ("--compilation-config", compilation_config(version))
    return (EAGER,)


def pooling_runner(version: str | None, task: str = "embed") -> tuple[str, str]:
    """The option that asks for the pooling runner: ``--runner pooling``, before 0.10.1.1 ``--task embed`` or ``score``.

    An unknown version is taken for a new one.
    """
    if version is None or order(version) >= order(RUNNER_SINCE):
        return ("--runner", "pooling")
    return ("--task", task)
