# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands in README.md and docs/*.md: blocks marked ``sh``, and the ones in running text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "sandbox" / "README.md"])
FENCE = re.compile(r"^\s*```(\S*)\s*$")
INLINE = re.compile(
    r"`((?:\S+=\S+ )*(?:make|ansible-playbook|ansible-doc|python -m|playbooks/\w+\.yml -)[^`]+)`", re.DOTALL
)


@dataclass(frozen=True)
class Command:
    """One command and where it stands."""

    page: str
    line: int
    text: str
    block: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def words(self) -> list[str]:
        """Its words, without comments and without variables set before it."""
        words = shlex.split(self.text, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        return ["ansible-playbook", *words] if words[0].startswith("playbooks/") else words


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    info: str
    lines: tuple[str, ...]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    info, start, held = None, 0, []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if fence and info is None:
            info, start, held = fence[1], number, []
        elif fence:
            yield Block(str(page.relative_to(ROOT)), start, info or "", tuple(held))
            info = None
        elif info is not None:
            held.append(line)


def in_blocks(page: Path) -> Iterator[Command]:
    """The commands of the blocks that are marked ``sh``; a backslash continues one."""
    for block in blocks(page):
        if block.info == "sh":
            text = "\n".join(block.lines).replace("\\\n", " ")
            for offset, line in enumerate(text.split("\n")):
                if line.strip():
                    yield Command(block.page, block.line + 1 + offset, line.strip(), True)


def in_text(page: Path) -> Iterator[Command]:
    """Commands between single backticks."""
    text = page.read_text("utf-8")
    for found in INLINE.finditer(text):
        words = " ".join(found[1].split())
        yield Command(str(page.relative_to(ROOT)), text.count("\n", 0, found.start()) + 1, words, False)


COMMANDS = [command for page in PAGES for command in (*in_blocks(page), *in_text(page))]
