# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine-config patch of a GPU node, in the form of its Talos version, and never a second time.

A strategic merge *appends* to lists: sent twice, the same patch lists every kernel module twice. So the patch is made
from what the node's configuration lacks. From 1.14 on every module is a document of its own, merged by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..gpu.versions import Version

MODULES = ("nvidia", "nvidia_uvm", "nvidia_drm", "nvidia_modeset")
"""The extension blacklists them; they load only if the machine configuration names them."""

JIT_HARDENING = "net.core.bpf_jit_harden"
"""At its hardened default, container GPU access fails on Talos up to 1.12 (cgroup device program refused)."""

DOCUMENTS_SINCE: Version = (1, 14)
JIT_HARDENING_UNTIL: Version = (1, 12)


def patch(talos: Version, current: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The documents that ``current`` (the node's configuration documents) lacks; empty when nothing is missing."""
    documents = list(current)
    if talos >= DOCUMENTS_SINCE:
        return _documents(documents)
    return _fields(talos, documents)


def _documents(current: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    present = {document.get("name") for document in current if document.get("kind") == "KernelModuleConfig"}
    return [
        {"apiVersion": "v1alpha1", "kind": "KernelModuleConfig", "name": module}
        for module in MODULES
        if module not in present
    ]


def _fields(talos: Version, current: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    machine: Mapping[str, Any] = next((document["machine"] for document in current if document.get("machine")), {})
    loaded = {module.get("name") for module in (machine.get("kernel") or {}).get("modules") or ()}
    missing = [{"name": module} for module in MODULES if module not in loaded]
    result: dict[str, Any] = {"kernel": {"modules": missing}} if missing else {}
    wanted = talos[:2] <= JIT_HARDENING_UNTIL
    if wanted and str((machine.get("sysctls") or {}).get(JIT_HARDENING, "")) != "1":
        result["sysctls"] = {JIT_HARDENING: "1"}
    return [{"machine": result}] if result else []
