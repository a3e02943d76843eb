# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing a list of Secrets: decisions, then items, then files. Nothing is read or written here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..findings import Finding, Severity, finding, raise_if_fatal
from .certificate import Certificate
from .crypto import CannotOpen, label_of, seal_item
from .decide import ASK, KEEP, REMOVE, SEAL, UNKNOWN_REASON, Decision, Evidence, Policy, decide, is_stale, merged_tag
from .manifest import SealedFile, emit, in_helm_templates, is_json, leaks, parse
from .tags import PUBLIC, Place, Tag
from .validate import Wanted, duplicate_findings

KEPT_UNLESS_GIVEN = (
    "type",
    "immutable",
    "revision",
    "labels",
    "annotations",
    "template_labels",
    "template_annotations",
)
Witness = Callable[[Wanted, SealedFile], Evidence]


@dataclass(frozen=True)
class Sealed:
    """One Secret after the decisions: its file before (if any) and after, and why."""

    wanted: Wanted
    before: SealedFile | None
    after: SealedFile
    text_before: str | None
    text: str
    decisions: list[Decision]

    @property
    def changed(self) -> bool:
        """Whether the file's bytes change."""
        return self.text != self.text_before


@dataclass(frozen=True)
class Outcome:
    """The result of one run over a list of Secrets; ciphertext and names only."""

    sealed: list[Sealed]
    stale: list[str]
    findings: list[Finding] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any file changes."""
        return any(one.changed for one in self.sealed)

    def files(self) -> list[dict[str, str]]:
        """Path and content of every file, changed or not."""
        return [{"path": one.wanted.path, "content": one.text} for one in self.sealed]

    def decisions(self) -> list[dict[str, str]]:
        """What happened to each key, and why."""
        return [
            {"secret": one.wanted.title, "key": d.key, "action": d.action, "reason": d.reason}
            for one in self.sealed
            for d in one.decisions
        ]

    def diff(self) -> list[dict[str, str]]:
        """Before and after of the changed files, each item shown as a short hash of its ciphertext."""
        return [
            {
                "before_header": one.wanted.path,
                "after_header": one.wanted.path,
                "before": _view(one.before),
                "after": _view(one.after),
            }
            for one in self.sealed
            if one.changed
        ]


def seal_all(
    wanted: Iterable[Wanted],
    existing: Mapping[str, str],
    certificate: Certificate,
    policy: Policy,
    witness: Witness = lambda _wanted, _existing: Evidence(),
) -> Outcome:
    """Seal what must be sealed and keep the rest byte for byte.

    ``existing`` maps paths to the present content of files; ``witness`` is asked once for each file that exists.
    Raises :class:`Refusal` before anything is sealed when a file cannot be used or a decision cannot be made.
    """
    everything = list(wanted)
    raise_if_fatal(duplicate_findings(everything))
    before = {one.path: _parsed(existing.get(one.path), one.path) for one in everything}
    decided = [
        (one, before[one.path], _decide(one, before[one.path], certificate, policy, witness)) for one in everything
    ]
    findings = [problem for one, old, made in decided for problem in _findings(one, old, made, policy)]
    raise_if_fatal(findings)
    sealed = [_sealed(one, old, made, existing.get(one.path), certificate, policy) for one, old, made in decided]
    stale = [name for one in sealed for name in _stale(one, certificate)]
    if stale:
        message = f"{len(stale)} items are sealed for another key than the newest; the controller still opens them"
        findings.append(finding("sealing-stale", certificate.source, message))
    return Outcome(sealed, stale, findings)


def _parsed(text: str | None, path: str) -> SealedFile | None:
    return parse(text, path) if text and text.strip() else None


def _decide(
    wanted: Wanted, existing: SealedFile | None, certificate: Certificate, policy: Policy, witness: Witness
) -> list[Decision]:
    return decide(
        wanted,
        existing,
        sealing_key=certificate.key_id,
        sealing_bytes=certificate.modulus_bytes,
        policy=policy,
        evidence=witness(wanted, existing) if existing else Evidence(),
    )


def _findings(wanted: Wanted, before: SealedFile | None, made: list[Decision], policy: Policy) -> list[Finding]:
    unknown = [d.key for d in made if d.reason == UNKNOWN_REASON]
    missing = [d for d in made if d.action == ASK and d.reason != UNKNOWN_REASON]
    findings = [finding("sealing-value-missing", f"{wanted.title}[{d.key}]", d.reason) for d in missing]
    if unknown:
        findings.append(_unknown_finding(wanted, before, unknown, policy))
    return findings + (_live_findings(wanted, before, made) if before else [])


def _unknown_finding(wanted: Wanted, before: SealedFile | None, keys: list[str], policy: Policy) -> Finding:
    message = f"kept {', '.join(keys)}: {UNKNOWN_REASON}"
    if policy.on_unknown == "fail":
        message = f"{', '.join(keys)}: {UNKNOWN_REASON}, and on_unknown is fail"
        return finding("sealing-change-unknown", wanted.title, message, severity=Severity.FATAL)
    ours = before is not None and all(key in before.tags and before.tags[key].made_by == PUBLIC for key in keys)
    severity = Severity.INFO if ours and policy.tagger.key is None else Severity.WARNING
    return finding("sealing-change-unknown", wanted.title, message, severity=severity)


def _live_findings(wanted: Wanted, before: SealedFile, made: list[Decision]) -> list[Finding]:
    findings = []
    if wanted.type and wanted.type != before.type:
        message = f"changes its type from {before.type} to {wanted.type}, which Kubernetes refuses on a live Secret"
        findings.append(finding("sealing-live-immutable", wanted.title, message))
    if before.immutable and any(d.action in (SEAL, REMOVE) for d in made):
        findings.append(finding("sealing-live-immutable", wanted.title, "is immutable, and a value changes"))
    return findings


def _sealed(
    wanted: Wanted,
    before: SealedFile | None,
    made: list[Decision],
    text_before: str | None,
    certificate: Certificate,
    policy: Policy,
) -> Sealed:
    after = _after(wanted, before, made, certificate, policy)
    if text_before and after == before and not (is_json(text_before) or leaks(text_before)):
        text = text_before
    else:
        text = emit(after, helm=in_helm_templates(wanted.path))
    return Sealed(wanted, before, after, text_before, text, made)


def _after(
    wanted: Wanted, before: SealedFile | None, made: list[Decision], certificate: Certificate, policy: Policy
) -> SealedFile:
    base = before or SealedFile(wanted.name, wanted.namespace, wanted.scope, {})
    label = label_of(wanted.scope, wanted.namespace, wanted.name)
    items = _items(wanted, base, made, label, certificate)

    def fresh(key: str, value: bytes) -> Tag:
        return policy.tagger.tag(Place(wanted.scope, label, key), items[key], value, certificate.key_id)

    tags = _tags(wanted, base, made, fresh)
    given = {name: value for name in KEPT_UNLESS_GIVEN if (value := getattr(wanted, name)) is not None}
    return replace(
        base, name=wanted.name, namespace=wanted.namespace, scope=wanted.scope, items=items, tags=tags, **given
    )


def _items(
    wanted: Wanted, base: SealedFile, made: list[Decision], label: bytes, certificate: Certificate
) -> dict[str, str]:
    items = {}
    for d in made:
        value = wanted.values.get(d.key)
        if d.action == SEAL and value is not None:
            items[d.key] = seal_item(certificate.key, value, label)
        elif d.action == KEEP:
            items[d.key] = base.items[d.key]
    return items


def _tags(wanted: Wanted, base: SealedFile, made: list[Decision], fresh: Callable[[str, bytes], Tag]) -> dict[str, Tag]:
    tags = {}
    for d in made:
        value, old = wanted.values.get(d.key), base.tags.get(d.key)
        if d.action == SEAL and value is not None:
            tags[d.key] = fresh(d.key, value)
        elif d.certain and value is not None:
            tags[d.key] = merged_tag(old, fresh(d.key, value))
        elif d.action == KEEP and old is not None:
            tags[d.key] = old
    return tags


def _stale(one: Sealed, certificate: Certificate) -> list[str]:
    found = []
    for key in (d.key for d in one.decisions if d.action == KEEP):
        item, tag = one.after.items[key], one.after.tags.get(key)
        # with purge off, what nobody asked for may be no item at all
        with suppress(CannotOpen):
            if is_stale(item, tag, certificate.key_id, certificate.modulus_bytes):
                found.append(f"{one.wanted.title}[{key}]")
    return found


def _view(sealed: SealedFile | None) -> str:
    if sealed is None:
        return ""
    shown = {key: f"sealed {hashlib.sha256(item.encode()).hexdigest()[:8]}" for key, item in sealed.items.items()}
    return emit(replace(sealed, items=shown, tags={}), helm=False)
