# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site as AWX runs it: ansible-runner, a private data directory, credentials as files and environment,
a project nobody can write to, a user without a name or a home, and no terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import ROOT, Sandbox

pytestmark = pytest.mark.sandbox

PROJECT = (
    "ansible.cfg",
    "collections",
    "galaxy.yml",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "site.yml",
)
BIN = Path(sys.executable).parent
SECRETS = {"HF_TOKEN": "hf_RunnerTokenThatNobodyMaySee0001", "VLLM_API_KEY": "runner-key-that-nobody-may-see-0001"}
SEALING_KEY = "runner-sealing-key-that-nobody-may-see-0001"
USER = ("unshare", "--user", "--map-user=1234", "--map-group=0")
"""Another uid, without an entry in the user database, as OpenShift gives to a pod."""


@dataclass
class Job:
    """What one job left behind."""

    folder: Path
    ident: str
    printed: str

    @property
    def artefacts(self) -> Path:
        return self.folder / "artifacts" / self.ident

    @property
    def events(self) -> list[dict[str, Any]]:
        pages = [json.loads(path.read_text("utf-8")) for path in (self.artefacts / "job_events").glob("*.json")]
        return sorted(pages, key=lambda event: int(event["counter"]))

    @property
    def stats(self) -> dict[str, Any]:
        (found,) = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        return dict(found)

    @property
    def stdout(self) -> str:
        return (self.artefacts / "stdout").read_text("utf-8")


def private_data(folder: Path, sandbox: Sandbox) -> Path:
    """Lay out a job as AWX does."""
    (folder / "project").mkdir(parents=True)
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / "project" / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(source, folder / "project" / name)
    state = sandbox.state
    site = yaml.safe_load((ROOT / "inventories/sandbox/group_vars/all/main.yml").read_text("utf-8"))
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "vllm_gpu_mode": sandbox.profile,
        "vllm_models": site["vllm_models"],
        "vllm_chart_repository": state["chart"]["repository"],
        "gitops_repo_url": state["git_url"],
    }
    (folder / "inventory").mkdir()
    hosts = {"all": {"children": {sandbox.profile: {"hosts": {"runner": None}, "vars": variables}}}}
    (folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts))
    kubeconfig = folder / "env" / "tmp_kubeconfig"
    kubeconfig.parent.mkdir()
    shutil.copy(state["accounts"]["site"], kubeconfig)
    kubeconfig.chmod(0o600)
    environment = {
        **SECRETS,
        "K8S_AUTH_KUBECONFIG": str(kubeconfig),
        "KUBECONFIG": str(kubeconfig),
        "GIT_TOKEN": "",
        "GIT_SSH_KEY": "",
        "AWX_PRIVATE_DATA_DIR": str(folder),
        "JOB_ID": "1",
        "ANSIBLE_FORCE_COLOR": "false",
    }
    extra = {"vllm_report_directory": str(folder / "report"), "vllm_sealing_key": SEALING_KEY, "awx_job_id": 1}
    (folder / "env" / "envvars").write_text(yaml.safe_dump(environment))
    (folder / "env" / "extravars").write_text(yaml.safe_dump(extra))
    (folder / "env" / "settings").write_text(yaml.safe_dump({"idle_timeout": 280}))
    subprocess.run(["chmod", "-R", "a-w", str(folder / "project")], check=True)
    return folder


def launch(folder: Path, ident: str, *arguments: str) -> Job:
    command = [*USER, str(BIN / "ansible-runner"), "run", str(folder), "-p", "site.yml", "--ident", ident]
    if arguments:
        command += ["--cmdline", " ".join(arguments)]
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "ANSIBLE_LOCAL_TEMP": f"{folder}/tmp"}
    done = subprocess.run(
        command, env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    return Job(folder, ident, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def folder(fresh: Callable[[str], Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = private_data(tmp_path_factory.mktemp("awx") / "job", fresh("bare_metal"))
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)


@pytest.fixture(scope="module")
def first(folder: Path) -> Job:
    return launch(folder, "first")


def test_the_job_succeeds(first: Job) -> None:
    assert (first.artefacts / "rc").read_text() == "0", first.printed[-6000:]
    assert (first.artefacts / "status").read_text() == "successful"
    assert first.stats["failures"] == {}


def test_the_job_hands_its_summary_to_awx(first: Job) -> None:
    summary = first.stats["artifact_data"]["inferops_site_runner"]
    assert summary["outcome"] == "verified"
    assert summary["headline"]
    report = json.loads(Path(summary["json_path"]).read_text("utf-8"))
    assert report["outcome"] == "verified"
    assert Path(summary["html_path"]).is_file()


def test_no_secret_is_in_what_the_job_leaves_behind(first: Job) -> None:
    seen = first.printed
    for place in ("artifacts", "report", "tmp"):
        for path in (first.folder / place).rglob("*"):
            # ansible-runner's own file "command" has the environment in clear; AWX keeps it from everybody.
            if path.is_file() and path != first.artefacts / "command":
                seen += path.read_text("utf-8", errors="replace")
    key = (first.folder / "env" / "tmp_kubeconfig").read_text("utf-8")
    private = [str(user["user"].get("client-key-data", "")) for user in yaml.safe_load(key)["users"]]
    assert len(seen) > 10_000
    assert not [name for name, value in SECRETS.items() if value in seen]
    assert SEALING_KEY not in seen
    assert not [value for value in private if value and value in seen]


def test_the_log_is_readable_without_a_terminal(first: Job) -> None:
    assert "\x1b[" not in first.stdout
    assert "\r" not in first.stdout.replace("\r\n", "\n")
    waits = [line for line in first.stdout.splitlines() if line.startswith("    runner: ")]
    assert not [line for line, after in pairwise(waits) if line == after]


def test_a_second_job_changes_nothing(folder: Path, first: Job) -> None:
    second = launch(folder, "second")
    assert (second.artefacts / "rc").read_text() == "0", second.printed[-6000:]
    assert second.stats["changed"] == {}


def test_a_check_job_changes_nothing(folder: Path, first: Job) -> None:
    checked = launch(folder, "check", "--check", "--diff")
    assert (checked.artefacts / "rc").read_text() == "0", checked.printed[-6000:]
    assert checked.stats["changed"] == {}


def test_the_project_is_left_alone(folder: Path, first: Job) -> None:
    assert sorted(path.name for path in (folder / "project").iterdir()) == sorted(PROJECT)
    assert not list((folder / "project").rglob("__pycache__"))
