# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file a defect: laid over the values of the reference site, each must raise the code of its first line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.chart.produce import check_values
from ansible_collections.inferops.vllm.plugins.module_utils.chart.releases import RELEASES

CORPUS = sorted((Path(__file__).parents[2] / "corpus" / "values").glob("*.yaml"))


def laid_over(base, over):
    """Maps key by key, the models one by one; null removes."""
    if isinstance(base, dict) and isinstance(over, dict) and over:
        merged = {**base, **{key: laid_over(base.get(key), value) for key, value in over.items()}}
        return {key: value for key, value in merged.items() if value is not None}
    if isinstance(base, list) and isinstance(over, list) and over and isinstance(base[0], dict) and "name" in base[0]:
        return [*(laid_over(b, o) for b, o in zip(base, over, strict=False)), *base[len(over) :]]
    return over


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_the_defect_is_found(build, file):
    text = file.read_text(encoding="utf-8")
    code, chart = re.match(r"# (\S+)\n# chart (\S+)\n", text).groups()
    sound = build(chart=chart).built.values
    assert check_values(sound, RELEASES[chart]) == []
    found = check_values(laid_over(sound, yaml.safe_load(text)), RELEASES[chart])
    assert code in [f.code for f in found], [f.lines() for f in found]
    assert not any("not-so-secret" in line for f in found for line in f.lines())
    assert all(f.subject.startswith(("vllm.", "release")) for f in found)


def test_the_corpus_is_there():
    assert len(CORPUS) >= 40
