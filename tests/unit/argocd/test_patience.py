# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is repeated, for how long, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.patience import Patient

CALLS = {
    "get": ("/a",),
    "find": ("/a",),
    "text": ("/a",),
    "apply": ({"kind": "AppProject"},),
    "patch": ("/a", {}),
    "delete": ("/a",),
}


class Shaky:
    """Answers after ``failures`` errors."""

    host = "https://api"

    def __init__(self, failures: int, status: int = 0) -> None:
        self.failures, self.status, self.asked = failures, status, 0

    def __getattr__(self, name: str) -> Any:
        def answer(*arguments: Any, **options: Any) -> Any:
            self.asked += 1
            if self.asked <= self.failures:
                raise ApiError(self.status, "Broken", "connection refused")
            return name

        return answer

    def items(self, path: str, **query: Any) -> Any:
        yield {"first": True}
        yield {"then": self.get(path)}


def patient(cluster: Shaky, budget: float = 10.0) -> tuple[Patient, list[str]]:
    now, said = [0.0], list[str]()

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Patient(cluster, budget, said.append, lambda: now[0], sleep), said


@pytest.mark.parametrize("name", CALLS)
def test_a_restart_is_waited_out(name: str) -> None:
    cluster = Shaky(3)
    connection, said = patient(cluster)
    assert getattr(connection, name)(*CALLS[name]) == name
    assert (cluster.asked, len(said)) == (4, 1)


def test_a_list_that_breaks_off_is_read_from_its_start() -> None:
    connection, _ = patient(Shaky(1))
    assert list(connection.items("/a")) == [{"first": True}, {"then": "get"}]


def test_the_budget_is_for_all_requests_together() -> None:
    connection, _ = patient(Shaky(6), budget=5.0)
    with pytest.raises(ApiError):
        connection.get("/a")
    connection, _ = patient(Shaky(10), budget=0)
    with pytest.raises(ApiError):
        connection.get("/a")


@pytest.mark.parametrize("status", [401, 403, 404, 409, 422])
def test_an_answer_is_an_answer(status: int) -> None:
    cluster = Shaky(1, status)
    connection, said = patient(cluster)
    with pytest.raises(ApiError):
        connection.apply({})
    assert (cluster.asked, said) == (1, [])
