# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pull-request way, and the modules as Ansible calls them, against stand-ins on loopback."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.inferops.vllm.plugins.action import gitops_commit, gitops_read
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.propose import PREFIX
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.pull_request import (
    ApiRequest,
    Provider,
    create_request,
    find_request,
    provider_of,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import parse_url

from .stand_ins import FakeProvider

TOKEN = "tok-0123456789abcdef"
FILES = [{"path": "k8s/a.yaml", "content": "a: 1\n"}]


def call(module, args, check=False):
    task = SimpleNamespace(args=args, check_mode=check, diff=True, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = module.ActionModule(task, connection, SimpleNamespace(), None, None, None)
    result = action.run(task_vars={"inventory_hostname": "town"})
    assert TOKEN not in str(result)
    return result


def commit(origin, check=False, **args):
    every = {"repo_url": origin.url, "message": "Set", "files": FILES, "token": TOKEN, **args}
    return call(gitops_commit, {name: value for name, value in every.items() if value is not None}, check)


def codes(result) -> list[str]:
    assert result["failed"] and not result["changed"]
    return [f["code"] for f in result["findings"]]


def ours(origin) -> list[str]:
    refs = origin.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    return [ref for ref in refs if ref.startswith(PREFIX)]


@pytest.fixture
def fake():
    return FakeProvider("gitlab")


def propose(origin, fake, url, **args):
    more = {"mode": "pull_request", "provider": fake.kind, "api_url": url, "stage": "runtime_class", "site": "odense"}
    return commit(origin, **{**more, **args})


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_a_request_is_opened_once_and_gone_after_the_merge(origin, kind):
    fake = FakeProvider(kind)
    head = origin.head()
    with fake.serve() as url:
        would = propose(origin, fake, url, check=True)
        assert would["changed"] and ours(origin) == [] == fake.open
        first = propose(origin, fake, url)
        assert first["changed"] and first["pending_merge"] and first["url"].startswith("https://x/")
        assert first["paths"] == ["k8s/a.yaml"] and first["diff"][0]["after"] == "a: 1\n"
        assert [f["code"] for f in first["findings"]] == ["gitops-pending-merge"]
        assert (first["revision"], origin.head()) == (head, head)
        (branch,) = ours(origin)
        assert branch.startswith(f"{PREFIX}runtime-class-")
        for check in (False, True):
            again = propose(origin, fake, url, check=check)
            assert not again["changed"] and again["pending_merge"] and again["url"] == first["url"]
        assert len(fake.open) == 1 and ours(origin) == [branch]
        assert fake.open[0]["title"] == "Set"
        origin.git("update-ref", "refs/heads/main", branch)
        fake.open.clear()
        merged = propose(origin, fake, url)
        assert not merged["changed"] and not merged["pending_merge"] and merged["revision"] == origin.head()
        assert fake.open == []
        scheme = "token" if fake.kind == "gitea" else "Bearer"
        assert {authorization for _, _, authorization in fake.requests} == {f"{scheme} {TOKEN}"}


def test_neither_way_overwrites_what_changed_since_the_files_were_made(origin, fake):
    base = origin.head()
    origin.seed({"k8s/a.yaml": "theirs: 1\n"})
    with fake.serve() as url:
        assert codes(propose(origin, fake, url, base_revision=base)) == ["gitops-concurrent-edit"]
        assert codes(commit(origin, base_revision=base)) == ["gitops-concurrent-edit"]
        assert codes(commit(origin, base_revision="main")) == ["gitops-revision-invalid"]
        assert ours(origin) == [] == fake.open
        assert propose(origin, fake, url, base_revision=origin.head())["pending_merge"]


def test_the_branch_is_made_anew_when_its_base_moved(origin, fake):
    with fake.serve() as url:
        files = [{"path": "applications/vllm/values.yaml", "state": "absent"}]
        propose(origin, fake, url, files=files)
        (branch,) = ours(origin)
        tip = origin.head(branch)
        origin.seed({"other.txt": "1"})
        assert not propose(origin, fake, url, files=files)["changed"]
        assert origin.head(branch) == tip
        origin.seed({"applications/vllm/values.yaml": "a: 1\nb: 2\n", "x": "1"})
        origin.git("update-ref", f"refs/heads/{branch}", origin.head())
        assert propose(origin, fake, url, files=files)["changed"]
        assert origin.log("%P", branch)[0] == origin.head()


def test_a_request_that_somebody_closed_is_opened_again(origin, fake):
    with fake.serve() as url:
        propose(origin, fake, url)
        fake.open.clear()
        assert propose(origin, fake, url, check=True)["changed"]
        assert propose(origin, fake, url)["changed"] and len(fake.open) == 1


def test_two_runs_at_the_same_moment_share_the_request(origin, fake):
    with fake.serve() as url:
        propose(origin, fake, url)
        fake.hide_once = True
        again = propose(origin, fake, url)
        assert not again["changed"] and again["url"] and len(fake.open) == 1


def test_a_request_on_the_second_page_is_found(origin):
    fake = FakeProvider("gitea")
    fake.open = [fake.make(f"b{number}", "main") for number in range(60)]
    with fake.serve() as url:
        propose(origin, fake, url)
        before = len(fake.open)
        fake.open.reverse()
        fake.open.append(fake.open.pop(0))
        assert not propose(origin, fake, url)["changed"] and len(fake.open) == before


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((403, {"message": f"no scope for {TOKEN}"}), "403: no scope for"),
        ((404, b"<html>"), "404"),
        ((200, b"<html>"), "200"),
        ((302, b""), "302"),
    ],
)
def test_a_provider_that_refuses(origin, fake, answer, text):
    fake.refuse = answer
    with fake.serve() as url:
        result = propose(origin, fake, url)
    assert codes(result) == ["gitops-provider-refused"] and text in result["msg"]


def test_a_provider_that_does_not_answer(origin):
    result = propose(origin, FakeProvider("github"), "http://127.0.0.1:9")
    assert codes(result) == ["gitops-provider-unreachable"]


def test_a_branch_of_ours_that_others_keep_moving(origin, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(gitops_commit.Repository, "push", lambda *a, **k: False)
    assert codes(propose(origin, FakeProvider("github"), "http://127.0.0.1:9", retries=1)) == ["gitops-push-race"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"provider": "auto", "api_url": "https://x"}, "gitops-provider-unknown"),
        ({"token": ""}, "gitops-provider-unknown"),
        ({"api_url": "ftp://x"}, "gitops-url-invalid"),
        ({"api_url": "http://example.org/api"}, "gitops-url-invalid"),
        ({"api_url": "https://me@example.org/api"}, "gitops-url-invalid"),
    ],
)
def test_pull_requests_without_a_provider(origin, args, code):
    assert codes(propose(origin, FakeProvider("github"), "https://x", **args)) == [code]
    assert ours(origin) == []


@pytest.mark.parametrize(
    ("url", "kind", "api", "project"),
    [
        ("https://github.com/a/b.git", "github", "https://api.github.com", "a/b"),
        ("git@github.com:a/b.git", "github", "https://api.github.com", "a/b"),
        ("https://github.example.org/a/b", "github", "https://github.example.org/api/v3", "a/b"),
        ("ssh://git@gitlab.example.org:2222/g/s/b.git", "gitlab", "https://gitlab.example.org/api/v4", "g/s/b"),
        ("https://codeberg.org/a/b", "gitea", "https://codeberg.org/api/v1", "a/b"),
        ("https://forgejo.example.org:3000/a/b", "gitea", "https://forgejo.example.org:3000/api/v1", "a/b"),
    ],
)
def test_providers_by_host(url, kind, api, project):
    found = provider_of(parse_url(url), "auto", "", TOKEN)
    assert (found.kind, found.api, found.project) == (kind, api, project)
    assert TOKEN not in repr(found)


def test_requests_as_the_providers_document_them():
    def lines(kind: str, project: str = "a/b") -> list[str]:
        provider = Provider(kind, "https://x", project, TOKEN)
        made = [find_request(provider, "h/1", "main"), create_request(provider, "h/1", "main", "T", "B")]
        assert all(isinstance(r, ApiRequest) and TOKEN not in repr(r) for r in made)
        return [f"{r.method} {r.url} {r.body.decode()}".strip() for r in made]

    assert lines("github") == [
        "GET https://x/repos/a/b/pulls?state=open&head=a%3Ah%2F1&base=main",
        'POST https://x/repos/a/b/pulls {"title": "T", "head": "h/1", "base": "main", "body": "B"}',
    ]
    assert lines("gitlab", "g/s/b") == [
        "GET https://x/projects/g%2Fs%2Fb/merge_requests?state=opened&source_branch=h%2F1&target_branch=main",
        (
            'POST https://x/projects/g%2Fs%2Fb/merge_requests {"title": "T", "source_branch": "h/1", "target_branch": '
            '"main", "description": "B", "remove_source_branch": true}'
        ),
    ]
    assert lines("gitea")[0] == "GET https://x/repos/a/b/pulls?state=open&limit=50&page=1"


# -- the modules --------------------------------------------------------------------------------------


def test_commit_and_read(origin):
    would = commit(origin, check=True)
    assert would["changed"] and would["revision"] == origin.head()
    first = commit(origin, stage="runtime_class", site="odense", trailers={"Inferops-Run": "7"}, author_name="Bot")
    assert first["changed"] and (first["branch"], first["revision"]) == ("main", origin.head())
    body = origin.git("log", "-1", "--format=%an%n%b")
    assert body == "Bot\nInferops-Stage: runtime_class\nInferops-Site: odense\nInferops-Run: 7"
    second = commit(origin)
    assert not second["changed"] and second["content_revision"] == first["revision"] and second["diff"] == []
    asked = {"repo_url": origin.url, "paths": ["k8s/*", "no"], "contains": first["revision"]}
    result = call(gitops_read, asked)
    assert result["files"] == {"k8s/a.yaml": "a: 1\n"} and result["missing"] == ["no"] and result["contained"] is True
    assert not result["changed"]
    back = commit(origin, files=None, revert="last", stage="runtime_class", site="odense")
    assert back["changed"] and back["paths"] == ["k8s/a.yaml"]


def test_files_that_people_own(origin):
    origin.seed(
        {
            "apps/values.yaml": "apps:\n  - name: vllm\n    automated: false # later\n",
            "apps/p.yaml": "kind: AppProject\nmetadata:\n  name: p\nspec:\n  a: {{ .Values.a }}\n",
        }
    )
    files = [
        {"path": "apps/values.yaml", "app": {"name": "vllm", "automated": True}},
        {
            "path": "apps/p.yaml",
            "project": {
                "namespace": "argo-cd",
                "cluster_resources": [{"group": "node.k8s.io", "kind": "RuntimeClass"}],
                "destinations": [{"namespace": "vllm"}],
            },
        },
    ]
    assert commit(origin, files=files)["paths"] == ["apps/values.yaml", "apps/p.yaml"]
    assert origin.show("apps/values.yaml").endswith("    automated: true # later\n")
    assert "  namespace: argo-cd\nspec:\n  a: {{ .Values.a }}\n  destinations:\n" in origin.show("apps/p.yaml")
    assert not commit(origin, files=files)["changed"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"files": []}, "gitops-nothing-to-commit"),
        ({"files": [{"path": "a"}]}, "gitops-files-invalid"),
        ({"files": [{"path": "a", "content": "x\ud800"}]}, "options-invalid"),
        ({"files": [{"path": "a", "content": "x", "state": "absent"}]}, "gitops-files-invalid"),
        ({"files": [{"path": "a", "content": "x", "app": {"name": "y"}}]}, "gitops-files-invalid"),
        ({"files": [{"path": "a", "project": {"name": "y"}}]}, "gitops-files-invalid"),
        ({"files": [{"path": "a", "content": "x", "mode": "0777"}]}, "options-invalid"),
        ({"revert": "last"}, "options-invalid"),
        ({"files": None, "revert": "abc"}, "gitops-revision-invalid"),
        ({"files": None, "revert": "last"}, "gitops-revert-missing"),
        ({"retries": 11}, "gitops-files-invalid"),
        ({"retries": 0}, "gitops-files-invalid"),
        ({"author_email": "a<b"}, "gitops-message-invalid"),
        ({"author_name": "..."}, "gitops-message-invalid"),
        ({"ssh_key": "/nonexistent/key"}, "gitops-credentials-invalid"),
        ({"known_hosts": "/"}, "gitops-credentials-invalid"),
        ({"message": ""}, "gitops-message-invalid"),
        ({"repo_url": "https://h:x/y"}, "gitops-url-invalid"),
    ],
)
def test_options_that_are_refused(origin, args, code):
    head = origin.head()
    assert codes(commit(origin, **args)) == [code]
    assert origin.head() == head


def test_bytes_that_are_no_text_come_out_as_they_went_in(origin):
    commit(origin, files=[{"path": "a.bin", "content": "\udcff\udcfe"}])
    assert origin.git("cat-file", "-s", "main:a.bin") == "2"


def test_keys_may_be_paths(origin, tmp_path):
    from ansible_collections.inferops.vllm.plugins.module_utils.gitops.options import credentials_of

    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----")
    (tmp_path / "hosts").write_text("h k v\n")
    found = credentials_of({"ssh_key": str(tmp_path / "key"), "known_hosts": str(tmp_path / "hosts")})
    assert (found.ssh_key, found.known_hosts) == ("-----BEGIN PRIVATE KEY-----", "h k v\n")
    assert credentials_of({"known_hosts": "h k v"}).known_hosts == "h k v"
    with pytest.raises(Refusal):
        credentials_of({"ssh_key": "~nosuchuser/key"})
