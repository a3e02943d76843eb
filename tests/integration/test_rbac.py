# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service accounts of docs/rbac can do what they are for, and a right that is taken away is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.faultrunner.playing import changed_models
from tests.integration.conftest import ROOT, Played, Sandbox, runner

pytestmark = pytest.mark.sandbox

SITE = ROOT / "docs" / "rbac" / "site.yaml"


@dataclass(frozen=True)
class Right:
    """A verb on a resource; ``namespace`` is empty for one on the whole cluster."""

    namespace: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.namespace}".strip()


def roles() -> dict[str, dict[str, Any]]:
    """The ClusterRole (key '') and the Roles of the account, by namespace."""
    documents = yaml.safe_load_all(SITE.read_text("utf-8"))
    return {d["metadata"].get("namespace", ""): d for d in documents if d["kind"] in ("ClusterRole", "Role")}


RIGHTS = [
    Right(namespace, resource, verb)
    for namespace, role in roles().items()
    for rule in role["rules"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
]
WITHOUT = {
    Right("", "deployments", "list"): "only tells how the GPU stack was installed",
    Right("vllm", "pods", "create"): "dry runs are left out, and a line says so",
    Right("vllm", "services", "get"): "read where a Service of the listed ones is looked at again",
    **dict.fromkeys(
        (
            *(Right(namespace, "events", "list") for namespace in ("default", "vllm")),
            Right("vllm", "pods/log", "get"),
            Right("vllm", "replicasets", "list"),
        ),
        "read to explain a failure",
    ),
    Right("kube-system", "services/proxy", "get"): "a port-forward gets the certificate, too",
}
"""Rights that a run on a healthy cluster can do without, and why."""

FIRST_RUN = [
    Right("", "customresourcedefinitions", "get"),
    *(Right("default", "pods", verb) for verb in ("get", "create", "delete")),
    Right("default", "pods/log", "get"),
    *(Right("argocd", kind, "create") for kind in ("applications", "appprojects")),
    Right("argocd", "appprojects", "patch"),
]


def asked(rights: Collection[Right], *, others: bool = False) -> list[Right]:
    """These rights, or the others, that a run cannot do without."""
    return [right for right in RIGHTS if right not in WITHOUT and (right in rights) != others]


@contextmanager
def withheld(sandbox: Sandbox, right: Right) -> Iterator[None]:
    """The account without one right."""
    role = roles()[right.namespace]
    rest = {**role, "rules": [rule for known in role["rules"] for rule in without(known, right)]}
    sandbox.kubectl("apply", "-f", "-", stdin=json.dumps(rest))
    try:
        yield
    finally:
        sandbox.kubectl("apply", "-f", "-", stdin=json.dumps(role))


def without(rule: dict[str, Any], right: Right) -> list[dict[str, Any]]:
    """A rule less one verb of one resource."""
    if right.resource not in rule["resources"]:
        return [rule]
    others = [resource for resource in rule["resources"] if resource != right.resource]
    verbs = [verb for verb in rule["verbs"] if verb != right.verb]
    split = [{**rule, "resources": others}, {**rule, "resources": [right.resource], "verbs": verbs}]
    return [part for part in split if part["resources"] and part["verbs"]]


def is_named(played: Played, right: Right) -> None:
    """What is said above info names the verb and the resource, without a stack trace."""
    said = [line for line in played.text.splitlines() if line.strip().startswith(("×", "‼"))]
    kind = right.resource.partition("/")[0]
    named = [line for line in said if re.search(rf"\b{right.verb}\b.*\b{kind}\b|\b{kind}\b.*\b{right.verb}\b", line)]
    assert named, played.text
    assert "Traceback" not in played.text
    assert "internal-error" not in played.text


def play_as(
    sandbox: Sandbox, account: str, folder: Path, *arguments: str, playbook: str = "playbooks/site.yml"
) -> tuple[Played, dict[str, Any]]:
    extra = {
        "vllm_report_directory": str(folder),
        "vllm_timeouts": {"smoke": 20, "sync": 30, "load": 30, "answer": 10},
    }
    played = sandbox.play("-e", json.dumps(extra), *arguments, playbook=playbook, SANDBOX_ACCOUNT=account)
    report = folder / "sandbox.json"
    return played, json.loads(report.read_text()) if report.exists() else {}


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    """An empty cluster with the service accounts."""
    return fresh("bare_metal")


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, dict[str, Any]]:
    """The first run, as the site account."""
    return play_as(sandbox, "site", tmp_path_factory.mktemp("site"))


@pytest.fixture
def runtime_class(sandbox: Sandbox) -> Iterator[None]:
    """A free GPU and a RuntimeClass: what the test pod needs. It goes before the site makes its own."""
    manifest = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}}
    sandbox.kubectl("apply", "-f", "-", stdin=json.dumps({**manifest, "handler": "nvidia"}))
    yield
    sandbox.kubectl("delete", "runtimeclass", "nvidia")


def test_preflight_account_runs_the_preflight(sandbox: Sandbox, tmp_path: Path) -> None:
    played, _ = play_as(sandbox, "preflight", tmp_path, playbook="playbooks/preflight.yml")
    assert (played.code, played.failed) == (0, 0), played.text
    assert "‼" not in played.text


@pytest.mark.usefixtures("runtime_class")
def test_preflight_account_runs_the_test_pod(sandbox: Sandbox, tmp_path: Path) -> None:
    arguments = ("-e", "vllm_runtime_class_owner=gpu_operator")
    played, _ = play_as(sandbox, "preflight", tmp_path, *arguments, playbook="playbooks/preflight.yml")
    assert (played.code, played.failed) == (0, 0), played.text
    assert "nvidia-smi on node gpu-1 after" in played.text


def test_site_account_takes_an_empty_cluster_to_verified(site: tuple[Played, dict[str, Any]]) -> None:
    played, report = site
    assert (played.code, played.failed) == (0, 0), played.text
    assert report["outcome"] == "verified"
    assert not [found for found in report["findings"] if found["severity"] != "info"]


def test_drift_account_sees_no_drift(sandbox: Sandbox, site: tuple[Played, dict[str, Any]], tmp_path: Path) -> None:
    played, _ = play_as(sandbox, "drift", tmp_path, "--check", "--diff")
    assert (played.code, played.failed, played.changed) == (0, 0, 0), played.text


@pytest.mark.parametrize("right", asked(FIRST_RUN, others=True), ids=str)
def test_a_missing_right_is_named(
    sandbox: Sandbox, site: tuple[Played, dict[str, Any]], tmp_path: Path, right: Right
) -> None:
    """A served site is not written to, so a right to write is missed only where something changes."""
    change = changed_models({"embeddings": {"vllm": {"max_model_len": 256}}}) if right.verb == "patch" else {}
    with withheld(sandbox, right):
        played, _ = play_as(sandbox, "site", tmp_path, "-e", json.dumps(change))
    is_named(played, right)


@pytest.mark.parametrize("right", asked(FIRST_RUN), ids=str)
def test_a_right_that_only_a_first_run_needs_is_named(sandbox: Sandbox, tmp_path: Path, right: Right) -> None:
    runner("reset", sandbox.profile)
    with withheld(sandbox, right):
        played, _ = play_as(sandbox, "site", tmp_path)
    is_named(played, right)


def test_a_runtime_class_of_our_own_needs_the_addition(sandbox: Sandbox, tmp_path: Path) -> None:
    runner("reset", sandbox.profile)
    ours = ("-e", "vllm_runtime_class_owner=collection")
    refused, _ = play_as(sandbox, "site", tmp_path, *ours)
    is_named(refused, Right("", "runtimeclasses", "patch"))
    sandbox.kubectl("apply", "-f", str(SITE.with_name("nodes.yaml")))
    played, report = play_as(sandbox, "site", tmp_path, *ours)
    assert (played.code, report["outcome"]) == (0, "verified"), played.text
    assert sandbox.kubectl("get", "applications", "-n", "argocd", "-o", "name").split() == [
        "application.argoproj.io/vllm"
    ], "nobody but the play made the RuntimeClass"
    head = sandbox.head
    again, _ = play_as(sandbox, "site", tmp_path, *ours)
    assert (again.code, again.changed, sandbox.head) == (0, 0, head), again.text


def test_what_a_run_does_without_is_still_granted() -> None:
    """Else the tests above leave out a right that exists no more."""
    assert not ({*WITHOUT, *FIRST_RUN} - set(RIGHTS))
