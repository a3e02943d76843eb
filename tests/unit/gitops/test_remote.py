# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs, credentials, git's environment, and what git's error texts mean. No git is run here."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import (
    Credentials,
    check_branch,
    check_credentials,
    environment,
    normalise_key,
    parse_url,
    scrub,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.stderr import explain

TOKEN = "tok-0123456789abcdef"


def code(call, *arguments) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.findings[0].code


@pytest.mark.parametrize(
    ("url", "scheme", "host", "project"),
    [
        ("https://github.com/a/b.git", "https", "github.com", "a/b"),
        ("https://git.example.org:8443/g/s/b", "https", "git.example.org", "g/s/b"),
        ("git@github.com:a/b.git", "ssh", "github.com", "a/b"),
        ("ssh://git@host:2222/a/b.git", "ssh", "host", "a/b"),
        ("file:///srv/o.git", "file", "", "srv/o"),
        ("/srv/o.git", "file", "", "srv/o"),
        ("http://[::1]:3000/a/b", "http", "::1", "a/b"),
    ],
)
def test_urls(url, scheme, host, project):
    address = parse_url(url)
    assert (address.scheme, address.host, address.project) == (scheme, host, project)


@pytest.mark.parametrize(
    "url",
    [
        "",
        " https://h/x",
        "https://h/x\n",
        "https://host:group/x.git",
        "https://user:pw@host/x.git",
        "https://token@host/x.git",
        "ssh://git:pw@host/x.git",
        "ext::sh -c id",
        "ftp://host/x",
        "git://host/x",
        "https://host",
        "https:///x",
        "-oProxyCommand=id",
        "ssh://-oProxyCommand=id/x",
        "--upload-pack=id",
        "relative/path",
    ],
)
def test_urls_that_are_refused_without_showing_them(url):
    with pytest.raises(Refusal) as caught:
        parse_url(url)
    (found,) = caught.value.findings
    assert found.code == "gitops-url-invalid" and "pw" not in found.message and "token@" not in found.message


def test_a_colon_for_a_slash_is_explained():
    with pytest.raises(Refusal, match="with / after the host"):
        parse_url("https://host:group/x.git")


@pytest.mark.parametrize("branch", ["main", "develop", "feature/x-1", "v1.0"])
def test_branches(branch):
    check_branch(branch)


@pytest.mark.parametrize(
    "branch", ["", "-x", "a b", "a..b", "refs/heads/main", "a.lock", "@", "a~1", "/a", "a/", "a//b", "a\x00"]
)
def test_branches_that_are_refused(branch):
    assert code(check_branch, branch) == "gitops-branch-invalid"


def test_what_would_go_out_in_the_clear_is_refused():
    assert code(check_credentials, parse_url("http://host/a"), Credentials(token=TOKEN)) == "gitops-url-invalid"
    check_credentials(parse_url("http://127.0.0.1:1/a"), Credentials(token=TOKEN))
    check_credentials(parse_url("http://host/a"), Credentials())
    assert code(check_credentials, parse_url("https://h/a"), Credentials(token="x\n")) == "gitops-auth"
    assert code(check_credentials, parse_url("git@h:a"), Credentials(ssh_key="k")) == "gitops-known-hosts-missing"


def test_the_environment_holds_the_token_for_this_host_only():
    address = parse_url("https://git.example.org:8443/a/b.git")
    inherited = {
        "PATH": "/bin",
        "HOME": "/root",
        "GIT_DIR": "/x",
        "https_proxy": "p",
        "SSH_AUTH_SOCK": "s",
        "GIT_TRACE": "1",
    }
    env = environment(address, Credentials(token=TOKEN), "/h", inherited)
    settings = {env[f"GIT_CONFIG_KEY_{i}"]: env[f"GIT_CONFIG_VALUE_{i}"] for i in range(int(env["GIT_CONFIG_COUNT"]))}
    header = settings["http.https://git.example.org:8443/.extraHeader"]
    assert base64.b64decode(header.rpartition(" ")[2]) == f"x-access-token:{TOKEN}".encode()
    assert settings["core.hooksPath"] == "/dev/null" and settings["http.followRedirects"] == "false"
    assert (env["HOME"], env["GIT_TERMINAL_PROMPT"], env["https_proxy"]) == ("/h", "0", "p")
    assert env["SSH_AUTH_SOCK"] == "s" and not {"GIT_DIR", "GIT_TRACE"} & set(env)


def test_a_key_shuts_the_agent_out():
    env = environment(parse_url("git@h:a"), Credentials(ssh_key="k"), "/h h", {"SSH_AUTH_SOCK": "s"})
    assert "SSH_AUTH_SOCK" not in env
    command = env["GIT_SSH_COMMAND"]
    for part in (
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=yes",
        "'UserKnownHostsFile=/h h/known_hosts'",
        "-i '/h h/key'",
    ):
        assert part in command
    assert not any("extraHeader" in value for value in env.values())


def test_no_secret_survives():
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "A" * 70 + "\n-----END OPENSSH PRIVATE KEY-----\n"
    credentials = Credentials("me", TOKEN, key)
    text = f"x {TOKEN} y {credentials.basic()} https://u:p@host/ {'A' * 70}"
    clean = scrub(text, credentials.secrets())
    assert clean == "x ******** y ******** https://********@host/ ********"
    assert TOKEN not in repr(credentials) and "AAAA" not in repr(credentials)


def test_keys_get_back_what_copy_and_paste_took():
    assert normalise_key("  a\r\nb ") == "a\nb\n"
    assert normalise_key(" \n") == ""


TEXTS = {
    "gitops-unreachable": [
        "fatal: unable to access 'https://h/': Could not resolve host: h",
        "fatal: unable to access 'https://h/': Failed to connect to h port 443 after 2 ms: Couldn't connect to server",
        "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
        "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502",
        "fatal: the remote end hung up unexpectedly",
    ],
    "gitops-auth": [
        "remote: Invalid username or password.\nfatal: Authentication failed for 'https://h/'",
        "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
        "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
        "remote: HTTP Basic: Access denied. The provided password or token is incorrect",
    ],
    "gitops-write-denied": [
        "remote: Write access to repository not granted.\nfatal: The requested URL returned error: 403",
        "fatal: unable to access 'u': The requested URL returned error: 403",
        "ERROR: The key you are authenticating with has been marked as read only.",
        "remote: You are not allowed to push code to this project.",
    ],
    "gitops-branch-protected": [
        (
            "remote: error: GH006: Protected branch update failed for main.\n ! [remote rejected] main -> main "
            "(protected branch hook declined)"
        ),
        "remote: error: GH013: Repository rule violations found for refs/heads/main.",
        (
            "remote: GitLab: You are not allowed to push code to protected branches.\n ! [remote rejected]"
            " main -> main (pre-receive hook declined)"
        ),
        "remote: Gitea: branch main is protected from changes\n! [remote rejected] main (pre-receive hook declined)",
    ],
    "gitops-push-rejected": [
        "remote: commit must be signed\n ! [remote rejected] main -> main (pre-receive hook declined)"
    ],
    "gitops-push-race": [
        "! [rejected] main -> main (fetch first)",
        "! [rejected] main -> main (non-fast-forward)",
        "! [remote rejected] main -> main (cannot lock ref 'refs/heads/main': is at 1 but expected 2)",
        "! [rejected] x -> x (stale info)",
    ],
    "gitops-repository-missing": [
        "remote: Repository not found.\nfatal: repository 'https://h/x/' not found",
        "fatal: '/srv/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
    ],
    "gitops-repository-moved": ["fatal: unable to access 'http://h/': The requested URL returned error: 301"],
    "gitops-tls": ["fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none"],
    "gitops-host-key": [
        "No ED25519 host key is known for h.\nHost key verification failed.\nfatal: Could not read from remote"
    ],
    "gitops-ssh-key-invalid": ['Load key "/t/key": error in libcrypto\ngit@h: Permission denied (publickey).'],
    "gitops-no-space": ["error: file write error: No space left on device\nfatal: unable to write sha1 file"],
    "gitops-signing": ["error: gpg failed to sign the data\nfatal: failed to write commit object"],
    "gitops-branch-missing": ["fatal: couldn't find remote ref refs/heads/x"],
    "gitops-git-failed": ["fatal: something new", ""],
}


@pytest.mark.parametrize(("expected", "text"), [(code, text) for code, texts in TEXTS.items() for text in texts])
def test_texts(expected, text):
    found = explain(text, "repo", writing=True)
    assert found.code == expected
    assert found.message and "\n" not in found.message


def test_403_while_reading_is_about_the_token():
    assert explain("The requested URL returned error: 403", "repo").code == "gitops-auth"


def test_noise_is_left_out():
    text = (
        "To file:///x\nhint: pull first\nremote: \nerror: failed to push some refs\nerror: failed to push some refs\n"
    )
    assert explain(text, "repo").message == "error: failed to push some refs"
