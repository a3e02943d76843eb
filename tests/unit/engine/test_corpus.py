# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file a defect: each argument list must raise the code of its first line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.engine.arguments import arguments_of, check_arguments
from ansible_collections.inferops.vllm.plugins.module_utils.engine.versions import check_version, engine_version

CORPUS = sorted((Path(__file__).parents[2] / "corpus" / "engine").glob("*.yaml"))


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_the_defect_is_found(file):
    text = file.read_text(encoding="utf-8")
    case = yaml.safe_load(text)
    engine = engine_version("vllm/vllm-openai", case["tag"])
    found = [*check_version(engine, "tag"), *check_arguments(arguments_of(["m", *case["arguments"]]), engine)]
    assert text.split()[1] in [f.code for f in found], found
    assert not any("not-so-secret" in line for f in found for line in f.lines())


def test_the_corpus_is_there():
    assert len(CORPUS) >= 40
