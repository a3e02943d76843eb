# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept out of Git, and what may be read from it."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import (
    Action,
    Change,
    Tree,
    Wanted,
    fingerprint,
    plan,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.guard import (
    check_content,
    has_conflict_markers,
    plaintext_reason,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.reading import glob_expression, read, select
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", SECRET + "stringData: {K: v}\n"),
        ("a.YML", SECRET + "data:\n  K: dg==\n"),
        ("a.json", '{"kind": "Secret", "data": {"K": "dg=="}}'),
        ("a.yaml", "kind: List\nitems:\n- kind: Secret\n  data: {K: dg==}\n"),
        ("a.yaml", "a: 1\n---\n" + SECRET + "stringData: {K: v}\n"),
        ("t.yaml", '{{- if .Values.x }}\nkind: "Secret"\nstringData:\n  K: v\n{{- end }}\n'),
        ("x.txt", "-----BEGIN RSA PRIVATE KEY-----"),
        ("x.txt", "token hf_" + "a" * 34),
        ("a/local-secrets/x.yaml", "a: 1"),
        ("a/unsealed-hf-secret.yaml", "a: 1"),
    ],
)
def test_plaintext_secrets(path, text):
    assert plaintext_reason(path, text)
    assert check_content(path, text.encode())[0].code == "gitops-plaintext-secret"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.yaml", "kind: SealedSecret\nspec: {encryptedData: {K: Ag}, template: {type: Opaque}}\n"),
        ("a.yaml", SECRET),
        ("a.yaml", "spec: {namespaceResourceWhitelist: [{group: '', kind: Secret}]}\n"),
        ("t.yaml", "{{ if x }}\nkind: Secret\n---\nkind: ConfigMap\ndata:\n  a: b\n{{ end }}\n"),
        ("a.yaml", "token: hf_short\n"),
        ("a.md", "kind: Secret\ndata: {}\n"),
        ("a.yaml", "a: " + "[" * 60 + "]" * 60 + "\n"),
    ],
)
def test_what_is_not_a_plaintext_secret(path, text):
    assert plaintext_reason(path, text) == ""


def test_conflict_markers_need_both_ends():
    assert has_conflict_markers("<<<<<<< a\n=======\n>>>>>>> b\n")
    assert not has_conflict_markers("Title\n=======\n")
    assert not has_conflict_markers("a <<<<<<< b\n>>>>>>> c\n")


def test_a_diff_never_shows_a_secret_or_binary():
    change = Change("a.yaml", Action.UPDATE, (SECRET + "stringData: {K: topsecret}\n").encode(), b"\xff\xfe")
    shown = change.diff()
    assert "topsecret" not in str(shown) and shown["after"] == "(binary, 2 bytes)\n"
    assert Change("a", Action.CREATE, None, b"a").unified().endswith("+a\n\\ No newline at end of file\n")


def test_a_fingerprint_stands_for_the_change_alone():
    def made(before: str, path: str = "f") -> str:
        tree = Tree({"f": "100644", "g": "100644"}, {"f": before.encode(), "g": b"x\n"})
        wanted = [Wanted(path, edit=lambda _, text: text.replace("off", "on")), Wanted("g")]
        return fingerprint("main", plan(tree, wanted)), fingerprint("main", reversed(plan(tree, wanted)))

    first, turned = made("1\n2\n3\n4\noff\n")
    assert first == turned == made("0\n1\n2\n3\n4\noff\n")[0]
    assert first != made("1\n2\n3\n4\noff!\n")[0]


@pytest.mark.parametrize(
    ("pattern", "path", "hit"),
    [
        ("a/*.yaml", "a/b.yaml", True),
        ("a/*.yaml", "a/b/c.yaml", False),
        ("a/**/*.yaml", "a/c.yaml", True),
        ("a/**/*.yaml", "a/b/b/c.yaml", True),
        ("a/**", "a/b/c", True),
        ("a?.txt", "ab.txt", True),
        ("a?.txt", "a/.txt", False),
        ("a.*", "abc", False),
    ],
)
def test_patterns(pattern, path, hit):
    import re

    assert bool(re.fullmatch(glob_expression(pattern), path)) == hit


def test_selection_tells_what_is_missing():
    assert select(["a", "b/c"], ["b/*", "x", "y*", "a"]) == (["a", "b/c"], ["x", "y*"])


def test_reading_a_branch(origin):
    origin.seed({"s.yaml": SECRET + "data: {K: dg==}\n", "b.bin": b"\xff", "t/a.yaml": "x: å\n"})
    (origin.work / "link").symlink_to("t/a.yaml")
    origin.git("add", "link", cwd=origin.work)
    origin.git("commit", "-q", "-m", "link", cwd=origin.work)
    origin.git("push", "-q", "origin", "HEAD:main", cwd=origin.work)
    first = origin.log("%H")[-1]
    with Repository(origin.url) as repository:
        reading = read(repository, "", ["s.yaml", "b.bin", "t/*", "link", "nope"], contains=first)
    assert (reading.branch, reading.revision, reading.contained) == ("main", origin.head(), True)
    assert reading.files == {"t/a.yaml": "x: å\n"}
    assert reading.missing == ["link", "nope"]
    assert sorted(f.code for f in reading.findings) == ["gitops-file-binary", "gitops-secret-exposed"]


def test_containment_looks_further_back_when_needed(origin):
    first = origin.head()
    tree = origin.git("rev-parse", "main^{tree}")
    tip = first
    for number in range(30):
        tip = origin.git("commit-tree", tree, "-p", tip, "-m", str(number))
    origin.git("update-ref", "refs/heads/main", tip)
    other = origin.git("commit-tree", tree, "-m", "elsewhere")
    for commit, expected in ((first, True), (tip, True), (other, False), ("0" * 40, False)):
        with Repository(origin.url) as repository:
            assert read(repository, "main", ["README.md"], contains=commit).contained is expected


@pytest.mark.parametrize(
    ("paths", "contains", "code"),
    [
        ([], "", "gitops-nothing-to-commit"),
        (["../x"], "", "gitops-path-invalid"),
        (["README.md"], "main", "gitops-revision-invalid"),
    ],
)
def test_questions_that_are_refused(origin, paths, contains, code):
    with Repository(origin.url) as repository, pytest.raises(Refusal) as caught:
        read(repository, "main", paths, contains)
    assert caught.value.findings[0].code == code


def test_an_empty_repository_cannot_be_read(empty):
    with Repository(empty.url) as repository, pytest.raises(Refusal) as caught:
        read(repository, "main", ["a"])
    assert caught.value.findings[0].code == "gitops-repository-empty"
