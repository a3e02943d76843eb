# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No reader takes one of our strings for anything else."""

from __future__ import annotations

import string

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.scalars import scalar
from hypothesis import given
from hypothesis import strategies as st

# What Go (YAML 1.1 with its additions) and PyYAML read as something other than text.
TYPED = [
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "Yes",
    "NO",
    "on",
    "Off",
    "true",
    "TRUE",
    "False",
    "null",
    "Null",
    "~",
    "1",
    "-1",
    "+1",
    "0",
    "0123",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1e3",
    "1E3",
    "1.10",
    ".5",
    "5.",
    "-.5",
    "1e-3",
    "+1.5e+3",
    ".inf",
    "-.Inf",
    ".NaN",
    "190:20:30",
    "1:30",
    "2024-01-01",
    "2024-1-1T10:00:00Z",
    "=",
    "<<",
]


@pytest.mark.parametrize("text", [*TYPED, ""])
def test_what_could_be_another_type_gets_double_quotes(text: str) -> None:
    assert scalar(text) == f'"{text}"'


@pytest.mark.parametrize(
    "text", ["Opaque", "kubernetes.io/tls", ".dockerconfigjson", "hf_abc", "1.10.2", "v1", "a b", "tls.crt", "AgB+/=="]
)
def test_plain_text_stays_plain(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize("text", ["a: b", "a #b", "- a", "{}", "[x", "it's: x", "@x", "a:", "!x", "#x", "%x", "? a"])
def test_what_the_syntax_needs_quoted_gets_single_quotes(text: str) -> None:
    assert scalar(text) == "'" + text.replace("'", "''") + "'"


@given(st.text(), st.text(alphabet=string.ascii_letters + string.digits + "-._", min_size=1))
def test_every_string_comes_back(text: str, key: str) -> None:
    assert yaml.safe_load(f"  {scalar(key)}: {scalar(text)}\n") == {key: text}


@given(st.from_regex(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?([eE][-+]?[0-9]+)?", fullmatch=True))
def test_every_number_is_quoted(text: str) -> None:
    assert scalar(text).startswith('"')
