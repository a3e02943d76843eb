# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the sync: the wait ends when the Secret is right, and says why when it is not."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.action import sealed_status
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import arrival
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.arrival import Arriving, arriving, await_all
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import emit

from tests.unit.sealing.fakes import HF_PATH, FakeCluster
from tests.unit.sealing.test_status import FILE, PUSHED, SEALED, SECRET, condition

SEALED_AT, SECRET_AT = path_of("SealedSecret", "vllm", "hf-secret"), path_of("Secret", "vllm", "hf-secret")


class Time:
    """A clock that sleeping moves, and what happens meanwhile."""

    def __init__(self, cluster: FakeCluster, **later: Any) -> None:
        self.cluster, self.later, self.now = cluster, later, 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for path, answer in self.later.get(f"after_{int(self.now)}", {}).items():
            self.cluster.answers[path] = answer


def wait(cluster: FakeCluster, *, pushed: datetime | None = None, **later: Any) -> tuple[list[str], float, list[str]]:
    time, said = Time(cluster, **later), []
    found = await_all(
        cluster, [Arriving(FILE, pushed)], 20, progress=said.append, clock=lambda: time.now, sleep=time.sleep
    )
    return [f.code for f in found], time.now, said


def test_what_is_there_costs_no_wait() -> None:
    fake = FakeCluster({SEALED_AT: SEALED, SECRET_AT: SECRET})
    assert wait(fake, pushed=PUSHED) == ([], 0.0, [])
    assert fake.asked == [SEALED_AT.rpartition("/")[0], SECRET_AT]


def test_the_wait_ends_when_the_secret_arrives_and_says_what_it_waits_for() -> None:
    codes, seconds, said = wait(
        FakeCluster({}), after_2={SEALED_AT: SEALED}, after_5={SECRET_AT: SECRET}, pushed=PUSHED
    )
    assert (codes, seconds) == ([], 5.0)
    assert [line.split(": ")[-1] for line in said] == ["does not exist", "does not exist"]


def test_an_old_secret_is_waited_for_while_the_controller_has_not_looked() -> None:
    late = PUSHED + timedelta(hours=1)
    unseen = deepcopy(SEALED)
    unseen["status"]["observedGeneration"] = 2
    codes, seconds, _ = wait(FakeCluster({SEALED_AT: unseen, SECRET_AT: SECRET}), pushed=late)
    assert (codes, seconds) == (["sealing-status-pending", "sealing-secret-outdated"], 20.0)
    codes, seconds, _ = wait(FakeCluster({SEALED_AT: unseen, SECRET_AT: SECRET}), pushed=PUSHED)
    assert (codes, seconds) == ([], 0.0), "status updates are off, the Secret is new"


def test_a_secret_that_already_held_the_value_is_a_warning_and_no_wait() -> None:
    late = PUSHED + timedelta(hours=1)
    (found,) = await_all(FakeCluster({SEALED_AT: SEALED, SECRET_AT: SECRET}), [Arriving(FILE, late)], 20)
    assert (found.code, found.severity.value) == ("sealing-secret-outdated", "warning")


def test_another_version_in_the_cluster_is_never_enough() -> None:
    other = deepcopy(SEALED)
    other["spec"]["encryptedData"] = {"TOKEN": "another"}
    codes, seconds, _ = wait(FakeCluster({SEALED_AT: other, SECRET_AT: SECRET}))
    assert (codes, seconds) == (["sealing-status-pending"], 20.0)


def test_what_cannot_be_opened_is_named_after_the_controllers_tries() -> None:
    fake = FakeCluster({SEALED_AT: condition("False", "no key could decrypt secret (TOKEN)")})
    codes, seconds, _ = wait(fake)
    assert (codes, seconds) == (["sealing-cannot-open", "sealing-secret-missing"], 20.0)


def test_a_stale_false_is_known() -> None:
    fake = FakeCluster({SEALED_AT: condition("False", "no key could decrypt secret (TOKEN)"), SECRET_AT: SECRET})
    assert wait(fake, pushed=PUSHED)[:2] == (["sealing-status-stale"], 0.0)


@pytest.mark.parametrize(
    ("action", "reason", "renewed"),
    [
        ("seal", "new", True),
        ("seal", "new key", True),
        ("seal", "the value changed (its length differs)", True),
        ("seal", "resealing was asked for", False),
        ("seal", "sealed for another key than the newest", False),
        ("seal", "the value changed, or the item was replaced by hand", False),
        ("keep", "the fingerprint says unchanged", False),
    ],
)
def test_only_a_new_value_must_be_newer_than_the_push(action: str, reason: str, renewed: bool) -> None:
    decisions = [{"secret": "vllm/hf-secret", "key": "TOKEN", "action": action, "reason": reason}]
    (one,) = arriving({HF_PATH: emit(FILE, helm=True)}, decisions, PUSHED)
    assert (one.file, one.pushed) == (FILE, PUSHED if renewed else None)


def run(monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster, check: bool = False, **args: Any) -> dict[str, Any]:
    monkeypatch.setattr(sealed_status.Cluster, "connect", staticmethod(lambda options: cluster))
    monkeypatch.setattr(arrival.time, "sleep", lambda seconds: None)
    given = {"files": [{"path": HF_PATH, "content": emit(FILE, helm=True)}], "timeout": 0, **args}
    task = SimpleNamespace(args=given, check_mode=check, diff=False, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = sealed_status.ActionModule(task, connection, SimpleNamespace(), None, None, None)
    return dict(action.run(task_vars={"inventory_hostname": "town"}))


def test_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    good = run(monkeypatch, FakeCluster({SEALED_AT: SEALED, SECRET_AT: SECRET}), pushed_at=PUSHED.isoformat())
    assert (good["failed"], good["changed"], good["secrets"]) == (False, False, ["vllm/hf-secret"])
    bad = run(monkeypatch, FakeCluster({}))
    assert bad["failed"]
    assert [f["code"] for f in bad["findings"]] == ["sealing-sealedsecret-missing"]
    fake = FakeCluster({})
    assert run(monkeypatch, fake, check=True)["secrets"] == []
    assert fake.asked == []
    naive = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None).isoformat()
    for text in ("yesterday", naive):
        assert [f["code"] for f in run(monkeypatch, fake, pushed_at=text)["findings"]] == ["options-invalid"]
