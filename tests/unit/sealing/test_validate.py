# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slips in values, names and paths are told by rule, and no value is ever quoted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.validate import (
    Wanted,
    consumer_findings,
    path_findings,
    text_findings,
    unused_findings,
    wanted_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sealing.fakes import HF_PATH, TOKEN


def option(**changed: Any) -> dict[str, Any]:
    return {"name": "hf-secret", "namespace": "vllm", "string_data": {"TOKEN": TOKEN}, "path": HF_PATH, **changed}


def findings(**changed: Any) -> list[Finding]:
    return wanted_of(option(**changed), "secrets[0]", {})[1]


def codes(**changed: Any) -> set[str]:
    return {f.code for f in findings(**changed)}


def test_a_good_entry() -> None:
    wanted, problems = wanted_of(
        option(data={"BIN": base64.b64encode(b"\x00\n").decode()}, formats={"TOKEN": "huggingface_token"}), "s", {}
    )
    assert problems == []
    assert wanted.values == {"TOKEN": TOKEN.encode(), "BIN": b"\x00\n"}
    assert wanted.title == "vllm/hf-secret"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "sealing-value-empty"),
        (" \n", "sealing-value-empty"),
        (TOKEN + "\n", "sealing-value-newline"),
        (TOKEN + "\r\n", "sealing-value-newline"),
        (" " + TOKEN, "sealing-value-whitespace"),
        (TOKEN + "\t", "sealing-value-whitespace"),
        ("hf_\x1b[0m", "sealing-value-whitespace"),
        *(
            (text, "sealing-value-placeholder")
            for text in ("changeme", "CHANGE_ME", "REPLACE_ME", "<token>", "${TOKEN}")
        ),
        *(
            (text, "sealing-value-placeholder")
            for text in ("{{ token }}", "xxxx", "hf_...", "hf_xxx", "your-token", "TODO")
        ),
        (123, "sealing-value-type"),
        (True, "sealing-value-type"),
        ({"a": "b"}, "sealing-value-type"),
        ("\ud800", "sealing-value-type"),
    ],
)
def test_values_that_cannot_be_meant(value: Any, code: str) -> None:
    (found,) = findings(string_data={"TOKEN": value})
    assert found.code == code
    assert found.subject == "secrets[0].string_data[TOKEN]"
    if isinstance(value, str) and len(value) > 8:
        assert value.strip() not in found.message + found.fix


@pytest.mark.parametrize(
    "value", ["-----BEGIN X-----\nabc\n-----END X-----\n", '{"auths": {}}', "two words", "replacement-7"]
)
def test_values_that_may_be_meant(value: str) -> None:
    assert text_findings(value, "x") == []


@given(st.text(min_size=1))
def test_no_rule_ever_quotes_the_value(value: str) -> None:
    for found in text_findings("PREFIX" + value, "subject") + text_findings(value + "SUFFIX\n", "subject"):
        assert "PREFIX" not in found.message
        assert "SUFFIX" not in found.message


@given(st.binary(min_size=1))
def test_any_bytes_may_be_given_in_base64(raw: bytes) -> None:
    wanted, problems = wanted_of(option(string_data=None, data={"K": base64.b64encode(raw).decode()}), "s", {})
    assert (wanted.values, problems) == ({"K": raw}, [])


@pytest.mark.parametrize(
    ("value", "code"), [("", "sealing-value-empty"), ("hf_x", "sealing-value-type"), (1, "sealing-value-type")]
)
def test_base64_that_is_none(value: Any, code: str) -> None:
    assert codes(data={"K": value}) == {code}


def test_values_of_a_plaintext_file_obey_the_rules_for_text() -> None:
    wanted, problems = wanted_of(option(string_data=None), "s", {"TOKEN": b"hf_x\n", "BIN": b"\xff\xfe"})
    assert [(f.code, f.subject) for f in problems] == [("sealing-value-newline", "s.from_file[TOKEN]")]
    assert wanted.values["BIN"] == b"\xff\xfe"


def test_a_given_value_wins_over_the_file_and_null_keeps() -> None:
    wanted, problems = wanted_of(option(string_data={"TOKEN": None}), "s", {"OTHER": b"other"})
    assert (wanted.values, problems) == ({"TOKEN": None, "OTHER": b"other"}, [])


def test_a_null_falls_through_to_the_file_and_otherwise_keeps() -> None:
    """A role gives every key, null where neither variable nor environment has a value."""
    entry = option(string_data={"TOKEN": None}, formats={"TOKEN": "huggingface_token"})
    wanted, problems = wanted_of(entry, "s", {"TOKEN": TOKEN.encode()})
    assert (wanted.values, problems) == ({"TOKEN": TOKEN.encode()}, [])
    _, (found,) = wanted_of(entry, "s", {"TOKEN": b"hf_short"})
    assert (found.code, found.subject) == ("sealing-value-shape", "s.from_file[TOKEN]"), "the file is to be corrected"
    wanted, problems = wanted_of(entry, "s", {})
    assert (wanted.values, problems) == ({"TOKEN": None}, [])


def test_a_given_value_wins_over_the_same_key_of_the_file() -> None:
    wanted, problems = wanted_of(option(), "s", {"TOKEN": b"hf_from_the_file"})
    assert (wanted.values, problems) == ({"TOKEN": TOKEN.encode()}, [])
    encoded = base64.b64encode(b"from data").decode()
    wanted, _ = wanted_of(option(string_data={"TOKEN": None}, data={"TOKEN": encoded}), "s", {"TOKEN": b"from file"})
    assert wanted.values == {"TOKEN": b"from data"}


def test_shapes() -> None:
    assert codes(formats={"TOKEN": "api_key"}) == set()
    assert codes(string_data={"TOKEN": "hf_short"}, formats={"TOKEN": "huggingface_token"}) == {"sealing-value-shape"}
    assert codes(string_data={"TOKEN": "short"}, formats={"TOKEN": "api_key"}) == {"sealing-value-shape"}
    (found,) = findings(formats={"TOKEN": "huggingface_tokn"})
    assert "did you mean 'huggingface_token'" in found.message


@given(st.integers(1, 400), st.integers(1, 300))
def test_padding_hides_the_length_of_json_and_nothing_else(length: int, block: int) -> None:
    text = json.dumps({"auths": {"r": {"auth": "a" * length}}})
    entry = option(type="kubernetes.io/dockerconfigjson", string_data={".dockerconfigjson": text}, pad_to=block)
    wanted, problems = wanted_of(entry, "s", {})
    padded = wanted.values[".dockerconfigjson"] or b""
    assert problems == []
    assert (len(padded) % block, len(padded) - len(text) < block) == (0, True)
    assert json.loads(padded) == json.loads(text)


def test_padding_that_would_change_a_value_is_refused() -> None:
    assert codes(pad_to=64) == {"sealing-padding-refused"}
    assert codes(pad_to=-1) == {"sealing-padding-refused"}
    assert codes(pad_to=0) == set()
    assert codes(pad_to=64, string_data={"TOKEN": None}) == set(), "what is sealed already stays"


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "HF-Secret"},
        {"name": "a" * 254},
        {"name": "-a"},
        {"namespace": ""},
        {"namespace": "a.b"},
        {"namespace": "a" * 64},
        {"scope": "namespace"},
        {"string_data": {"TO KEN": "abc"}},
        {"labels": {"a": "b c"}},
        {"labels": {"a b": "c"}},
        {"labels": {"a": True}},
        {"template_annotations": {"a": 1}},
    ],
)
def test_names_that_kubernetes_refuses(changed: dict[str, Any]) -> None:
    assert codes(**changed) == {"sealing-name-invalid"}


def test_content() -> None:
    assert codes(string_data={}) == {"sealing-value-missing"}
    assert codes(type="kubernetes.io/tls") == {"sealing-type-keys-missing"}
    assert codes(string_data={"A": "ab" * (512 * 1024)}) == {"sealing-secret-too-large"}


@pytest.mark.parametrize(
    "path",
    [
        *("", "/sealed-x.yaml", "../sealed-x.yaml", "a/../sealed-x.yaml", "a//sealed-x.yaml", "a\\sealed-x.yaml"),
        *("a/local-secrets/sealed-x.yaml", "a/Local-Secrets/sealed-x.yaml", "a/unsealed-x.yaml", "a/hf-secret.yaml"),
        *("a/sealed-x.yml", "a/sealed-x.json"),
    ],
)
def test_paths_that_are_no_place_for_a_sealed_file(path: str) -> None:
    assert [f.code for f in path_findings(path, "secrets[0]")] == ["sealing-path-invalid"]


def test_consumers_that_would_find_nothing() -> None:
    wanted = [Wanted("hf-secret", "vllm", "strict", HF_PATH, {"TOKEN": b"x"})]

    def found(**consumer: str) -> list[str]:
        return [
            f.message for f in consumer_findings(wanted, [{"namespace": "vllm", "source": "values.yaml", **consumer}])
        ]

    assert found(name="hf-secret", key="TOKEN") == []
    assert found(name="hf-secret") == []
    assert "did you mean 'vllm/hf-secret'" in found(name="hf-secrets", key="TOKEN")[0]
    assert "did you mean 'TOKEN'" in found(name="hf-secret", key="TOKENS")[0]
    assert [f.code for f in consumer_findings([], [{"name": "x"}])] == ["sealing-consumer-mismatch"]


def test_a_value_under_a_key_that_nothing_reads_is_a_warning() -> None:
    wanted = [wanted_of(option(string_data={"TOKEN": None, "TOKNE": TOKEN}), "secrets[0]", {})[0]]
    consumer = {"namespace": "vllm", "name": "hf-secret", "source": "values.yaml"}
    (found,) = unused_findings(wanted, [{**consumer, "key": "TOKEN"}])
    assert (found.code, found.subject) == ("sealing-key-unused", "vllm/hf-secret[TOKNE]")
    assert "wants TOKEN" in found.message
    assert unused_findings(wanted, [consumer, {**consumer, "key": "TOKEN"}]) == [], "all keys are read"
    assert unused_findings(wanted, [{**consumer, "name": "other", "key": "TOKEN"}]) == []
