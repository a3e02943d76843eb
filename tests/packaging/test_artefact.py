# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published installs into an empty path and works there, and its metadata holds what tools look for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.slow

SHIPPED = {
    "CHANGELOG.rst",
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "bindep.txt",
    "changelogs",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
    "tests",
}


def tool(name: str, *arguments: str, cwd: Path, home: Path, **environment: str) -> str:
    """Run a tool of this environment away from the checkout; return what it printed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    ours = {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
    command = [str(BIN / name), *arguments]
    done = subprocess.run(
        command, cwd=cwd, env={**clean, **ours, **environment}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    tool("ansible-galaxy", "collection", "build", "--output-path", str(folder), str(ROOT), cwd=folder, home=folder)
    (found,) = folder.glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty collections path with nothing but the artefact in it."""
    path = tmp_path_factory.mktemp("installed")
    arguments = ("collection", "install", str(artefact), "--collections-path", str(path))
    tool("ansible-galaxy", *arguments, cwd=path, home=path)
    return path


def test_the_artefact_holds_what_an_installation_needs_and_nothing_else(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        names = [member.name for member in archive if member.isfile()]
        assert not [member.name for member in archive if member.issym() or member.islnk()]
    assert {name.partition("/")[0] for name in names} == SHIPPED
    assert [name for name in names if name.startswith("tests/")] == ["tests/config.yml"]
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".retry"))]
    assert artefact.name == f"inferops-vllm-{galaxy()['version']}.tar.gz"
    assert artefact.stat().st_size < 2_000_000


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_every_playbook_resolves_by_its_collection_name(installed: Path, playbook: str) -> None:
    inventory = "localhost ansible_connection=local,"
    arguments = (f"inferops.vllm.{playbook}", "--syntax-check", "--inventory", inventory.split()[0] + ",")
    out = tool("ansible-playbook", *arguments, cwd=installed, home=installed, ANSIBLE_COLLECTIONS_PATH=str(installed))
    assert playbook in out


def documented(installed: Path, kind: str, names: list[str]) -> dict[str, object]:
    arguments = ("--type", kind, "--json", *names)
    out = tool("ansible-doc", *arguments, cwd=installed, home=installed, ANSIBLE_COLLECTIONS_PATH=str(installed))
    found: dict[str, object] = json.loads(out)
    return found


@pytest.mark.parametrize(("kind", "folder"), [("module", "modules"), ("callback", "callback"), ("filter", "filter")])
def test_every_plugin_is_documented_where_it_is_installed(installed: Path, kind: str, folder: str) -> None:
    files = sorted((ROOT / "plugins" / folder).glob("*.py"))
    names = [f"inferops.vllm.{path.stem}" for path in files if not path.stem.startswith("_")]
    if not names:
        pytest.skip(f"the collection has no {kind} plugins")
    found = documented(installed, kind, names)
    assert sorted(found) == names
    assert all(isinstance(page, dict) and page.get("doc") for page in found.values())


def test_every_role_is_documented_where_it_is_installed(installed: Path) -> None:
    names = sorted(f"inferops.vllm.{path.name}" for path in (ROOT / "roles").iterdir() if path.is_dir())
    found = documented(installed, "role", names)
    assert sorted(found) == names


def galaxy() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((ROOT / "galaxy.yml").read_text("utf-8"))
    return found


def test_versions_agree() -> None:
    version = str(galaxy()["version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert f"v{version}" in (ROOT / "CHANGELOG.rst").read_text("utf-8")
    assert version in yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text("utf-8"))["releases"]
    assert (ROOT / "changelogs" / "fragments" / f"{version}.yml").is_file()


def test_the_changelog_is_valid() -> None:
    tool("antsibull-changelog", "lint", cwd=ROOT, home=Path.home())


def test_every_module_belongs_to_no_group_that_names_a_missing_one() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text("utf-8"))["action_groups"]
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    for name, members in groups.items():
        assert set(members) <= modules, name
        assert members == sorted(members), name


def test_every_python_file_says_under_which_licence_it_is() -> None:
    missing = []
    for folder in ("plugins", "tests", "sandbox", "tools", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text("utf-8")
            if text.strip() and "SPDX-License-Identifier: GPL-3.0-or-later" not in text[:600]:
                missing.append(str(path.relative_to(ROOT)))
    assert missing == []


@pytest.mark.parametrize("page", ["meta/execution-environment.yml", "execution-environment.yml"])
def test_execution_environments_name_files_that_exist(page: str) -> None:
    dependencies = yaml.safe_load((ROOT / page).read_text("utf-8"))["dependencies"]
    for kind in ("python", "system"):
        assert (ROOT / dependencies[kind]).is_file()


def test_ansible_builder_accepts_the_execution_environment(artefact: Path, tmp_path: Path) -> None:
    for name in ("execution-environment.yml", "requirements.txt", "bindep.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copy(artefact, tmp_path)
    tool("ansible-builder", "create", "--output-filename", "Containerfile", cwd=tmp_path, home=tmp_path)
    context = tmp_path / "context"
    recipe = (context / "Containerfile").read_text("utf-8")
    assert "ansible-galaxy collection install --no-deps" in recipe
    assert [path.name for path in (context / "_build" / "collection").iterdir()] == [artefact.name]
    for name in ("requirements.txt", "bindep.txt"):
        assert (context / "_build" / name).read_text("utf-8") == (ROOT / name).read_text("utf-8")
