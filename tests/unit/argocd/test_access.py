# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argo CD's own credential is found as Argo CD finds it, tried, and never shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd import access
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.findings import refuse
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import Credentials

from tests.unit.argocd.fakes import REPO, FakeCluster

SECRETS = path_of("Secret", "argocd")
TOKEN = "tok-CANARY-0123456789"


def secret(name: str, kind: str = "repository", **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name, "labels": {access.TYPE_LABEL: kind}}, "data": encoded}


def cluster(*secrets: dict[str, Any]) -> FakeCluster:
    made = FakeCluster()
    made.lists[SECRETS] = list(secrets)
    return made


def asking(code: str = "") -> tuple[list[tuple[str, Credentials]], Callable[[str, Credentials], None]]:
    asked: list[tuple[str, Credentials]] = []

    def ask(url: str, credentials: Credentials) -> None:
        asked.append((url, credentials))
        if code:
            raise refuse(code, url, "the server's own words")

    return asked, ask


def test_the_credential_is_the_one_that_argo_cd_takes() -> None:
    exact = secret("exact", url=REPO.upper().removesuffix(".GIT"), username="robot", password=TOKEN)
    short = secret("short", "repo-creds", url="https://git.example.org", password="a")
    long = secret("long", "repo-creds", url="https://git.example.org/town", password="b")
    other = secret("other", url="https://git.example.org/other.git", password="c")
    assert access.credential_of(REPO, [short, other, exact, long]) == exact
    assert access.credential_of(REPO, [short, other, long]) == long
    assert access.credential_of(REPO, [other]) is None


def test_a_credential_that_works_is_no_finding() -> None:
    asked, ask = asking()
    assert access.check(cluster(secret("s", url=REPO, username="robot", password=TOKEN)), "argocd", REPO, ask) == []
    assert asked == [(REPO, Credentials("robot", TOKEN))]


@pytest.mark.parametrize("code", sorted(access.REFUSED))
def test_a_credential_that_is_refused_is_named_and_not_shown(code: str) -> None:
    _, ask = asking(code)
    (found,) = access.check(cluster(secret("town-repo", url=REPO, password=TOKEN)), "argocd", REPO, ask)
    assert found.code == "argocd-repository-unreadable"
    assert "Secret/town-repo" in found.message
    assert TOKEN not in str(found)
    (found,) = access.check(cluster(), "argocd", REPO, ask)
    assert "has no credential" in found.message


@pytest.mark.parametrize("code", ["gitops-unreachable", "gitops-tls", "gitops-host-key"])
def test_what_this_machine_cannot_tell_stops_nothing(code: str) -> None:
    _, ask = asking(code)
    (found,) = access.check(cluster(), "argocd", REPO, ask)
    assert (found.code, found.severity.value) == ("argocd-repository-unchecked", "info")


def test_ssh_uses_argo_cds_known_hosts() -> None:
    asked, ask = asking()
    fake = cluster(secret("s", url="git@host:town/site.git", sshPrivateKey="KEY"))
    hosts = {"ssh_known_hosts": "host ssh-ed25519 AAAA"}
    fake.put({"apiVersion": "v1", "kind": "ConfigMap", "data": hosts,
              "metadata": {"name": access.KNOWN_HOSTS, "namespace": "argocd"}})  # fmt: skip
    assert access.check(fake, "argocd", "ssh://git@host/town/site", ask) == []
    assert asked[0][1] == Credentials(ssh_key="KEY", known_hosts=hosts["ssh_known_hosts"])


def test_what_only_argo_cd_can_use_and_what_may_not_be_listed() -> None:
    _, ask = asking("gitops-auth")
    (found,) = access.check(cluster(secret("app", url=REPO, githubAppID="1")), "argocd", REPO, ask)
    assert found.code == "argocd-repository-unchecked"
    fake = FakeCluster()
    fake.lists[SECRETS] = ApiError(403, "Forbidden", "no")
    (found,) = access.check(fake, "argocd", REPO, ask)
    assert found.code == "argocd-repository-unchecked"
    fake.lists[SECRETS] = ApiError(500, "InternalError", "no")
    with pytest.raises(ApiError):
        access.check(fake, "argocd", REPO, ask)


def test_the_real_git_is_asked(tmp_path: Path) -> None:
    (found,) = access.check(cluster(), "argocd", f"file://{tmp_path}/nothing.git")
    assert found.code == "argocd-repository-unreadable"
