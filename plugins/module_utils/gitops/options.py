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
from .app_of_apps import app_entry, project_rules
from .changes import Edit, Wanted
from .commit import MAXIMUM_ATTEMPTS, SITE_TRAILER, STAGE_TRAILER, Render, Request, files
from .remote import Credentials
from .repository import Person
from .rollback import LAST, revert


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


def wanted_of(items: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """The desired files of a module's ``files`` option."""
    return [_wanted(item, f"files[{index}]") for index, item in enumerate(items)]


FORMS = ("content", "app", "project", "state absent")


def _wanted(item: Mapping[str, Any], subject: str) -> Wanted:
    path, app, project = str(item["path"]), item.get("app"), item.get("project")
    content = item.get("content")
    given = [content is not None, bool(app), bool(project), item.get("state") == "absent"]
    if given.count(True) != 1:
        chosen = " and ".join(form for form, is_given in zip(FORMS, given, strict=True) if is_given) or "none"
        raise refuse("gitops-files-invalid", subject, f"has {chosen} of {', '.join(FORMS)}; one is needed")
    mode = f"10{item['mode']}" if item.get("mode") else ""
    edit = app_entry(_given(app)) if app else _project_edit(project, subject) if project else None
    return Wanted(path, None if content is None else _bytes(str(content), subject), mode, edit)


def _bytes(content: str, subject: str) -> bytes:
    """The bytes of a text; those that Ansible could not read as UTF-8 come out as they went in."""
    try:
        return content.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:
        raise refuse("gitops-files-invalid", f"{subject}.content", "holds half of a character pair") from None


def _project_edit(project: Mapping[str, Any], subject: str) -> Edit:
    resources, destinations = project.get("cluster_resources") or [], project.get("destinations") or []
    if not (resources or destinations or project.get("namespace")):
        raise refuse("gitops-files-invalid", f"{subject}.project", "asks for no rule")
    return project_rules(
        [{"group": rule.get("group") or "", "kind": rule["kind"]} for rule in resources],
        [_given(rule) for rule in destinations],
        project=project.get("name") or "",
        namespace=project.get("namespace") or "",
    )


def _given(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Without the options that were left out, which a validator fills with None."""
    return {key: value for key, value in mapping.items() if value is not None}


def render_of(options: Mapping[str, Any]) -> Render:
    """What the commit should hold: the ``files``, or the state before the commit that ``revert`` names."""
    if target := options.get("revert"):
        if target != LAST and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", target):
            raise refuse("gitops-revision-invalid", "revert", f"'{target}' is neither '{LAST}' nor a full commit id")
        return revert(target, options.get("stage") or "", options.get("site") or "")
    return files(wanted_of(options.get("files") or []))


def request_of(options: Mapping[str, Any]) -> Request:
    """The commit that a module's options ask for."""
    retries = int(options["retries"])
    if not 1 <= retries <= MAXIMUM_ATTEMPTS:
        raise refuse("gitops-files-invalid", "retries", f"is {retries}; allowed are 1 to {MAXIMUM_ATTEMPTS}")
    base = options.get("base_revision") or ""
    if base and not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", base):
        raise refuse("gitops-revision-invalid", "base_revision", f"'{base}' is not a full commit id")
    return Request(
        render=render_of(options),
        message=options["message"],
        branch=options.get("branch") or "",
        trailers=trailers_of(options),
        person=person_of(options),
        attempts=retries,
        sign_key=text_or_file(options.get("sign_key") or "", "sign_key", "PRIVATE KEY"),
        base=base,
    )


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
