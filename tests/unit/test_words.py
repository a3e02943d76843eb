# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable that a finding or a page tells people to set exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
SPECIFICATION = yaml.safe_load((ROOT / "roles/site/meta/argument_specs.yml").read_text("utf-8"))
OPTIONS = SPECIFICATION["argument_specs"]["main"]["options"]
MODULES = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
OTHERS = {
    "argocd_version",  # a return value of argocd_application
    "vllm_sites",  # the artifacts of a job
}
WORD = re.compile(r"(?<![\w./-])((?:vllm|gitops|argocd)_[a-z0-9_]+)(?:\.([a-z_]+))?")
PAGES = sorted([ROOT / "README.md", ROOT / "sandbox" / "README.md", *ROOT.glob("docs/*.md")])
CODE = sorted(
    path
    for path in (ROOT / "plugins").rglob("*.py")
    if {"module_utils", "action", "plugin_utils"} & set(path.parts) and "catalogue" not in path.parts
)


def strangers(text: str) -> set[str]:
    """The words that look like a variable of a site, or like a key of one, and are none."""
    found = set()
    for name, key in WORD.findall(text):
        keys = OPTIONS.get(name, {}).get("options")
        if name not in OPTIONS and name not in MODULES | OTHERS:
            found.add(name)
        elif key and keys and key not in keys:
            found.add(f"{name}.{key}")
    return found


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_finding_names_variables_that_exist(code: str) -> None:
    entry = CATALOGUE[code]
    assert not strangers(" ".join((entry.title, entry.symptom, entry.cause, entry.fix)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_variables_that_exist(page: Path) -> None:
    assert not strangers(page.read_text("utf-8"))


@pytest.mark.parametrize("source", CODE, ids=lambda source: str(source.relative_to(ROOT / "plugins")))
def test_a_message_names_variables_that_exist(source: Path) -> None:
    """String literals only: messages and fixes are made in place."""
    texts = re.findall(r'f?"((?:[^"\\\n]|\\.)*)"', source.read_text("utf-8"))
    assert not strangers("\n".join(texts)) - {"vllm_version"}


def test_a_name_that_does_not_exist_is_noticed() -> None:
    assert strangers("Set vllm_metrics_enabled, vllm_talos.schematic or vllm_gpu_mode.") == {
        "vllm_metrics_enabled",
        "vllm_talos.schematic",
    }
