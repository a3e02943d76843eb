# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download and load time against the chart's budgets."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.startup import disk_gib, start_seconds, startup

from tests.unit.planning.builders import E5, MISTRAL, SITES, model, models


def test_a_small_model_keeps_the_charts_probe():
    assert startup(models(E5), 100) == (None, [])


def test_the_slowest_model_sets_the_probe():
    threshold, findings = startup(models(E5, MISTRAL), 100)
    # 48.0 GB at 100 MB/s with a fifth on top, and three minutes to load: 756 s.
    assert start_seconds(model(), 100) == pytest.approx(756, abs=1)
    assert threshold == 75
    assert findings == []


def test_beyond_the_progress_deadline_is_a_warning():
    threshold, findings = startup(models(E5, MISTRAL), 25)
    assert threshold == 247
    assert [(f.code, f.subject) for f in findings] == [("planning-start-exceeds-deadline", "vllm_models[1]")]
    assert "about 41 min" in findings[0].message


def test_the_plan_carries_the_probe():
    plan, findings = plan_models(models(MISTRAL, E5), SITES["two-a100"], "bare_metal", download_mb_s=25)
    assert plan.startup_failure_threshold == 247
    assert len(findings) == 1


def test_without_a_recorded_size_the_weights_count():
    request = models(
        {
            "name": "own",
            "model": "town/own",
            "role": "instruct",
            "gpu": 2,
            "spec": {"parameters": 2**31, "layers": 8, "kv_heads": 8, "head_dim": 64, "context": 4096},
        }
    )[0]
    assert disk_gib(request) == pytest.approx(4.0)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_line_that_carries_nothing(rate):
    plan, findings = plan_models(models(E5), SITES["two-a100"], "bare_metal", download_mb_s=rate)
    assert plan is None
    assert [(f.code, f.subject) for f in findings] == [("planning-value-invalid", "vllm_download_mb_s")]
