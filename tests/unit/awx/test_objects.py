# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX objects as data: what is refused before AWX is asked, and what the plan is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.awx.desired import Objects, read_desired
from ansible_collections.inferops.vllm.plugins.module_utils.awx.plan import ENCRYPTED, Ref, There, plan
from ansible_collections.inferops.vllm.plugins.module_utils.awx.run import Runner, read_state
from ansible_collections.inferops.vllm.plugins.module_utils.awx.site_objects import site_objects
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal

HOST = {"name": "a", "inventory": "towns"}
SETTINGS: dict[str, Any] = {
    "organization": "Towns",
    "image": "image:1",
    "project": {"name": "sites", "url": "https://git.example.org/sites.git"},
    "inventories": [{"name": "mytown", "source": "inventories/mytown/hosts.ini"}],
    "credentials": [],
}


def refused(objects: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(Refusal) as caught:
        read_desired(objects)
    return [(found.code, found.subject, found.message) for found in caught.value.findings]


@pytest.mark.parametrize("objects", [{}, {"organizations": []}])
def test_nothing_is_no_pass(objects: Any) -> None:
    assert [code for code, _subject, _message in refused(objects)] == ["awx-nothing-to-do"]


@pytest.mark.parametrize(
    ("objects", "subject", "says"),
    [
        ({"organisations": []}, "objects.organisations", "did you mean"),
        ({"organizations": "Towns"}, "objects.organizations", "must be a list"),
        ({"organizations": ["Towns"]}, "objects.organizations[0]", "must be a mapping"),
        ({"organizations": [{"nam": "Towns"}]}, "objects.organizations[0].nam", "did you mean"),
        ({"organizations": [{}]}, "objects.organizations[0]", "lacks name"),
        ({"organizations": [{"name": "a"}, {"name": "a"}]}, "objects.organizations[1]", "twice"),
        ({"hosts": [{"name": "a"}]}, "objects.hosts[0]", "lacks inventory"),
        ({"groups": [{"name": "g", "inventory": "i", "hosts": "a"}]}, "objects.groups[0].hosts", "a list of names"),
        (
            {"credential_types": [{"name": "t", "kind": "cloud", "inputs": []}]},
            "objects.credential_types[0].inputs",
            "must be a mapping",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_path(objects: Any, subject: str, says: str) -> None:
    found = refused(objects)
    assert [one for one in found if one[:2] == ("awx-object-invalid", subject) and says in one[2]], found


def test_hosts_of_two_inventories_may_share_a_name() -> None:
    assert len(read_desired({"hosts": [HOST, {**HOST, "inventory": "others"}]})) == 2


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"credentials": [{"name": "c", "type": "kubeconfg", "value": "x"}]}, "awx_credentials[0].type"),
        ({"inventories": [{"name": "mytown"}]}, "awx_inventories[0]"),
        ({"inventories": [{"name": "m", "source": "s", "sites": [{"name": "x"}]}]}, "awx_inventories[0]"),
        ({"inventories": [{"name": "m", "sites": [{"name": "x", "gpu_mode": "mig"}]}]}, "awx_inventories[0].sites[0]"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(change: dict[str, Any], subject: str) -> None:
    with pytest.raises(Refusal) as caught:
        site_objects({**SETTINGS, **change})
    assert caught.value.findings[0].code == "awx-object-invalid"
    assert caught.value.findings[0].subject.startswith(subject)


def test_derived_objects_are_valid() -> None:
    wanted = read_desired(site_objects(SETTINGS))
    assert ("inventory_sources", "mytown", "inventories/mytown/hosts.ini") in wanted


def one(kind: str, **fields: Any) -> tuple[Objects, Any]:
    wanted = read_desired({kind: [fields]})
    return wanted, next(iter(wanted))


def test_fields_that_are_not_given_are_left_alone() -> None:
    wanted, key = one("organizations", name="Towns")
    assert plan(wanted, {key: There(1, {"id": 1, "name": "Towns", "description": "by hand"})}) == []


@pytest.mark.parametrize("now", ["b: 2\na: 1\n", '{"a": 1, "b": 2}'])
def test_variables_compare_by_content(now: str) -> None:
    wanted, key = one("inventories", name="towns", organization="Towns", variables={"a": 1, "b": 2})
    there = {key: There(2, {"variables": now, "organization": 1}), ("organizations", "", "Towns"): There(1, {})}
    assert plan(wanted, there) == []


def test_secrets_compare_never_and_show_never() -> None:
    wanted, key = one(
        "credentials", name="c", organization="o", credential_type="t", inputs={"user": "new", "token": "very-secret"}
    )
    parents = {("organizations", "", "o"): There(1, {}), ("credential_types", "", "t"): There(2, {})}
    now = {"organization": 1, "credential_type": 2, "inputs": {"user": "new", "token": ENCRYPTED}}
    assert plan(wanted, {**parents, key: There(3, now)}) == []
    (step,) = plan(wanted, {**parents, key: There(3, now)}, update_secrets=True)
    assert "very-secret" not in str(step.diff())
    assert "very-secret" not in step.title


def test_what_is_associated_by_hand_is_taken_away() -> None:
    wanted, key = one("groups", name="g", inventory="i", hosts=["a"])
    there = {
        key: There(1, {"inventory": 9}, {"hosts": {5, 6}}),
        ("inventories", "", "i"): There(9, {}),
        ("hosts", "i", "a"): There(5, {}),
    }
    (step,) = plan(wanted, there)
    assert (step.verb, step.body) == ("disassociate", {"id": 6, "disassociate": True})


def test_what_is_not_there_yet_is_a_reference() -> None:
    wanted = read_desired({"inventories": [{"name": "i", "organization": "o"}], "organizations": [{"name": "o"}]})
    steps = plan(wanted, {})
    assert [step.key[0] for step in steps] == ["organizations", "inventories"]
    assert steps[1].body["organization"] == Ref(("organizations", "", "o"))


class Fake:
    """Answers every question with the same results."""

    def __init__(self, results: list[dict[str, Any]], status: str = "running") -> None:
        self.results, self.status = results, status

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return {"results": self.results, "status": self.status}

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return {"id": 1}

    patch = post


def test_a_name_that_means_two_objects_is_refused() -> None:
    with pytest.raises(Refusal, match="awx-object-invalid: organizations/o: AWX has 2 objects"):
        read_state(Fake([{"id": 1}, {"id": 2}]), read_desired({"organizations": [{"name": "o"}]}))


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="awx-reference-missing: hosts/towns/a: inventory names 'towns'"):
        read_state(Fake([]), read_desired({"hosts": [HOST]}))


def test_a_project_that_never_gets_there_is_refused_in_time() -> None:
    times = iter(range(0, 10_000, 100))
    said: list[str] = []
    wanted = read_desired({"projects": [{"name": "p", "organization": "o", "scm_url": "u"}]})
    steps = plan(wanted, {("organizations", "", "o"): There(1, {})})
    run = Runner(Fake([]), {}, 300, said.append, lambda _s: None, lambda: next(times))
    with pytest.raises(Refusal, match="awx-project-sync-failed: projects/p"):
        run.run(steps)
    assert said == ["project p: running"], "said once, however often it was asked"
