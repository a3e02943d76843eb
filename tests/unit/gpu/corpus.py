# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot corpus: healthy bases, and one file a defect (a patch of a base and the findings it must give)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.settings import Selector, Settings

FOLDER = Path(__file__).parent.parent.parent / "corpus" / "snapshots"
DEFECTS = sorted(FOLDER.glob("*.yaml"))
BASES = sorted(FOLDER.glob("*.json"))

TOLERATIONS = ({"key": "node-role.kubernetes.io/gpu", "operator": "Exists"},)
SETTINGS: dict[str, dict[str, Any]] = {
    "healthy-bare-metal": {"gpu_nodes": ["gpu-1"]},
    "healthy-talos-1.13-operator": {"gpu_nodes": ["gpu-1"], "runtime_class_owner": "gpu_operator"},
    "healthy-vgpu": {"gpu_mode": "vgpu", "runtime_class": ""},
}


def base(name: str = "healthy-bare-metal") -> dict[str, Any]:
    """A healthy snapshot."""
    snapshot: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return snapshot


def settings(name: str = "healthy-bare-metal", **changes: Any) -> Settings:
    """The settings that fit a base, with changes."""
    values = {"tolerations": TOLERATIONS, "required_cuda": "12.9", **SETTINGS[name], **changes}
    values["selectors"] = tuple(Selector(**selector) for selector in values.get("selectors", ()))
    return Settings(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def patched(snapshot: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """A copy with ``set``/``to``, ``remove`` and ``append``/``value`` steps applied."""
    result = copy.deepcopy(snapshot)
    for step in patch:
        operation = next(key for key in ("set", "remove", "append") if key in step)
        *way, last = step[operation]
        place: Any = result
        for key in way:
            place = place[key]
        if operation == "set":
            place[last] = step["to"]
        elif operation == "append":
            place[last].append(copy.deepcopy(step["value"]))
        else:
            del place[last]
    return result


def load(path: Path) -> tuple[dict[str, Any], Settings, dict[str, Any]]:
    """Snapshot, settings and expected findings of one defect."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    return (
        patched(base(case["base"]), case["patch"]),
        settings(case["base"], **case.get("settings", {})),
        case["findings"],
    )
