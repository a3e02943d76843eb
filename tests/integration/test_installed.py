# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built artefact, installed into an empty path, takes a site all the way: nothing of the checkout is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

GALAXY = Path(sys.executable).parent / "ansible-galaxy"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    # The checkout's settings would say that the collection is there already.
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    build = [GALAXY, "collection", "build", "--output-path", folder, ROOT]
    subprocess.run(build, cwd=folder, env=own, check=True, capture_output=True)
    (artefact,) = folder.glob("*.tar.gz")
    install = [GALAXY, "collection", "install", "--collections-path", folder / "path", artefact]
    subprocess.run(install, cwd=folder, env=own, check=True, capture_output=True)
    return folder / "path"


def test_an_installed_collection_takes_the_site_all_the_way(
    fresh: Callable[[str], Sandbox], installed: Path, tmp_path: Path
) -> None:
    sandbox = fresh("bare_metal")
    config = tmp_path / "ansible.cfg"
    config.touch()
    surroundings = {"ANSIBLE_CONFIG": str(config), "ANSIBLE_COLLECTIONS_PATH": str(installed), "HOME": str(tmp_path)}
    arguments = ("-e", f"vllm_report_directory={tmp_path}", "-vvv")
    first = sandbox.play(*arguments, playbook="inferops.vllm.site", cwd=tmp_path, **surroundings)
    assert (first.code, first.failed) == (0, 0), first.text[-6000:]
    assert "sandbox: verified" in first.text
    assert str(ROOT / "roles") not in first.text, "a file of the checkout was used"
    assert str(installed / "ansible_collections" / "inferops" / "vllm" / "roles") in first.text
    head = sandbox.head
    second = sandbox.play(*arguments, playbook="inferops.vllm.site", cwd=tmp_path, **surroundings)
    assert (second.code, second.failed, second.changed) == (0, 0, 0), second.text[-6000:]
    assert sandbox.head == head
