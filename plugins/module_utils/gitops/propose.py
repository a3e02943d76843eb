# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pull-request way: our commit goes to a branch of its own, and a person merges it.

The branch's name stands for the change, so a second run finds the first one's branch and request, and a
run after the merge finds the content on the target branch and has nothing to do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from ..findings import Finding, finding, raise_if_fatal, refuse
from .changes import Change, check_owner, fingerprint, moved
from .commit import STAGE_TRAILER, Outcome, Request, at_base, backoff, build, full_message, prepare, unpushed
from .pull_request import Provider, Send, ensure, find
from .repository import Repository, Snapshot

PREFIX = "inferops-vllm/"


def propose(
    repository: Repository,
    request: Request,
    provider: Provider,
    send: Send,
    *,
    dry_run: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Bring the request into an open pull request, or do nothing where the target branch has it already.

    ``pending_merge`` of the outcome says that a person has to merge ``url``. Raises a :class:`Refusal`
    as :func:`~.commit.commit` does, and ``gitops-provider-…``.
    """
    message = full_message(request.message, request.trailers)
    for attempt in range(1, request.attempts + 1):
        snapshot = repository.open(request.branch)
        draft = request.render(repository, snapshot)
        changes = prepare(repository, snapshot, draft.wanted)
        raise_if_fatal(check_owner(at_base(repository, snapshot, request.base, draft.wanted), changes))
        if not moved(changes):
            return unpushed(repository, snapshot, changes)
        head = branch_name(request, snapshot.branch, moved(changes))
        ready = is_ready(repository, snapshot, head, moved(changes))
        if dry_run:
            opened = find(send, provider, head, snapshot.branch) if ready else None
            return _outcome(snapshot, changes, opened.url if opened else "", changed=opened is None)
        ours = "" if ready else build(repository, snapshot, changes, request, draft)
        if ready or repository.push(ours, head, replace=repository.known.branches.get(head, "")):
            subject, _unused, text = message.partition("\n")
            opened = ensure(send, provider, head, snapshot.branch, subject, text.strip())
            return _outcome(snapshot, changes, opened.url, changed=not ready or opened.created, attempts=attempt)
        pause(backoff(attempt))
    raise refuse("gitops-push-race", f"{repository.subject} branch {head}", "others kept changing it")


def branch_name(request: Request, base: str, changes: Sequence[Change]) -> str:
    """The branch of our own for ``changes``: the stage for people, a fingerprint for us."""
    stage = re.sub(r"[^a-z0-9]+", "-", request.trailers.get(STAGE_TRAILER, "").lower()).strip("-")
    return f"{PREFIX}{stage or 'change'}-{fingerprint(base, changes)}"


def is_ready(repository: Repository, snapshot: Snapshot, head: str, changes: Sequence[Change]) -> bool:
    """Whether branch ``head`` holds ``changes``, made from what the target branch holds now."""
    if head not in repository.known.branches:
        return False
    ours = repository.fetch(head)
    parent = repository.parent(ours.revision) if ours.revision else ""
    if not parent:
        return False
    paths = [change.path for change in changes]
    base = repository.snapshot(head, parent)
    if any(base.entries.get(path) != snapshot.entries.get(path) for path in paths):
        return False
    held = repository.read(ours, paths)
    return all(
        held.get(c.path) == c.after and (c.after is None or ours.entries[c.path].mode == c.mode) for c in changes
    )


def pending(outcome: Outcome) -> list[Finding]:
    """The finding that a merge is awaited, if one is."""
    if not outcome.pending_merge:
        return []
    return [finding("gitops-pending-merge", f"branch {outcome.branch}", f"waits for the merge of {outcome.url}")]


def _outcome(snapshot: Snapshot, changes: Sequence[Change], url: str, *, changed: bool, attempts: int = 0) -> Outcome:
    return Outcome(
        snapshot.branch,
        snapshot.revision,
        moved(changes),
        changed=changed,
        attempts=attempts,
        pending_merge=bool(url) or attempts > 0,
        url=url,
    )
