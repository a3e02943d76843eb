# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter over the core that keeps plaintext secrets out of a GitOps repository."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.inferops.vllm.plugins.module_utils.sealing.guard import with_guard

DOCUMENTATION = r"""
name: gitignore_guard
short_description: Add what keeps plaintext secrets out of Git to a .gitignore
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Returns the text with the rules that it lacks at its end. Rules that are there already stay as they are.
options:
  _input:
    description: The present text of the file; empty when there is none.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Guard the repository
  ansible.builtin.debug:
    msg: "{{ '' | inferops.vllm.gitignore_guard }}"
"""

RETURN = r"""
_value:
  description: The text to write.
  type: str
"""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[[str], str]]:
        """By name."""
        return {"gitignore_guard": lambda text: with_guard(str(text))}
