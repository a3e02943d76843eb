# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live half over a cluster made of dicts: the key, connections, looks."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.serving.diagnosis import PodState
from ansible_collections.inferops.vllm.plugins.module_utils.serving.live import LiveSite, target_port
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import Unreachable
from ansible_collections.inferops.vllm.plugins.module_utils.serving.workloads import Expected

from tests.unit.serving.fakes import CHAT, KEY, MODELS, FakeCluster, objects, router, serving

EXPECTED = Expected("vllm", MODELS, secrets={"vllm-secret": "KEY", "gone": "KEY"})


def live(site: dict, ports: dict | None = None, logs: dict | None = None) -> LiveSite:
    return LiveSite(FakeCluster(site, ports or {}, logs), "vllm", "vllm")


def test_listed_secrets_have_no_values() -> None:
    listed = live(objects()).listed(EXPECTED)
    assert [s["metadata"]["name"] for s in listed.secrets] == ["vllm-secret"]
    assert base64.b64encode(KEY.encode()).decode() not in str(listed)


def test_a_cluster_without_service_monitors() -> None:
    site = objects()
    del site["servicemonitors"]
    assert live(site).listed(EXPECTED).monitors is None


def test_a_missing_right_is_not_taken_for_a_missing_kind() -> None:
    cluster = FakeCluster(objects(), {})
    cluster.forbidden.add("servicemonitors")
    with pytest.raises(ApiError, match="Forbidden"):
        LiveSite(cluster, "vllm", "vllm").listed(EXPECTED)


def test_key() -> None:
    assert live(objects()).key("vllm-secret", "KEY") == KEY


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "serving-key-malformed"),
        (b"sesame\n", "serving-key-malformed"),
        (b" sesame", "serving-key-malformed"),
        ("nøgle".encode(), "serving-key-malformed"),
        (b"\xff", "serving-key-malformed"),
        (None, "serving-secret-key-missing"),
    ],
)
def test_a_key_that_no_client_could_send(value: bytes | None, code: str) -> None:
    site = objects()
    site["secrets"][0]["data"] = {} if value is None else {"KEY": base64.b64encode(value).decode()}
    with pytest.raises(Refusal) as refused:
        live(site).key("vllm-secret", "KEY")
    assert [f.code for f in refused.value.findings] == [code]
    assert "sesame" not in str(refused.value)
    assert "gle" not in str(refused.value)


def test_key_of_no_secret() -> None:
    with pytest.raises(Refusal, match="serving-secret-missing"):
        live(objects()).key("gone", "KEY")


def test_connect_takes_a_ready_pod() -> None:
    site = objects()
    spare = {**site["pods"][0], "metadata": {**site["pods"][0]["metadata"], "name": "spare"}}
    spare["status"] = {"phase": "Running", "conditions": []}
    site["pods"].insert(0, spare)
    with (
        serving(router(MODELS)) as port,
        live(site, {"vllm-deployment-router-1": port}).connect("vllm-router-service") as c,
    ):
        c.request("GET", "/v1/models")
        assert c.getresponse().status == 200


@pytest.mark.parametrize(
    ("service", "change", "text"),
    [
        ("no-such-service", lambda site: None, "no such Service"),
        ("vllm-router-service", lambda site: site.update(pods=[]), "no pod runs"),
        ("vllm-router-service", lambda site: site["services"][0]["spec"].pop("selector"), "no pod runs"),
        ("vllm-router-service", lambda site: None, "error forwarding"),
    ],
)
def test_unreachable_says_why(service: str, change, text: str) -> None:
    site = objects()
    change(site)
    with pytest.raises(Unreachable, match=text), live(site).connect(service):
        pass


def test_look_reads_events_and_the_previous_log_of_a_crash() -> None:
    site = objects()
    status = site["pods"][1]["status"]
    status["conditions"] = []
    status["containerStatuses"] = [{"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
    site["events"] = [
        {"involvedObject": {"name": "other"}, "metadata": {"name": "e"}, "reason": "Failed", "message": "no"}
    ]
    logs = {"vllm-mistral-1": "starting", "vllm-mistral-1/previous": f"ValueError: {KEY} is wrong"}
    site_ = live(site, logs=logs)
    site_.key("vllm-secret", "KEY")
    look = site_.look(CHAT)
    assert look.state is PodState.CRASHING
    assert look.lines == ("ValueError: ******** is wrong",)


def test_look_at_no_pod_and_at_a_starting_one() -> None:
    site = objects()
    site["pods"][1]["status"] = {"phase": "Pending"}
    assert live(site).look(CHAT).state is PodState.STARTING
    site["pods"].pop(1)
    assert live(site).look(CHAT).state is PodState.MISSING


def test_a_look_that_is_not_allowed_says_so() -> None:
    cluster = FakeCluster(objects(), {})
    cluster.forbidden.add("events")
    assert "cannot list events" in LiveSite(cluster, "vllm", "vllm").look(CHAT).summary


@pytest.mark.parametrize(
    ("ports", "containers", "port"),
    [
        ([], [], 8000),
        ([{"port": 80}], [], 80),
        ([{"port": 80, "targetPort": 9000}], [], 9000),
        ([{"port": 80, "targetPort": "web"}], [], 8000),
        ([{"port": 80, "targetPort": "web"}], [{"ports": [{"name": "web", "containerPort": 7}]}], 7),
    ],
)
def test_target_port(ports: list, containers: list, port: int) -> None:
    assert target_port({"spec": {"ports": ports}}, {"spec": {"containers": containers}}) == port


def test_a_missing_right_to_forward_is_not_the_models_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_unused: object) -> object:
        raise ApiError(403, "Forbidden", 'cannot create resource "pods/portforward"', "port-forward")

    there = live(objects())
    monkeypatch.setattr(there._cluster, "forward", refused)
    with pytest.raises(ApiError, match="pods/portforward"), there.connect("vllm-router-service"):
        pass
