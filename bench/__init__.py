# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the collection is, as ratios: ``python -m bench``. docs/performance.md has the last table."""

from __future__ import annotations

import sys
from pathlib import Path

# A checkout resolves its own name through these links, as ansible.cfg does for a play.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collections"))
