# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service accounts of docs/rbac can do what they are for, and a right that is taken away is named."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.faultrunner.playing import changed_models
from tests.integration.conftest import ROOT, Played, Sandbox

pytestmark = pytest.mark.sandbox


def kubectl(sandbox: Sandbox, *arguments: str, text: str = "") -> str:
    state = sandbox.state
    command = [state["binaries"]["kubectl"], "--kubeconfig", state["kubeconfig"], *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kubeconfig(sandbox: Sandbox, account: str, folder: Path) -> Path:
    """A kubeconfig that holds nothing but the account's token."""
    admin = yaml.safe_load(Path(sandbox.state["kubeconfig"]).read_text())
    token = kubectl(sandbox, "create", "token", account, "--namespace", "inferops").strip()
    user = {"name": "site", "user": {"token": token}}
    context = {"name": "site", "context": {"cluster": admin["clusters"][0]["name"], "user": "site"}}
    page = {"apiVersion": "v1", "kind": "Config", "current-context": "site", "clusters": admin["clusters"]}
    path = folder / f"{account}.kubeconfig"
    path.write_text(yaml.safe_dump({**page, "users": [user], "contexts": [context]}))
    return path


def play_as(
    sandbox: Sandbox, account: str, folder: Path, *arguments: str, playbook: str = "playbooks/site.yml"
) -> tuple[Played, dict[str, Any]]:
    extra = {
        "vllm_kubeconfig": str(kubeconfig(sandbox, account, folder)),
        "vllm_report_directory": str(folder),
        "vllm_timeouts": {"smoke": 20, "sync": 30, "load": 30, "answer": 10},
    }
    played = sandbox.play("-e", json.dumps(extra), *arguments, playbook=playbook)
    report = folder / "sandbox.json"
    return played, json.loads(report.read_text()) if report.exists() else {}


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    """An empty cluster with the three accounts."""
    known = fresh("bare_metal")
    for name in ("preflight", "site", "drift"):
        kubectl(known, "apply", "-f", str(ROOT / "docs" / "rbac" / f"{name}.yaml"))
    return known


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, dict[str, Any]]:
    """The first run, as the site account."""
    return play_as(sandbox, "site", tmp_path_factory.mktemp("site"))


def test_preflight_account_runs_the_preflight(sandbox: Sandbox, tmp_path: Path) -> None:
    played, _ = play_as(sandbox, "preflight", tmp_path, playbook="playbooks/preflight.yml")
    assert (played.code, played.failed) == (0, 0), played.text
    assert "‼" not in played.text


def test_site_account_takes_an_empty_cluster_to_verified(site: tuple[Played, dict[str, Any]]) -> None:
    played, report = site
    assert (played.code, played.failed) == (0, 0), played.text
    assert report["outcome"] == "verified"
    assert not [found for found in report["findings"] if found["severity"] != "info"]


def test_drift_account_sees_no_drift(sandbox: Sandbox, site: tuple[Played, dict[str, Any]], tmp_path: Path) -> None:
    played, _ = play_as(sandbox, "drift", tmp_path, "--check", "--diff")
    assert (played.code, played.failed, played.changed) == (0, 0, 0), played.text


@pytest.mark.parametrize(
    ("where", "resource", "verb"),
    [
        ("clusterrole/inferops-site", "nodes", "list"),
        ("clusterrole/inferops-site", "storageclasses", "list"),
        ("role/inferops-site -n argocd", "applications", "get"),
        ("role/inferops-site -n argocd", "applications", "patch"),
        ("role/inferops-site -n vllm", "secrets", "get"),
        ("role/inferops-site -n vllm", "services", "list"),
        ("role/inferops-site -n vllm", "pods/portforward", "create"),
    ],
)
def test_a_missing_verb_is_named(
    sandbox: Sandbox, site: tuple[Played, dict[str, Any]], tmp_path: Path, where: str, resource: str, verb: str
) -> None:
    """What is said above info names the verb and the resource, without a stack trace.

    A converged site is not written to, so a right to write is missed only where something changes.
    """
    change = changed_models({"embeddings": {"vllm": {"max_model_len": 256}}}) if verb == "patch" else {}
    live = json.loads(kubectl(sandbox, "get", *where.split(), "-o", "json"))
    try:
        kubectl(
            sandbox, "replace", "-f", "-", text=json.dumps({**live, "rules": without(live["rules"], resource, verb)})
        )
        played, _ = play_as(sandbox, "site", tmp_path, "-e", json.dumps(change))
    finally:
        kubectl(sandbox, "apply", "-f", str(ROOT / "docs" / "rbac" / "site.yaml"))
    said = [line for line in played.text.splitlines() if line.strip().startswith(("×", "‼"))]
    named = [line for line in said if verb in line and resource.partition("/")[0] in line]
    assert named, played.text
    assert "Traceback" not in played.text
    assert "internal-error" not in played.text


def without(rules: list[dict[str, Any]], resource: str, verb: str) -> list[dict[str, Any]]:
    """The rules less one verb of one resource."""
    result = []
    for rule in rules:
        if resource in rule["resources"]:
            result.append({**rule, "resources": [r for r in rule["resources"] if r != resource]})
            result.append({**rule, "resources": [resource], "verbs": [v for v in rule["verbs"] if v != verb]})
        else:
            result.append(rule)
    return [rule for rule in result if rule["resources"] and rule["verbs"]]
