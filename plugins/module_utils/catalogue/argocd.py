# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: Argo CD projects, Applications and syncs (stages 2 to 4)."""

from __future__ import annotations

from ..findings import Entry

ENTRIES: tuple[Entry, ...] = ()
