# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that reports are: named after a site, made from one document, each replaced whole."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..module_utils.findings import refuse
from ..module_utils.whole_file import replace

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
MODE = 0o644


def check_name(site: str, reserved: str = "") -> None:
    """Raise a Refusal (``serving-report-input-invalid``) where ``site`` cannot be a file's name or is ``reserved``."""
    if not FILE_NAME.fullmatch(site) or site == reserved:
        but = f", and not '{reserved}'" if reserved else ""
        message = f"a site's name is a file name here: letters, digits, dots, hyphens, underscores{but}"
        raise refuse("serving-report-input-invalid", f"site {site[:60]!r}", message)


def now() -> str:
    """The time of a report: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_document(path: Path, document: Any) -> None:
    """The document itself, for programs. Raises a Refusal (``serving-report-unwritable``)."""
    write(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write(path: Path, text: str) -> None:
    """A page or a document. Raises a Refusal (``serving-report-unwritable``)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text, MODE, errors="replace")
    except OSError as error:
        raise refuse("serving-report-unwritable", str(path), error.strerror or type(error).__name__) from None
