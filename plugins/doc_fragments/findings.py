# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Return values and attributes that every module of this collection shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Runs in the controller process; answers with findings."""

    DOCUMENTATION = r"""
options: {}
notes:
  - Runs in the controller process (an action plugin), so that no option is ever written to a module payload on disk.
  - A refusal is a failed task whose RV(ignore:findings) say why; each has C(code), C(severity), C(subject),
    C(message), C(fix) and C(anchor).
"""
