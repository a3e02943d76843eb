# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site whose Applications an app-of-apps writes: the main job through its files, which people own."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.integration.conftest import Played, Sandbox
from tests.shared_data import shared_data

pytestmark = pytest.mark.sandbox

PARENT = "applications/argo-cd-resources"
CLUSTER = "applications/cluster-resources"
SETTINGS = {
    "argocd_registration": "app_of_apps",
    "vllm_runtime_class_path": f"{CLUSTER}/templates/runtimeclass-nvidia.yaml",
}
CHART = "apiVersion: v2\nname: {}\nversion: 0.1.0\n"
VALUES = """# Ours; a robot may add to it.
repoUrl: {url}

apps:
  - name: cluster-resources
    project: cluster-resources
    namespace: kube-system
    automated: true
"""
APPLICATIONS = """{{- range .Values.apps }}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {{ .name }}
  namespace: argocd
spec:
  project: {{ .project }}
  destination:
    server: https://kubernetes.default.svc
    namespace: {{ .namespace }}
  source:
    repoURL: {{ $.Values.repoUrl }}
    targetRevision: HEAD
    path: applications/{{ .name }}
  syncPolicy:
    {{- if .automated }}
    automated:
      selfHeal: true
    {{- end }}
    syncOptions:
      - CreateNamespace=true
{{- end }}
"""
PROJECT = """apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: {name}
  namespace: argocd
spec:
  destinations:
  - name: in-cluster
    namespace: {namespace}
    server: https://kubernetes.default.svc
  namespaceResourceWhitelist:
  - group: '*'
    kind: '*'
  sourceRepos:
  - {{{{ .Values.repoUrl }}}} # git repository
"""


def push(clone: Path) -> None:
    git = ["git", "-C", str(clone), "-c", "user.name=Town", "-c", "user.email=town@localhost"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "By hand"], check=True)
    subprocess.run([*git, "push", "--quiet", "origin", "HEAD:main"], check=True)


def cloned(sandbox: Sandbox, folder: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", sandbox.state["git_url"], str(folder)], check=True)
    return folder


def lay_down(root: Path, url: str) -> None:
    """What a town has before this collection comes: two projects, one Application, a chart that makes them."""
    files = {
        f"{PARENT}/Chart.yaml": CHART.format("argo-cd-resources"),
        f"{PARENT}/values.yaml": VALUES.format(url=url),
        f"{PARENT}/templates/applications.yaml": APPLICATIONS,
        f"{PARENT}/templates/projects/cluster-resources.yaml": PROJECT.format(
            name="cluster-resources", namespace="kube-system"
        ),
        f"{PARENT}/templates/projects/vllm.yaml": PROJECT.format(name="vllm", namespace="vllm"),
        f"{CLUSTER}/Chart.yaml": CHART.format("cluster-resources"),
        f"{CLUSTER}/values.yaml": "{}\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def parent_objects(url: str) -> list[dict[str, object]]:
    meta = {"name": "argo-cd-resources", "namespace": "argocd"}
    api = "argoproj.io/v1alpha1"
    destination = {"server": "https://kubernetes.default.svc", "namespace": "argocd"}
    source = {"repoURL": url, "path": PARENT, "targetRevision": "HEAD"}
    project = {
        "sourceRepos": [url],
        "destinations": [destination],
        "namespaceResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    application = {
        "project": meta["name"],
        "source": source,
        "destination": destination,
        "syncPolicy": {"automated": {"selfHeal": True}},
    }
    return [
        {"apiVersion": api, "kind": "AppProject", "metadata": meta, "spec": project},
        {"apiVersion": api, "kind": "Application", "metadata": meta, "spec": application},
    ]


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    known = fresh("bare_metal")
    clone = cloned(known, tmp_path_factory.mktemp("town") / "clone")
    lay_down(clone, known.state["git_url"])
    push(clone)
    for manifest in parent_objects(known.state["git_url"]):
        known.cluster.apply(manifest, manager="town")
    return known


def play(sandbox: Sandbox, tmp_path: Path, *arguments: str, name: str = "site") -> Played:
    settings = json.dumps({**SETTINGS, "vllm_report_directory": str(tmp_path)})
    return sandbox.play("-e", settings, *arguments, playbook=f"playbooks/{name}.yml")


def test_the_site_is_served_through_the_app_of_apps(sandbox: Sandbox, tmp_path: Path) -> None:
    head, before = sandbox.head, sandbox.git("show", f"main:{PARENT}/values.yaml")
    checked = play(sandbox, tmp_path, "--check", "--diff")
    assert checked.code == 0, checked.text
    assert "+  - name: vllm" in checked.text
    assert sandbox.head == head

    played = play(sandbox, tmp_path)
    assert played.code == 0, played.text
    added = [line for line in difflib.ndiff(before.splitlines(), values(sandbox)) if line[0] in "+-"]
    assert [line[2:].strip() for line in added] == [
        "- name: vllm",
        "project: vllm",
        "namespace: vllm",
        "automated: true",
    ]
    assert "RuntimeClass" in sandbox.git("show", f"main:{PARENT}/templates/projects/cluster-resources.yaml")
    live = sandbox.cluster.get(path_of("Application", "argocd", "vllm"))
    assert live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"].startswith("argo-cd-resources:")
    assert live["status"]["sync"]["revision"] == sandbox.head

    again = play(sandbox, tmp_path)
    assert (again.code, again.changed) == (0, 0), again.text
    drift = play(sandbox, tmp_path, name="drift")
    assert drift.code == 0, drift.text


def values(sandbox: Sandbox) -> list[str]:
    return sandbox.git("show", f"main:{PARENT}/values.yaml").splitlines()


def test_an_upgrade_makes_way_although_the_parent_heals(sandbox: Sandbox, tmp_path: Path) -> None:
    allow = '{"vllm_upgrade_allow": ["upgrade-selector-immutable"], "vllm_chart_version": "0.1.12"}'
    played = play(sandbox, tmp_path, "-e", allow, name="upgrade")
    assert played.code == 0, played.text
    live = sandbox.cluster.get(path_of("Application", "argocd", "vllm"))
    assert live["spec"]["syncPolicy"]["automated"]


def test_a_removal_waits_until_a_person_took_the_entry_out(sandbox: Sandbox, tmp_path: Path) -> None:
    confirmed = ("-e", "remove_confirm=sandbox")
    refused = play(sandbox, tmp_path, *confirmed, name="remove")
    assert refused.code != 0
    assert "lists vllm" in refused.text
    clone = cloned(sandbox, tmp_path / "clone")
    file = clone / PARENT / "values.yaml"
    file.write_text(file.read_text().partition("  - name: vllm")[0])
    push(clone)
    played = play(sandbox, tmp_path, *confirmed, name="remove")
    assert played.code == 0, played.text
    assert sandbox.cluster.find(path_of("Application", "argocd", "vllm")) is None
    assert list(sandbox.cluster.items(path_of("PersistentVolumeClaim", "vllm")))


def test_the_diff_of_a_real_repository_is_one_that_its_owners_would_accept(
    fresh: Callable[[str], Sandbox], tmp_path: Path
) -> None:
    """A check run over a copy: additions only, in the files that people own."""
    source, repository = shared_data("real-gitops-repo/README.md").parent, tmp_path / "town"
    shutil.copytree(source, repository)
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"]):
        subprocess.run(["git", "-C", str(repository), *command], check=True)
    identity = ["-c", "user.name=Town", "-c", "user.email=town@localhost"]
    subprocess.run(["git", "-C", str(repository), *identity, "commit", "--quiet", "-m", "As it is"], check=True)
    settings = {
        "gitops_repo_url": f"file://{repository}",
        "argocd_namespace": "argo-cd",
        "vllm_take_over": True,
    }
    played = play(fresh("bare_metal"), tmp_path, "--check", "--diff", "-e", json.dumps(settings))
    parts = re.split(r"^--- before: ", played.text, flags=re.MULTILINE)
    ours = [part for part in parts if part.startswith(f"a/{PARENT}")]
    assert len(ours) >= 1, played.text
    for part in ours:
        body = part.partition("+++")[2].partition("\n")[2]
        diff = [line for line in body.splitlines() if line.startswith(("+", "-"))]
        assert [line for line in diff if line.startswith("+")]
        assert not [line for line in diff if line.startswith("-")], part
