# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking our own commits back."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Request, commit, files
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.rollback import Commit, choose, parse_log, revert

VALUES = "applications/vllm/values.yaml"
TRAILERS = {"Inferops-Stage": "vllm_application", "Inferops-Site": "odense"}


def write(origin, content: bytes | None, path: str = VALUES, trailers=TRAILERS) -> str:
    with Repository(origin.url) as repository:
        return commit(repository, Request(files([Wanted(path, content)]), "Set", trailers=trailers)).revision


def take_back(origin, target="last", stage="", site="", dry_run=False):
    with Repository(origin.url) as repository:
        return commit(repository, Request(revert(target, stage, site), "Take back", trailers=TRAILERS), dry_run=dry_run)


def refused(origin, *arguments) -> str:
    with pytest.raises(Refusal) as caught:
        take_back(origin, *arguments)
    return caught.value.findings[0].code


def test_the_last_commit_is_taken_back_once(origin):
    ours = write(origin, b"a: 3\n")
    origin.seed({"other.txt": "1"})
    assert take_back(origin, dry_run=True).changed
    first = take_back(origin)
    assert first.changed and origin.show(VALUES) == "a: 1\nb: 2\n"
    assert f"Inferops-Reverts: {ours}" in origin.log("%B")
    assert origin.show("other.txt") == "1"
    again = take_back(origin)
    assert not again.changed and again.revision == origin.head()
    write(origin, b"a: 4\n")
    assert not take_back(origin, ours).changed
    assert take_back(origin).changed and origin.show(VALUES) == "a: 1\nb: 2\n"


def test_new_and_removed_files_come_and_go(origin):
    created = write(origin, b"x\n", "new.txt")
    write(origin, None, "README.md")
    take_back(origin)
    take_back(origin, created)
    assert origin.git("ls-tree", "-r", "--name-only", "main").split() == [".gitignore", "README.md", VALUES]


def test_a_later_change_of_the_same_file_is_a_conflict(origin):
    ours = write(origin, b"a: 3\n")
    origin.seed({VALUES: "a: 5\n"})
    head = origin.head()
    assert refused(origin, ours) == "gitops-revert-conflict"
    assert origin.head() == head


def test_only_ours_and_only_of_that_stage_and_site(origin):
    seed = origin.head()
    ours = write(origin, b"a: 3\n")
    write(origin, b"x", "other.txt", {"Inferops-Stage": "runtime_class", "Inferops-Site": "odense"})
    assert refused(origin, seed) == "gitops-revert-missing"
    assert refused(origin, "last", "secrets") == "gitops-revert-missing"
    assert refused(origin, "last", "", "aarhus") == "gitops-revert-missing"
    assert refused(origin, "0" * 40) == "gitops-revert-missing"
    assert take_back(origin, "last", "vllm_application", "odense").changed
    assert f"Inferops-Reverts: {ours}" in origin.log("%B")


def test_our_first_commit_of_an_empty_repository(empty):
    with Repository(empty.url) as repository:
        wanted = [Wanted("a", b"1"), Wanted("b", b"1")]
        commit(repository, Request(files(wanted), "First", branch="main", trailers=TRAILERS))
    assert take_back(empty).changed
    assert empty.git("ls-tree", "-r", "main") == ""


def test_a_commit_at_the_horizon_is_not_touched():
    ours = Commit("a" * 40, (), "x\n\nInferops-Stage: s\n")
    with pytest.raises(Refusal):
        choose([ours], "last", "s", "", horizon=["a" * 40])
    assert choose([ours], "last", "s", "") == (ours, False)


def test_links_are_not_restored(origin):
    (origin.path.parent / "seed").exists() or origin.seed({"x": "1"})
    (origin.work / "link").symlink_to("x")
    origin.git("add", "link", cwd=origin.work)
    origin.git("commit", "-q", "-m", "x\n\nInferops-Stage: s", cwd=origin.work)
    origin.git("push", "-q", "origin", "HEAD:main", cwd=origin.work)
    assert refused(origin, "last", "s") == "gitops-path-link"


def test_the_log_is_read_with_squashed_trailers():
    (one, two) = parse_log("a\nb c\n* x\n\nInferops-Stage: s \n\nmore\n\0d\n\nroot\0")
    assert (one.parents, one.trailer("Inferops-Stage"), two.parents, two.trailer("Inferops-Stage")) == (
        ("b", "c"),
        "s",
        (),
        "",
    )
