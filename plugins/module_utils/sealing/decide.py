# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did it change? Sealing is random, so the question cannot be answered by sealing again and comparing.

Every item that is already sealed is kept byte for byte unless a rule says otherwise. The rules are asked in
order, from what the file itself shows to what only others know; the first that has an answer decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .crypto import CannotOpen, label_of, modulus_bytes, public_length, same
from .manifest import SealedFile
from .tags import PUBLIC, Place, Tag, Tagger, short_id
from .validate import Wanted

KEEP, SEAL, REMOVE, ASK = "keep", "seal", "remove", "ask"
NEW, NEW_KEY = "new", "new key"


@dataclass(frozen=True)
class Policy:
    """What the play wants done where there is a choice.

    ``reseal``: ``needed``, ``stale`` (also what was sealed for another key) or ``all``. ``on_unknown``: ``keep``,
    ``reseal`` or ``fail`` where nobody can tell whether a value changed. ``purge``: remove keys not asked for.
    """

    tagger: Tagger
    reseal: str = "needed"
    on_unknown: str = "keep"
    purge: bool = True


@dataclass(frozen=True)
class Evidence:
    """What others know about the items of one file.

    ``value`` gives the value an item holds, or None where it cannot say; ``source`` names the witness;
    ``lost`` are the keys that the cluster's controller says it cannot open.
    """

    source: str = ""
    value: Callable[[str], bytes | None] = field(default=lambda _key: None, repr=False)
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """What happens to one key. ``certain`` means that a kept item is known to hold the wanted value."""

    key: str
    action: str
    reason: str
    certain: bool = False


@dataclass(frozen=True)
class Case:
    """Everything that a rule may look at: one key of one file."""

    key: str
    value: bytes | None
    wanted: Wanted
    existing: SealedFile
    sealing_key: str
    sealing_bytes: int
    policy: Policy
    evidence: Evidence

    @property
    def item(self) -> str:
        """The item in the file."""
        return self.existing.items[self.key]

    @property
    def tag(self) -> Tag | None:
        """What the file remembers about it."""
        return self.existing.tags.get(self.key)

    @property
    def place(self) -> Place:
        """Where the item is bound to."""
        return Place(self.existing.scope, self.existing.label, self.key)


def decide(
    wanted: Wanted,
    existing: SealedFile | None,
    *,
    sealing_key: str,
    sealing_bytes: int,
    policy: Policy,
    evidence: Evidence,
) -> list[Decision]:
    """What to do with each key of one Secret, sorted by key.

    ``ask`` as an action means that nobody can tell and ``on_unknown`` is ``fail``, or that there is neither a
    value nor an item to keep.
    """
    if existing is None:
        return [_fresh(key, wanted.values[key]) for key in sorted(wanted.values)]
    decisions = []
    for key, value in wanted.values.items():
        case = Case(key, value, wanted, existing, sealing_key, sealing_bytes, policy, evidence)
        decisions.append(next(answer for rule in RULES if (answer := rule(case))))
    return sorted([*decisions, *_others(wanted, existing, policy)], key=lambda decision: decision.key)


def renews(reason: str) -> bool:
    """Whether a decision for this reason brings a value that was not sealed before: the Secret must then be written."""
    return reason in (NEW, NEW_KEY) or reason.startswith("the value changed (")


def is_stale(item: str, tag: Tag | None, sealing_key: str, sealing_bytes: int) -> bool:
    """Whether an item is known to be sealed for another key than ``sealing_key`` (the controller may still open it)."""
    if modulus_bytes(item) != sealing_bytes:
        return True
    return tag is not None and tag.sealed_for not in (UNKNOWN_KEY, short_id(sealing_key))


UNKNOWN_KEY = "unknown"


def _fresh(key: str, value: bytes | None) -> Decision:
    if value is None:
        return Decision(key, ASK, "no value is given and none is sealed yet")
    return Decision(key, SEAL, NEW)


def _others(wanted: Wanted, existing: SealedFile, policy: Policy) -> Iterable[Decision]:
    for key in existing.items:
        if key in wanted.values:
            continue
        if policy.purge:
            yield Decision(key, REMOVE, "not asked for")
        elif _moved(wanted, existing):
            yield Decision(key, ASK, f"no value is given, and the sealed one cannot stay: {MOVED}")
        else:
            yield Decision(key, KEEP, "not asked for, and purge is off")


MOVED = "name, namespace or scope changed"


def _moved(wanted: Wanted, existing: SealedFile) -> bool:
    return existing.scope != wanted.scope or existing.label != label_of(wanted.scope, wanted.namespace, wanted.name)


def _seal(case: Case, reason: str) -> Decision:
    if case.value is None:
        return Decision(case.key, ASK, f"no value is given, and the sealed one cannot stay: {reason}")
    return Decision(case.key, SEAL, reason)


def _structure(case: Case) -> Decision | None:
    if _moved(case.wanted, case.existing):
        return _seal(case, MOVED)
    if case.key not in case.existing.items:
        return _seal(case, NEW_KEY)
    try:
        public_length(case.item)
    except CannotOpen:
        return _seal(case, "what is there is not a sealed item")
    return None


def _lost(case: Case) -> Decision | None:
    if case.key in case.evidence.lost:
        return _seal(case, "the controller cannot open it")
    return None


def _not_given(case: Case) -> Decision | None:
    return Decision(case.key, KEEP, "no value is given") if case.value is None else None


def _asked_for(case: Case) -> Decision | None:
    if case.policy.reseal == "all":
        return _seal(case, "resealing was asked for")
    if case.policy.reseal == "stale" and is_stale(case.item, case.tag, case.sealing_key, case.sealing_bytes):
        return _seal(case, "sealed for another key than the newest")
    return None


def _length(case: Case) -> Decision | None:
    if case.value is not None and public_length(case.item) != len(case.value):
        return _seal(case, "the value changed (its length differs)")
    return None


def _fingerprint(case: Case) -> Decision | None:
    if case.tag is None or case.value is None:
        return None
    if case.tag.made_by == PUBLIC:
        intact = Tagger().confirms(case.tag, case.place, case.item, case.value)
        return None if intact else _seal(case, "the item was replaced by hand")
    if case.tag.made_by != case.policy.tagger.id:
        return None
    if case.policy.tagger.confirms(case.tag, case.place, case.item, case.value):
        return Decision(case.key, KEEP, "the fingerprint says unchanged", certain=True)
    return _seal(case, "the value changed, or the item was replaced by hand")


def _witness(case: Case) -> Decision | None:
    known = case.evidence.value(case.key)
    if known is None or case.value is None:
        return None
    if same(known, case.value):
        return Decision(case.key, KEEP, f"{case.evidence.source} says unchanged", certain=True)
    return _seal(case, f"the value changed ({case.evidence.source} has another)")


def _revision(case: Case) -> Decision | None:
    if case.wanted.revision is None or case.existing.revision is None:
        return None
    if case.wanted.revision != case.existing.revision:
        return _seal(case, "the revision changed")
    return Decision(case.key, KEEP, "the revision says unchanged", certain=False)


def _unknown(case: Case) -> Decision:
    if case.policy.on_unknown == "reseal":
        return _seal(case, "nobody can tell whether it changed, and on_unknown is reseal")
    action = KEEP if case.policy.on_unknown == "keep" else ASK
    return Decision(case.key, action, UNKNOWN_REASON)


UNKNOWN_REASON = "same length; nobody can tell whether the value changed"

RULES: tuple[Callable[[Case], Decision | None], ...] = (
    _structure,
    _lost,
    _not_given,
    _asked_for,
    _length,
    _fingerprint,
    _witness,
    _revision,
    _unknown,
)


def merged_tag(case_tag: Tag | None, fresh: Tag) -> Tag:
    """The tag of a kept item that is known to be right.

    An absent or keyless tag is replaced by ours; one made with somebody else's key stays, or two operators
    would rewrite each other's files for ever. Which key the item was sealed for stays as it was known.
    """
    if case_tag is not None and case_tag.made_by not in (PUBLIC, fresh.made_by):
        return case_tag
    return Tag(fresh.made_by, case_tag.sealed_for if case_tag else UNKNOWN_KEY, fresh.fingerprint)
