# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plaintext manifests, keys and sealed files on this machine's disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import files

from tests.unit.sealing.fakes import HF_PATH, TOKEN

SECRET = (
    f"apiVersion: v1\nkind: Secret\nmetadata: {{name: hf-secret, namespace: vllm}}\nstringData: {{TOKEN: {TOKEN}}}\n"
)


def plain(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    file = tmp_path / "hf-secret.yaml"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return str(file)


def test_values_of_a_plaintext_manifest(tmp_path: Path) -> None:
    text = SECRET + "data: {BIN: 'AA==', TOKEN: 'eA=='}\n"
    values, findings = files.plaintext_values(plain(tmp_path, text), "hf-secret", "vllm", "s")
    assert (values, findings) == ({"BIN": b"\x00", "TOKEN": TOKEN.encode()}, [])


def test_a_manifest_that_others_can_read(tmp_path: Path) -> None:
    _, findings = files.plaintext_values(plain(tmp_path, SECRET, 0o644), "hf-secret", "vllm", "s")
    assert [(f.code, f.message.endswith("0644")) for f in findings] == [("sealing-source-exposed", True)]


@pytest.mark.parametrize(
    "text",
    [
        f"TOKEN: [{TOKEN}",
        f"--- {TOKEN}\n",
        SECRET.replace("kind: Secret", "kind: ConfigMap"),
        SECRET + "---\n" + SECRET,
        SECRET.replace("name: hf-secret", "name: other"),
        SECRET.replace("namespace: vllm", "namespace: other"),
        SECRET.replace(TOKEN, "123"),
        SECRET + f"data: {{TOKEN: {TOKEN}}}\n",
        SECRET + "data: {TOKEN: 1}\n",
        SECRET + "data: [1]\n",
        SECRET + "data: 5\n",
        "kind: Secret\nmetadata: [hf-secret]\n",
    ],
)
def test_manifests_that_cannot_be_used_are_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refusal, match="sealing-source-unreadable") as caught:
        files.plaintext_values(plain(tmp_path, text), "hf-secret", "vllm", "s")
    assert TOKEN not in str(caught.value)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="No such file"):
        files.plaintext_values(str(tmp_path / "none.yaml"), "a", "b", "s")


def test_the_fingerprint_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    made = files.fingerprint_key(None, str(path))
    assert made is not None
    assert len(made) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert files.fingerprint_key("", str(path)) == made
    assert files.fingerprint_key(made.hex(), str(path)) == made
    assert files.fingerprint_key(None, None) is None
    assert files.fingerprint_key("a phrase of more than 32 characters", None) == b"a phrase of more than 32 characters"


def test_fingerprint_keys_that_are_weak(tmp_path: Path) -> None:
    exposed = tmp_path / "exposed"
    exposed.write_text("0" * 64, encoding="utf-8")
    exposed.chmod(0o644)
    for text, path in (("0" * 30, None), ("abcd" * 7, None), (None, str(exposed)), (None, str(tmp_path))):
        with pytest.raises(Refusal, match="sealing-fingerprint-key-weak"):
            files.fingerprint_key(text, path)
    exposed.write_bytes(b"\xff\xfe")
    exposed.chmod(0o600)
    with pytest.raises(Refusal, match="is not text"):
        files.fingerprint_key(None, str(exposed))


def test_files_are_read_and_written_in_place(tmp_path: Path) -> None:
    files.write(str(tmp_path), {HF_PATH: "one\n"})
    files.write(str(tmp_path), {HF_PATH: "two\n"})
    assert files.present(str(tmp_path), [HF_PATH, "sealed-none.yaml"]) == {HF_PATH: "two\n"}
    assert [p.name for p in (tmp_path / HF_PATH).parent.iterdir()] == ["sealed-hf-secret.yaml"]
    assert (tmp_path / HF_PATH).stat().st_mode & 0o777 == 0o644


def test_links_and_folders_are_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "repo", tmp_path / "outside"
    for folder in (root, outside, root / "sealed-folder.yaml"):
        folder.mkdir()
    (root / "sealed-link.yaml").symlink_to(outside / "x")
    (root / "templates").symlink_to(outside)
    (root / "sealed-bytes.yaml").write_bytes(b"\xff")
    for path in ("sealed-link.yaml", "templates/sealed-x.yaml", "sealed-folder.yaml", "sealed-bytes.yaml"):
        with pytest.raises(Refusal, match="sealing-file-unwritable"):
            files.present(str(root), [path])
    with pytest.raises(Refusal, match="sealing-file-unwritable"):
        files.write(str(root), {"sealed-folder.yaml": "x"})
    assert sorted(p.name for p in root.iterdir()) == [
        "sealed-bytes.yaml",
        "sealed-folder.yaml",
        "sealed-link.yaml",
        "templates",
    ]
    assert list(outside.iterdir()) == []


def test_paths_that_git_ignores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.ignored(str(tmp_path), [HF_PATH]) == []
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert files.ignored(str(tmp_path), [HF_PATH]) == []
    (tmp_path / ".gitignore").write_text("**/*secret*.yaml\n", encoding="utf-8")
    assert [f.code for f in files.ignored(str(tmp_path), [HF_PATH])] == ["sealing-path-ignored"]
    monkeypatch.setenv("PATH", "/nonexistent")
    assert files.ignored(str(tmp_path), [HF_PATH]) == []
