# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the file itself remembers about its items, without giving anything away.

A tag says which sealing key an item was made for and holds a fingerprint. With a key that is not in Git
(``fingerprint_key``) the fingerprint is an HMAC over the value, the place it is bound to and the sealed item:
nobody without the key can test guesses, and the same value sealed twice has two unrelated tags. Without a key
it covers place and item only: it shows hand edits, and says nothing about the value.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from .crypto import same

PUBLIC = "public"
VERSION = b"inferops.vllm sealing tag 1"
FINGERPRINT_DIGITS = 32
KEY_ID_CHARACTERS = 12
SMALLEST_KEY_BYTES = 32


class Tag(NamedTuple):
    """``made_by``: id of the fingerprint key, or ``public``. ``sealed_for``: short id of the sealing key."""

    made_by: str
    sealed_for: str
    fingerprint: str


@dataclass(frozen=True)
class Tagger:
    """Makes and checks tags with one fingerprint key, or without one (``key`` None)."""

    key: bytes | None = None

    @cached_property
    def id(self) -> str:
        """What tags of this key are marked with; it gives nothing away about the key."""
        return PUBLIC if self.key is None else hmac.digest(self.key, VERSION + b" id", "sha256").hex()[:8]

    def tag(self, place: Place, item: str, value: bytes, sealing_key: str) -> Tag:
        """The tag of a fresh item, or of one that is known to hold ``value``."""
        return Tag(self.id, short_id(sealing_key), self._fingerprint(place, item, value))

    def confirms(self, tag: Tag, place: Place, item: str, value: bytes) -> bool:
        """Whether ``tag``, made by this very key, belongs to this item and value."""
        return same(tag.fingerprint.encode(), self._fingerprint(place, item, value).encode())

    def _fingerprint(self, place: Place, item: str, value: bytes) -> str:
        text = _bound(place.scope, place.label) + _joined(place.key.encode(), item.encode())
        if self._mac is None:
            return hashlib.sha256(text).hexdigest()[:FINGERPRINT_DIGITS]
        mac = self._mac.copy()
        mac.update(text + value)
        return mac.hexdigest()[:FINGERPRINT_DIGITS]

    @cached_property
    def _mac(self) -> hmac.HMAC | None:
        return None if self.key is None else hmac.new(self.key, digestmod="sha256")


class Place(NamedTuple):
    """Where an item belongs: what a tag is bound to besides item and value."""

    scope: str
    label: bytes
    key: str


def short_id(sealing_key: str) -> str:
    """The part of a controller key id that is kept in a tag."""
    return sealing_key.removeprefix("SHA256:")[:KEY_ID_CHARACTERS]


def parse_tags(text: str) -> dict[str, Tag]:
    """The tags of an annotation. Parts that are not ours are dropped: their items are simply unknown."""
    tags: dict[str, Tag] = {}
    for part in text.split(","):
        key, _unused, rest = part.partition("=")
        fields = rest.split(":")
        if key and len(fields) == len(Tag._fields) and all(fields):
            tags[key] = Tag(*fields)
    return tags


def render_tags(tags: Mapping[str, Tag]) -> str:
    """The annotation's text, sorted by data key."""
    return ",".join(f"{key}={t.made_by}:{t.sealed_for}:{t.fingerprint}" for key, t in sorted(tags.items()))


@lru_cache(maxsize=64)
def _bound(scope: str, label: bytes) -> bytes:
    return _joined(VERSION, scope.encode(), label)


def _joined(*parts: bytes) -> bytes:
    """Parts with their lengths, so that no two lists of parts give the same bytes."""
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])
