# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation, restarts and making way, against a small cluster in memory."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils import yaml_text
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.operations import generate, handle, rollout, rotation, way
from ansible_collections.inferops.vllm.plugins.module_utils.serving.diagnosis import Attempt
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Answer, Model

ITEM = rotation.Item("vllm-secret", "KEY")
SECRET = path_of("Secret", "vllm", "vllm-secret")
APP = path_of("Application", "argocd", "vllm")
GONE = path_of("Deployment", "vllm", "engine")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Cluster:
    """Objects by path; patches merge one level into metadata and spec and are remembered."""

    def __init__(self, objects: Mapping[str, dict[str, Any]]) -> None:
        self.objects, self.patches, self.deleted = dict(objects), list[tuple[str, Any]](), list[str]()

    def find(self, path: str, **_: Any) -> dict[str, Any] | None:
        return self.objects.get(path)

    def get(self, path: str, **_: Any) -> dict[str, Any]:
        return self.objects[path]

    def items(self, path: str, **_: Any) -> Iterator[dict[str, Any]]:
        return (value for key, value in self.objects.items() if key.rpartition("/")[0] == path)

    def patch(self, path: str, body: Any, **_: Any) -> dict[str, Any]:
        self.patches.append((path, body))
        return self.objects[path]

    def delete(self, path: str, **_: Any) -> None:
        self.deleted.append(path)
        self.objects.pop(path, None)


def secret(value: str = "new", time: str = "2026-01-01T00:00:10Z") -> dict[str, Any]:
    data = {"KEY": base64.b64encode(value.encode()).decode()}
    metadata = {"name": "vllm-secret", "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"time": time}]}
    return {"metadata": metadata, "data": data}


def deployment(name: str = "engine", *, done: bool = True) -> dict[str, Any]:
    env = [{"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "vllm-secret", "key": "KEY"}}}]
    counts = {"replicas": 1, "updatedReplicas": int(done), "availableReplicas": 1, "observedGeneration": 1}
    return {
        "metadata": {"name": name, "generation": 1, "uid": "1"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"env": env}]}},
        },
        "status": counts,
    }


def pod(created: str, app: str = "engine") -> dict[str, Any]:
    return {"metadata": {"name": app, "labels": {"app": app}, "creationTimestamp": created}}


def site(value: str = "new", created: str = "2026-01-01T00:00:05Z", **more: Any) -> Cluster:
    return Cluster(
        {
            SECRET: secret(value),
            GONE: deployment(**more),
            path_of("Pod", "vllm", "engine"): pod(created),
        }
    )


def refused(code: str, call: Any) -> None:
    with pytest.raises(Refusal) as caught:
        call()
    assert [f.code for f in caught.value.findings] == [code]


# ---------------------------------------------------------------------------------------------------------- handles


def test_a_handle_opens_in_this_process_only() -> None:
    mine = handle.wrap("s3cret")
    assert "s3cret" not in mine
    assert handle.unwrap(mine) == "s3cret"
    module = handle.__name__
    code = f"from {module} import wrap; print(wrap('s3cret'))"
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert handle.unwrap(other) is None
    assert handle.unwrap("") is None


# --------------------------------------------------------------------------------------------------------- restarts


@pytest.mark.parametrize(
    "template",
    [
        {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}]},
        {"initContainers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]},
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
    ],
)
def test_every_way_to_take_a_secret_is_seen(template: dict[str, Any]) -> None:
    assert rollout.secrets_of(template) == {"s"}
    assert rollout.secrets_of({"containers": [], "volumes": [{"configMap": {"name": "s"}}]}) == set()


@pytest.mark.parametrize(("created", "old"), [("05", True), ("10", True), ("11", False)])
def test_a_pod_that_is_not_newer_than_its_secret_holds_the_old_value(created: str, old: bool) -> None:
    pods, changed = [pod(f"2026-01-01T00:00:{created}Z")], {"vllm-secret": rollout.written(secret())}
    assert rollout.holding_old([deployment()], pods, changed) == (["engine"] if old else [])
    assert rollout.holding_old([deployment()], pods, {"other": "9"}) == []


def test_a_restart_that_does_not_come_up_ends_and_says_how_far_it_came() -> None:
    clock, said = Clock(), list[str]()
    cluster = site(done=False)
    refused(
        "operations-restart-stuck",
        lambda: rollout.restart(cluster, "vllm", ["engine"], 5, progress=said.append, clock=clock, sleep=clock.sleep),
    )
    assert said == ["engine: 0 of 1 new, 1 available, 1 in all"]
    unseen = deployment()
    unseen["metadata"]["generation"] = 2
    assert rollout.remaining(unseen) == "not yet seen by the controller"


# --------------------------------------------------------------------------------------------------------- rotation


def rotate(cluster: Cluster, before: str | None, clock: Clock) -> rotation.Rotation:
    remembered = {} if before is None else {ITEM.subject: handle.wrap(before)}
    return rotation.Rotation(cluster, "vllm", [ITEM], remembered, clock=clock, sleep=clock.sleep)


def test_a_new_value_arrives_and_its_consumers_restart() -> None:
    cluster, clock = site(), Clock()
    run = rotate(cluster, "old", clock)
    outcome = run.arrive([ITEM.subject])
    run.consumers(outcome, restart=True, budget=5)
    assert (outcome.rotated, outcome.restarted) == ([ITEM.subject], ["engine"])
    path, body = cluster.patches[0]
    assert path == GONE
    assert rollout.RESTARTED in body["spec"]["template"]["metadata"]["annotations"]
    assert clock.now >= 1, "a new pod must not carry the second in which the Secret was written"


def test_without_a_restart_the_consumers_are_named() -> None:
    cluster = site()
    run = rotate(cluster, "old", Clock())
    outcome = run.arrive([])
    run.consumers(outcome, restart=False, budget=5)
    assert [f.code for f in outcome.findings] == ["operations-consumer-stale"]
    assert (outcome.stale, cluster.patches) == (["engine"], [])


def test_a_secret_that_stays_as_it_was_is_refused() -> None:
    clock = Clock()
    refused("operations-secret-unchanged", lambda: rotate(site("old"), "old", clock).arrive([ITEM.subject], 3))
    assert clock.now > 3
    assert rotate(site("old"), "old", clock).arrive([]).rotated == []
    assert rotate(Cluster({}), None, clock).arrive([]).rotated == [], "a Secret that is not there has not arrived"


def test_remembering_shows_nothing() -> None:
    found = rotation.remember(site("s3cret").find, "vllm", [ITEM, rotation.Item("none", "K")])
    assert handle.unwrap(found[ITEM.subject]) == "s3cret"
    assert found["Secret/none[K]"] == ""
    assert rotation.value_of({"data": {"KEY": "%%"}}, "KEY") is None


class Asked:
    """A prober that gets these answers."""

    def __init__(self, *answers: Attempt) -> None:
        self.answers = list(answers)

    def ask(self, *_: Any) -> Attempt:
        return self.answers.pop(0)


def test_the_old_key_must_be_refused_by_everybody() -> None:
    asked = Asked(Attempt(Answer(401)), Attempt(Answer(200)), Attempt(failure="reset"))
    outcome = rotation.old_key_refused(asked, {"m": ["router", "engine", "third"]}, [Model("m", "r")])  # type: ignore[arg-type]
    assert [f.code for f in outcome.findings] == ["operations-old-key-accepted", "operations-old-key-unproven"]
    assert [entry["ok"] for entry in outcome.refusals] == [True, False, False]


# ------------------------------------------------------------------------------------------------------- generation


@pytest.mark.parametrize(
    "rest",
    ["metadata: []", "metadata: {name: s}\ndata: [1]", "metadata: {name: s}\nstringData: x", "metadata: {name: t}"],
)
def test_a_file_that_is_not_the_secret_is_not_overwritten(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text := f"kind: Secret\n{rest}\n")
    refused("operations-generate-failed", lambda: generate.generate(str(file), "s", "vllm", "KEY", 32))
    assert file.read_text() == text


def test_a_generated_key_keeps_the_rest_of_the_file_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "local-secrets" / "s.yaml"
    where = (str(file), "s", "vllm", "KEY")
    generate.generate(*where, 32, write=False)
    assert not file.exists()
    generate.generate(*where, 32)
    first = yaml_text.load(file.read_text())
    first["stringData"]["OTHER"] = "kept"
    first["data"] = {"KEY": "b2xk"}
    file.write_text(yaml.safe_dump(first))
    generate.generate(*where, 32)
    second = yaml_text.load(file.read_text())
    assert len(second["stringData"]["KEY"]) >= 43
    assert second["stringData"]["OTHER"] == "kept"
    assert second["data"] == {}
    assert second["stringData"]["KEY"] != first["stringData"]["KEY"]
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["s.yaml"]


@pytest.mark.parametrize(
    "text", ["kind: ConfigMap\n", "[1]\n", "kind: Secret\nmetadata: {name: other}\n", "a: [\n", "kind: Secret\n"]
)
def test_a_file_that_holds_something_else_is_not_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    refused("operations-generate-failed", lambda: generate.generate(str(file), "s", "vllm", "KEY", 32))
    assert file.read_text() == text


def test_short_and_endless_keys_and_places_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, size in (("s.yaml", 8), ("s.yaml", 2**40), ("file/s.yaml", 32)):
        refused("operations-generate-failed", lambda path=path, size=size: generate.generate(
            str(tmp_path / path), "s", "vllm", "KEY", size))  # fmt: skip


# ------------------------------------------------------------------------------------------------------- making way


def app(revision: str = "c1", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "vllm"},
        "spec": {"syncPolicy": {"automated": {"selfHeal": True}}},
        "status": {"sync": {"revision": revision}, **status},
    }


def make(cluster: Cluster, clock: Clock) -> list[str]:
    steps = [{"path": GONE, "query": {"propagationPolicy": "Foreground"}}]
    return way.Way(cluster, ("argocd", "vllm"), "c1", steps, 5, clock=clock, sleep=clock.sleep).make()


def automated(cluster: Cluster) -> list[Any]:
    return [body["spec"]["syncPolicy"]["automated"] for _, body in cluster.patches]


def test_syncing_is_paused_while_the_way_is_made() -> None:
    cluster = Cluster({APP: app(), GONE: deployment()})
    assert make(cluster, Clock()) == [GONE]
    assert cluster.deleted == [GONE]
    assert automated(cluster) == [None, {"selfHeal": True}]
    assert make(cluster, Clock()) == [], "a second run has nothing to delete"
    assert len(cluster.patches) == 2


def test_without_an_application_there_is_nothing_to_pause() -> None:
    cluster = Cluster({GONE: deployment()})
    assert make(cluster, Clock()) == [GONE]
    assert cluster.patches == []


OLDER = {"sync": {"revision": "c0"}}


@pytest.mark.parametrize("live", [app("older"), app(operationState={"phase": "Running", "operation": OLDER})])
def test_nothing_is_deleted_before_argo_cd_compared_and_syncing_resumes(live: dict[str, Any]) -> None:
    cluster = Cluster({APP: live, GONE: deployment()})
    refused("operations-way-blocked", lambda: make(cluster, Clock()))
    assert cluster.deleted == []
    assert automated(cluster) == [None, {"selfHeal": True}]


def test_a_sync_of_the_commit_that_retries_is_not_waited_for() -> None:
    live = app(operationState={"phase": "Running", "operation": {"sync": {"revision": "c1"}}})
    assert make(Cluster({APP: live, GONE: deployment()}), Clock()) == [GONE]
