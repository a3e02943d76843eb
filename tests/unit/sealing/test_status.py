# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secret is what counts; the SealedSecret's condition is a witness that can be wrong."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import seal_item
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import SealedFile
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.status import explain, findings_of
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.tags import Place, Tagger

from tests.unit.sealing.fakes import Pair

FILE = SealedFile("hf-secret", "vllm", "strict", {"TOKEN": "item"})
PUSHED = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SEALED: dict[str, Any] = {
    "metadata": {"generation": 3, "uid": "u1"},
    "spec": {"encryptedData": {"TOKEN": "item"}},
    "status": {"observedGeneration": 3, "conditions": [{"type": "Synced", "status": "True"}]},
}
SECRET: dict[str, Any] = {
    "metadata": {
        "ownerReferences": [{"kind": "SealedSecret", "name": "hf-secret", "uid": "u1", "controller": True}],
        "creationTimestamp": "2026-05-01T00:00:00Z",
        "managedFields": [{"manager": "controller", "time": "2026-06-01T12:00:05Z"}, {"manager": "x"}],
    },
    "data": {"TOKEN": "eA=="},
}


def codes(sealed: Any = SEALED, secret: Any = SECRET, file: SealedFile = FILE, **options: Any) -> list[str]:
    return [f.code for f in findings_of(file, sealed, secret, **options)]


def changed(base: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    copy = deepcopy(base)
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return copy


def condition(status: str, message: str) -> dict[str, Any]:
    return changed(SEALED, "status", "conditions", to=[{"type": "Synced", "status": status, "message": message}])


def test_done() -> None:
    assert codes() == []
    assert codes(changed_at=PUSHED) == []


def test_what_is_not_there() -> None:
    assert codes(sealed=None, secret=None) == ["sealing-sealedsecret-missing"]
    assert codes(secret=None) == ["sealing-secret-missing"]


@pytest.mark.parametrize(
    "sealed",
    [
        changed(SEALED, "status", "observedGeneration", to=2),
        changed(SEALED, "status", to={}),
        changed(SEALED, "spec", to={"encryptedData": {"TOKEN": "older"}}),
    ],
)
def test_not_looked_at_yet(sealed: dict[str, Any]) -> None:
    assert codes(sealed=sealed) == ["sealing-status-pending"]


def test_the_secret_itself() -> None:
    assert codes(secret=changed(SECRET, "data", to={})) == ["sealing-secret-keys-missing"]
    assert codes(secret=changed(SECRET, "data", to=None)) == ["sealing-secret-keys-missing"]
    assert codes(secret=changed(SECRET, "metadata", to={})) == ["sealing-secret-not-owned"]
    assert codes(changed_at=PUSHED + timedelta(minutes=1)) == ["sealing-secret-outdated"]
    skipping = SealedFile(
        "a",
        "b",
        "strict",
        {"TOKEN": "item"},
        template_annotations={"sealedsecrets.bitnami.com/skip-set-owner-references": "true"},
    )
    assert codes(secret=changed(SECRET, "metadata", to={}), file=skipping) == []


def test_a_refusal_of_the_controller() -> None:
    sealed = condition("False", "Resource already exists and is not managed by SealedSecret")
    (found,) = findings_of(FILE, sealed, SECRET)
    assert found.code == "sealing-not-unsealed"
    assert "not managed" in found.message
    assert codes(sealed=condition("False", "no key could decrypt secret (TOKEN)"), secret=None) == [
        "sealing-cannot-open",
        "sealing-secret-missing",
    ]


def test_a_status_that_is_wrong_after_a_success() -> None:
    for message in ("already exists", "no key could decrypt secret (TOKEN)"):
        sealed = condition("False", message)
        assert codes(sealed=sealed, changed_at=PUSHED) == ["sealing-status-stale"]
        assert "sealing-status-stale" not in codes(sealed=sealed)
        assert "sealing-status-stale" not in codes(sealed=sealed, changed_at=PUSHED + timedelta(minutes=1))


def test_why_it_does_not_open(pair: Pair, newer: Pair) -> None:
    item = seal_item(pair.key.public_key(), b"x", b"vllm/hf-secret")
    place = Place("strict", b"vllm/hf-secret", "TOKEN")
    keyless = Tagger().tag(place, item, b"x", pair.certificate.key_id)
    keyed = Tagger(b"k" * 32).tag(place, item, b"x", pair.certificate.key_id)

    def why(name: str, tag: Any, newest: str | None = None) -> str:
        file = SealedFile(name, "vllm", "strict", {"TOKEN": item}, tags={"TOKEN": tag} if tag else {})
        return explain(file, frozenset({"TOKEN"}), newest)

    assert why("hf-secret", None).startswith("wrong name, namespace or scope, or sealed for another cluster")
    assert why("hf-secret", keyed).startswith("wrong name")
    assert why("hf-secret", keyless).startswith(
        "they were sealed for this very name, namespace and scope, so sealed for"
    )
    assert why("other", keyless).startswith("they were sealed for another name")
    assert why("other", keyless, pair.certificate.key_id).endswith(
        "not the key: they were sealed for the controller's newest one"
    )
    assert why("other", keyless, newer.certificate.key_id).endswith("lost its key")
