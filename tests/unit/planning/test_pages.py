# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the documentation are those of the code, and the module's page knows every key."""

from __future__ import annotations

import re

from ansible_collections.inferops.vllm.plugins.module_utils.planning import parse
from ansible_collections.inferops.vllm.plugins.modules.vllm_plan import DOCUMENTATION

from tools import planning_pages


def test_the_tables_are_fresh():
    assert planning_pages.stale() == [], "run: python -m tools.planning_pages"


def test_every_table_is_used():
    text = "".join(path.read_text("utf-8") for path in planning_pages.PAGES)
    assert {name for name in planning_pages.TABLES if f"<!-- table: {name} -->" in text} == set(planning_pages.TABLES)


def test_a_stale_table_is_noticed(tmp_path):
    page = tmp_path / "models.md"
    page.write_text("<!-- table: catalogue -->\nold\n<!-- end -->\n")
    assert planning_pages.stale([page]) == ["models.md"]


def test_the_seed_fits_where_it_runs_today():
    table = planning_pages.seed("v0.12.0")
    verdicts = {
        (row.split(" | ")[0].strip("| "), row.split(" | ")[1]): re.search(r"\*\*(\w+)\*\*", row)[1]
        for row in table.splitlines()[2:]
    }
    mistral, e5 = planning_pages.VARIANTS[0][0], planning_pages.VARIANTS[3][0]
    assert {gpu.partition(" (")[0]: verdict for (gpu, model), verdict in verdicts.items() if model == mistral} == {
        "A100 80 GB": "fits",
        "vGPU GRID-A100D-80C": "fits",
        "vGPU GRID-A100D-20C": "no",
        "L40S 48 GB": "no",
        "H100 80 GB": "fits",
    }
    assert {verdict for (_, model), verdict in verdicts.items() if model == e5} == {"fits"}


def test_the_module_page_lists_every_key():
    for table in (parse.ENTRY, parse.ENGINE, parse.PLACEMENT):
        for key in table:
            assert f"C({key})" in DOCUMENTATION, key
