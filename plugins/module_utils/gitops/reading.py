# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read-only questions to a branch: the texts of files, and whether it contains a commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..findings import Finding, finding, raise_if_fatal
from .changes import path_problem
from .guard import plaintext_reason
from .repository import Repository, is_file

WILD = re.compile(r"[*?]")


@dataclass(frozen=True)
class Reading:
    """What was read: ``files`` path to text, ``missing`` the paths and patterns that match nothing."""

    branch: str
    revision: str
    files: Mapping[str, str]
    missing: Sequence[str]
    findings: Sequence[Finding] = field(default_factory=tuple)
    contained: bool | None = None


def read(repository: Repository, branch: str, paths: Sequence[str], contains: str = "") -> Reading:
    """Read ``paths`` (or patterns) at the head of ``branch`` (empty: the default branch).

    ``contains`` is a full commit id; :attr:`Reading.contained` then says whether the branch has it.
    Plaintext secrets and binary files are not handed out: a warning tells which.
    """
    raise_if_fatal(check_patterns(paths))
    snapshot = repository.open(branch)
    files = [path for path, entry in snapshot.entries.items() if is_file(entry)]
    matched, missing = select(files, paths)
    texts, findings = shown(repository.read(snapshot, matched))
    contained = repository.contains(snapshot, contains) if contains else None
    return Reading(snapshot.branch, snapshot.revision, texts, missing, findings, contained)


def check_patterns(paths: Sequence[str]) -> list[Finding]:
    """What is wrong with the list of paths."""
    if not paths:
        return [finding("gitops-nothing-to-commit", "paths", "is empty")]
    return [
        finding("gitops-path-invalid", f"paths[{index}]", f"'{path}' {why}")
        for index, path in enumerate(paths)
        if (why := path_problem(path))
    ]


def select(files: Sequence[str], patterns: Iterable[str]) -> tuple[list[str], list[str]]:
    """The files that match, in tree order, and the patterns that match none."""
    chosen: set[str] = set()
    missing = []
    for pattern in patterns:
        expression = re.compile(glob_expression(pattern))
        hits = (
            {path for path in files if expression.fullmatch(path)} if WILD.search(pattern) else {pattern} & set(files)
        )
        chosen |= hits
        if not hits:
            missing.append(pattern)
    return [path for path in files if path in chosen], missing


def glob_expression(pattern: str) -> str:
    """``*`` and ``?`` stay within a folder, ``**/`` is any number of folders, ``**`` at the end everything."""
    tokens = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(tokens.get(part, re.escape(part)) for part in parts)


def shown(contents: Mapping[str, bytes]) -> tuple[dict[str, str], list[Finding]]:
    """The texts that may be handed out, and a warning for each that may not."""
    texts: dict[str, str] = {}
    findings: list[Finding] = []
    for path, content in contents.items():
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            findings.append(finding("gitops-file-binary", path, "is not UTF-8 text"))
            continue
        if why := plaintext_reason(path, text):
            findings.append(finding("gitops-secret-exposed", path, why))
        else:
            texts[path] = text
    return texts, findings
