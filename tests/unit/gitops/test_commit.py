# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit and push against a bare repository on disk."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import (
    Draft,
    Request,
    backoff,
    commit,
    files,
    full_message,
    prepare,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository

VALUES = "applications/vllm/values.yaml"


def run(origin, *wanted, dry_run=False, pause=lambda _: None, **options):
    with Repository(origin.url) as repository:
        request = Request(files(list(wanted)), options.pop("message", "Set values"), **options)
        return commit(repository, request, dry_run=dry_run, pause=pause)


def refused(origin, *wanted, **options) -> list[str]:
    before = origin.git("for-each-ref")
    with pytest.raises(Refusal) as caught:
        run(origin, *wanted, **options)
    assert origin.git("for-each-ref") == before
    return [f.code for f in caught.value.findings]


def test_first_run_commits_and_the_second_changes_nothing(origin):
    wanted = (Wanted(VALUES, b"a: 3\n"), Wanted("k8s/new.yaml", b"x: 1\n"), Wanted("README.md"))
    first = run(origin, *wanted, trailers={"Inferops-Stage": "vllm_application"})
    assert first.changed and first.revision == origin.head() == first.content_revision
    assert [(c.path, c.action.value) for c in first.changes] == [
        (VALUES, "update"),
        ("k8s/new.yaml", "create"),
        ("README.md", "delete"),
    ]
    assert origin.show(VALUES) == "a: 3\n"
    assert origin.git("ls-tree", "-r", "--name-only", "main").split() == [".gitignore", VALUES, "k8s/new.yaml"]
    assert origin.git("log", "-1", "--format=%B") == "Set values\n\nInferops-Stage: vllm_application"
    origin.seed({"other.txt": "x"})
    second = run(origin, *wanted)
    assert not second.changed and not second.changes
    assert (second.revision, second.content_revision) == (origin.head(), first.revision)


def test_a_dry_run_shows_the_change_and_pushes_nothing(origin):
    head = origin.head()
    outcome = run(origin, Wanted(VALUES, b"a: 1\nb: 9\n"), dry_run=True)
    assert origin.head() == head == outcome.revision
    assert outcome.changes[0].diff() == {
        "before_header": f"a/{VALUES}",
        "after_header": f"b/{VALUES}",
        "before": "a: 1\nb: 2\n",
        "after": "a: 1\nb: 9\n",
    }
    assert "-b: 2\n+b: 9\n" in outcome.changes[0].unified()


def test_only_the_named_paths_move(origin):
    before = origin.git("ls-tree", "-r", "main").splitlines()
    run(origin, Wanted(VALUES, b"a: 3\n"))
    after = origin.git("ls-tree", "-r", "main").splitlines()
    assert [line for line in after if VALUES not in line] == [line for line in before if VALUES not in line]


def test_bytes_are_committed_as_they_are(origin):
    origin.seed({".gitattributes": "* text eol=crlf ident\n*.yaml filter=lfs\n"})
    run(origin, Wanted("crlf.yaml", b"a: 1\r\nb: $Id$"))
    assert origin.show("crlf.yaml") == "a: 1\r\nb: $Id$"


def test_file_modes(origin):
    run(origin, Wanted("run.sh", b"#!/bin/sh\n", mode="100755"))
    assert origin.git("ls-tree", "main", "run.sh").startswith("100755")
    run(origin, Wanted("run.sh", b"#!/bin/sh\necho\n"))
    assert origin.git("ls-tree", "main", "run.sh").startswith("100755")
    assert run(origin, Wanted("run.sh", b"#!/bin/sh\necho\n", mode="100644")).changed


def test_an_empty_repository_gets_its_first_commit_on_the_given_branch(empty):
    outcome = run(empty, Wanted("a.yaml", b"a: 1\n"), branch="develop")
    assert outcome.changed and empty.head("develop") == outcome.revision
    assert empty.git("rev-list", "--count", "develop") == "1"


def test_an_empty_repository_without_a_branch_is_refused(empty):
    assert refused(empty, Wanted("a.yaml", b"a: 1\n")) == ["gitops-repository-empty"]


def test_head_means_the_default_branch(origin):
    assert run(origin, Wanted(VALUES, b"a: 3\n"), branch="HEAD").branch == "main"


@pytest.fixture(scope="module")
def seeded(template):
    """One clone for all the refusals, which leave it as it is."""
    with Repository(f"file://{template}") as repository:
        yield repository, repository.open("main")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ((), "gitops-nothing-to-commit"),
        ((Wanted("../x", b"1"),), "gitops-path-invalid"),
        ((Wanted("/etc/x", b"1"),), "gitops-path-invalid"),
        ((Wanted("a//b", b"1"),), "gitops-path-invalid"),
        ((Wanted("a/./b", b"1"),), "gitops-path-invalid"),
        ((Wanted("", b"1"),), "gitops-path-invalid"),
        ((Wanted(".git/config", b"1"),), "gitops-path-invalid"),
        ((Wanted("a/.GIT/config", b"1"),), "gitops-path-invalid"),
        ((Wanted("a\nb", b"1"),), "gitops-path-invalid"),
        ((Wanted("a\udcff", b"1"),), "gitops-path-invalid"),
        ((Wanted("a", b"1"), Wanted("a", b"2")), "gitops-path-conflict"),
        ((Wanted("a", b"1"), Wanted("a/b", b"2")), "gitops-path-conflict"),
        ((Wanted("README.md/b", b"1"),), "gitops-path-conflict"),
        ((Wanted("applications/vllm", b"1"),), "gitops-path-conflict"),
        ((Wanted("applications/vllm/templates/hf-secret.yaml", b"a: 1\n"),), "gitops-path-ignored"),
        ((Wanted("charts/vllm-stack.tgz", b"1"),), "gitops-path-ignored"),
        ((Wanted("empty.yaml", b""),), "gitops-file-empty"),
        ((Wanted("blank.yaml", b" \n"),), "gitops-file-empty"),
        ((Wanted("x.yaml", b"<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n"),), "gitops-conflict-markers"),
        ((Wanted("x.yaml", b"kind: Secret\nstringData: {TOKEN: x}\n"),), "gitops-plaintext-secret"),
    ],
)
def test_what_is_refused(seeded, wanted, code):
    with pytest.raises(Refusal) as caught:
        prepare(*seeded, wanted)
    assert [f.code for f in caught.value.findings] == [code]


def test_everything_wrong_is_told_at_once(origin):
    assert refused(origin, Wanted("a.yaml", b""), Wanted("b-secret.yaml", b"x"), Wanted("c", b"hf_" + b"a" * 30)) == [
        "gitops-file-empty",
        "gitops-path-ignored",
        "gitops-plaintext-secret",
    ]


def test_a_sealed_name_passes_the_ignore_rules(origin):
    assert run(origin, Wanted("applications/vllm/templates/sealed-hf-secret.yaml", b"kind: SealedSecret\n")).changed


def test_ignore_rules_of_the_same_commit_count(origin):
    assert refused(origin, Wanted(".gitignore", b"x/\n"), Wanted("x/a", b"1")) == ["gitops-path-ignored"]
    assert run(origin, Wanted(".gitignore"), Wanted("a-secret.yaml", b"kind: SealedSecret\n")).changed


def test_links_and_submodules_are_never_followed(origin, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "t2").mkdir()
    origin.seed({"x": "1"})
    (origin.work / "link").symlink_to(outside)
    origin.git("add", "link", cwd=origin.work)
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head()},sub", cwd=origin.work)
    origin.git("commit", "-q", "-m", "link", cwd=origin.work)
    origin.git("push", "-q", "origin", "HEAD:main", cwd=origin.work)
    for path in ("link", "link/x", "sub/x", "sub"):
        assert refused(origin, Wanted(path, b"1"))[0] == "gitops-path-link"
    assert list(outside.iterdir()) == []


def test_a_lost_race_is_planned_anew(origin):
    racing = iter([{"other.txt": "1"}, {"other.txt": "2"}])

    def pause_free_render(repository, snapshot):
        if (files := next(racing, None)) is not None:
            origin.seed(files, "race")
        return Draft([Wanted("mine.yaml", b"a: 1\n")])

    with Repository(origin.url) as repository:
        outcome = commit(repository, Request(pause_free_render, "Mine"), pause=lambda _: None)
    assert outcome.attempts == 3
    assert origin.log() == ["Mine", "race", "race", "seed"]
    assert origin.git("rev-list", "--merges", "main") == ""


def test_a_whole_file_that_somebody_else_writes_stops_the_loop(origin):
    def render(repository, snapshot):
        if snapshot.revision == first:
            origin.seed({VALUES: "theirs: 1\n"}, "theirs")
        return Draft([Wanted(VALUES, b"ours: 1\n")])

    first = origin.head()
    with Repository(origin.url) as repository, pytest.raises(Refusal) as caught:
        commit(repository, Request(render, "Ours"), pause=lambda _: None)
    (found,) = caught.value.findings
    assert found.code == "gitops-concurrent-edit" and "+theirs: 1" in found.message
    assert origin.show(VALUES) == "theirs: 1\n"


def test_what_somebody_changed_since_the_files_were_made_is_not_overwritten(origin):
    base = origin.head()
    origin.seed({VALUES: "theirs: 1\n"}, "theirs")
    with pytest.raises(Refusal) as caught:
        run(origin, Wanted(VALUES, b"ours: 1\n"), base=base)
    (found,) = caught.value.findings
    assert (found.code, found.subject) == ("gitops-concurrent-edit", VALUES)
    assert "-a: 1" in found.message
    assert "+theirs: 1" in found.message
    assert origin.show(VALUES) == "theirs: 1\n"


def test_a_file_that_appeared_since_is_somebody_elses(origin):
    base = origin.head()
    origin.seed({"k8s/new.yaml": "theirs: 1\n"})
    assert refused(origin, Wanted("k8s/new.yaml", b"ours: 1\n"), base=base) == ["gitops-concurrent-edit"]
    assert refused(origin, Wanted("k8s/new.yaml"), base=base) == ["gitops-concurrent-edit"], "nor is it deleted"


def test_other_files_edits_and_the_same_content_may_move_on(origin):
    base = origin.head()
    origin.seed({"README.md": "theirs\n", "other.txt": "x"})
    edit = Wanted("README.md", edit=lambda path, text: text + "ours\n")
    assert run(origin, Wanted(VALUES, b"ours: 1\n"), edit, base=base).changed
    assert origin.show("README.md") == "theirs\nours\n"
    origin.seed({VALUES: "same: 1\n"})
    assert not run(origin, Wanted(VALUES, b"same: 1\n"), base=base).changed


def test_a_base_that_lies_far_back_or_is_gone(origin):
    base = origin.head()
    for number in range(25):
        origin.seed({"other.txt": str(number)})
    assert run(origin, Wanted(VALUES, b"ours: 1\n"), base=base).changed
    assert refused(origin, Wanted(VALUES, b"ours: 2\n"), base="1" * 40) == ["gitops-concurrent-edit"]


def test_an_edit_is_redone_on_what_others_wrote(origin):
    def render(repository, snapshot):
        if snapshot.revision == first:
            origin.seed({VALUES: "a: 1\nb: 2\ntheirs: 1\n"}, "theirs")
        return Draft([Wanted(VALUES, edit=lambda path, text: text + "ours: 1\n")])

    first = origin.head()
    with Repository(origin.url) as repository:
        commit(repository, Request(render, "Ours"), pause=lambda _: None)
    assert origin.show(VALUES) == "a: 1\nb: 2\ntheirs: 1\nours: 1\n"


def test_the_loop_gives_up(origin):
    pauses = []
    counter = iter(range(100))

    def render(repository, snapshot):
        origin.seed({"other.txt": str(next(counter))}, "race")
        return Draft([Wanted("mine.yaml", b"a: 1\n")])

    with Repository(origin.url) as repository, pytest.raises(Refusal) as caught:
        commit(repository, Request(render, "Mine", attempts=3), pause=pauses.append)
    assert caught.value.findings[0].code == "gitops-push-race"
    assert len(pauses) == 3 and all(0 <= p <= 3 for p in pauses)
    assert all(0 <= backoff(n) <= 3 for n in range(1, 11))


@pytest.mark.parametrize("trailers", [{"A b": "x"}, {"A": "x\ny"}, {"A": " "}])
def test_bad_trailers(trailers):
    with pytest.raises(Refusal) as caught:
        full_message("x", trailers)
    assert caught.value.findings[0].code == "gitops-message-invalid"


def test_an_empty_message_is_refused(origin):
    assert refused(origin, Wanted("a", b"1"), message=" ") == ["gitops-message-invalid"]
