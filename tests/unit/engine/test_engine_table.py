# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintainer's command: what it reads from a vLLM tree, how it merges, what the packaged table is."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shared_data import shared_data

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools" / "engine_table.py"

TREE = {
    "vllm/__init__.py": "import vllm._C\n",
    "vllm/platforms.py": "class P:\n    device_type = ''\ncurrent_platform = P()\n",
    "vllm/utils/__init__.py": "",
    "vllm/utils/argparse_utils.py": """
import argparse
class FlexibleArgumentParser(argparse.ArgumentParser):
    _deprecated = set()
""",
    "vllm/entrypoints/__init__.py": "",
    "vllm/entrypoints/openai/__init__.py": "",
    "vllm/entrypoints/openai/cli_args.py": """
import argparse, dataclasses, json
from vllm.platforms import current_platform
assert current_platform.device_type == "cuda"

@dataclasses.dataclass
class PoolerConfig:
    pooling_type: str = ""
    _private: int = 0

def parse_dataclass(cls):
    def convert(value, cls=cls):
        unknown = set(json.loads(value)) - {"pooling_type"}
        if unknown:
            raise ValueError(f"Unexpected keyword argument {unknown}")
        return cls(**json.loads(value))
    convert.__qualname__ = "parse_dataclass"
    return convert

def human_readable_int(value):
    return int(value)

def make_arg_parser(parser):
    parser.add_argument("--max-model-len", type=human_readable_int)
    parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
    parser.add_argument("--dtype", choices=["half", "auto"])
    parser.add_argument("--tensor-parallel-size", "-tp", type=int)
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--hf-token", nargs="?")
    parser.add_argument("--pooler-config", type=parse_dataclass(PoolerConfig))
    parser._deprecated = {parser.add_argument("--swap-space", type=float)}
    return parser
""",
}


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The command as a module, working on a copy of the table."""
    spec = importlib.util.spec_from_file_location("engine_table", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.copy(module.TABLE, tmp_path / "table.json")
    monkeypatch.setattr(module, "TABLE", tmp_path / "table.json")
    return module


def test_the_packaged_table_is_in_canonical_form(tool, capsys):
    assert tool.main(["check"]) == 0
    tool.TABLE.write_text(tool.TABLE.read_text() + "\n")
    assert tool.main(["check"]) == 1


def test_the_packaged_table_is_made_from_the_reference(tool):
    before = tool.TABLE.read_text()
    assert tool.main(["import", str(shared_data("vllm-flags"))]) == 0
    assert tool.TABLE.read_text() == before


def test_a_version_is_read_from_its_tree(tmp_path):
    """In a process of its own: it imports a package called vllm."""
    for name, text in TREE.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tools").mkdir()
    (tmp_path / "plugins" / "module_utils" / "engine").mkdir(parents=True)
    table = tmp_path / "plugins" / "module_utils" / "engine" / "table.json"
    shutil.copy(TOOL, tmp_path / "tools")
    shutil.copy(ROOT / "plugins" / "module_utils" / "engine" / "table.json", table)
    command = [
        sys.executable,
        str(tmp_path / "tools" / "engine_table.py"),
        "add",
        "0.34.0",
        "--source",
        str(tmp_path / "tree"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    data = json.loads(table.read_text())
    assert data["versions"][-2:] == ["0.33.0", "0.34.0"]
    options = data["options"]
    assert options["--max-model-len"][-1] == ["0.34.0", None, {"kind": "value", "type": "hint"}]
    assert options["--dtype"][-1][2]["choices"] == ["auto", "half"]
    assert options["--no-enforce-eager"][-1][1:] == [None, {"kind": "flag", "of": "--enforce-eager", "negates": True}]
    assert options["-tp"][-1][2] == {"kind": "value", "type": "int", "of": "--tensor-parallel-size"}
    assert options["--swap-space"][-1][2]["deprecated"]
    assert options["--served-model-name"][-1][1] is None
    assert options["--hf-token"][-1][2]["kind"] == "optional"
    assert options["--seed"][-1][1] == "0.33.0"
    assert data["json_keys"]["--pooler-config"][-1] == ["0.34.0", None, {"closed": True, "keys": ["pooling_type"]}]
    assert data["advice"]["--swap-space"]


def test_runs_close_reopen_and_stay_open(tool):
    versions = ["1.0", "1.1", "1.2", "1.3"]
    runs = {"--a": [["1.0", "1.1", {"kind": "flag"}], ["1.3", None, {"kind": "flag"}]], "--b": [["1.1", None, {}]]}
    assert tool.compress(tool.expand(runs, versions), versions) == runs


def test_a_version_between_others_splits_a_run(tool):
    data = {
        "about": "",
        "versions": ["1.0", "1.2"],
        "options": {"--a": [["1.0", None, {}]]},
        "json_keys": {},
        "advice": {},
    }
    merged = tool.merge(data, "1.1", {}, {})
    assert merged["options"]["--a"] == [["1.0", "1.0", {}], ["1.2", None, {}]]


def test_show(tool, capsys):
    assert tool.main(["show"]) == 0
    assert "0.33.0: 485 option strings" in capsys.readouterr().out
    assert tool.main(["show", "--", "--disable-log-requests"]) == 0
    assert "0.33.0 to 0.33.0" in capsys.readouterr().out
    assert tool.main(["show", "bogus"]) == 1
