# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of tests/corpus/models: the valid give a plan, the invalid the code and subject of their first line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import fatal
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import (
    parse_models,
    request_from_dict,
    request_to_dict,
)
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import plan_from_dict

from tests.unit.planning.builders import SITES

CORPUS = Path(__file__).parents[2] / "corpus" / "models"
VALID = sorted((CORPUS / "valid").glob("*.yml"))
INVALID = sorted((CORPUS / "invalid").glob("*.yml"))


def plan(path):
    """(plan, requests, findings) of a corpus file."""
    site = yaml.safe_load(path.read_text())
    tag = site.get("vllm_image_tag", "v0.12.0")
    requests, findings = parse_models(site["vllm_models"], default_tag=tag)
    if findings:
        return None, requests, findings
    mode, listed = site.get("vllm_gpu_mode", "bare_metal"), site.get("vllm_gpu_nodes", [])
    planned, findings = plan_models(requests, SITES[site.get("nodes", "two-a100")], mode, gpu_nodes=listed)
    return planned, requests, findings


def test_corpus_is_there():
    assert len(VALID) >= 10
    assert len(INVALID) >= 40


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid(path):
    planned, requests, findings = plan(path)
    assert not fatal(findings)
    assert [p.model for p in planned.placements] == [r.name for r in requests]
    assert all(p.nodes and p.selector for p in planned.placements)
    assert plan_from_dict(planned.to_dict()) == planned
    assert [request_from_dict(request_to_dict(r)) for r in requests] == requests


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_invalid(path):
    code, subject = path.read_text().partition("\n")[0].removeprefix("# ").split()
    planned, _, findings = plan(path)
    assert planned is None
    assert (code, subject) in [(f.code, f.subject) for f in fatal(findings)], findings
    assert len({f.code for f in fatal(findings)}) == 1, "one defect a file"
    assert "swordfish" not in str(findings), "a refused secret must not be shown"
