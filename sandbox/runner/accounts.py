# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service accounts of ``docs/rbac``. Plays use them; the administrator's kubeconfig is for people and tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sandbox.runner.api import Api, path_of, write_kubeconfig
from sandbox.runner.programs import HERE
from sandbox.runner.state import State

NAMES = ("site", "preflight", "drift", "operations")
NAMESPACE = "inferops"
TOKEN_SECONDS = 365 * 86400


def manifests() -> list[Path]:
    """Return the files that make the accounts."""
    return [HERE.parent / "docs" / "rbac" / f"{name}.yaml" for name in NAMES]


def documents() -> Iterator[dict[str, Any]]:
    """Yield the objects of all files; the namespaces are in each of them."""
    for path in manifests():
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def kubeconfigs(state: State) -> dict[str, str]:
    """Return the kubeconfig file of each account."""
    return {name: str(state.root / "accounts" / f"{name}.kubeconfig") for name in NAMES}


def apply(api: Api) -> None:
    """Make the accounts and grant their rights."""
    for document in documents():
        api.apply(path_of(document), document)


def write_kubeconfigs(api: Api, state: State, port: int, context: str) -> None:
    """Write a kubeconfig (0600) an account, with a new token: the old one is void once the cluster is another."""
    (state.root / "accounts").mkdir(mode=0o700, exist_ok=True)
    for name, path in kubeconfigs(state).items():
        token = api.token(NAMESPACE, name, TOKEN_SECONDS)
        write_kubeconfig(Path(path), port, state.pki, context, {"token": token})
