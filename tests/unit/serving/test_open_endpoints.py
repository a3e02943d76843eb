# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open without a key, by the kind of Service and by what it gives away."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.serving.endpoints import Endpoint, Open, judge_open

METRICS = Endpoint("GET", "/metrics", "load and usage figures")
RERANK = Endpoint("POST", "/rerank", "an answer of the model")


@pytest.mark.parametrize(
    ("kind", "opened", "code"),
    [
        ("router", [METRICS], "serving-router-endpoints-open"),
        ("router", [METRICS, RERANK], "serving-router-answers-without-key"),
        ("engine", [METRICS], "serving-engine-endpoints-open"),
        ("engine", [RERANK], "serving-engine-answers-without-key"),
    ],
)
def test_one_finding_a_service(kind: str, opened: list[Endpoint], code: str) -> None:
    (found,) = judge_open([Open("s", kind, endpoint) for endpoint in opened])
    assert (found.code, found.subject) == (code, "service/s")
    assert all(endpoint.path in found.message for endpoint in opened)


def test_nothing_open_is_no_finding() -> None:
    assert judge_open([]) == []
