# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would change: desired files against a tree. Pure; knows nothing of git.

A desired file is whole (``content``), gone (``content`` None), or an ``edit`` of what is there, for
files that people own.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ..findings import Finding, finding
from .guard import check_content, has_conflict_markers, plaintext_reason

Edit = Callable[[str, str], str]
"""``edit(path, text) -> text``; raises a Refusal when the text is not what it can edit."""

FILE_MODES = ("100644", "100755")
KINDS = {"120000": "a symbolic link", "160000": "a submodule"}


class Action(str, Enum):
    """What happens to a path."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True)
class Wanted:
    """One desired file. ``path`` is relative to the repository's root, with ``/``.

    Exactly one of ``content`` (bytes; None with no edit: the file is to be absent) and ``edit``.
    ``mode`` is a git file mode; empty keeps the present one, ``100644`` for a new file.
    """

    path: str
    content: bytes | None = None
    mode: str = ""
    edit: Edit | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Change:
    """What becomes of one path; ``before`` and ``after`` are None where there is no file."""

    path: str
    action: Action
    before: bytes | None
    after: bytes | None
    mode: str = "100644"

    def diff(self) -> dict[str, str]:
        """The form that Ansible's ``--diff`` prints."""
        none = "/dev/null"
        return {
            "before_header": f"a/{self.path}" if self.before is not None else none,
            "after_header": f"b/{self.path}" if self.after is not None else none,
            "before": _shown(self.path, self.before),
            "after": _shown(self.path, self.after),
        }

    def unified(self) -> str:
        """A unified diff."""
        shown = self.diff()
        before, after = (shown[side].splitlines(keepends=True) for side in ("before", "after"))
        lines = difflib.unified_diff(before, after, shown["before_header"], shown["after_header"])
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


@dataclass(frozen=True)
class Tree:
    """What a branch holds: the git mode of every path, and the bytes of the paths that matter."""

    modes: Mapping[str, str]
    contents: Mapping[str, bytes]


def check_paths(wanted: Sequence[Wanted]) -> list[Finding]:
    """What is wrong with the list itself, whatever the repository holds."""
    if not wanted:
        return [finding("gitops-nothing-to-commit", "files", "is empty")]
    found = [
        finding("gitops-path-invalid", f"files[{index}].path", f"'{item.path}' {why}")
        for index, item in enumerate(wanted)
        if (why := path_problem(item.path))
    ]
    paths = [item.path for item in wanted]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    found += [finding("gitops-path-conflict", path, "is listed more than once") for path in twice]
    present = {item.path for item in wanted if item.content is not None or item.edit}
    for path in sorted(present):
        found += [
            finding("gitops-path-conflict", path, f"needs a folder where '{parent}' is to be a file")
            for parent in _parents(path)
            if parent in present
        ]
    return found


def path_problem(path: str) -> str:
    """Why ``path`` is not a path inside a repository; empty if it is one."""
    parts = path.split("/")
    if not path or path.startswith("/") or "" in parts or "." in parts or ".." in parts:
        return "does not stay inside the repository as a plain relative path"
    if any(part.lower().rstrip(". ") in (".git", "git~1") for part in parts):
        return "lies in git's own folder"
    if re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", path):
        return "holds control characters, backslashes or bytes that are not UTF-8"
    return ""


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def check_tree(tree: Tree, wanted: Iterable[Wanted]) -> list[Finding]:
    """Paths that the tree has something else at: links, submodules, files where folders are needed."""
    folders = {parent for path in tree.modes for parent in _parents(path)}
    found = []
    for item in wanted:
        for place in [*_parents(item.path), item.path]:
            mode = tree.modes.get(place, "")
            if mode in KINDS:
                found.append(finding("gitops-path-link", item.path, f"'{place}' is {KINDS[mode]} in the repository"))
            elif mode and place != item.path:
                found.append(finding("gitops-path-conflict", item.path, f"'{place}' is a file in the repository"))
        if item.path in folders:
            found.append(finding("gitops-path-conflict", item.path, "is a folder in the repository"))
    return found


def plan(tree: Tree, wanted: Iterable[Wanted]) -> list[Change]:
    """What becomes of every wanted path. Raises what an edit raises."""
    return [_change(tree, item) for item in wanted]


def _change(tree: Tree, item: Wanted) -> Change:
    before = tree.contents.get(item.path)
    after = item.content
    if item.edit is not None:
        after = item.edit(item.path, (before or b"").decode("utf-8", errors="surrogateescape")).encode(
            "utf-8", errors="surrogateescape"
        )
    present = tree.modes.get(item.path, "")
    mode = item.mode or present or FILE_MODES[0]
    if after is None:
        action = Action.KEEP if before is None else Action.DELETE
    elif before is None:
        action = Action.CREATE
    else:
        action = Action.KEEP if (before, present) == (after, mode) else Action.UPDATE
    return Change(item.path, action, before, after, mode)


def moved(changes: Iterable[Change]) -> list[Change]:
    """The changes that change something."""
    return [change for change in changes if change.action is not Action.KEEP]


def check_changes(changes: Iterable[Change], ignored: Mapping[str, str]) -> list[Finding]:
    """What must not be committed: broken or secret content, and paths that ``.gitignore`` excludes.

    ``ignored`` maps an excluded path to the rule that excludes it.
    """
    found: list[Finding] = []
    for change in moved(changes):
        if change.after is None:
            continue
        found += check_content(change.path, change.after)
        if change.path in ignored:
            found.append(finding("gitops-path-ignored", change.path, f"is excluded by {ignored[change.path]}"))
    return found


def check_owner(seen: Mapping[str, bytes | None], changes: Iterable[Change]) -> list[Finding]:
    """Whole files that somebody else changed while we were about to write them.

    ``seen`` holds what the paths held when the commit was first planned.
    """
    return [
        finding(
            "gitops-concurrent-edit", change.path, f"was changed by another commit meanwhile:\n{_between(old, change)}"
        )
        for change in moved(changes)
        if change.path in seen and (old := seen[change.path]) != change.before
    ]


def _between(old: bytes | None, change: Change) -> str:
    return Change(change.path, Action.UPDATE, old, change.before).unified()


def fingerprint(branch: str, changes: Iterable[Change]) -> str:
    """Twelve hex digits that stand for what ``changes`` add to and take from ``branch``, whatever the order.

    Only added and removed lines count, so an edit keeps its fingerprint when others change the file elsewhere.
    """
    digest = hashlib.sha256(branch.encode())
    for change in sorted(changes, key=lambda c: c.path):
        lines = [line for line in change.unified().splitlines() if line[:1] in ("+", "-")]
        digest.update("\0".join(["", change.path, change.mode, *lines]).encode(errors="surrogateescape"))
    return digest.hexdigest()[:12]


def unresolved(path: str, text: str) -> list[Finding]:
    """The finding for a file of the repository that is an unresolved merge, before it is edited."""
    if has_conflict_markers(text):
        return [finding("gitops-conflict-markers", path, "holds <<<<<<< and >>>>>>> of a merge in the repository")]
    return []


def _shown(path: str, content: bytes | None) -> str:
    if content is None:
        return ""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"(binary, {len(content)} bytes)\n"
    return "(not shown: it holds a secret in the clear)\n" if plaintext_reason(path, text) else text
