# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole list in one go: same input, same bytes; one change, one item."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import open_item
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.decide import Evidence, Policy
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import TAGS_ANNOTATION, parse
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.sealer import Outcome, seal_all
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.tags import Tagger
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.validate import Wanted

from tests.unit.sealing.fakes import HF_PATH, TOKEN, Pair

KEYED = Policy(Tagger(b"k" * 32))
KEYLESS = Policy(Tagger())
HF = Wanted("hf-secret", "vllm", "strict", HF_PATH, {"TOKEN": TOKEN.encode(), "SECOND": b"second value"})
API_PATH = "applications/vllm/templates/sealed-vllm-secret.yaml"
API = Wanted("vllm-secret", "vllm", "strict", API_PATH, {"KEY": b"an api key of this test"}, labels={"part": "vllm"})


def texts(outcome: Outcome) -> dict[str, str]:
    return {file["path"]: file["content"] for file in outcome.files()}


def actions(outcome: Outcome) -> dict[str, str]:
    return {f"{i['secret']}[{i['key']}]": i["action"] for i in outcome.decisions()}


def test_a_first_run_seals_everything_for_the_controller(pair: Pair) -> None:
    outcome = seal_all([HF, API], {}, pair.certificate, KEYED)
    assert outcome.changed
    assert set(actions(outcome).values()) == {"seal"}
    sealed = parse(texts(outcome)[HF_PATH], HF_PATH)
    assert open_item([pair.key], sealed.items["TOKEN"], b"vllm/hf-secret") == TOKEN.encode()


@pytest.mark.parametrize("policy", [KEYED, KEYLESS], ids=["keyed", "keyless"])
def test_a_second_run_changes_no_byte(pair: Pair, policy: Policy) -> None:
    first = seal_all([HF, API], {}, pair.certificate, policy)
    second = seal_all([HF, API], texts(first), pair.certificate, policy)
    assert not second.changed
    assert texts(second) == texts(first)
    assert second.diff() == []
    assert second.stale == []


def test_one_changed_value_is_one_changed_item(pair: Pair) -> None:
    first = seal_all([HF, API], {}, pair.certificate, KEYED)
    rotated = replace(HF, values={**HF.values, "TOKEN": TOKEN.swapcase().encode()})
    second = seal_all([rotated, API], texts(first), pair.certificate, KEYED)
    assert actions(second) == {
        "vllm/hf-secret[SECOND]": "keep",
        "vllm/hf-secret[TOKEN]": "seal",
        "vllm/vllm-secret[KEY]": "keep",
    }
    before, after = texts(first)[HF_PATH].splitlines(), texts(second)[HF_PATH].splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [line.split(":")[0].strip() for line in changed] == [TAGS_ANNOTATION, "TOKEN"]


@pytest.mark.parametrize("change", [{"name": "other"}, {"namespace": "other"}, {"scope": "cluster-wide"}])
def test_another_place_is_all_items(pair: Pair, change: dict[str, str]) -> None:
    first = seal_all([HF], {}, pair.certificate, KEYED)
    second = seal_all([replace(HF, **change)], texts(first), pair.certificate, KEYED)
    assert set(actions(second).values()) == {"seal"}
    sealed = parse(texts(second)[HF_PATH], HF_PATH)
    assert open_item([pair.key], sealed.items["TOKEN"], sealed.label) == TOKEN.encode()


def test_a_renewed_certificate_changes_nothing_until_asked(pair: Pair, newer: Pair) -> None:
    first = seal_all([HF], {}, pair.certificate, KEYED)
    kept = seal_all([HF], texts(first), newer.certificate, KEYED)
    assert not kept.changed
    assert kept.stale == ["vllm/hf-secret[SECOND]", "vllm/hf-secret[TOKEN]"]
    assert [f.code for f in kept.findings] == ["sealing-stale"]
    again = seal_all([HF], texts(first), newer.certificate, replace(KEYED, reseal="stale"))
    assert set(actions(again).values()) == {"seal"}
    assert again.stale == []


def test_adding_and_removing_a_key_leaves_the_others(pair: Pair) -> None:
    first = seal_all([HF], {}, pair.certificate, KEYED)
    more = replace(HF, values={**HF.values, "THIRD": b"third"})
    assert list(actions(seal_all([more], texts(first), pair.certificate, KEYED)).values()) == ["keep", "seal", "keep"]
    less = replace(HF, values={"TOKEN": TOKEN.encode()})
    assert list(actions(seal_all([less], texts(first), pair.certificate, KEYED)).values()) == ["remove", "keep"]


def test_metadata_changes_the_file_and_no_item(pair: Pair) -> None:
    first = seal_all([HF], {}, pair.certificate, KEYED)
    waved = replace(HF, annotations={"argocd.argoproj.io/sync-wave": "-1"}, template_labels={"a": "b"})
    second = seal_all([waved], texts(first), pair.certificate, KEYED)
    assert second.changed
    assert set(actions(second).values()) == {"keep"}
    third = seal_all([HF], texts(second), pair.certificate, KEYED)
    assert not third.changed, "metadata that is not given stays"
    assert seal_all([replace(HF, annotations={})], texts(second), pair.certificate, KEYED).changed


def kubeseal_made(pair: Pair) -> dict[str, str]:
    text = texts(seal_all([API], {}, pair.certificate, KEYLESS))[API_PATH]
    lines = [line for line in text.splitlines() if TAGS_ANNOTATION not in line and "annotations:" not in line]
    return {API_PATH: "\n".join(["# a comment", *lines, ""])}


def test_a_file_that_kubeseal_made_is_kept_and_said(pair: Pair) -> None:
    existing = kubeseal_made(pair)
    kept = seal_all([API], existing, pair.certificate, KEYED)
    assert texts(kept) == existing
    assert [(f.code, f.severity.value) for f in kept.findings] == [("sealing-change-unknown", "warning")]
    with pytest.raises(Refusal, match="sealing-change-unknown"):
        seal_all([API], existing, pair.certificate, replace(KEYED, on_unknown="fail"))


def test_taking_it_over_is_one_run(pair: Pair) -> None:
    existing = kubeseal_made(pair)
    resealed = seal_all([API], existing, pair.certificate, replace(KEYED, on_unknown="reseal"))
    assert not seal_all([API], texts(resealed), pair.certificate, replace(KEYED, on_unknown="fail")).changed
    live = lambda wanted, file: Evidence("the live Secret", lambda key: wanted.values[key])  # noqa: E731
    proven = seal_all([API], existing, pair.certificate, KEYED, live)
    assert proven.changed
    assert set(actions(proven).values()) == {"keep"}, "only the tag is added"
    assert not seal_all([API], texts(proven), pair.certificate, replace(KEYED, on_unknown="fail")).changed


def test_two_operators_do_not_rewrite_each_others_files(pair: Pair) -> None:
    first = seal_all([HF], {}, pair.certificate, KEYED)
    live = lambda wanted, file: Evidence("the live Secret", lambda key: wanted.values[key])  # noqa: E731
    for policy in (Policy(Tagger(b"o" * 32)), KEYLESS):
        for witness in (lambda wanted, file: Evidence(), live):
            assert not seal_all([HF], texts(first), pair.certificate, policy, witness).changed


def test_an_empty_file_is_filled_and_json_becomes_yaml(pair: Pair) -> None:
    assert seal_all([API], {API_PATH: " \n"}, pair.certificate, KEYED).changed
    first = texts(seal_all([API], {}, pair.certificate, KEYED))
    as_json = __import__("json").dumps(__import__("yaml").safe_load(first[API_PATH]))
    second = seal_all([API], {API_PATH: as_json}, pair.certificate, KEYED)
    assert texts(second) == first
    assert second.changed


def test_a_leaking_annotation_is_written_out_of_the_file(pair: Pair) -> None:
    text = kubeseal_made(pair)[API_PATH].replace(
        "      name:",
        "      annotations:\n        kubectl.kubernetes.io/last-applied-configuration: CANARY\n      name:",
    )
    assert "CANARY" in text
    assert "CANARY" not in texts(seal_all([API], {API_PATH: text}, pair.certificate, KEYED))[API_PATH]


def test_nothing_is_sealed_when_one_of_the_list_is_refused(pair: Pair) -> None:
    for bad, code in (
        (replace(API, path=HF_PATH), "sealing-duplicate"),
        (replace(API, name=HF.name), "sealing-duplicate"),
        (replace(API, values={"KEY": None}), "sealing-value-missing"),
    ):
        with pytest.raises(Refusal, match=code):
            seal_all([HF, bad], {}, pair.certificate, KEYED)
    with pytest.raises(Refusal, match="sealing-file-not-sealed"):
        seal_all([HF], {HF_PATH: "apiVersion: v1\nkind: Secret\n"}, pair.certificate, KEYED)


def test_what_kubernetes_will_refuse_on_the_live_secret(pair: Pair) -> None:
    first = seal_all([replace(HF, immutable=True)], {}, pair.certificate, KEYED)
    rotated = replace(HF, type="kubernetes.io/basic-auth", values={**HF.values, "TOKEN": b"x"})
    second = seal_all([rotated], texts(first), pair.certificate, KEYED)
    assert [f.code for f in second.findings] == ["sealing-live-immutable"] * 2


def test_an_item_that_is_none_may_stay_unasked_for(pair: Pair) -> None:
    text = texts(seal_all([API], {}, pair.certificate, KEYED))[API_PATH]
    odd = text.replace("  encryptedData:", "  encryptedData:\n    ODD: REPLACE_ME")
    assert seal_all([API], {API_PATH: odd}, pair.certificate, replace(KEYED, purge=False)).stale == []


def test_the_diff_shows_names_and_no_ciphertext(pair: Pair) -> None:
    outcome = seal_all([HF], {}, pair.certificate, KEYED)
    (shown,) = outcome.diff()
    item = parse(texts(outcome)[HF_PATH], HF_PATH).items["TOKEN"]
    assert "TOKEN: sealed " in shown["after"]
    assert item not in shown["after"]
    assert TOKEN not in repr(outcome) + repr(HF)
