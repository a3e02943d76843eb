# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one catalogue of finding codes, a module an area. ``docs/findings.md`` is generated from it."""

from __future__ import annotations

from ..findings import Entry
from . import (
    argocd,
    awx,
    engine,
    gitops,
    gpu,
    internal,
    operations,
    planning,
    sealing,
    serving,
    site,
    talos,
    upgrade,
    values,
)

AREAS: dict[str, tuple[Entry, ...]] = {
    area.__name__.rpartition(".")[2]: area.ENTRIES
    for area in (
        site,
        gpu,
        talos,
        planning,
        values,
        engine,
        upgrade,
        sealing,
        gitops,
        argocd,
        serving,
        operations,
        awx,
        internal,
    )
}

CATALOGUE: dict[str, Entry] = {entry.code: entry for entries in AREAS.values() for entry in entries}
