# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Day two on a real control plane: rotate, upgrade, drift, roll back, remove; a second run is nothing.

The tests are one story on one sandbox and run in this order.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils import yaml_text
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.integration.conftest import ROOT, Played, Sandbox

pytestmark = pytest.mark.sandbox

APP = "applications/vllm"
UPGRADE = ("-e", "vllm_chart_version=0.1.12")
ALLOW = ("-e", '{"vllm_upgrade_allow": ["upgrade-selector-immutable"]}')
Day = Callable[..., Played]


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A verified site."""
    known = fresh("bare_metal")
    played = known.play("-e", f"vllm_report_directory={tmp_path_factory.mktemp('site')}")
    assert played.code == 0, played.text
    return known


@pytest.fixture
def day(sandbox: Sandbox, tmp_path: Path) -> Day:
    """Plays one playbook."""

    def play(name: str, *arguments: str, **environment: str) -> Played:
        arguments = ("-e", f"vllm_report_directory={tmp_path}", *arguments)
        return sandbox.play(*arguments, playbook=f"playbooks/{name}.yml", **environment)

    return play


def secret(sandbox: Sandbox, name: str = "vllm-secret", key: str = "KEY") -> str:
    live = sandbox.cluster.get(path_of("Secret", "vllm", name))
    return base64.b64decode(live["data"][key]).decode()


def pods(sandbox: Sandbox) -> dict[str, str]:
    found = sandbox.cluster.items(path_of("Pod", "vllm"))
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


def application(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.cluster.get(path_of("Application", "argocd", "vllm"))


def uids(sandbox: Sandbox, kind: str) -> dict[str, str]:
    found = sandbox.cluster.items(path_of(kind, "vllm"))
    return {item["metadata"]["name"]: item["metadata"]["uid"] for item in found}


# ------------------------------------------------------------------------------------------------ plan and drift


def test_a_plan_of_a_served_site_changes_nothing(sandbox: Sandbox, day: Day) -> None:
    head = sandbox.head
    played = day("plan", "-v")
    assert (played.code, played.changed) == (0, 0), played.text
    assert "mistral" in played.text
    assert sandbox.head == head


def test_a_served_site_has_no_drift(sandbox: Sandbox, day: Day, tmp_path: Path) -> None:
    head = sandbox.head
    played = day("drift")
    assert (played.code, played.changed) == (0, 0), played.text
    found = json.loads((tmp_path / "sandbox-drift.json").read_text())
    assert (found["drift"], found["rows"], found["revision"]) == (False, [], head)
    assert set(found["areas"].values()) == {"ok"}
    assert "0 of 1 sites differ" in played.text


def test_drift_of_plan_limits_and_cluster_is_found_and_nothing_written(
    sandbox: Sandbox, day: Day, tmp_path: Path
) -> None:
    head = sandbox.head
    wishes = '{"vllm_router": {"memory_limit": "3Gi"}, "vllm_image_tag": "v0.12.1"}'
    played = day("drift", "-e", wishes)
    assert played.code != 0
    found = json.loads((tmp_path / "sandbox-drift.json").read_text())
    assert found["areas"] == {"plan": "drift", "limits": "drift", "git": "drift", "live": "ok"}, found
    assert any(row["wanted"] == "3Gi" for row in found["rows"])
    assert "1 of 1 sites differ" in played.text
    assert day("drift", "-e", wishes, "-e", "drift_fail=false").code == 0
    assert sandbox.head == head


def test_a_cluster_that_cannot_be_read_is_drift(sandbox: Sandbox, day: Day, tmp_path: Path) -> None:
    played = day("drift", "-e", "vllm_kubeconfig=/nonexistent")
    assert played.code != 0
    found = json.loads((tmp_path / "sandbox-drift.json").read_text())
    assert found["drift"]
    assert found["areas"]["live"] == "unknown"


# --------------------------------------------------------------------------------------------------------- rotation


def test_a_check_of_a_rotation_writes_nothing(sandbox: Sandbox, day: Day) -> None:
    file, head = sandbox.root / "local-secrets" / "vllm-secret.yaml", sandbox.head
    before, running = file.read_bytes(), pods(sandbox)
    played = day("rotate_secrets", "-e", "rotate_generate=true", "--check", "--diff")
    assert played.code == 0, played.text
    assert (file.read_bytes(), sandbox.head, pods(sandbox)) == (before, head, running)


def test_a_generated_key_takes_over_and_the_old_one_is_refused(sandbox: Sandbox, day: Day) -> None:
    old, token, running = secret(sandbox), secret(sandbox, "hf-secret", "TOKEN"), pods(sandbox)
    played = day("rotate_secrets", "-e", "rotate_generate=true", "-vvv")
    assert played.code == 0, played.text
    new, file = secret(sandbox), sandbox.root / "local-secrets" / "vllm-secret.yaml"
    assert new != old
    assert yaml_text.load(file.read_text())["stringData"]["KEY"] == new
    assert file.stat().st_mode & 0o777 == 0o600
    assert sandbox.git("show", "--format=", "--name-only", "main") == f"{APP}/templates/sealed-vllm-secret.yaml"
    assert not set(running.values()) & set(pods(sandbox).values()), "every consumer is a new pod"
    assert "the old key is refused by: vllm-embeddings-engine-service" in played.text
    seen = played.text + sandbox.git("log", "-p", "main")
    assert not [value for value in (old, new, token) if value in seen]


def test_argo_cd_leaves_the_restart_alone_and_a_second_run_is_nothing(sandbox: Sandbox, day: Day) -> None:
    head, running = sandbox.head, pods(sandbox)
    played = day("rotate_secrets")
    assert (played.code, played.changed) == (0, 0), played.text
    assert (sandbox.head, pods(sandbox)) == (head, running)
    assert application(sandbox)["status"]["sync"]["status"] == "Synced"
    assert day("drift").code == 0


def test_without_a_restart_the_holders_of_the_old_key_are_named(sandbox: Sandbox, day: Day) -> None:
    running = pods(sandbox)
    played = day("rotate_secrets", "-e", "rotate_generate=true", "-e", "rotate_restart=false")
    assert played.code == 0, played.text
    assert "operations-consumer-stale: Deployment/vllm-mistral-deployment-vllm" in played.text
    assert pods(sandbox) == running
    again = day("rotate_secrets")
    assert again.code == 0, again.text
    assert "restarted: " in again.text
    assert "operations-old-key-unproven" in again.text, "this run never knew the old key"


def test_a_given_value_and_a_generated_one_contradict(sandbox: Sandbox, day: Day) -> None:
    head = sandbox.head
    played = day("rotate_secrets", "-e", "rotate_generate=true", VLLM_API_KEY="aFineKeyOfOurOwn123")
    assert played.code != 0
    assert "Leave one of them out" in played.text
    assert sandbox.head == head


# ------------------------------------------------------------------------------------------- upgrade and way back


@pytest.mark.parametrize("arguments", [("--check", "--diff"), ()])
def test_new_selectors_are_refused_with_the_procedure(sandbox: Sandbox, day: Day, arguments: tuple[str, ...]) -> None:
    head, running = sandbox.head, pods(sandbox)
    played = day("upgrade", *UPGRADE, *arguments)
    assert played.codes == {"upgrade-selector-immutable"}, played.text
    assert "delete deployment vllm-mistral-deployment-vllm" in played.text
    assert (sandbox.head, pods(sandbox)) == (head, running)


def test_allowed_the_procedure_is_carried_out(sandbox: Sandbox, day: Day) -> None:
    claims, deployments = uids(sandbox, "PersistentVolumeClaim"), uids(sandbox, "Deployment")
    policy = application(sandbox)["spec"]["syncPolicy"]
    played = day("upgrade", *UPGRADE, *ALLOW)
    assert played.code == 0, played.text
    assert uids(sandbox, "PersistentVolumeClaim") == claims, "the downloads stay"
    after = uids(sandbox, "Deployment")
    assert after.keys() == deployments.keys()
    assert not set(after.values()) & set(deployments.values())
    assert application(sandbox)["spec"]["syncPolicy"] == policy
    again = day("upgrade", *UPGRADE)
    assert (again.code, again.changed) == (0, 0), again.text


def test_a_rollback_is_gated_like_an_upgrade(sandbox: Sandbox, day: Day) -> None:
    head = sandbox.head
    played = day("rollback")
    assert played.codes == {"upgrade-selector-immutable"}, played.text
    assert sandbox.head == head
    played = day("rollback", *ALLOW)
    assert played.code == 0, played.text
    assert "0.1.8" in sandbox.git("show", f"main:{APP}/Chart.yaml")
    assert sandbox.git("log", "-1", "--format=%(trailers:key=Inferops-Reverts,valueonly)", "main") == head
    assert application(sandbox)["status"]["health"]["status"] == "Healthy"
    assert application(sandbox)["spec"]["syncPolicy"]["automated"]
    assert day("verify").code == 0
    assert day("rollback").changed == 0


# ---------------------------------------------------------------------------------------- Argo CD's own credential


def test_argo_cd_gets_a_sealed_credential_once_and_a_new_one_replaces_it(sandbox: Sandbox, day: Day) -> None:
    """The Secret is one that Argo CD takes; the rehearsal's repository itself asks for none."""
    path, tokens = "k8s/argocd/sealed-vllm-repository.yaml", ("read-only-CANARY-one", "read-only-CANARY-two")
    for token in tokens:
        played = day("repository", "-vvv", ARGOCD_REPO_TOKEN=token)
        assert played.code == 0, played.text
        live = sandbox.cluster.get(path_of("Secret", "argocd", "vllm-repository"))
        assert live["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repository"
        data = {key: base64.b64decode(value).decode() for key, value in live["data"].items()}
        assert data == {"type": "git", "url": sandbox.state["git_url"], "username": "git", "password": token}
        assert sandbox.git("show", "--format=", "--name-only", "main") == path
        seen = played.text + sandbox.git("log", "-p", "main")
        assert not [secret for secret in tokens if secret in seen]
        head = sandbox.head
        for again in (day("repository", ARGOCD_REPO_TOKEN=token), day("repository")):
            assert (again.code, again.changed, sandbox.head) == (0, 0, head), again.text
    assert day("site").changed == 0, "Argo CD goes on reading the repository"


# ------------------------------------------------------------------------------------------------------------ guard


def test_the_guard_as_a_hook(sandbox: Sandbox, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", sandbox.state["git_url"], str(clone)], check=True)
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/guard.yml"]
    command += ["-i", "localhost,", "-e", f"guard_path={clone}", "-e", "guard_install=true"]
    first = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    (clone / APP / "templates" / "plain.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: vllm}\nstringData: {KEY: abcdefghijklmnop}\n"
    )
    git = ["git", "-C", str(clone), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    subprocess.run([*git, "add", "--all"], check=True)
    commit = subprocess.run([*git, "commit", "-m", "oops"], capture_output=True, text=True, check=False)
    assert commit.returncode != 0
    assert "sealing-plaintext-secret" in commit.stdout + commit.stderr
    subprocess.run([*git, "commit", "--quiet", "--no-verify", "-m", "oops"], check=True)
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "sealing-plaintext-secret" in second.stdout + second.stderr


# ---------------------------------------------------------------------------------------------------------- removal


def test_nothing_is_removed_unconfirmed(sandbox: Sandbox, day: Day) -> None:
    head, running = sandbox.head, pods(sandbox)
    for arguments in ((), ("-e", "remove_confirm=aarhus")):
        played = day("remove", *arguments)
        assert played.code != 0
        assert "remove_confirm=sandbox" in played.text
    checked = day("remove", "-e", "remove_confirm=sandbox", "--check")
    assert checked.code == 0, checked.text
    assert checked.changed > 0
    assert (sandbox.head, pods(sandbox)) == (head, running)


def test_a_removal_keeps_downloads_and_runtime_class(sandbox: Sandbox, day: Day) -> None:
    claims = uids(sandbox, "PersistentVolumeClaim")
    played = day("remove", "-e", "remove_confirm=sandbox")
    assert played.code == 0, played.text
    cluster = sandbox.cluster
    assert cluster.find(path_of("Application", "argocd", "vllm")) is None
    assert cluster.find(path_of("AppProject", "argocd", "vllm")) is None
    assert cluster.find(path_of("RuntimeClass", None, "nvidia"))
    assert uids(sandbox, "PersistentVolumeClaim") == claims
    assert pods(sandbox) == {}
    assert not [
        path for path in sandbox.git("ls-tree", "-r", "--name-only", "main").splitlines() if path.startswith(APP)
    ]
    again = day("remove", "-e", "remove_confirm=sandbox")
    assert (again.code, again.changed) == (0, 0), again.text


def test_a_purge_after_a_new_start_leaves_nothing(sandbox: Sandbox, day: Day) -> None:
    assert day("site").code == 0
    played = day("remove", "-e", "remove_confirm=sandbox", "-e", "remove_purge=true")
    assert played.code == 0, played.text
    cluster = sandbox.cluster
    assert list(cluster.items(path_of("Application"))) == []
    assert cluster.find(path_of("RuntimeClass", None, "nvidia")) is None
    assert uids(sandbox, "PersistentVolumeClaim") == {}
