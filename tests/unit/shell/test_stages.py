# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make site prints: plays by their names, tasks of ours in a line, findings instead of raw results."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = "- name: Read the town\n  hosts: localhost\n"
UNNAMED = "- hosts: localhost\n"
TASKS = """  gather_facts: false
  tasks:
    - name: Make a file
      inferops.vllm.talos_node: {version: v1.12.6, nodes: [{name: gpu-1, address: 10.0.0.11}]}
    - name: Refuse a version
      inferops.vllm.talos_node: {version: "1.3", nodes: [{name: gpu-1, address: 10.0.0.11}]}
"""


def play(tmp_path: Path, text: str, *arguments: str) -> tuple[str, str]:
    file = tmp_path / "play.yml"
    file.write_text(text + TASKS, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-c", "local", *arguments]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    environment["ANSIBLE_STDOUT_CALLBACK"] = "inferops.vllm.stages"
    done = subprocess.run([*command, str(file)], env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout, done.stderr


@pytest.mark.parametrize(("text", "first"), [(NAMED, "Read the town"), (UNNAMED, "  √ localhost: Make a file")])
def test_a_play_is_named_only_if_somebody_named_it(tmp_path: Path, text: str, first: str) -> None:
    out, err = play(tmp_path, text)
    assert out.splitlines()[0].startswith(first), out
    assert "TASK [" not in out
    assert "  × localhost: Refuse a version" in err
    assert "talos-version-unknown" in err
    assert "fix: " in err


def test_verbose_is_what_the_default_callback_prints(tmp_path: Path) -> None:
    out, _ = play(tmp_path, UNNAMED, "-v")
    assert "PLAY [localhost]" in out
    assert "TASK [Make a file]" in out
