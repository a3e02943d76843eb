# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs measured, a JSON file a command: the numbers of docs/reliability.md come from here and nowhere else."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "records"


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """A record; empty where that command never ran."""
    path = folder / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def write(name: str, cases: Mapping[str, Mapping[str, Any]], known: Collection[str], folder: Path = FOLDER) -> None:
    """Replace the records of these cases; a case that is not ``known`` any more goes."""
    now = datetime.now(UTC)
    stamp = {"measured": f"{now:%Y-%m-%d}", "cores": os.cpu_count()}
    old = read(name, folder).get("cases", {})
    kept = {case: old[case] for case in old if case in known}
    merged = {**kept, **{case: {**values, **stamp} for case, values in cases.items()}}
    folder.mkdir(exist_ok=True)
    text = json.dumps({"cases": {case: merged[case] for case in known if case in merged}}, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(f"{text}\n", "utf-8")
