# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we build on is pinned with hashes, listed, and looked up for known vulnerabilities."""

from __future__ import annotations

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tools import audit, sbom

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements-*.in"))
PINNED = re.compile(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)
GALAXY = {"namespace": "inferops", "name": "vllm", "version": "0.1.0", "license": ["GPL-3.0-or-later"]}


def inputs(path: Path) -> list[Requirement]:
    """The requirements of an input, those of the files that it names included."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            found += inputs(path.parent / text.removeprefix("-r ").strip())
        elif text:
            found.append(Requirement(text))
    return found


@pytest.mark.parametrize("source", LOCKS, ids=lambda path: path.name)
def test_everything_that_is_wanted_is_locked_with_hashes(source: Path) -> None:
    text = source.with_suffix(".txt").read_text("utf-8")
    locked = {(sbom.canonical(name), version) for name, version, _ in sbom.LOCKED.findall(text)}
    assert locked == {(sbom.canonical(name), version) for name, version in PINNED.findall(text)}, "one has no hash"
    for wanted in inputs(source):
        versions = [Version(version) for name, version in locked if name == sbom.canonical(wanted.name)]
        assert any(version in wanted.specifier for version in versions), f"{wanted}: run make lock"


def test_what_is_installed_here_is_what_is_locked() -> None:
    text = sbom.LOCK.read_text("utf-8")
    wrong = [
        f"{name} {metadata.version(name)}"
        for name in ("ansible-core", "kubernetes", "cryptography", "hypothesis")
        if (name, metadata.version(name)) not in PINNED.findall(text)
    ]
    assert wrong == []


MODULE = re.compile(r"^\s*(?:require )?([\w./~-]+\.[\w./~-]+) (v\S+)(?: //.*)?$", re.MULTILINE)
REPLACED = re.compile(r"([\w./~-]+)(?: v\S+)? => ([\w./~-]+) (v\S+)")


@pytest.mark.parametrize("folder", ["sandbox", "sandbox/argocd"])
def test_every_go_module_of_the_sandbox_has_a_sum(folder: str) -> None:
    sums = set(
        re.findall(r"^(\S+ v[^\s/]+)(?:/go\.mod)? h1:", (ROOT / folder / "go.sum").read_text("utf-8"), re.MULTILINE)
    )
    text = (ROOT / folder / "go.mod").read_text("utf-8")
    replaced = {old: f"{new} {version}" for old, new, version in REPLACED.findall(text)}
    wanted = {replaced.get(name, f"{name} {version}") for name, version in MODULE.findall(text)}
    assert len(wanted) > 50
    assert wanted - sums == set()


def test_the_bill_of_materials(tmp_path: Path) -> None:
    artefact = tmp_path / "inferops-vllm-0.1.0.tar.gz"
    artefact.write_bytes(b"the artefact")
    bill = sbom.bill(GALAXY, artefact)
    json.dumps(bill)
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(references) == len(set(references)) > 100
    required = {one["name"] for one in bill["components"] if one["scope"] == "required"}
    assert {"ansible-core", "kubernetes", "cryptography", "pyyaml", "jmespath", "urllib3"} <= required
    assert not required & {"pytest", "hypothesis", "molecule", "ruff", "k8s.io/kubernetes"}
    assert all(one["hashes"] for one in bill["components"] if one["purl"].startswith("pkg:pypi/"))
    assert bill["metadata"]["component"]["hashes"][0]["content"] == sbom.digest(artefact)


REPORT = {
    "dependencies": [
        {"name": "fine", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
        {"name": "worse", "version": "3.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]},
    ]
}


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "said"),
    [
        (json.dumps(REPORT), "", 1, "3 packages, 2 vulnerabilities"),
        (json.dumps({"dependencies": REPORT["dependencies"][:1]}), "", 0, "1 packages, 0 vulnerabilities"),
        ("", "requests.exceptions.ConnectionError: name resolution failed", 0, "skipped: no index"),
        ("", "ERROR: the lock has no hashes", 1, ""),
    ],
)
def test_the_audit_says_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stdout: str, stderr: str, code: int, said: str
) -> None:
    done = subprocess.CompletedProcess([], 1 if code or stderr else 0, stdout, stderr)
    monkeypatch.setattr(audit, "audit", lambda lock: done)
    assert audit.main(["a.txt"]) == code
    printed = capsys.readouterr()
    assert said in printed.out
    if stdout == json.dumps(REPORT):
        assert "bad 2.0: PYSEC-1, mended in 2.1" in printed.out
        assert "worse 3.0: PYSEC-2, mended in no version yet" in printed.out


def test_the_execution_environment_names_exact_versions() -> None:
    page = yaml.safe_load((ROOT / "execution-environment.yml").read_text("utf-8"))
    image = page["images"]["base_image"]["name"]
    assert re.fullmatch(r"\S+:\d+\.\d+\.\d+-\S+@sha256:[0-9a-f]{64}", image), image
    ours = [page["dependencies"][name]["package_pip"] for name in ("ansible_core", "ansible_runner")]
    assert [name for name in ours if "==" not in name] == []
