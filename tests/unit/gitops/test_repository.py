# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in which we work, what gets into it and out of it, and everything that can go wrong around it."""

from __future__ import annotations

import base64
import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops import repository as module
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Request, commit, files
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import Credentials
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository, git_program

from .stand_ins import git_server

TOKEN = "tok-0123456789abcdef"
ROOT = Path(__file__).parents[3]


def write(url, credentials=None, content=b"a: 3\n", **options):
    with Repository(url, credentials) as repository:
        return commit(repository, Request(files([Wanted("a.yaml", content)]), "Set", **options), pause=lambda _: None)


def code(*arguments, **options) -> str:
    with pytest.raises(Refusal) as caught:
        write(*arguments, **options)
    assert TOKEN not in str(caught.value)
    return caught.value.findings[0].code


def test_the_folder_is_private_and_gone_afterwards(origin, private_tmp):
    with Repository(origin.url, Credentials(ssh_key="k", known_hosts="h")) as repository:
        (folder,) = private_tmp.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "home" / "key").stat().st_mode) == 0o600
        assert repository.open("").branch == "main"
    assert list(private_tmp.iterdir()) == []


def test_neither_home_nor_the_users_settings_matter(origin, monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        '[core]\n\thooksPath = /x\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n[url "x"]\n\tinsteadOf = file:\n'
    )
    home.chmod(0o500)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare=maybe'")
    assert write(origin.url, content=b"a\r\n").changed
    assert origin.show("a.yaml") == "a\r\n"
    monkeypatch.delenv("HOME")
    assert not write(origin.url, content=b"a\r\n").changed


# -- the remote -----------------------------------------------------------------------------------


def test_a_missing_repository(tmp_path):
    assert code(f"file://{tmp_path}/none.git") == "gitops-repository-missing"


def test_an_unreachable_server():
    assert code("http://127.0.0.1:9/a/b.git") == "gitops-unreachable"


def test_an_unknown_branch_gets_a_suggestion(origin):
    with pytest.raises(Refusal, match="did you mean 'main'"):
        write(origin.url, branch="mian")


def test_a_bad_branch_is_refused(origin):
    assert code(origin.url, branch="refs/heads/main") == "gitops-branch-invalid"


def test_a_default_branch_that_does_not_exist(origin):
    origin.git("symbolic-ref", "HEAD", "refs/heads/master")
    assert code(origin.url) == "gitops-branch-missing"


def test_a_branch_that_vanishes_meanwhile(origin):
    with Repository(origin.url) as repository:
        assert repository.fetch("gone").revision == ""
        assert repository.last_commit(repository.fetch("gone"), ["a"]) == ""


def test_a_history_that_was_rewritten_meanwhile(origin):
    first = origin.head()

    def render(repository, snapshot):
        if snapshot.revision == first:
            tree = origin.git("rev-parse", "main^{tree}")
            origin.git("update-ref", "refs/heads/main", origin.git("commit-tree", tree, "-m", "rewritten"))
        return files([Wanted("a.yaml", b"a: 3\n")])(repository, snapshot)

    with Repository(origin.url) as repository:
        assert commit(repository, Request(render, "Set"), pause=lambda _: None).attempts == 2
    assert origin.log() == ["Set", "rewritten"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error: GH006: Protected branch update failed for refs/heads/main.", "gitops-branch-protected"),
        ("GitLab: You are not allowed to push code to protected branches on this project.", "gitops-branch-protected"),
        ("commits must be signed", "gitops-push-rejected"),
    ],
)
def test_refusals_of_the_server(origin, text, expected):
    origin.hook("pre-receive", f"echo '{text}' >&2; exit 1")
    head = origin.head()
    with pytest.raises(Refusal) as caught:
        write(origin.url)
    (found,) = caught.value.findings
    assert found.code == expected and text.split(".")[0] in found.message
    assert origin.head() == head


# -- HTTP -----------------------------------------------------------------------------------------


def test_a_token_goes_in_a_header_and_nowhere_else(origin, monkeypatch):
    header = "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()
    argv = []
    popen = subprocess.Popen
    monkeypatch.setattr(module.subprocess, "Popen", lambda args, **kw: argv.append(args) or popen(args, **kw))
    with git_server(origin.path.parent, header) as (url, seen):
        assert write(f"{url}/origin.git", Credentials("me", TOKEN)).changed
        assert origin.show("a.yaml") == "a: 3\n"
        assert set(seen) == {header}
        assert not any(TOKEN in word or header[6:] in word for args in argv for word in args)
        assert code(f"{url}/origin.git", Credentials("me", TOKEN[1:])) == "gitops-auth"
        assert code(f"{url}/origin.git") == "gitops-auth"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, "gitops-auth"),
        (404, "gitops-repository-missing"),
        (503, "gitops-unreachable"),
        (301, "gitops-repository-moved"),
    ],
)
def test_answers_of_a_server(origin, status, expected):
    with git_server(origin.path.parent) as (other, seen), git_server(origin.path, "", status, f"{other}/x") as (url, _):
        assert code(f"{url}/origin.git", Credentials("me", TOKEN)) == expected
        assert seen == []


# -- SSH ------------------------------------------------------------------------------------------


@pytest.fixture
def fake_ssh(tmp_path, monkeypatch):
    """An ssh that notes its arguments and runs the remote command here."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "ssh"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/argv\nfor last; do :; done\nexec sh -c "$last"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "argv"


def test_ssh_is_called_with_our_key_and_known_hosts_only(origin, fake_ssh, private_tmp):
    credentials = Credentials(ssh_key="KEY", known_hosts="host ssh-ed25519 AAAA")
    assert write(f"ssh://git@host{origin.path}", credentials).changed
    argv = fake_ssh.read_text()
    assert "-F /dev/null" in argv and "StrictHostKeyChecking=yes" in argv and f"-i {private_tmp}/inferops-" in argv


def test_ssh_to_a_stranger_is_refused():
    assert code("git@host:a/b.git", Credentials(ssh_key="KEY")) == "gitops-known-hosts-missing"


def test_a_broken_key_is_told_apart(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text('#!/bin/sh\necho "Load key \\"x\\": invalid format" >&2\nexit 255\n')
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert code("git@host:a/b.git", Credentials(ssh_key="KEY", known_hosts="h k")) == "gitops-ssh-key-invalid"


# -- this machine -----------------------------------------------------------------------------------


@pytest.fixture
def other_git(tmp_path, monkeypatch):
    def use(text: str | None) -> None:
        folder = tmp_path / "gitbin"
        folder.mkdir()
        if text is not None:
            (folder / "git").write_text(f"#!/bin/sh\n{text}\n")
            (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder) if text is None else f"{folder}:/usr/bin:/bin")
        git_program.cache_clear()

    yield use
    git_program.cache_clear()


@pytest.mark.parametrize("text", [None, "echo git version 2.30.9", "echo something else"])
def test_no_git_or_an_old_one(origin, other_git, text):
    other_git(text)
    assert code(origin.url) == "gitops-git-missing"


def test_a_git_that_hangs_is_ended(origin, other_git):
    other_git('case "$1" in version) echo git version 2.39.0;; *) sleep 60;; esac')
    with pytest.raises(Refusal) as caught, Repository(origin.url, timeout=0.3):
        pass
    assert caught.value.findings[0].code == "gitops-unreachable"


def test_a_temporary_folder_that_does_not_exist(origin, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent/t")
    assert code(origin.url) == "gitops-no-folder"


def test_a_full_disk(origin, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_private", full)
    assert code(origin.url, Credentials(known_hosts="x")) == "gitops-no-space"


KILLED = """
import sys, tempfile
sys.path.insert(0, "collections")
tempfile.tempdir = sys.argv[2]
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.changes import Wanted
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Draft, Request, commit
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository
def render(repository, snapshot):
    print("ready", flush=True)
    sys.stdin.read()
with Repository(sys.argv[1]) as repository:
    commit(repository, Request(render, "x"))
"""


def test_a_killed_run_leaves_nothing_for_long(origin, private_tmp):
    head = origin.head()
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, origin.url, str(private_tmp)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    (left,) = private_tmp.iterdir()
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    write(origin.url, content=b"b: 1\n")
    assert left.exists(), "a folder in use must stay"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left.exists()
    os.utime(left, (long_ago, long_ago))
    write(origin.url, content=b"b: 2\n")
    assert not left.exists()
    assert origin.log("%H")[-1] == head


def test_a_fresh_folder_of_another_run_stays(origin, private_tmp):
    fresh = private_tmp / "inferops-vllm-git-fresh"
    fresh.mkdir()
    write(origin.url)
    assert fresh.exists()
    fresh.rmdir()


# -- signing ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signer():
    """A private key, and the environment in which its signatures can be verified."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    home = tempfile.mkdtemp(prefix="g", dir="/tmp")
    env = {"PATH": os.environ["PATH"], "GNUPGHOME": home}

    def gpg(*arguments: str) -> str:
        return subprocess.run(
            ["gpg", "--batch", *arguments], env=env, capture_output=True, text=True, check=True
        ).stdout

    gpg("--passphrase", "", "--quick-gen-key", "bot <bot@example.org>", "ed25519", "sign", "never")
    yield gpg("--export-secret-keys", "--armor"), env
    subprocess.run(["gpgconf", "--kill", "all"], env=env, check=False)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def short_tmp(monkeypatch):
    """gpg-agent's sockets need a short path."""
    folder = tempfile.mkdtemp(prefix="t", dir="/tmp")
    monkeypatch.setattr("tempfile.tempdir", folder)
    yield
    Path(folder).rmdir()


def test_commits_are_signed(origin, signer, short_tmp):
    key, env = signer
    revision = write(origin.url, sign_key=key).revision
    done = subprocess.run(
        ["git", "-C", str(origin.path), "verify-commit", "--raw", revision],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GOODSIG" in done.stderr


@pytest.mark.parametrize(
    "key", ["not a key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----"]
)
def test_a_bad_signing_key_is_refused(origin, signer, key):
    assert code(origin.url, sign_key=key) == "gitops-signing"


def test_signing_without_gpg(origin, monkeypatch):
    which = module.shutil.which
    monkeypatch.setattr(module.shutil, "which", lambda name: None if name.startswith("gpg") else which(name))
    assert code(origin.url, sign_key="x") == "gitops-signing"
