# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the objects that the chart makes, and whether Kubernetes would take them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..findings import Finding, finding

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_LENGTH = 63

INJECTED = ("PORT", "DP_MASTER_PORT", "NIXL_SIDE_CHANNEL_PORT", "MOONCAKE_BOOTSTRAP_PORT")
"""Variables (after VLLM_) that the engine reads and that Kubernetes also makes from the name of a Service: it sets
``<SERVICE>_PORT=tcp://…`` in every pod of the namespace, and the engine ends with "appears to be a URI"."""


@dataclass(frozen=True)
class Names:
    """The chart's object names for one release name; ``alias`` is the dependency alias of the wrapper chart."""

    release: str
    alias: str = "vllm"

    @property
    def router_deployment(self) -> str:
        """The router's Deployment."""
        return f"{self.release}-deployment-router"

    @property
    def router_service(self) -> str:
        """The Service that consumers use."""
        return f"{self.release}-router-service"

    def deployment(self, model: str) -> str:
        """The engine Deployment of a model."""
        return f"{self.release}-{model}-deployment-vllm"

    def service(self, model: str) -> str:
        """The engine Service of a model; also the pods' subdomain."""
        return f"{self.release}-{model}-engine-service"

    def claim(self, model: str) -> str:
        """The PersistentVolumeClaim that caches a model."""
        return f"{self.release}-{model}-storage-claim"

    def hostname(self, model: str) -> str:
        """The hostname of a model's pods."""
        return f"{self.release}-{model}-{self.alias}"


def check_names(release: str, models: Iterable[tuple[str, str]], alias: str = "vllm") -> list[Finding]:
    """Findings about the release name and the model names, given as (subject, name) pairs.

    The chart checks none of them: the API server would refuse the objects one by one, or two models would overwrite
    each other.
    """
    names = Names(release, alias)
    found = list(_label("release", release))
    seen: dict[str, str] = {}
    for subject, name in models:
        found += _label(subject, name) or _length(subject, name, names)
        if name in seen:
            found.append(finding("values-name-duplicate", subject, f"{name!r} is also the name of {seen[name]}"))
        seen.setdefault(name, subject)
    return found


def injected_variable(service: str) -> str | None:
    """The variable with which a Service of this name would stop every engine of its namespace, or None."""
    variable = f"{service.upper().replace('-', '_')}_PORT"
    return variable if variable in {f"VLLM_{rest}" for rest in INJECTED} else None


def _label(subject: str, name: str) -> list[Finding]:
    if not name:
        return [finding("values-name-invalid", subject, "is empty")]
    if name.isdigit():
        return [finding("values-name-invalid", subject, f"{name!r} is only digits: the label becomes a number")]
    if not LABEL.fullmatch(name):
        return [
            finding(
                "values-name-invalid", subject, f"{name!r} is no DNS label: only a-z, 0-9 and inner hyphens are allowed"
            )
        ]
    return []


def _length(subject: str, name: str, names: Names) -> list[Finding]:
    longest = max(_named(name, names), key=len)
    if len(longest) <= LABEL_LENGTH:
        return []
    room = len(name) - (len(longest) - LABEL_LENGTH)
    return [
        finding(
            "values-name-too-long",
            subject,
            f"{name!r} makes {longest!r}, {len(longest)} characters of at most {LABEL_LENGTH}; "
            + (
                f"with release {names.release!r} a name has room for {room}"
                if room > 0
                else "the release name is too long"
            ),
        )
    ]


def _named(name: str, names: Names) -> Iterator[str]:
    yield names.service(name)
    yield names.hostname(name)
