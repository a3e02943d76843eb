# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every defect of the corpus gives exactly its findings: no more (one root cause, one fatal), no fewer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.checks import assess, check

from tests.unit.gpu import corpus


@pytest.mark.parametrize("path", corpus.BASES, ids=lambda p: p.stem)
def test_a_healthy_cluster_has_no_findings(path: Path) -> None:
    assert check(corpus.base(path.stem), corpus.settings(path.stem)) == []


@pytest.mark.parametrize("path", corpus.DEFECTS, ids=lambda p: p.stem)
def test_defect(path: Path) -> None:
    snapshot, settings, expected = corpus.load(path)
    found = check(snapshot, settings)
    got: dict[str, object] = {}
    for f in found:
        got[f.code] = [got[f.code], f.severity.value] if f.code in got else f.severity.value
    assert got == expected, [f.to_dict() for f in found]


@pytest.mark.parametrize("path", corpus.DEFECTS, ids=lambda p: p.stem)
def test_assessment_is_plain_data(path: Path) -> None:
    snapshot, settings, _ = corpus.load(path)
    before = json.dumps(snapshot, sort_keys=True)
    seen = assess(snapshot, settings)
    json.dumps([[node.to_dict() for node in seen.nodes], seen.own, seen.storage_classes, seen.api])
    assert json.dumps(snapshot, sort_keys=True) == before
