# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the plan sends, the next reading needs nothing more."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.awx.desired import read_desired
from ansible_collections.inferops.vllm.plugins.module_utils.awx.plan import plan
from ansible_collections.inferops.vllm.plugins.module_utils.awx.run import Runner, read_state
from ansible_collections.inferops.vllm.plugins.module_utils.awx.site_objects import TEMPLATES, site_objects

from tests.awx.standin import Awx

VALUE = "kubeconfig-that-nobody-may-see"
SETTINGS: dict[str, Any] = {
    "organization": "Towns",
    "image": "image:1",
    "project": {"name": "sites", "url": "https://git.example.org/sites.git", "branch": "main"},
    "credentials": [{"name": "cluster", "type": "kubeconfig", "value": VALUE}],
    "inventories": [
        {"name": "mytown", "source": "inventories/mytown/hosts.ini", "credentials": ["cluster"]},
        {"name": "others", "sites": [{"name": "a", "gpu_mode": "vgpu"}, {"name": "b", "gpu_mode": "bare_metal"}]},
    ],
}


class Direct:
    """The stand-in without HTTP."""

    def __init__(self, awx: Awx) -> None:
        self.awx = awx

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.awx.answer("GET", path, {key: str(one) for key, one in query.items()}, None)[1]
        return answer

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self.awx.answer("POST", path, {}, body)[1] or {}

    def patch(self, path: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.awx.answer("PATCH", path, {}, body)[1]
        return answer


def converge(awx: Awx, objects: dict[str, Any], *, update_secrets: bool = False) -> list[str]:
    wanted = read_desired(objects)
    there = read_state(Direct(awx), wanted)
    steps = plan(wanted, there, update_secrets=update_secrets)
    Runner(Direct(awx), there, sleep=lambda _seconds: None).run(steps)
    return [step.title + str(step.diff()) for step in steps]


@pytest.fixture
def awx() -> Awx:
    return Awx({template["playbook"] for template in TEMPLATES.values()})


def test_the_second_time_nothing_is_left_to_do(awx: Awx) -> None:
    first = converge(awx, site_objects(SETTINGS))
    assert first
    assert VALUE not in "".join(first)
    assert converge(awx, site_objects(SETTINGS)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": "image:2"}, "update execution_environments/inferops.vllm"),
        ({"project": {**SETTINGS["project"], "branch": "next"}}, "update projects/sites"),
    ],
)
def test_one_change_is_one_step(awx: Awx, change: dict[str, Any], words: str) -> None:
    converge(awx, site_objects(SETTINGS))
    (step,) = converge(awx, site_objects({**SETTINGS, **change}))
    assert step.startswith(words)


def test_a_secret_that_is_not_sent_again_is_kept(awx: Awx) -> None:
    kinds = {
        "organizations": [{"name": "o"}],
        "credential_types": [
            {
                "name": "t",
                "kind": "cloud",
                "inputs": {"fields": [{"id": "user", "secret": False}, {"id": "token", "secret": True}]},
            }
        ],
    }

    def with_inputs(**inputs: str) -> dict[str, Any]:
        one = {"name": "c", "organization": "o", "credential_type": "t", "inputs": inputs}
        return {**kinds, "credentials": [one]}

    converge(awx, with_inputs(user="a", token="first-secret"))
    assert len(converge(awx, with_inputs(user="b"))) == 1
    assert list(awx.secrets.values()) == [{"user": "b", "token": "first-secret"}]
    converge(awx, with_inputs(user="c", token="second-secret"))
    assert list(awx.secrets.values()) == [{"user": "c", "token": "first-secret"}]
    converge(awx, with_inputs(user="c", token="second-secret"), update_secrets=True)
    assert list(awx.secrets.values()) == [{"user": "c", "token": "second-secret"}]


def test_more_members_than_a_page_holds_are_all_read(awx: Awx) -> None:
    names = [f"site-{number}" for number in range(450)]
    objects = {
        "organizations": [{"name": "o"}],
        "inventories": [{"name": "i", "organization": "o"}],
        "hosts": [{"name": name, "inventory": "i"} for name in names],
        "groups": [{"name": "g", "inventory": "i", "hosts": names}],
    }
    converge(awx, objects)
    assert converge(awx, objects) == []
