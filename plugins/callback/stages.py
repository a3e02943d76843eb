# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stdout callback that prints a line a stage, findings when there are any, and the summary at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stages
type: stdout
short_description: A line a stage, findings in full, a summary at the end
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - What C(make site) uses. Tasks are printed only from C(-v) on, then as the default callback prints them.
  - A failed task prints its findings instead of its whole result.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

COLLECTION = "inferops.vllm."


class CallbackModule(Default):
    """The default callback, quiet about everything that went well."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "inferops.vllm.stages"

    def _chatty(self) -> bool:
        return bool(self._display.verbosity)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Name the play once, if somebody gave it a name; Ansible would print its pattern of hosts instead."""
        self._play = play
        if self._chatty():
            super().v2_playbook_on_play_start(play)
        elif name := _given_name(play):
            self._display.display(name)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Say what begins, only when asked to be verbose."""
        if self._chatty():
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_ok(self, result: Any) -> None:
        """A line for each task of ours, with what it found; the report's lines in full."""
        if self._chatty():
            super().v2_runner_on_ok(result)
            return
        outcome = dict(result.result)
        if str(result.task.resolved_action or result.task.action).startswith(COLLECTION):
            mark = "*" if outcome.get("changed") else "√"
            self._say(result, mark, f"{result.task.name} ({outcome.get('seconds', 0):.1f} s)")
            for found in outcome.get("findings", []):
                if found["severity"] == "warning":
                    self._say(result, "‼", f"{found['code']}: {found['subject']}: {found['message']}")
        for line in outcome.get("lines", []):
            self._display.display(f"  {line}")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Findings as text; anything else as the default callback shows it."""
        outcome = dict(result.result)
        if self._chatty() or not outcome.get("findings"):
            super().v2_runner_on_failed(result, ignore_errors)
            return
        self._say(result, "×", result.task.name, error=True)
        for line in str(outcome.get("msg", "")).splitlines():
            self._display.display(f"  {line}", stderr=True)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Nothing, unless verbose."""
        if self._chatty():
            super().v2_runner_on_skipped(result)

    def _say(self, result: Any, mark: str, text: str, error: bool = False) -> None:
        self._display.display(f"  {mark} {result.host.get_name()}: {text}", stderr=error)


def _given_name(play: Any) -> str:
    name, hosts = play.get_name().strip(), play.hosts
    return "" if name == (hosts if isinstance(hosts, str) else ",".join(hosts or ())) else name
