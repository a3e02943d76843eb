# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx.yml against a small AWX: once everything is made, the second time nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.awx.site_objects import CREDENTIAL_TYPES, TEMPLATES

from tests.awx.standin import TOKEN, Awx, serving

ROOT = Path(__file__).parents[2]
SECRET = "hf_secret-that-nobody-may-see-0001"
KUBECONFIG = "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {token: cluster-secret-0001}}]\n"
SETTINGS: dict[str, Any] = {
    "awx_organization": "Towns",
    "awx_image": "registry.example.org/inferops-vllm:0.1.0",
    "awx_project": {"name": "vllm-sites", "url": "https://git.example.org/towns/vllm-sites.git", "branch": "main"},
    "awx_credentials": [
        {"name": "mytown cluster", "type": "kubeconfig", "value": KUBECONFIG},
        {"name": "mytown models", "type": "hf_token", "value": SECRET},
    ],
    "awx_inventories": [
        {
            "name": "mytown",
            "sites": [
                {"name": "mytown", "gpu_mode": "bare_metal", "variables": {"gitops_branch": "main"}},
                {"name": "mytown-test", "gpu_mode": "vgpu"},
            ],
            "credentials": ["mytown cluster", "mytown models"],
        },
        {"name": "othertown", "source": "inventories/othertown/hosts.ini"},
    ],
}


@dataclass
class Ran:
    code: int
    text: str
    result: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        return {finding["code"] for finding in self.result.get("findings", [])}


class Site:
    """AWX and the playbook that manages it."""

    def __init__(self, awx: Awx, host: str, folder: Path) -> None:
        self.awx, self.host, self.folder = awx, host, folder

    def run(self, *arguments: str, token: str = TOKEN, **settings: Any) -> Ran:
        variables = self.folder / "settings.yml"
        variables.write_text(yaml.safe_dump({"awx_host": self.host, **SETTINGS, **settings}))
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/awx.yml", "-i", "localhost,"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CONTROLLER_"))}
        ours = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
        done = subprocess.run(
            [*command, "-v", "-e", f"@{variables}", *arguments],
            cwd=ROOT,
            env={**clean, **ours, "CONTROLLER_OAUTH_TOKEN": token},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        return Ran(done.returncode, done.stdout + done.stderr, _result(done.stdout))


def _result(text: str) -> dict[str, Any]:
    start = max(text.rfind("=> {"), 0)
    try:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text[start + 3 :])[0]
    except ValueError:
        return {}
    return found


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Site]]:
    made: list[Any] = []

    def of() -> Site:
        awx = Awx({template["playbook"] for template in TEMPLATES.values()})
        context = serving(awx)
        made.append(context)
        return Site(awx, context.__enter__(), tmp_path)

    yield of
    for context in made:
        context.__exit__(None, None, None)


@pytest.fixture
def site(make: Callable[[], Site]) -> Site:
    return make()


def test_the_whole_organization_is_made_once(site: Site) -> None:
    checked = site.run("--check", "--diff")
    assert (checked.code, site.awx.writes) == (0, []), checked.text
    assert checked.result["changed"]
    first = site.run("--diff")
    assert first.code == 0, first.text
    assert first.result["steps"] == checked.result["steps"]
    awx = site.awx
    assert {one["name"] for one in awx.objects["credential_types"].values()} == {
        one["name"] for one in CREDENTIAL_TYPES.values()
    }
    assert len(awx.objects["job_templates"]) == 2 * len(TEMPLATES)
    assert all(one["allow_simultaneous"] is False for one in awx.objects["job_templates"].values())
    template = awx.called("mytown: remove", "job_templates")
    assert [one["variable"] for one in awx.surveys["job_templates", template["id"]]["spec"]] == [
        "remove_confirm",
        "remove_purge",
    ]
    assert len(awx.lists["job_templates", template["id"], "credentials"]) == 2
    assert set(awx.secrets[awx.called("mytown models", "credentials")["id"]].values()) == {SECRET}
    modes = {one["name"]: one["id"] for one in awx.objects["groups"].values()}
    hosts = {mode: awx.lists.get(("groups", number, "hosts"), []) for mode, number in modes.items()}
    assert hosts == {
        "bare_metal": [awx.called("mytown", "hosts")["id"]],
        "vgpu": [awx.called("mytown-test", "hosts")["id"]],
    }
    seen = checked.text + first.text
    assert not [word for word in (SECRET, "cluster-secret-0001", TOKEN) if word in seen]
    writes = len(awx.writes)
    for arguments in ((), ("--check", "--diff")):
        again = site.run(*arguments)
        assert (again.code, again.result["steps"], again.result["changed"]) == (0, [], False), again.text
    assert len(awx.writes) == writes


def test_the_workflow_asks_before_it_applies(site: Site) -> None:
    assert site.run().code == 0
    awx = site.awx
    workflow = awx.called("mytown: roll out", "workflow_job_templates")["id"]
    nodes = {
        number: node
        for number, node in awx.objects["workflow_job_template_nodes"].items()
        if node["workflow_job_template"] == workflow
    }
    order, place = [], next(number for number, node in nodes.items() if node["identifier"] == "preflight")
    while place:
        node = nodes[place]
        template = node.get("unified_job_template")
        order.append(awx.objects["job_templates"][template]["name"] if template else node["approval"])
        place = next(iter(awx.lists.get(("workflow_job_template_nodes", place, "success_nodes"), [])), 0)
    assert order == ["mytown: preflight", "mytown: plan", "Apply this plan?", "mytown: site", "mytown: verify"]
    assert awx.called("mytown: plan", "job_templates")["job_type"] == "check"


def test_a_change_in_awx_is_taken_back_and_shown(site: Site) -> None:
    assert site.run().code == 0
    template = site.awx.called("mytown: site", "job_templates")
    site.awx.objects["job_templates"][template["id"]]["allow_simultaneous"] = True
    site.awx.lists["job_templates", template["id"], "credentials"].pop()
    again = site.run("--diff")
    assert again.result["steps"] == [
        "update job_templates/mytown: site",
        "associate job_templates/mytown: site credentials",
    ]
    assert "-allow_simultaneous: true" in again.text
    assert site.run().result["changed"] is False


def test_secrets_are_sent_again_only_when_asked(site: Site) -> None:
    assert site.run().code == 0
    changed = [{**one, "value": "hf_another-secret-0002"} for one in SETTINGS["awx_credentials"][1:]]
    credentials = [SETTINGS["awx_credentials"][0], *changed]
    kept = site.run(awx_credentials=credentials)
    number = site.awx.called("mytown models", "credentials")["id"]
    assert (kept.result["changed"], site.awx.secrets[number]) == (False, {"hf_token": SECRET})
    sent = site.run("--diff", awx_credentials=credentials, awx_update_secrets=True)
    assert sent.result["changed"]
    assert site.awx.secrets[number] == {"hf_token": "hf_another-secret-0002"}
    assert "hf_another-secret-0002" not in sent.text


def test_a_wrong_token_is_refused(site: Site) -> None:
    ran = site.run(token="wrong-token-0123456789")
    assert (ran.code != 0, ran.codes) == (True, {"awx-login-refused"})
    assert "wrong-token" not in ran.text


def test_no_awx_is_no_stack_trace(site: Site) -> None:
    assert site.run(awx_host="http://127.0.0.1:1").codes == {"awx-unreachable"}
    assert site.run(awx_api_prefix="/nowhere").codes == {"awx-unreachable"}


def test_a_project_that_cannot_be_updated_is_named(site: Site) -> None:
    site.awx.sync = ["pending", "failed"]
    ran = site.run()
    assert ran.codes == {"awx-project-sync-failed"}
    assert not site.awx.objects["job_templates"]


def test_a_playbook_that_is_not_there_is_refused(site: Site) -> None:
    site.awx.playbooks.discard("playbooks/plan.yml")
    ran = site.run()
    assert ran.codes == {"awx-refused"}
    assert "Playbook not found for project" in ran.text


def test_a_credential_that_nobody_has_is_refused_before_anything_is_written(site: Site) -> None:
    inventories = [{**SETTINGS["awx_inventories"][1], "credentials": ["mistyped"]}]
    ran = site.run(awx_inventories=inventories)
    assert (ran.codes, site.awx.writes) == ({"awx-reference-missing"}, [])


def test_every_template_names_a_playbook_of_this_collection() -> None:
    for name, template in TEMPLATES.items():
        assert (ROOT / template["playbook"]).is_file(), name
