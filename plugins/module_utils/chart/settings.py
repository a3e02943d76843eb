# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says about its chart, beside its models: versions, names, secrets, router."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..findings import refuse
from .releases import ALIAS, REPOSITORY, ROUTER_REPOSITORY, Release, chart_release


@dataclass(frozen=True)
class SecretRef:
    """A key of a Secret that must exist in the namespace before the pods start."""

    name: str
    key: str

    def to_values(self) -> dict[str, str]:
        """As the chart wants it: always both, because half a reference means an invalid object or an open API."""
        return {"secretName": self.name, "secretKey": self.key}


@dataclass(frozen=True)
class Router:
    """The router. ``tag`` empty means the commit that belongs to the chart release.

    The memory limit is 2Gi because the chart's own (500Mi, later 1000Mi) is known to be too small; CPU has none.
    """

    repository: str = ROUTER_REPOSITORY
    tag: str = ""
    replicas: int = 1
    cpu: str = "400m"
    memory: str = "1Gi"
    memory_limit: str = "2Gi"


@dataclass(frozen=True)
class ChartSettings:
    """Everything of the wrapper chart that is not a model. Defaults are those of the reference site.

    ``extra_values`` are chart values (without the alias) that are merged last; they must not hold modelSpec.
    ``service_monitor`` writes a ServiceMonitor for the router; its CRD must exist.
    """

    release_of_chart: Release
    repository: str = REPOSITORY
    release: str = "vllm"
    namespace: str = "vllm"
    alias: str = ALIAS
    runtime_class: str = "nvidia"
    tolerations: tuple[dict[str, Any], ...] = ({"key": "node-role.kubernetes.io/gpu", "operator": "Exists"},)
    hf_secret: SecretRef | None = field(default_factory=lambda: SecretRef("hf-secret", "TOKEN"))
    api_secret: SecretRef = field(default_factory=lambda: SecretRef("vllm-secret", "KEY"))
    router: Router = field(default_factory=Router)
    service_monitor: bool = True
    monitor_labels: dict[str, str] = field(default_factory=lambda: {"release": "prometheus-stack"})
    wrapper_version: str = "0.1.6"
    test_image: str = "nvidia/cuda:12.2.0-base-ubuntu22.04"
    extra_values: dict[str, Any] = field(default_factory=dict)


def settings_from(options: Mapping[str, Any]) -> ChartSettings:
    """The settings of the module's options (each absent or None where the default holds).

    Raises a Refusal for a chart version that is not known.
    """
    plain = (
        *(
            "release",
            "namespace",
            "runtime_class",
            "service_monitor",
            "monitor_labels",
            "wrapper_version",
            "test_image",
        ),
        "extra_values",
    )
    given = {name: options[name] for name in plain if options.get(name) is not None}
    if options.get("chart_repository"):
        given["repository"] = options["chart_repository"]
    if options.get("tolerations") is not None:
        given["tolerations"] = tuple(options["tolerations"])
    for name in ("hf_secret", "api_secret"):
        if options.get(name) is not None:
            reference = options[name]
            given[name] = SecretRef(reference["name"], reference["key"]) if reference.get("name") else None
    if given.get("api_secret", ...) is None:
        raise refuse("values-api-key-missing", "api_secret", "names no Secret: every engine would answer without a key")
    if options.get("router"):
        given["router"] = Router(**{key: value for key, value in options["router"].items() if value is not None})
    return ChartSettings(chart_release(options["chart_version"]), **given)
