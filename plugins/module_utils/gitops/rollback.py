# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking one of our own commits back, by a new commit. Never rewrites history.

Our commits are known by their trailers. A revert restores the paths of one commit to what they held
before it, and is refused where a later commit changed one of them again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..findings import Finding, finding, raise_if_fatal, refuse
from .changes import Wanted
from .commit import SITE_TRAILER, STAGE_TRAILER, Draft, Render
from .repository import LOOK_BACK, Entry, Repository, Snapshot, is_file

REVERTS_TRAILER = "Inferops-Reverts"
LAST = "last"


@dataclass(frozen=True)
class Commit:
    """One commit of the history: id, ids of its (fetched) parents, whole message."""

    sha: str
    parents: tuple[str, ...]
    message: str

    def trailer(self, key: str) -> str:
        """The value of a trailer of ours, empty without it. A squash may have moved it into the body."""
        found = re.findall(rf"^{key}: *(\S.*?) *$", self.message, re.MULTILINE)
        return found[-1] if found else ""


@dataclass(frozen=True)
class Touched:
    """What a commit did to a path; None where there was or is no file."""

    path: str
    before: Entry | None
    after: Entry | None


def revert(target: str, stage: str = "", site: str = "") -> Render:
    """A render that takes back one commit of ours.

    ``target`` is a full commit id, or ``last`` for the newest commit of ``stage`` and ``site`` (each empty
    for any). A commit that was taken back already changes nothing.
    """

    def render(repository: Repository, snapshot: Snapshot) -> Draft:
        repository.fetch(snapshot.branch, LOOK_BACK)
        commits = parse_log(repository.log(snapshot.revision, LOOK_BACK))
        chosen, done = choose(commits, target, stage, site, repository.horizon())
        touched = parse_raw(repository.raw_diff(chosen.parents[0] if chosen.parents else "", chosen.sha))
        if done:
            touched = [Touched(t.path, snapshot.entries.get(t.path), snapshot.entries.get(t.path)) for t in touched]
        raise_if_fatal(conflicts(touched, snapshot.entries))
        blobs = repository.contents(t.before.sha for t in touched if t.before)
        return Draft(restored(touched, blobs), {REVERTS_TRAILER: chosen.sha})

    return render


def parse_log(text: str) -> list[Commit]:
    """Commits, newest first, from ``git log -z --format=%H%n%P%n%B``."""
    commits = []
    for record in filter(None, text.split("\0")):
        sha, parents, message = (*record.split("\n", 2), "", "")[:3]
        commits.append(Commit(sha, tuple(parents.split()), message))
    return commits


def choose(
    commits: Sequence[Commit], target: str, stage: str, site: str, horizon: Iterable[str] = ()
) -> tuple[Commit, bool]:
    """The commit to take back, and whether that was done already. Raises ``gitops-revert-missing``.

    ``horizon`` holds the commits whose parents are not at hand.
    """
    ours = [c for c in commits if c.trailer(STAGE_TRAILER) or c.trailer(SITE_TRAILER)]
    if target == LAST:
        ours = [c for c in ours if stage in ("", c.trailer(STAGE_TRAILER)) and site in ("", c.trailer(SITE_TRAILER))]
        target = (ours[0].trailer(REVERTS_TRAILER) or ours[0].sha) if ours else ""
    found = next((c for c in commits if c.sha == target and c.sha not in set(horizon)), None)
    if found is None or not (found.trailer(STAGE_TRAILER) or found.trailer(SITE_TRAILER)):
        what = f"commit {target}" if target else f"a commit of stage '{stage or 'any'}', site '{site or 'any'}'"
        raise refuse("gitops-revert-missing", "revert", f"{what} is not among ours of the newest {len(commits)}")
    return found, any(c.trailer(REVERTS_TRAILER) == found.sha for c in commits)


def parse_raw(raw: bytes) -> list[Touched]:
    """What ``git diff-tree -r -z --no-renames`` lists."""
    fields = raw.split(b"\0")[:-1]
    touched = []
    for meta, path in zip(fields[0::2], fields[1::2], strict=True):
        old_mode, new_mode, old_sha, new_sha, _unused = meta.decode().lstrip(":").split(" ")
        sides = [None if set(sha) == {"0"} else Entry(m, sha) for m, sha in ((old_mode, old_sha), (new_mode, new_sha))]
        touched.append(Touched(path.decode(errors="surrogateescape"), *sides))
    return touched


def conflicts(touched: Iterable[Touched], now: Mapping[str, Entry]) -> list[Finding]:
    """Paths that a later commit changed again, or that are not ordinary files."""
    found = []
    for item in touched:
        if now.get(item.path) not in (item.before, item.after):
            found.append(finding("gitops-revert-conflict", item.path, "was changed again by a later commit"))
        elif not all(side is None or is_file(side) for side in (item.before, item.after)):
            found.append(finding("gitops-path-link", item.path, "is not an ordinary file"))
    return found


def restored(touched: Iterable[Touched], blobs: Mapping[str, bytes]) -> list[Wanted]:
    """The files as they were before."""
    return [Wanted(t.path, blobs[t.before.sha], t.before.mode) if t.before else Wanted(t.path) for t in touched]
