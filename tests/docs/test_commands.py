# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every documented command names what exists. tests/integration/test_documented_commands.py runs the blocks."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.cli.playbook import PlaybookCLI

from tests.docs.commands import COMMANDS, PAGES, ROOT, Command, blocks

KINDS = {"sh", "yaml", "json", "python", "text", "ini"}
FOUND_BY_ANSIBLE = re.compile(r"ansible_\w+")
IN_PLAYBOOK = re.compile(r"\b(?:rotate|remove|rollback|guard|drift|site|upgrade|fleet|preflight|plan)_[a-z_]+\b")
EXAMPLE_INVENTORIES = {"inventories/town", "inventories/mytown"}
"""Copies that the reader has made of a shipped one; README.md, step 1."""


def of(*programs: str) -> list[Any]:
    return [pytest.param(command, id=str(command)) for command in COMMANDS if command.words[0] in programs]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    unknown = [f"{block.page}:{block.line}" for block in blocks(page) if block.info not in KINDS]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_blocks_are_yaml(page: Path) -> None:
    for block in blocks(page):
        if block.info == "yaml":
            assert yaml.safe_load("\n".join(block.lines)), f"{block.page}:{block.line}"


@cache
def known_variables() -> frozenset[str]:
    """What the inventory contract, the roles and the playbooks understand."""
    names: set[str] = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text("utf-8"))["argument_specs"].values():
            names |= set(entry.get("options", {}))
    for path in (ROOT / "playbooks").glob("*.yml"):
        names |= set(IN_PLAYBOOK.findall(path.read_text("utf-8")))
    return frozenset(names)


def tags(path: Path) -> set[str]:
    return {tag for found in re.findall(r"tags: \[([^\]]*)\]", path.read_text("utf-8")) for tag in found.split(", ")}


def given(extra: list[str]) -> Iterator[str]:
    for one in extra:
        if one.startswith("@"):
            continue
        if one.startswith("{"):
            yield from yaml.safe_load(one)
        else:
            yield from (word.partition("=")[0] for word in one.split(" "))


@pytest.mark.parametrize("command", of("ansible-playbook"))
def test_ansible_playbook_would_take_it(command: Command) -> None:
    line = PlaybookCLI([word.strip(".,;") if word.endswith((".", ";")) else word for word in command.words])
    line.init_parser()
    options = line.parser.parse_args(line.args[1:])  # exits on an option that does not exist
    for playbook in options.args:
        name = re.sub(r"^inferops\.vllm\.(\w+)$", r"playbooks/\1.yml", playbook)
        assert (ROOT / name).is_file(), f"{command}: no playbook {playbook}"
        assert set(options.tags) <= tags(ROOT / name) | {"all"}, f"{command}: no such tag"
    for inventory in options.inventory or ():
        folder = inventory.rstrip("/")
        assert folder in EXAMPLE_INVENTORIES or folder.endswith(",") or (ROOT / folder).exists(), f"{command}: {folder}"
    unknown = sorted(set(given(options.extra_vars)) - known_variables())
    assert unknown == [], f"{command}: nothing reads {unknown}"


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_the_target(command: Command) -> None:
    targets = [word for word in command.words[1:] if "=" not in word and not word.startswith("-")]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in targets:
        assert re.search(rf"^{re.escape(target)}(?: [a-z -]+)?:.*## ", makefile, re.MULTILINE), (
            f"{command}: make {target}"
        )
    for word in command.words[1:]:
        if "=" in word:
            assert f"{word.partition('=')[0]} ?=" in makefile or word.startswith("VENV="), f"{command}: {word}"


def help_of(*words: str) -> str:
    done = subprocess.run([sys.executable, *words, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize("command", of("python", ".venv/bin/python"))
def test_python_programs_know_the_options(command: Command) -> None:
    words = command.words[1:]
    program, rest = (words[:2], words[2:]) if words[0] == "-m" else (words[:1], words[1:])
    place = ROOT / (program[1].replace(".", "/") if words[0] == "-m" else program[0])
    assert place.is_dir() or place.with_suffix(".py").is_file(), f"{command}: {program[-1]}"
    subcommand = [word for word in rest[:1] if re.fullmatch(r"[a-z]+", word)]
    for name in subcommand:
        assert re.search(rf"\b{name}\b", help_of(*program)), f"{command}: no subcommand {name}"
    for word in rest:
        if word.startswith("--"):
            option = re.escape(word.partition("=")[0])
            assert re.search(rf"{option}(?![\w-])", help_of(*program, *subcommand)), f"{command}: no option {word}"


@pytest.mark.parametrize("command", of("ansible-doc"))
def test_ansible_doc_has_the_page(command: Command) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / command.words[0]), *command.words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    assert "inferops" in done.stdout.lower(), str(command)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (test_ansible_playbook_would_take_it, "ansible-playbook playbooks/sites.yml -i inventories/fleet"),
        (test_ansible_playbook_would_take_it, "ansible-playbook playbooks/site.yml -i inventories/fleed"),
        (test_ansible_playbook_would_take_it, "ansible-playbook playbooks/site.yml --tags verificaton"),
        (test_ansible_playbook_would_take_it, "ansible-playbook playbooks/drift.yml -e drift_fial=false"),
        (test_ansible_playbook_would_take_it, "ansible-playbook playbooks/drift.yml --chekc"),
        (test_make_knows_the_target, "make sites"),
        (test_make_knows_the_target, "make site INVENTROY=inventories/mytown"),
        (test_python_programs_know_the_options, "python -m sandbox.runner up --profil bare_metal"),
        (test_python_programs_know_the_options, "python -m tools.engine_tables show"),
        (test_ansible_doc_has_the_page, "ansible-doc -t role inferops.vllm.sites"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_slip_in_a_page_would_be_seen(check: Callable[[Command], None], text: str) -> None:
    with pytest.raises((AssertionError, SystemExit)):
        check(Command("docs/page.md", 1, text, True))
