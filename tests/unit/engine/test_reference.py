# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against the verdicts of vLLM's own parser: 186 argument lists × 37 versions, recorded once."""

from __future__ import annotations

import json

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.engine.arguments import (
    VERDICT_CODES,
    arguments_of,
    check_arguments,
)
from ansible_collections.inferops.vllm.plugins.module_utils.engine.table import table, versions
from ansible_collections.inferops.vllm.plugins.module_utils.engine.versions import engine_version
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity
from shared_data import shared_data

EXPLAINED = {
    "config_missing_file": "depends on a file in the pod; --config is forbidden in extra arguments",
    "chat_template_file": "depends on a file in the pod, which the chart mounts",
    "value_dash_dot_eq": "depends on a file in the pod",
    "O_dotted": "from 0.13 on accepted, but as --optimization-level .mode=0: refused on purpose",
}


@pytest.fixture(scope="module")
def cases():
    return json.loads(shared_data("vllm-flags/cases.json").read_text())


def refused(argv, version):
    found = check_arguments(arguments_of(argv), engine_version("vllm/vllm-openai", f"v{version}"))
    return [f for f in found if f.code in VERDICT_CODES and f.severity is Severity.FATAL]


def test_the_verdicts_are_those_of_the_parser(cases):
    known, compared, wrong = cases["versions"], 0, set()
    for name, case in cases["cases"].items():
        for first, last, result in case["results"]:
            for version in known[known.index(first) : known.index(last) + 1]:
                compared += 1
                if bool(refused(case["argv"][1:], version)) != (result["verdict"] != "accepted"):
                    wrong.add(name)
    assert compared == 186 * 37
    assert wrong == set(EXPLAINED)


def test_the_table_is_the_reference_table():
    reference = json.loads(shared_data("vllm-flags/combined.json").read_text())
    assert list(versions()) == reference["versions"]
    for version in versions():
        place = reference["versions"].index
        expected = {
            name: spec
            for name, runs in reference["options"].items()
            for first, last, spec in runs
            if place(first) <= place(version) <= place(last)
        }
        options = table(version).options
        assert options.keys() == expected.keys()
        for name, spec in expected.items():
            option = options[name]
            assert (option.kind, list(option.choices), option.of) == (spec["k"], spec.get("c", []), spec.get("of"))
            assert (option.type, option.deprecated) == (spec.get("t", "str"), bool(spec.get("d")))
