# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where programs come from: cache key, resolution order, checksums, pins that agree."""

import hashlib
import re
import stat

import pytest

from sandbox.runner import binaries, programs, toolchain
from sandbox.runner.errors import SandboxError

APISERVER = programs.PROGRAMS[0]


@pytest.fixture
def module(tmp_path):
    (tmp_path / "go.mod").write_text("module x\n")
    (tmp_path / "go.sum").write_text("sum\n")
    return tmp_path


def test_everything_that_decides_the_result_changes_the_key(module):
    keys = {binaries.cache_key(module, "1.26.6", "-X a=1")}
    keys.add(binaries.cache_key(module, "1.26.7", "-X a=1"))
    keys.add(binaries.cache_key(module, "1.26.6", "-X a=2"))
    (module / "go.sum").write_text("other\n")
    keys.add(binaries.cache_key(module, "1.26.6", "-X a=1"))
    (module / "go.mod").write_text("module y\n")
    keys.add(binaries.cache_key(module, "1.26.6", "-X a=1"))
    assert len(keys) == 5


def test_bytes_that_move_between_files_change_the_key(module):
    first = binaries.cache_key(module, "1", "")
    (module / "go.mod").write_text("module x\nsum\n")
    (module / "go.sum").write_text("")
    assert binaries.cache_key(module, "1", "") != first


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"SANDBOX_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/inferops-vllm/sandbox"),
        ({"HOME": "/h"}, "/h/.cache/inferops-vllm/sandbox"),
    ],
)
def test_cache_folder(env, folder):
    assert str(binaries.cache_root(env)) == folder


def program(folder, name, output):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{output}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(("version", "fits"), [("1.36.3", True), ("1.36.30", False), ("1.35.3", False)])
def test_a_program_on_path_counts_only_in_the_pinned_version(tmp_path, monkeypatch, version, fits):
    found = program(tmp_path / "path", APISERVER.name, f"Kubernetes v{version}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    monkeypatch.delenv("SANDBOX_BIN", raising=False)
    assert binaries.ready_copy(APISERVER, tmp_path / "none") == (found if fits else None)


def test_a_given_directory_comes_before_the_cache_and_the_cache_before_path(tmp_path, monkeypatch):
    given = program(tmp_path / "given", APISERVER.name, "whatever")
    cached = program(tmp_path / "cache", APISERVER.name, "whatever")
    program(tmp_path / "path", APISERVER.name, "Kubernetes v1.36.3")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    monkeypatch.setenv("SANDBOX_BIN", str(given.parent))
    assert binaries.ready_copy(APISERVER, cached) == given
    monkeypatch.delenv("SANDBOX_BIN")
    assert binaries.ready_copy(APISERVER, cached) == cached


def test_a_download_with_another_checksum_is_refused(tmp_path, monkeypatch):
    (tmp_path / "release/v1.36.3/bin/linux/amd64").mkdir(parents=True)
    file = tmp_path / "release/v1.36.3/bin/linux/amd64/kube-scheduler"
    file.write_bytes(b"program")
    file.with_suffix(".sha256").write_text(hashlib.sha256(b"program").hexdigest())
    monkeypatch.setenv("SANDBOX_KUBERNETES_URL", tmp_path.as_uri())
    official = programs.release("kube-scheduler", "amd64")
    binaries.download(official, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"program"
    (tmp_path / "out").unlink()
    file.write_bytes(b"tampered")
    with pytest.raises(SandboxError, match="SHA-256"):
        binaries.download(official, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unreachable_mirror_is_named_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_ETCD_URL", "http://127.0.0.1:9")
    with pytest.raises(SandboxError, match=r"127\.0\.0\.1:9.*\n.*SANDBOX_ETCD_URL"):
        binaries.download(programs.release("etcd", "amd64"), tmp_path / "out")


def test_programs_without_a_release_have_none():
    assert [p.name for p in programs.PROGRAMS if not programs.release(p.name, "amd64")] == [
        "kwok",
        "sealed-secrets-controller",
        "kubeseal",
        "argocd",
        "helm",
    ]


@pytest.mark.parametrize(
    ("module", "package", "version"),
    [
        ("", "k8s.io/kubernetes", programs.KUBERNETES),
        ("", "go.etcd.io/etcd/server/v3", programs.ETCD),
        ("", "sigs.k8s.io/kwok", programs.KWOK),
        ("", "github.com/bitnami-labs/sealed-secrets", programs.SEALED_SECRETS),
        ("argocd", "github.com/argoproj/argo-cd/v3", programs.ARGOCD),
        ("argocd", "helm.sh/helm/v3", programs.HELM),
    ],
)
def test_go_mod_pins_the_versions_that_the_runner_names(module, package, version):
    text = (programs.HERE / module / "go.mod").read_text()
    assert re.search(rf"^\s*{re.escape(package)} v{re.escape(version)}( |$)", text, re.MULTILINE)


@pytest.mark.parametrize("module", ["", "argocd"])
def test_every_program_is_a_tool_of_its_go_mod(module):
    text = (programs.HERE / module / "go.mod").read_text()
    tools = set(re.search(r"^tool \((.*?)^\)", text, re.MULTILINE | re.DOTALL).group(1).split())
    assert tools == {program.package for program in programs.PROGRAMS if program.module == module}


def test_all_replaced_kubernetes_modules_have_one_version():
    text = (programs.HERE / "go.mod").read_text()
    versions = set(re.findall(r"^\s*k8s\.io/\S+ => k8s\.io/\S+ (\S+)$", text, re.MULTILINE))
    assert versions == {f"v0.{programs.KUBERNETES.removeprefix('1.')}"}


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("go version go1.26.8 linux/amd64", "1.26.8"),
        ("go version go1.27.3 linux/amd64", toolchain.WHEEL_VERSION),
        ("", toolchain.WHEEL_VERSION),
    ],
)
def test_only_go_1_26_is_taken_from_path(tmp_path, monkeypatch, answer, version):
    program(tmp_path, "go", answer)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert toolchain.find_go(tmp_path / "cache").version == version


def test_a_second_builder_waits_and_finds_the_work_done(tmp_path, monkeypatch):
    built = []

    def build(_program, output, *_rest):
        built.append(output)
        output.write_bytes(b"x")

    monkeypatch.setattr(binaries, "build", build)
    monkeypatch.setattr(toolchain, "install", lambda _go: None)
    monkeypatch.delenv("SANDBOX_DOWNLOAD", raising=False)
    go = toolchain.Go("1.26.6", tmp_path / "go")
    target = tmp_path / "bin" / APISERVER.name
    binaries.obtain(APISERVER, target, go, "1/1")
    binaries.obtain(APISERVER, target, go, "1/1")
    assert len(built) == 1
    assert target.stat().st_mode & 0o111
    assert [path.name for path in target.parent.iterdir()] == [APISERVER.name]


def test_a_failed_build_leaves_nothing(tmp_path, monkeypatch):
    def build(_program, output, *_rest):
        output.write_bytes(b"half")
        raise SandboxError("go build failed")

    monkeypatch.setattr(binaries, "build", build)
    monkeypatch.setattr(toolchain, "install", lambda _go: None)
    with pytest.raises(SandboxError):
        binaries.obtain(APISERVER, tmp_path / "bin" / "x", toolchain.Go("1.26.6", tmp_path), "1/1")
    assert not list((tmp_path / "bin").iterdir())
