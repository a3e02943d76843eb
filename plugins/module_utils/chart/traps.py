# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart renders without complaint and nobody wants: a table of small checks over the values.

Every check looks at the chart's values (below the alias) for one release and yields findings. They hold for values
that this collection built and for files that people wrote, so no check takes any shape for granted.
"""

from __future__ import annotations

from ..findings import Finding
from .keys import models
from .model_traps import MODEL_CHECKS
from .scene import Scene
from .site_traps import SITE_CHECKS


def check_traps(scene: Scene) -> list[Finding]:
    """All findings, the site's first, then model by model."""
    found = [f for check in SITE_CHECKS for f in check(scene)]
    for path, model in models(scene.values):
        found += [f for check in MODEL_CHECKS for f in check(scene, path, model)]
    return found
