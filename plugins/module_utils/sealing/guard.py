# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A GitOps repository, looked at for secrets that are about to be published and sealed files that cannot work.

Pure: over the paths and contents of a listing. ``precommit`` takes the listing from Git.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from ..findings import Finding, Refusal, Severity, finding
from ..gitops.guard import plaintext_reason
from .manifest import is_json, leaks, parse

GUARD_TITLE = "# Plaintext secrets stay out of Git (inferops.vllm)"
# The order matters: the exception for sealed files would let unsealed-* in again, so that rule comes last.
GUARD_LINES = (
    "**/local-secrets/",
    "**/.env",
    "**/*[Ss][Ee][Cc][Rr][Ee][Tt]*.yaml",
    "**/*[Ss][Ee][Cc][Rr][Ee][Tt]*.yml",
    "**/*[Ss][Ee][Cc][Rr][Ee][Tt]*.json",
    "!**/*sealed*.yaml",
    "**/[Uu][Nn][Ss][Ee][Aa][Ll][Ee][Dd]*",
)
PLAINTEXT_NAMES = (
    "local-secrets/hf-secret.yaml",
    "local-secrets/token.txt",
    "hf-secret.yaml",
    "hf-secret.yml",
    "hf-secret.json",
    "HF-Secret.yaml",
    ".env",
    "unsealed-hf-secret.yaml",
)
SEALED_NAME = re.compile(r"(^|/)[^/]*sealed[^/]*\.ya?ml$")
SEALED_KIND = re.compile(r"""^["']?kind["']?\s*:\s*["']?SealedSecret\b""", re.MULTILINE)
APP_FOLDER = re.compile(r"^applications/[^/]+")


def check(
    files: Mapping[str, str],
    *,
    namespaces: Mapping[str, str] | None = None,
    probes: Collection[str] = (),
    ignored: Collection[str] = (),
) -> list[Finding]:
    """Everything that must not be committed.

    ``files`` are the paths and contents that Git has or is about to have, ``namespaces`` the destination namespace
    of each application's folder (``applications/vllm``: ``vllm``), ``probes`` and ``ignored`` the paths of
    :func:`probes_of` and those of them that Git ignores. Nothing to look at is a finding.
    """
    if not files:
        return [finding("sealing-guard-empty", "repository", "no file was looked at")]
    findings = [problem for path, text in sorted(files.items()) for problem in file_findings(path, text, namespaces)]
    return [*findings, *ignore_findings(probes, ignored)]


def file_findings(path: str, text: str, namespaces: Mapping[str, str] | None = None) -> list[Finding]:
    """What is wrong with one file."""
    if "local-secrets" in PurePosixPath(path.lower()).parts:
        return [finding("sealing-local-secrets-tracked", path, "is tracked by Git")]
    if reason := plaintext_reason(path, text):
        return [finding("sealing-plaintext-secret", path, reason)]
    if not (SEALED_NAME.search(path) or SEALED_KIND.search(text)):
        return []
    return _sealed_findings(path, text, namespaces or {})


def neighbour_findings(existing: Mapping[str, str], ours: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the other files of the applications that ``ours`` (path: namespace) lie in.

    Argo CD applies a whole folder: a neighbour that it cannot apply fails the sync of our files too.
    """
    namespaces = {_application(path): namespace for path, namespace in ours.items() if namespace}
    others = {
        path: text
        for path, text in existing.items()
        if path not in ours and any(path.startswith(folder + "/") for folder in namespaces)
    }
    return check(others, namespaces=namespaces) if others else []


def _application(path: str) -> str:
    folder = PurePosixPath(path).parent
    return str(folder.parent if folder.name == "templates" else folder)


def probes_of(paths: Iterable[str]) -> list[str]:
    """Paths where a plaintext secret could come to lie, for the application folders that occur in ``paths``."""
    folders = sorted({match[0] for path in paths if (match := APP_FOLDER.match(path))})
    return [f"{folder}/{name}" for folder in folders for name in PLAINTEXT_NAMES]


def ignore_findings(probes: Collection[str], ignored: Collection[str]) -> list[Finding]:
    """Plaintext places that Git would take: fatal for local-secrets/ itself, a warning for other spellings."""
    return [
        finding(
            "sealing-local-secrets-not-ignored",
            path,
            "would be committed by git add",
            severity=Severity.FATAL if "/local-secrets/" in path else Severity.WARNING,
        )
        for path in probes
        if path not in ignored
    ]


def with_guard(gitignore: str) -> str:
    """The text of ``.gitignore`` with the guard's lines at its end; the same text where they are already there."""
    block = "\n".join((GUARD_TITLE, *GUARD_LINES)) + "\n"
    if block in gitignore:
        return gitignore
    kept = gitignore if not gitignore or gitignore.endswith("\n") else gitignore + "\n"
    return kept + ("\n" if kept else "") + block


def _sealed_findings(path: str, text: str, namespaces: Mapping[str, str]) -> list[Finding]:
    if not text.strip():
        return [finding("sealing-file-empty", path, "is empty")]
    findings = [finding("sealing-file-json", path, "holds JSON")] if is_json(text) else []
    if leaks(text):
        findings.append(finding("sealing-plaintext-secret", path, "has an annotation that holds the plaintext"))
    try:
        sealed = parse(text, path)
    except Refusal as refusal:
        return [*findings, *(problem for problem in refusal.findings if problem.code != "sealing-file-unknown-field")]
    if not sealed.items:
        findings.append(finding("sealing-file-empty", path, "has no encryptedData"))
    return findings + _place_findings(path, sealed.namespace, namespaces)


def _place_findings(path: str, namespace: str, namespaces: Mapping[str, str]) -> list[Finding]:
    folder = next((one for one in namespaces if path.startswith(one.rstrip("/") + "/")), None)
    if folder is None or not namespace or namespaces[folder] == namespace:
        return []
    home = next((one for one, other in namespaces.items() if other == namespace), None)
    hint = f"; {home} is the folder for that namespace" if home else ""
    message = f"is sealed for namespace {namespace}, but {folder} is deployed to {namespaces[folder]}{hint}"
    return [finding("sealing-misplaced", path, message)]
