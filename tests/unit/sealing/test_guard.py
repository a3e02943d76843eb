# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be committed, and the .gitignore that keeps it out, with the real git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, fatal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import guard, precommit

from tests.unit.sealing.fakes import TOKEN

CORPUS = Path(__file__).parents[2] / "corpus" / "sealing"
PATH = "applications/vllm/templates/sealed-hf-secret.yaml"
GOOD = (
    "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: hf-secret\n  namespace: vllm\n"
    "spec:\n  encryptedData:\n    TOKEN: AgB=\n"
)
SITES_GITIGNORE = "**/secret.yaml\n**/*secret*.yaml\n**/local-secrets\n!**/*sealed*.yaml\n*.pem\n"


def codes(path: str, text: str, namespaces: dict[str, str] | None = None) -> list[str]:
    return [f.code for f in guard.file_findings(path, text, namespaces)]


@pytest.mark.parametrize("case", sorted(CORPUS.glob("*/*.yaml")), ids=lambda c: f"{c.parent.name}/{c.stem}")
def test_the_corpus_is_refused(case: Path) -> None:
    path = PATH if "sealed" in case.stem or "file" in case.parent.name else f"applications/vllm/{case.name}"
    text = case.read_text(encoding="utf-8")
    expected = "sealing-plaintext-secret" if case.stem == "plaintext-secret" else case.parent.name
    if expected == "sealing-file-unknown-field":
        assert codes(path, text) == [], "people may use what this collection does not write"
    else:
        assert codes(path, text) == [expected]


def test_good_files_pass() -> None:
    assert guard.check({PATH: GOOD, "README.md": "kind: Secret is a word"}) == []


def test_nothing_to_look_at_is_no_green() -> None:
    assert [f.code for f in guard.check({})] == ["sealing-guard-empty"]


def test_names_and_annotations_that_give_plaintext_away() -> None:
    assert codes("applications/vllm/local-secrets/x.yaml", "") == ["sealing-local-secrets-tracked"]
    assert codes("applications/vllm/Unsealed-x.yaml", GOOD) == ["sealing-plaintext-secret"]
    annotation = "        kubectl.kubernetes.io/last-applied-configuration: x\n"
    leaking = GOOD + "  template:\n    metadata:\n      annotations:\n" + annotation
    assert codes(PATH, leaking) == ["sealing-plaintext-secret"]


def test_a_sealed_file_in_another_applications_folder() -> None:
    namespaces = {"applications/open-webui": "open-webui", "applications/vllm": "vllm"}
    webui = GOOD.replace("namespace: vllm", "namespace: open-webui")
    assert codes(PATH, GOOD, namespaces) == []
    (found,) = guard.file_findings(PATH, webui, namespaces)
    assert found.code == "sealing-misplaced"
    assert "applications/open-webui is the folder for that namespace" in found.message
    (found,) = guard.file_findings(PATH, GOOD.replace("namespace: vllm", "namespace: x"), namespaces)
    assert found.message.endswith("applications/vllm is deployed to vllm")
    assert codes("elsewhere/sealed-x.yaml", webui, namespaces) == []


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    add(tmp_path, PATH, GOOD)
    return tmp_path


def add(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    subprocess.run(["git", "-C", str(root), "add", "-f", path], check=True)


def test_the_sites_gitignore_has_gaps_and_the_guard_closes_them(repository: Path) -> None:
    add(repository, ".gitignore", SITES_GITIGNORE)
    gaps = precommit.repository_findings(str(repository), everything=True)
    assert {f.code for f in gaps} == {"sealing-local-secrets-not-ignored"}
    assert fatal(gaps) == [], "local-secrets/ itself is ignored there"
    assert {f.subject.rpartition("/")[2] for f in gaps} == {
        *("hf-secret.yml", "hf-secret.json", "HF-Secret.yaml", ".env", "unsealed-hf-secret.yaml")
    }
    add(repository, ".gitignore", guard.with_guard(SITES_GITIGNORE))
    assert precommit.repository_findings(str(repository), everything=True) == []
    ignored = subprocess.run(["git", "-C", str(repository), "check-ignore", "--no-index", PATH], check=False)
    assert ignored.returncode == 1, "sealed files stay in"


def test_without_any_gitignore_local_secrets_is_fatal(repository: Path) -> None:
    findings = precommit.repository_findings(str(repository), everything=True)
    assert any("/local-secrets/" in f.subject for f in fatal(findings))


def test_the_guard_is_added_once() -> None:
    for text in ("", "a\n", "a"):
        once = guard.with_guard(text)
        assert once.startswith(text)
        assert guard.with_guard(once) == once


def test_the_hook_looks_at_what_is_staged(repository: Path) -> None:
    add(repository, ".gitignore", guard.with_guard(""))
    subprocess.run(
        ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"], check=True
    )
    assert precommit.repository_findings(str(repository), everything=False) == [], "nothing is staged"
    add(repository, "applications/vllm/values.yaml", f"hfToken: {TOKEN}\n")
    staged = precommit.repository_findings(str(repository), everything=False)
    assert [f.code for f in staged] == ["sealing-plaintext-secret"]
    assert TOKEN not in str(staged)


def test_the_command_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    add(repository, ".gitignore", guard.with_guard(""))
    assert precommit.main(["--all"]) == 0
    add(repository, "key.txt", "-----BEGIN RSA PRIVATE KEY-----\n")
    assert precommit.main([]) == 1
    assert "× sealing-plaintext-secret: key.txt: holds a private key" in capsys.readouterr().out


def test_the_app_of_apps_says_where_a_sealed_file_belongs(repository: Path) -> None:
    add(repository, ".gitignore", guard.with_guard(""))
    apps = "apps:\n  - {name: vllm, namespace: vllm}\n  - {name: webui, path: open-webui, namespace: open-webui}\n"
    add(repository, precommit.APP_OF_APPS, apps)
    assert precommit.repository_findings(str(repository), everything=True) == []
    add(repository, PATH, GOOD.replace("namespace: vllm", "namespace: open-webui"))
    (found,) = precommit.repository_findings(str(repository), everything=False)
    assert (found.code, found.subject) == ("sealing-misplaced", PATH)
    assert "applications/open-webui is the folder" in found.message
    add(repository, precommit.APP_OF_APPS, "apps: [")
    assert precommit.repository_findings(str(repository), everything=True) == [], "what cannot be read says nothing"


def test_submodules_and_a_folder_that_is_no_working_copy(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add(repository, ".gitignore", guard.with_guard(""))
    entry = f"160000,{'1' * 40},charts/sub"
    subprocess.run(["git", "-C", str(repository), "update-index", "--add", "--cacheinfo", entry], check=True)
    assert precommit.repository_findings(str(repository), everything=True) == []
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(elsewhere)
    assert precommit.main([]) == 1
    assert "sealing-guard-empty" in capsys.readouterr().out


def test_it_runs_as_a_hook(repository: Path) -> None:
    root = Path(__file__).parents[3]
    module = precommit.__name__
    add(repository, ".gitignore", guard.with_guard(""))
    done = subprocess.run(
        [sys.executable, "-m", module],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(root / "collections")},
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_repository_is_no_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Refusal, match="sealing-guard-empty"):
        precommit.repository_findings(str(tmp_path), everything=True)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Refusal, match="FileNotFoundError"):
        precommit.repository_findings(str(tmp_path), everything=True)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "openwebui.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {KEY: b}\n",
            "plaintext-secret",
        ),
        ("sealed-extra.yaml", "", "file-empty"),
        ("sealed-openwebui.yaml", GOOD.replace("vllm", "openwebui"), "misplaced"),
        ("sealed-other.yaml", GOOD, None),
        ("values.yaml", "", None),
    ],
)
def test_neighbours_of_our_files_are_looked_at(name: str, text: str, expected: str | None) -> None:
    path = f"applications/vllm/templates/{name}"
    found = guard.neighbour_findings({path: text, PATH: ""}, {PATH: "vllm"})
    assert [(f.code, f.subject) for f in found] == ([(f"sealing-{expected}", path)] if expected else [])


def test_files_of_other_applications_are_not_ours_to_judge() -> None:
    assert guard.neighbour_findings({"applications/openwebui/sealed-a.yaml": ""}, {PATH: "vllm"}) == []
    assert guard.neighbour_findings({PATH: ""}, {PATH: "vllm"}) == [], "our own file is sealed again"
