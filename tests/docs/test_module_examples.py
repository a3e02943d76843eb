# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the documentation of the modules: each is what its module accepts; what needs no cluster is run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.inferops.vllm.plugins.plugin_utils import action as shell
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.docs.commands import ROOT

PLUGINS = "ansible_collections.inferops.vllm.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
FILTERS = sorted(path.stem for path in (ROOT / "plugins" / "filter").glob("*.py"))
STAND_INS = {"bool": True, "dict": {}, "float": 1.0, "int": 1, "list": [], "raw": "x", "str": "x", "path": "x"}


def examples(kind: str, name: str) -> list[dict[str, Any]]:
    tasks = yaml.safe_load(import_module(f"{PLUGINS}.{kind}.{name}").EXAMPLES)
    assert isinstance(tasks, list), name
    return tasks


def called(task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The module of a task and its options."""
    (name,) = [key for key in task if "." in key]
    return name, task[name] or {}


def filled(value: Any, spec: dict[str, Any]) -> Any:
    """``value`` with a stand-in of the right type for every expression."""
    if isinstance(value, str) and "{{" in value:
        return spec["choices"][0] if "choices" in spec else STAND_INS[spec.get("type", "str")]
    if isinstance(value, list):
        return [filled(item, {**spec, "type": spec.get("elements", "raw")}) for item in value]
    if isinstance(value, dict):
        options = spec.get("options", {})
        return {key: filled(item, options.get(key, {"type": "raw"})) for key, item in value.items()}
    return value


OURS = [
    pytest.param(*called(task), id=f"{module}: {task['name']}")
    for module in MODULES
    for task in examples("modules", module)
    if called(task)[0].startswith("inferops.vllm.")
]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_examples_of_itself(module: str) -> None:
    tasks = examples("modules", module)
    assert all(task.get("name") for task in tasks)
    assert f"inferops.vllm.{module}" in [called(task)[0] for task in tasks]


@pytest.mark.parametrize(("name", "options"), OURS)
def test_the_module_accepts_its_example(name: str, options: dict[str, Any]) -> None:
    module = name.rpartition(".")[2]
    plugin = import_module(f"{PLUGINS}.action.{module}").ActionModule
    spec = shell._argument_spec(module, plugin.SECRET_OPTIONS | shell.CONNECTION_SECRETS)
    given = {key: filled(value, spec.get(key, {})) for key, value in options.items()}
    checked = ArgumentSpecValidator(spec, **plugin.SPEC_RULES).validate(given)
    assert checked.error_messages == []


NEED_A_CLUSTER = {
    "The RuntimeClass is applied by its own Application",
    "The vllm Application of an app-of-apps is at our commit",
    "Apply the RuntimeClass without Argo CD",
    "Would a GPU pod run?",
    "Make way for the new selectors",
    "Seal both secrets of vLLM against what the repository has",
    "Both Secrets are there, and new",
    "Remember the key that is in force",
    "The consumers take the new key, and the old one is refused",
    "Both models answer",
    "Make the files of a GPU node",
}
NEED_A_SERVER = {
    "One organization with the project",  # tests/awx has an AWX
    "The app-of-apps lists vllm, and its project allows RuntimeClass",  # SSH
    "The last commit of the application stage is taken back",  # tests/unit/gitops/test_rollback.py has such a commit
}
IN_ORDER = (
    "Read and check this site's variables",
    "Show where the models will run",
    "Judge a support case again, without its cluster",
    "Plan the models of this site",
    "Show the plan",
    "Make the files of the vLLM application",
    "May the site go from what is committed to what was planned?",
    "The RuntimeClass is in Git",
    "Commit them",
    "What the site has in Git",
    "Seal a plaintext manifest in a clone, offline",
    "Make a new API key",
    "Report what happened",
    "Judge what was read",
    "Sum up the fleet",
    "See what AWX would hold",
    "Guard the repository",
)
REGISTERED = {"Judge a support case again, without its cluster": "preflight"}
ELSEWHERE: dict[str, Any] = {
    "application_commit": {},
    "application_synced": {},
    "gitops_branch": "main",
    "gitops_token": "",
    "gpu_drivers": {},
    "in_git": {"files": {}},
    "repository": {},
    "runtime_class_manifest": "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: x}, handler: x}",
    "values": {},
    "verification_served": {},
    "vllm_planned": "{{ planned }}",
    "vllm_upgrade_allow": [],
}
"""What the examples take from tasks that they do not show."""


def tasks_by_name() -> dict[str, dict[str, Any]]:
    places = [("modules", name) for name in MODULES] + [("filter", name) for name in FILTERS]
    return {task["name"]: task for place in places for task in examples(*place)}


def test_every_example_is_run_or_needs_what_is_not_here() -> None:
    assert set(tasks_by_name()) == {*IN_ORDER, *NEED_A_CLUSTER, *NEED_A_SERVER}


def play(folder: Path) -> Path:
    """The examples as a playbook, and the files that they name."""
    tasks = tasks_by_name()
    shown = [{**tasks[name], **({"register": REGISTERED[name]} if name in REGISTERED else {})} for name in IN_ORDER]
    site = yaml.safe_load((ROOT / "inventories" / "sandbox" / "group_vars" / "all" / "main.yml").read_text("utf-8"))
    settings = {
        "vllm_gpu_mode": "bare_metal",
        "vllm_gpu_nodes": ["gpu-1"],
        "vllm_models": site["vllm_models"],
        "vllm_image_tag": "v0.12.0",
        "gitops_repo_url": f"file://{folder / 'repo.git'}",
    }
    tolerations = [{"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}]  # what the support case needs
    defaults = {"inferops.vllm.gpu_preflight": {"tolerations": tolerations, "gpu_nodes": ["gpu-1"]}}
    common = {"hosts": "all", "gather_facts": False, "module_defaults": defaults}
    plays = [
        {**common, "name": "The site", "vars": settings, "tasks": shown[:2]},
        {**common, "name": "The rest", "vars": {**settings, **ELSEWHERE}, "tasks": shown[2:]},
    ]
    path = folder / "examples.yml"
    path.write_text(yaml.safe_dump(plays, sort_keys=False))
    return path


def world(folder: Path) -> None:
    """What the examples name: a repository, a support case, a clone with a plaintext manifest, a certificate."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@localhost")
    subprocess.run([*git, "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "repo.git")], check=True)
    clone = folder / "src" / "site"
    subprocess.run([*git, "clone", "--quiet", str(folder / "repo.git"), str(clone)], check=True, capture_output=True)
    (clone / "README.md").write_text("site\n")
    (clone / ".gitignore").write_text("local-secrets/\n")
    for command in (["add", "."], ["commit", "--quiet", "-m", "Begin"], ["push", "--quiet", "origin", "HEAD:main"]):
        subprocess.run([*git, "-C", str(clone), *command], check=True, capture_output=True)
    (folder / "support").mkdir()
    case = ROOT / "tests" / "corpus" / "snapshots" / "healthy-bare-metal.json"
    (folder / "support" / "horsens.json").write_text(case.read_text("utf-8"))
    secret = clone / "applications" / "vllm" / "local-secrets" / "registry.yaml"
    secret.parent.mkdir(parents=True)
    secret.write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: registry, namespace: vllm}\n"
        "type: kubernetes.io/dockerconfigjson\nstringData: {.dockerconfigjson: '{\"auths\": {}}'}\n"
    )
    secret.chmod(0o600)
    (folder / "sealed-secrets.pem").write_text(certificate())


def certificate() -> str:
    """A certificate as the Sealed Secrets controller makes it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(tz=UTC)
    name = x509.Name([])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=90)
    )
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_examples_run(tmp_path: Path) -> None:
    world(tmp_path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_"))}
    ours = {"HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(play(tmp_path)), "-i", "mytown,"]
    done = subprocess.run(
        [*command, "-c", "local"],
        cwd=tmp_path,
        env={**clean, **ours},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    log = ["git", "-C", str(tmp_path / "repo.git"), "log", "--format=%s", "main"]
    subjects = subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()
    assert subjects == ["Deploy the models of this site", "Add RuntimeClass nvidia", "Begin"]
    sealed = tmp_path / "src" / "site" / "applications" / "vllm" / "templates" / "sealed-registry.yaml"
    assert "kind: SealedSecret" in sealed.read_text("utf-8")
