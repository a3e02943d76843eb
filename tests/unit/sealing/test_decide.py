# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which item is kept, which is sealed anew, and why."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import seal_item
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.decide import (
    Decision,
    Evidence,
    Policy,
    decide,
    is_stale,
    merged_tag,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import SealedFile
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.tags import (
    Place,
    Tag,
    Tagger,
    parse_tags,
    render_tags,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.validate import Wanted

from tests.unit.sealing.fakes import HF_PATH, Pair

OLD, NEW = b"hf_old_value", b"hf_new_value"
LABEL = b"vllm/hf-secret"
KEYED, OTHER = Tagger(b"k" * 32), Tagger(b"o" * 32)
WANTED = Wanted("hf-secret", "vllm", "strict", HF_PATH, {"TOKEN": OLD})


@pytest.fixture(scope="module")
def item(pair: Pair) -> str:
    return seal_item(pair.key.public_key(), OLD, LABEL)


def file_with(item: str, tagger: Tagger | None, pair: Pair, value: bytes = OLD) -> SealedFile:
    place = Place("strict", LABEL, "TOKEN")
    tags = {"TOKEN": tagger.tag(place, item, value, pair.certificate.key_id)} if tagger else {}
    return SealedFile("hf-secret", "vllm", "strict", {"TOKEN": item}, tags=tags)


def ask(
    pair: Pair,
    file: SealedFile | None,
    wanted: Wanted = WANTED,
    policy: Policy | None = None,
    evidence: Evidence | None = None,
) -> Decision:
    decisions = decide(
        wanted,
        file,
        sealing_key=pair.certificate.key_id,
        sealing_bytes=256,
        policy=policy or Policy(KEYED),
        evidence=evidence or Evidence(),
    )
    return next(d for d in decisions if d.key == "TOKEN")


def value(new: bytes | None) -> Wanted:
    return replace(WANTED, values={"TOKEN": new})


def test_a_first_run_seals(pair: Pair) -> None:
    assert ask(pair, None).action == "seal"
    assert ask(pair, None, value(None)).action == "ask"


def test_the_fingerprint_decides(pair: Pair, item: str) -> None:
    file = file_with(item, KEYED, pair)
    assert ask(pair, file) == Decision("TOKEN", "keep", "the fingerprint says unchanged", certain=True)
    assert ask(pair, file, value(NEW)).action == "seal"


def test_an_item_replaced_by_hand_is_noticed_with_and_without_a_key(pair: Pair, item: str) -> None:
    by_hand = seal_item(pair.key.public_key(), NEW, LABEL)
    for tagger in (KEYED, Tagger()):
        file = replace(file_with(item, tagger, pair), items={"TOKEN": by_hand})
        assert "by hand" in ask(pair, file, policy=Policy(tagger)).reason
        assert ask(pair, file, policy=Policy(tagger)).action == "seal"


def test_the_length_is_public_and_decides(pair: Pair, item: str) -> None:
    assert ask(pair, file_with(item, None, pair), value(OLD + b"x")).action == "seal"


@pytest.mark.parametrize("tagger", [None, OTHER, Tagger()])
@pytest.mark.parametrize(("on_unknown", "action"), [("keep", "keep"), ("reseal", "seal"), ("fail", "ask")])
def test_what_nobody_knows(pair: Pair, item: str, tagger: Tagger | None, on_unknown: str, action: str) -> None:
    file = file_with(item, tagger, pair)
    assert ask(pair, file, value(NEW), Policy(KEYED, on_unknown=on_unknown)).action == action


def test_a_witness_knows(pair: Pair, item: str) -> None:
    file = file_with(item, None, pair)
    witness = Evidence("the live Secret", lambda key: OLD)
    assert ask(pair, file, evidence=witness).certain
    assert ask(pair, file, value(NEW), evidence=witness).action == "seal"


def test_the_revision_decides_where_nothing_else_can(pair: Pair, item: str) -> None:
    file = replace(file_with(item, None, pair), revision="1")
    assert ask(pair, file, replace(WANTED, revision="1")).action == "keep"
    assert ask(pair, file, replace(WANTED, revision="2")).action == "seal"
    assert ask(pair, replace(file, revision=None), replace(WANTED, revision="2")).reason.startswith("same length")


@pytest.mark.parametrize("change", [{"name": "other"}, {"namespace": "other"}, {"scope": "namespace-wide"}])
def test_another_place_reseals(pair: Pair, item: str, change: dict[str, str]) -> None:
    file, moved = file_with(item, KEYED, pair), replace(WANTED, **change)
    assert ask(pair, file, moved).action == "seal"
    assert ask(pair, file, replace(moved, values={"TOKEN": None})).action == "ask"


def test_a_cluster_wide_item_may_move(pair: Pair) -> None:
    item = seal_item(pair.key.public_key(), OLD, b"")
    place = Place("cluster-wide", b"", "TOKEN")
    tags = {"TOKEN": KEYED.tag(place, item, OLD, pair.certificate.key_id)}
    file = SealedFile("a", "b", "cluster-wide", {"TOKEN": item}, tags=tags)
    assert ask(pair, file, replace(WANTED, scope="cluster-wide")).action == "keep"


def test_a_missing_or_malformed_item_is_sealed(pair: Pair, item: str) -> None:
    file = file_with(item, KEYED, pair)
    assert ask(pair, replace(file, items={})).reason == "new key"
    assert ask(pair, replace(file, items={"TOKEN": "REPLACE_ME"})).action == "seal"


def test_a_value_that_is_not_given_stays(pair: Pair, item: str) -> None:
    assert ask(pair, file_with(item, KEYED, pair), value(None), Policy(KEYED, "all")).action == "keep"


def test_what_the_controller_cannot_open_is_sealed(pair: Pair, item: str) -> None:
    lost = Evidence(lost=frozenset({"TOKEN"}))
    assert ask(pair, file_with(item, KEYED, pair), evidence=lost).action == "seal"
    assert ask(pair, file_with(item, KEYED, pair), value(None), evidence=lost).action == "ask"


def test_stale_items_are_sealed_on_request_only(pair: Pair, newer: Pair, item: str) -> None:
    file = file_with(item, KEYED, pair)
    assert ask(newer, file).action == "keep"
    assert ask(newer, file, policy=Policy(KEYED, "stale")).action == "seal"
    assert ask(pair, file, policy=Policy(KEYED, "stale")).action == "keep"
    assert ask(pair, file, policy=Policy(KEYED, "all")).action == "seal"


def test_staleness(pair: Pair, newer: Pair, item: str) -> None:
    tag = file_with(item, None, pair).tags.get("TOKEN")
    assert tag is None
    assert not is_stale(item, None, newer.certificate.key_id, 256)
    assert is_stale(item, None, newer.certificate.key_id, 512)
    assert not is_stale(item, Tag("x", "unknown", "y"), newer.certificate.key_id, 256)


@pytest.mark.parametrize(("purge", "action"), [(True, "remove"), (False, "keep")])
def test_keys_that_nobody_asked_for(pair: Pair, item: str, purge: bool, action: str) -> None:
    file = replace(file_with(item, KEYED, pair), items={"TOKEN": item, "OLD": item})
    decisions = decide(
        WANTED, file, sealing_key="", sealing_bytes=256, policy=Policy(KEYED, purge=purge), evidence=Evidence()
    )
    assert [(d.key, d.action) for d in decisions] == [("OLD", action), ("TOKEN", "keep")]


def test_keys_that_nobody_asked_for_cannot_move_unopened(pair: Pair, item: str) -> None:
    file = replace(file_with(item, KEYED, pair), items={"TOKEN": item, "OLD": item})
    policy, moved = Policy(KEYED, purge=False), replace(WANTED, name="other")
    decisions = decide(moved, file, sealing_key="", sealing_bytes=256, policy=policy, evidence=Evidence())
    assert {d.key: d.action for d in decisions} == {"OLD": "ask", "TOKEN": "seal"}


def test_tags_give_nothing_away_and_are_not_linkable(pair: Pair, item: str) -> None:
    place = Place("strict", LABEL, "TOKEN")
    again = seal_item(pair.key.public_key(), OLD, LABEL)
    assert KEYED.tag(place, item, OLD, "k").fingerprint != KEYED.tag(place, again, OLD, "k").fingerprint
    assert Tagger().tag(place, item, OLD, "k") == Tagger().tag(place, item, NEW, "k")
    assert KEYED.id != OTHER.id
    assert base64.b64encode(b"k" * 32).decode() not in KEYED.id


def test_tags_are_bound_to_their_place(item: str) -> None:
    tag = KEYED.tag(Place("strict", LABEL, "TOKEN"), item, OLD, "k")
    for place in (
        Place("namespace-wide", LABEL, "TOKEN"),
        Place("strict", b"vllm/other", "TOKEN"),
        Place("strict", LABEL, "OTHER"),
    ):
        assert not KEYED.confirms(tag, place, item, OLD)


def test_a_kept_item_gets_our_tag_once_and_never_takes_another_operators() -> None:
    ours = Tag("ours", "key", "fp")
    assert merged_tag(None, ours) == Tag("ours", "unknown", "fp")
    assert merged_tag(Tag("public", "key", "x"), ours) == Tag("ours", "key", "fp")
    assert merged_tag(Tag("theirs", "key", "x"), ours) == Tag("theirs", "key", "x")


def test_an_annotation_that_is_not_ours_is_no_tag() -> None:
    tags = {"A": Tag("a", "b", "c"), "B.1": Tag("public", "e", "f")}
    assert parse_tags(render_tags(tags)) == tags
    assert parse_tags("rubbish,=a:b:c,A=a:b,B=::") == {}
