# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin end to end: options in, a proved site or findings out, and the key nowhere."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action import served_models
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue.serving import ENTRIES
from ansible_collections.inferops.vllm.plugins.module_utils.serving.outcome import lines_of

from tests.unit.serving.fakes import CHAT, EMBED, KEY, MODELS, FakeCluster, engine, objects, router, serving

OPTIONS = {
    "models": [
        {"name": "mistral", "repository": CHAT.repository},
        {"name": "embeddings", "repository": EMBED.repository, "role": "embeddings", "embedding_dimension": 3},
    ],
    "timeout": 0,
    "plan": {"placements": [{"model": "mistral", "nodes": ["gpu-1"]}]},
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    with ExitStack() as stack:

        def call(
            site: dict, options: dict | None = None, *, check: bool = False, router_up: bool = True
        ) -> dict[str, Any]:
            ports = {f"vllm-{m.name}-1": stack.enter_context(serving(engine(m))) for m in MODELS}
            if router_up:
                ports["vllm-deployment-router-1"] = stack.enter_context(serving(router(MODELS)))
            cluster = FakeCluster(site, ports)
            monkeypatch.setattr(served_models.Cluster, "connect", classmethod(lambda cls, options: cluster))
            task = SimpleNamespace(args={**OPTIONS, **(options or {})}, check_mode=check, diff=False, async_val=0)
            action = served_models.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), None)
            monkeypatch.setattr(served_models.FindingsAction.__mro__[1], "run", lambda *a, **k: {})
            result = action.run(task_vars={"inventory_hostname": "town"})
            assert KEY not in str(result)
            assert result["changed"] is False
            return result

        yield call


def codes(result: dict) -> list[str]:
    return [f["code"] for f in result["findings"]]


def test_a_healthy_site(run) -> None:
    result = run(objects())
    assert not result["failed"]
    assert {f["severity"] for f in result["findings"]} == {"info"}
    assert [a["model"] for a in result["answers"]] == ["mistral", "embeddings"]
    assert result["lines"][2] == "√ 6 of 6 requests that must be refused were refused"
    assert "√ mistral: pod vllm-mistral-1 on gpu-1" in result["lines"]


def test_open_endpoints_can_be_left_out(run) -> None:
    assert run(objects(), {"check_open_endpoints": False})["findings"] == []


def test_a_dead_router_is_located(run) -> None:
    result = run(objects(), router_up=False)
    assert result["failed"]
    assert codes(result) == ["serving-router-fault"] * 2


@pytest.mark.parametrize(("check", "severity"), [(True, "info"), (False, "fatal")])
def test_not_deployed(run, check: bool, severity: str) -> None:
    site = {plural: [] for plural in objects()}
    result = run(site, check=check)
    assert codes(result) == ["serving-not-deployed"]
    assert result["findings"][0]["severity"] == severity
    assert result["failed"] is not check
    assert result["lines"] == ["nothing was asked: the application is not deployed"]


def test_a_missing_key_is_said_once_beside_the_other_checks(run) -> None:
    site = objects()
    site["secrets"].pop(0)
    site["persistentvolumeclaims"][0]["status"]["phase"] = "Pending"
    assert codes(run(site)) == ["serving-secret-missing", "serving-claim-unbound"]


def test_the_token_of_the_cluster_is_not_shown_either(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(cls: type, options: dict) -> None:
        raise served_models.ApiError(401, "Unauthorized", f"bad token {options['api_key']}", "GET /")

    monkeypatch.setattr(
        FakeCluster, "items", lambda self, *a, **k: refuse(FakeCluster, {"api_key": "token-of-cluster"})
    )
    result = run(objects(), {"api_key": "token-of-cluster"})
    assert codes(result) == ["cluster-unauthorized"]
    assert "token-of-cluster" not in str(result)


def test_no_models(run) -> None:
    assert codes(run(objects(), {"models": []})) == ["serving-no-models"]


def test_a_role_that_does_not_exist(run) -> None:
    models = [{"name": "m", "repository": "r", "role": "chat"}]
    assert codes(run(objects(), {"models": models})) == ["options-invalid"]


def test_a_forbidden_list(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCluster, "items", _forbidden)
    assert codes(run(objects())) == ["cluster-forbidden"]


def _forbidden(self: FakeCluster, path: str, **query: Any):
    raise served_models.ApiError(403, "Forbidden", "cannot list pods", path)
    yield


def test_codes_are_of_this_area() -> None:
    assert all(entry.code.startswith("serving-") for entry in ENTRIES)


def test_lines_of_a_bad_answer() -> None:
    answer = {"model": "m", "ok": False, "latency_s": 1.0, "tokens": 0, "tokens_per_s": None}
    negative = {"model": "m", "probe": "no key", "status": 200, "ok": False}
    pod = {"model": None, "name": "p", "node": None, "ready": False}
    assert lines_of({"answers": [answer], "negatives": [negative], "pods": [pod]}) == [
        "× m: 0 tokens in 1.00 s",
        "‼ 0 of 1 requests that must be refused were refused",
        "× router: pod p on no node",
    ]
