# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of the vllm-stack chart that this collection knows.

To add one: a line in :data:`RELEASES`, its changed paths in keys.json, and its arguments in arguments.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ..findings import refuse
from ..suggest import did_you_mean

CHART = "vllm-stack"
REPOSITORY = "https://vllm-project.github.io/production-stack"
ALIAS = "vllm"
"""The dependency alias of the wrapper chart, and so the key above all of the chart's values."""

ROUTER_REPOSITORY = "ghcr.io/vllm-project/production-stack/router"


@cache
def order(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparisons: ``0.1.10`` is newer than ``0.1.9``."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


@dataclass(frozen=True)
class Release:
    """One release of the chart.

    ``selectors`` is the generation of the Deployments' immutable selectors: releases of one generation upgrade in
    place. ``router_commit`` is the last commit of the router's source in that release; upstream publishes an image
    tag for every such commit (.github/workflows/router-docker-release.yml) and no stable version tags, so it is the
    pin that belongs to the chart.
    """

    version: str
    selectors: int
    router_commit: str

    def since(self, version: str) -> bool:
        """Whether this release is ``version`` or newer."""
        return order(self.version) >= order(version)


RELEASES = {
    release.version: release
    for release in (
        Release("0.1.8", 1, "1d01a0cae733a6a02e33d01930816dbf10a37be7"),
        Release("0.1.9", 1, "fd69fbc9e68ee742fd0d19856e20bf129d4f10d5"),
        Release("0.1.10", 2, "266ae29b5a9da3b6d788de9ddc4ebd01b25e2dab"),
        Release("0.1.11", 2, "b3db40e76f530cb119677a659826cd1bf1a6e326"),
        Release("0.1.12", 2, "4d750c9a71790c0b7374be7b0592a10b38c5ede6"),
    )
}
"""Oldest first."""


def chart_release(version: str, subject: str = "chart_version") -> Release:
    """The release with that exact version. Raises a Refusal (values-chart-version-unknown) for any other."""
    text = str(version)
    if text in RELEASES:
        return RELEASES[text]
    known = ", ".join(RELEASES)
    raise refuse(
        "values-chart-version-unknown",
        subject,
        f"{text!r} is no release of {CHART} that this collection knows{did_you_mean(text, RELEASES)}; known: {known}",
    )
