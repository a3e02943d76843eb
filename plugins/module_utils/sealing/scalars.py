# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML scalars that every reader takes for the same string.

The controller reads YAML 1.1 with Go's additions, Argo CD and Helm others, PyYAML its own subset; a string
stays unquoted only where none of them could take it for something else. Style as kubeseal's: double quotes
where a type could be read, single quotes where the syntax asks for quotes.
"""

from __future__ import annotations

import re

WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"})
LONGEST_WORD = max(map(len, WORDS))
NUMBER_STARTS = frozenset("+-.0123456789")
NUMBER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?(?:[pP][-+]?\d+)?|0[oO]?[0-7_]+|0[bB][01_]+"
    r"|(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9_]+)?"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|\.(?:inf|Inf|INF|nan|NaN|NAN))"
)
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt \t].*)?")
INDICATORS = frozenset("#,[]{}&*!|>'\"%@`")
BEFORE_SPACE = frozenset("-?:")
PRINTABLE_ASCII = bytes(range(0x20, 0x7F))
NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def scalar(text: str) -> str:
    """``text`` as a one-line YAML scalar in block context, value or key."""
    if not text or _ambiguous(text) or not _printable(text):
        return _double(text)
    return text if _plain(text) else "'" + text.replace("'", "''") + "'"


def _printable(text: str) -> bool:
    # isprintable asks character by character, which is half of the time that writing a sealed item takes
    return not text.encode("ascii").translate(None, PRINTABLE_ASCII) if text.isascii() else text.isprintable()


def _ambiguous(text: str) -> bool:
    # sealed items come through here by the thousand: nothing may walk over all of a long text
    if len(text) <= LONGEST_WORD and text.lower() in WORDS:
        return True
    return text[0] in NUMBER_STARTS and bool(NUMBER.fullmatch(text) or DATE.fullmatch(text))


def _plain(text: str) -> bool:
    first, rest = text[0], text[1:]
    if first in INDICATORS or first == " " or text[-1] in " :" or text.startswith(("---", "...")):
        return False
    if first in BEFORE_SPACE and rest[:1] in ("", " "):
        return False
    return ": " not in text and " #" not in text


def _double(text: str) -> str:
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    if char in NAMED:
        return NAMED[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
