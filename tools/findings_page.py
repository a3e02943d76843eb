# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/findings.md from the catalogue: ``python -m tools.findings_page``."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.inferops.vllm.plugins.module_utils import catalogue
from ansible_collections.inferops.vllm.plugins.module_utils.findings import MARKS, Entry

PAGE = ROOT / "docs" / "findings.md"

HEAD = """# Findings

Whenever this collection refuses something, or thinks you should know it, it says so as a *finding*: a code, the
object or option concerned, what is wrong, and a fix. The same codes appear on the console, in the JSON results,
in `report/<site>.json` and in the HTML report. × stops the stage, ‼ and √ never do; the mark given here is the
usual one.

<!-- Made from plugins/module_utils/catalogue by `python -m tools.findings_page`; edit there. -->
"""


def page() -> str:
    """The whole page: a section an area, an anchor a code."""
    return HEAD + "".join(_area(name, entries) for name, entries in catalogue.AREAS.items() if entries)


def _area(name: str, entries: tuple[Entry, ...]) -> str:
    about = getattr(catalogue, name).__doc__.split(":", 1)[1].strip()
    return f"\n## {name.capitalize()}: {about.rstrip('.')}\n" + "".join(_entry(e) for e in entries)


def _entry(entry: Entry) -> str:
    return (
        f"\n### {entry.code}\n\n"
        f"{MARKS[entry.severity]} **{entry.title}**\n\n"
        f"- What you see: {entry.symptom}\n"
        f"- Why: {entry.cause}\n"
        f"- Fix: {entry.fix}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(catalogue.CATALOGUE)} codes")
