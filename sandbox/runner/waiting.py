# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits: each has a target, a budget and, when it ends without success, a reason."""

from __future__ import annotations

import time
from collections.abc import Callable

from sandbox.runner.errors import SandboxError


def wait_for(target: str, check: Callable[[], str], budget: float, reason: Callable[[], str] = str) -> None:
    """Poll ``check`` until it returns '' (there) and raise with its last answer after ``budget`` seconds.

    ``reason`` adds evidence, for instance the end of a log.
    """
    deadline = time.monotonic() + budget
    pause = 0.02
    while missing := check():
        if time.monotonic() > deadline:
            raise SandboxError(f"{target}: not there after {budget:.0f} s: {missing}\n{reason()}".rstrip())
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)
