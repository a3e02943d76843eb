# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that a later task needs and nobody may see, as text that only this ansible-playbook process can open.

Ansible registers results in its memory, prints them at ``-vvv`` and hands them to callbacks. A handle may go through
all of that: the key to it is made when the module is imported, which Ansible does before it forks its workers, and
ends with the process.
"""

from __future__ import annotations

try:
    from cryptography.fernet import Fernet, InvalidToken
except ImportError:  # pragma: no cover - seal_secret has said so before
    SESSION = None
else:
    SESSION = Fernet(Fernet.generate_key())


def wrap(value: str) -> str:
    """The handle of ``value``."""
    if SESSION is None:  # pragma: no cover
        raise ImportError("cryptography")
    return SESSION.encrypt(value.encode()).decode()


def unwrap(handle: str) -> str | None:
    """The value, or None when the handle is empty or comes from another process."""
    if not handle or SESSION is None:
        return None
    try:
        return SESSION.decrypt(handle.encode()).decode()
    except (InvalidToken, ValueError):
        return None
