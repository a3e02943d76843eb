# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From module options to the types of this area. The only I/O is reading a key file that an option names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..findings import refuse
from .changes import Wanted
from .commit import SITE_TRAILER, STAGE_TRAILER
from .remote import Credentials
from .repository import Person


def credentials_of(options: Mapping[str, Any]) -> Credentials:
    """The credentials among a module's options. ``ssh_key`` and ``known_hosts`` may be texts or paths."""
    return Credentials(
        username=options.get("username") or "",
        token=options.get("token") or "",
        ssh_key=text_or_file(options.get("ssh_key") or "", "ssh_key", r"PRIVATE KEY"),
        known_hosts=text_or_file(options.get("known_hosts") or "", "known_hosts", r"\s"),
    )


def text_or_file(value: str, option: str, text: str) -> str:
    """``value`` itself where it matches ``text``, otherwise the text of the file that it names."""
    if not value.strip() or re.search(text, value.strip()):
        return value
    try:
        return Path(value.strip()).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise refuse("gitops-credentials-invalid", option, f"is neither the text nor a readable file: {why}") from None


def wanted_of(files: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """The desired files of a module's ``files`` option."""
    return [_wanted(item, f"files[{index}]") for index, item in enumerate(files)]


def _wanted(item: Mapping[str, Any], subject: str) -> Wanted:
    absent = item.get("state") == "absent"
    content = item.get("content")
    if absent and content is not None:
        raise refuse("gitops-files-invalid", subject, "has content although its state is absent")
    if not absent and content is None:
        raise refuse("gitops-files-invalid", subject, "has no content; say state absent to remove the file")
    mode = f"10{item['mode']}" if item.get("mode") else ""
    return Wanted(str(item["path"]), None if content is None else str(content).encode(), mode)


def person_of(options: Mapping[str, Any]) -> Person:
    """Author and committer; defaults where an option is empty."""
    default = Person()
    name, email = options.get("author_name") or default.name, options.get("author_email") or default.email
    for option, value in (("author_name", name), ("author_email", email)):
        if re.search(r"[<>\x00-\x1f]", value) or not value.strip(" .,:;"):
            raise refuse("gitops-message-invalid", option, "holds characters that a commit cannot carry")
    return Person(name, email)


def trailers_of(options: Mapping[str, Any]) -> dict[str, str]:
    """The trailers: stage and site first, then those of the option."""
    own = {STAGE_TRAILER: options.get("stage"), SITE_TRAILER: options.get("site")}
    given = {str(key): str(value) for key, value in (options.get("trailers") or {}).items()}
    return {key: value for key, value in own.items() if value} | given
