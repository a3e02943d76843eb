# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PyYAML, for all cores. ansible-core depends on it, so a controller always has it.

Only ``ansible-test sanity`` imports the cores without it. The cores define loaders and dumpers when they are
imported, so a bare ``None`` would not do.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

__all__ = ["yaml"]


class _Absent:
    """A base for loaders and dumpers that nobody can use."""

    @classmethod
    def add_representer(cls, *_arguments: Any) -> None:
        """Forget it."""


try:
    import yaml
except ImportError:
    yaml = SimpleNamespace(SafeLoader=_Absent, SafeDumper=_Absent, YAMLError=ValueError)  # type: ignore[assignment]
