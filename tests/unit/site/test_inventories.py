# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample inventories: accepted as they are, and they name every variable of the contract with its true default."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models
from ansible_collections.inferops.vllm.plugins.module_utils.site.variables import SECRET_VARIABLES, check, ours

ROOT = Path(__file__).parents[3]
SCHEMA = yaml.safe_load((ROOT / "roles/site/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def hosts(inventory: str) -> dict[str, dict[str, Any]]:
    command = [
        str(Path(sys.executable).parent / "ansible-inventory"),
        "-i",
        str(ROOT / "inventories" / inventory),
        "--list",
    ]
    listed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found: dict[str, dict[str, Any]] = listed["_meta"]["hostvars"]
    return found


@pytest.mark.parametrize(("inventory", "sites"), [("bare_metal", 1), ("vgpu", 1), ("fleet", 20)])
def test_a_sample_is_accepted(inventory: str, sites: int) -> None:
    found = hosts(inventory)
    assert len(found) == sites
    for variables in found.values():
        # Templates are evaluated in a play; here they stand for some text.
        settings, findings = check({name: variables[name] for name in ours(variables)}, SCHEMA)
        assert findings == []
        assert parse_models(settings["vllm_models"], default_tag="v0.12.0")[1] == []


@pytest.mark.parametrize("inventory", ["bare_metal", "vgpu"])
def test_a_sample_names_every_variable_with_its_default(inventory: str) -> None:
    text = (ROOT / "inventories" / inventory / "group_vars" / "all" / "main.yml").read_text()
    for name, option in SCHEMA.items():
        assert re.search(rf"\b{name}\b", text), f"{name} is not mentioned"
        shown = re.search(rf"^# {name}: (.*?)(?: # .*)?$", text, re.MULTILINE)
        if shown and name not in SECRET_VARIABLES and not option.get("options"):
            assert yaml.safe_load(shown[1]) == option.get("default"), name
