# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the controller made the Secret? Pure: over the SealedSecret, the Secret and the file they come from.

"Done" is the Secret. The SealedSecret's condition alone is not enough: it can be missing, be about an older
version, or still say False after a success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..findings import Finding, Severity, finding
from .evidence import lost_keys, synced
from .manifest import SealedFile
from .tags import PUBLIC, Place, Tagger, short_id

Object = Mapping[str, Any]
SKIP_OWNER = "sealedsecrets.bitnami.com/skip-set-owner-references"


def findings_of(
    file: SealedFile,
    sealed: Object | None,
    secret: Object | None,
    *,
    changed_at: datetime | None = None,
    newest_key: str | None = None,
) -> list[Finding]:
    """What keeps ``file`` from being a Secret that pods can use; empty means that it is one.

    ``sealed`` and ``secret`` are the live objects or None. ``changed_at`` is when the present values were pushed (None
    when this run changed none): a Secret that was last written before it is outdated. ``newest_key`` is the id of
    the controller's newest key, which narrows down why an item does not open.
    """
    if sealed is None:
        return [finding("sealing-sealedsecret-missing", _title(file), "does not exist")]
    state = _sealed_findings(file, sealed, newest_key)
    content = _secret_findings(file, sealed, secret, changed_at)
    refused = bool(state) and state[0].code in ("sealing-cannot-open", "sealing-not-unsealed")
    if refused and not content and secret and _written_since(secret, changed_at):
        return [finding("sealing-status-stale", _title(file), state[0].message)]
    if not state:
        # the controller has opened these very items: an older Secret then held the same values before
        content = [replace(f, severity=Severity.WARNING) if f.code == "sealing-secret-outdated" else f for f in content]
    return [*state, *content]


def explain(file: SealedFile, keys: frozenset[str], newest_key: str | None = None) -> str:
    """Why the controller cannot open these keys, as far as the file itself can tell."""
    tags = [file.tags[key] for key in sorted(keys) if key in file.tags]
    bound = [key for key in keys if _bound_here(file, key)]
    if keys and len(bound) == len(keys):
        place = "they were sealed for this very name, namespace and scope, so"
    elif any(tag.made_by == PUBLIC for tag in tags):
        place = "they were sealed for another name, namespace or scope, or replaced by hand; or"
    else:
        place = "wrong name, namespace or scope, or"
    if newest_key and tags and all(tag.sealed_for == short_id(newest_key) for tag in tags):
        return f"{place} not the key: they were sealed for the controller's newest one"
    return f"{place} sealed for another cluster, or the controller lost its key"


def _bound_here(file: SealedFile, key: str) -> bool:
    tag = file.tags.get(key)
    if tag is None or tag.made_by != PUBLIC:
        return False
    return Tagger().confirms(tag, Place(file.scope, file.label, key), file.items[key], b"")


def _sealed_findings(file: SealedFile, sealed: Object, newest_key: str | None) -> list[Finding]:
    live = (sealed.get("spec") or {}).get("encryptedData") or {}
    if dict(live) != dict(file.items):
        return [finding("sealing-status-pending", _title(file), "the cluster has another version than the file")]
    condition = synced(sealed)
    if condition is None:
        return [finding("sealing-status-pending", _title(file), "has no condition for its present generation")]
    if condition.get("status") == "True":
        return []
    message = str(condition.get("message") or "no reason is given")
    if lost := lost_keys(sealed):
        why = f"cannot open {', '.join(sorted(lost))}: {explain(file, lost & file.items.keys(), newest_key)}"
        return [finding("sealing-cannot-open", _title(file), why)]
    return [finding("sealing-not-unsealed", _title(file), message)]


def _secret_findings(
    file: SealedFile, sealed: Object, secret: Object | None, changed_at: datetime | None
) -> list[Finding]:
    subject = f"Secret {file.namespace}/{file.name}"
    if secret is None:
        return [finding("sealing-secret-missing", subject, "does not exist")]
    findings = []
    missing = sorted(set(file.items) - set(secret.get("data") or {}))
    if missing:
        findings.append(finding("sealing-secret-keys-missing", subject, f"lacks {', '.join(missing)}"))
    if not _owned(file, sealed, secret):
        findings.append(finding("sealing-secret-not-owned", subject, f"is not owned by {_title(file)}"))
    written = _written_at(secret)
    if changed_at and written and not _written_since(secret, changed_at):
        message = f"was last written at {written:%H:%M:%S}, before the push at {changed_at:%H:%M:%S} UTC"
        findings.append(finding("sealing-secret-outdated", subject, message))
    return findings


def _owned(file: SealedFile, sealed: Object, secret: Object) -> bool:
    if file.template_annotations.get(SKIP_OWNER) == "true":
        return True
    owners = (secret.get("metadata") or {}).get("ownerReferences") or ()
    uid = (sealed.get("metadata") or {}).get("uid")
    return any(owner.get("kind") == "SealedSecret" and owner.get("uid") == uid for owner in owners)


def _written_at(secret: Object) -> datetime | None:
    metadata = secret.get("metadata") or {}
    times = [entry.get("time") for entry in metadata.get("managedFields") or ()]
    known = [datetime.fromisoformat(time) for time in (*times, metadata.get("creationTimestamp")) if time]
    return max(known, default=None)


def _written_since(secret: Object, changed_at: datetime | None) -> bool:
    written = _written_at(secret)
    return changed_at is not None and written is not None and written >= changed_at


def _title(file: SealedFile) -> str:
    return f"SealedSecret {file.namespace}/{file.name}"
