# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free loopback ports that stay the same over restarts, so that written addresses keep their meaning.

They are taken below the range from which Linux serves outgoing connections; otherwise a port could be lost to
such a connection between a stop and the next start. Each state directory starts its search elsewhere.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from sandbox.runner.errors import SandboxError

FIRST, LAST = 20000, 32000


def is_free(port: int) -> bool:
    """Tell whether nothing listens on ``port``: neither on loopback nor on all addresses."""
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def allocate(names: Iterable[str], state: Path, known: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return a port for each name: the known one where it is still free, else the next free one."""
    chosen: dict[str, int] = {}
    start = FIRST + zlib.crc32(str(state.resolve()).encode()) % (LAST - FIRST)
    candidates = (FIRST + (start - FIRST + step) % (LAST - FIRST) for step in range(LAST - FIRST))
    for name in names:
        old = (known or {}).get(name)
        if old and is_free(old) and old not in chosen.values():
            chosen[name] = old
            continue
        reserved = {*chosen.values(), *(known or {}).values()}
        port = next((c for c in candidates if c not in reserved and is_free(c)), None)
        if port is None:
            raise SandboxError(f"no free loopback port between {FIRST} and {LAST}")
        chosen[name] = port
    return chosen
