# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vLLM versions: from an image tag to the newest table that describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ..findings import Finding, Severity, finding
from .table import versions

IMAGE = "vllm-openai"
OTHER_TAGS = "lmcache/"
"""Images of that name whose tags are dates, not versions."""

TAG = re.compile(r"v?(?P<version>\d+\.\d+\.\d+(?:\.\d+)?(?:\.?post\d+)?)(?:[-+].*)?")


@cache
def order(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparisons; a patch that is not named counts as 0 (0.8.5 < 0.8.5.post1)."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


@dataclass(frozen=True)
class EngineVersion:
    """The vLLM version behind an image.

    ``version`` is what the tag says, ``table`` the known version whose arguments are used for it (None when the tag
    names no version, or one older than the first known), ``exact`` whether the two are the same, ``variant`` whether
    the tag has a suffix such as ``-cu129`` that picks another CUDA build.
    """

    tag: str
    version: str | None
    table: str | None
    exact: bool
    variant: str | None = None

    def __str__(self) -> str:
        return f"vLLM {self.table}" if self.exact else f"vLLM {self.version} (checked as {self.table})"


def engine_version(repository: str, tag: str) -> EngineVersion:
    """What is known about an image. Never fails: ``table`` is None where nothing is known."""
    match = TAG.fullmatch(str(tag))
    official = str(repository).rpartition("/")[2].startswith(IMAGE) and OTHER_TAGS not in str(repository)
    if not match or not official:
        return EngineVersion(str(tag), None, None, exact=False)
    version = match["version"]
    older = [known for known in versions() if order(known) <= order(version)]
    table = older[-1] if older else None
    suffix = str(tag)[match.end("version") :] or None
    return EngineVersion(str(tag), version, table, exact=table == version, variant=suffix)


def check_version(engine: EngineVersion, subject: str, *, strict: bool = False) -> list[Finding]:
    """What the operator should know about the version: nothing when it is known exactly."""
    if engine.table is None:
        reason = f"is older than {versions()[0]}" if engine.version else "names no vLLM version"
        severity = Severity.FATAL if strict else None
        message = f"the image tag {engine.tag!r} {reason}: its arguments cannot be checked"
        return [finding("engine-version-unknown", subject, message, severity=severity)]
    if engine.exact:
        return []
    newer = order(engine.version or "") > order(versions()[-1])
    message = f"{engine.version} is not in the table; its arguments are checked as those of {engine.table}" + (
        ", the newest known: options that changed since are not seen" if newer else ""
    )
    return [finding("engine-version-nearest", subject, message)]
