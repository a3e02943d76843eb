# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that the runner shows to a person."""

from __future__ import annotations


class SandboxError(Exception):
    """Something the person at the keyboard can act on; its text is all that is printed."""
