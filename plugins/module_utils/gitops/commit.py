# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit and push: plan, check, build, push, and start again when somebody else pushed first.

A lost race is never merged: the newest commit is fetched and the change is worked out anew against
it, so the history stays a line and every commit holds exactly what was checked.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom

from ..findings import raise_if_fatal, refuse
from .changes import (
    Change,
    Tree,
    Wanted,
    check_changes,
    check_owner,
    check_paths,
    check_tree,
    moved,
    plan,
)
from .repository import Person, Repository, Snapshot


@dataclass(frozen=True)
class Draft:
    """What a commit should hold: the desired files, and trailers that only the repository could tell."""

    wanted: Sequence[Wanted]
    trailers: Mapping[str, str] = field(default_factory=dict)


Render = Callable[[Repository, Snapshot], Draft]
"""Works out the desired files against the newest commit; called anew after a lost race."""

MAXIMUM_ATTEMPTS = 10
STAGE_TRAILER = "Inferops-Stage"
SITE_TRAILER = "Inferops-Site"
TRAILER_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True)
class Request:
    """One commit to make.

    ``render`` gives the desired files; ``message`` is the subject, optionally with a body; ``trailers``
    go below it. ``branch`` is empty for the remote's default branch. ``attempts`` bounds the pushes
    (1 to 10). ``sign_key`` is an armoured private GnuPG key, or empty. ``base`` is the commit that the
    files were made from, or empty: whole files that somebody changed since are not overwritten.
    """

    render: Render
    message: str
    branch: str = ""
    trailers: Mapping[str, str] = field(default_factory=dict)
    person: Person = field(default_factory=Person)
    attempts: int = MAXIMUM_ATTEMPTS
    sign_key: str = field(default="", repr=False)
    base: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    ``revision`` is the branch's head afterwards (in a dry run: before); ``changes`` are those that
    differ from the branch; ``changed`` says whether this call did (or in a dry run would do) anything;
    ``content_revision`` is the newest commit that touched the paths, empty when it lies further back
    than was fetched. ``pending_merge`` and ``url`` tell of an open pull request.
    """

    branch: str
    revision: str
    changes: Sequence[Change]
    content_revision: str = ""
    changed: bool = False
    attempts: int = 0
    pending_merge: bool = False
    url: str = ""


def files(wanted: Sequence[Wanted]) -> Render:
    """A render that does not depend on the repository."""
    return lambda _repository, _snapshot: Draft(wanted)


def full_message(message: str, trailers: Mapping[str, str]) -> str:
    """The commit message with its trailers. Refuses an empty message and trailers of several lines."""
    if not message.strip() or "\0" in message:
        raise refuse("gitops-message-invalid", "message", "is empty or holds a NUL")
    bad = [k for k, v in trailers.items() if not TRAILER_KEY.fullmatch(k) or not v.strip() or re.search(r"[\r\n\0]", v)]
    if bad:
        raise refuse("gitops-message-invalid", f"trailers.{bad[0]}", "is not one line of text with a key of letters")
    lines = "".join(f"{key}: {value.strip()}\n" for key, value in trailers.items())
    return f"{message.strip()}\n" + (f"\n{lines}" if lines else "")


def prepare(repository: Repository, snapshot: Snapshot, wanted: Sequence[Wanted]) -> list[Change]:
    """The checked plan of ``wanted`` against ``snapshot``. Raises a Refusal with everything that is wrong."""
    raise_if_fatal(check_paths(wanted))
    paths = [item.path for item in wanted]
    modes = {path: entry.mode for path, entry in snapshot.entries.items()}
    tree = Tree(modes, repository.read(snapshot, paths))
    raise_if_fatal(check_tree(tree, wanted))
    changes = plan(tree, wanted)
    if moved(changes):
        raise_if_fatal(check_changes(changes, _ignored(repository, snapshot, changes)))
    return changes


def _ignored(repository: Repository, snapshot: Snapshot, changes: Sequence[Change]) -> dict[str, str]:
    """Excluded paths, by the ``.gitignore`` files as they would be after the commit."""
    names = {
        "/".join([*change.path.split("/")[:depth], ".gitignore"])
        for change in changes
        for depth in range(change.path.count("/") + 1)
    }
    rules: dict[str, bytes] = repository.read(snapshot, names)
    for change in changes:
        if change.path in names:
            rules[change.path] = change.after or b""
    return repository.ignore_rules(rules, [change.path for change in moved(changes)])


def build(repository: Repository, snapshot: Snapshot, changes: Sequence[Change], request: Request, draft: Draft) -> str:
    """The (local) commit that brings ``changes`` onto ``snapshot``."""
    entries = {c.path: None if c.after is None else (c.mode, c.after) for c in moved(changes)}
    message = full_message(request.message, {**request.trailers, **draft.trailers})
    return repository.build(snapshot.revision, entries, message, request.person, request.sign_key)


def commit(
    repository: Repository,
    request: Request,
    *,
    dry_run: bool = False,
    pause: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Bring the request onto its branch. Pushes nothing in a dry run or when nothing would change.

    Raises a :class:`Refusal`: whatever the checks say, ``gitops-concurrent-edit`` when somebody else
    writes the same whole files, ``gitops-push-race`` when every attempt lost.
    """
    full_message(request.message, request.trailers)
    snapshot = repository.open(request.branch, allow_empty=True)
    first: dict[str, bytes | None] = {}
    for attempt in range(1, request.attempts + 1):
        draft = request.render(repository, snapshot)
        changes = prepare(repository, snapshot, draft.wanted)
        first = first or at_base(repository, snapshot, request.base, draft.wanted)
        raise_if_fatal(check_owner(first, changes))
        if dry_run or not moved(changes):
            return unpushed(repository, snapshot, changes)
        ours = build(repository, snapshot, changes, request, draft)
        if repository.push(ours, snapshot.branch):
            return Outcome(snapshot.branch, ours, moved(changes), ours, changed=True, attempts=attempt)
        first = first or _whole(draft.wanted, changes)
        pause(backoff(attempt))
        snapshot = repository.fetch(snapshot.branch)
    raise refuse("gitops-push-race", f"{repository.subject} branch {snapshot.branch}", _lost(request.attempts))


def unpushed(repository: Repository, snapshot: Snapshot, changes: Sequence[Change]) -> Outcome:
    """The outcome without a push: nothing to do, or a dry run."""
    touched = repository.last_commit(snapshot, [change.path for change in changes])
    return Outcome(snapshot.branch, snapshot.revision, moved(changes), touched, changed=bool(moved(changes)))


def at_base(repository: Repository, snapshot: Snapshot, base: str, wanted: Sequence[Wanted]) -> dict[str, bytes | None]:
    """What the paths that are written as a whole held at ``base``, from which they were made; nothing without one.

    Raises ``gitops-concurrent-edit`` when the branch has lost that commit.
    """
    if base in ("", snapshot.revision) or not snapshot.revision:
        return {}
    if not repository.contains(snapshot, base):
        where = f"{repository.subject} branch {snapshot.branch}"
        raise refuse("gitops-concurrent-edit", where, f"no longer holds {base[:12]}, from which the files were made")
    paths = [item.path for item in wanted if not item.edit]
    held = repository.read(repository.snapshot(snapshot.branch, base), paths)
    return {path: held.get(path) for path in paths}


def _whole(wanted: Sequence[Wanted], changes: Sequence[Change]) -> dict[str, bytes | None]:
    """What the paths that we write as a whole held when we first looked. An edit is redone instead."""
    edited = {item.path for item in wanted if item.edit}
    return {change.path: change.before for change in changes if change.path not in edited}


def _lost(attempts: int) -> str:
    return f"somebody else pushed first, {attempts} times in a row"


def backoff(attempt: int) -> float:
    """Seconds to wait after the ``attempt``-th lost race: random, so that writers do not march in step."""
    return SystemRandom().uniform(0.0, min(0.05 * 2**attempt, 3.0))
