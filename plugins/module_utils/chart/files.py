# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the wrapper chart: what stage 4 commits under ``applications/vllm/``.

Each is a whole file of ours with a header that says so; a reader can carry on without this collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Severity, finding
from ..planning.models import ModelRequest
from ..planning.plan import Placement, Plan
from .names import Names
from .releases import CHART
from .settings import ChartSettings
from .text import to_yaml
from .values import Built

SIGNATURE = "# Written by the Ansible collection inferops.vllm"
"""How every file of ours begins."""

CHART_FILE = "Chart.yaml"
VALUES_FILE = "values.yaml"
MONITOR_FILE = "templates/metrics-service.yml"
TEST_FILE = "gpu-test.yml"


@dataclass(frozen=True)
class TextFile:
    """A file of the repository: its path from the root, and its text."""

    path: str
    content: str

    def to_dict(self) -> dict[str, str]:
        """Plain data, as a module returns it."""
        return {"path": self.path, "content": self.content}


def wrapper_files(
    built: Built, models: tuple[ModelRequest, ...], plan: Plan, settings: ChartSettings, directory: str
) -> list[TextFile]:
    """All files, in the order of their paths. ``directory`` is the wrapper chart's place in the repository."""
    parts: dict[str, str] = {
        CHART_FILE: _chart(settings),
        VALUES_FILE: _values(built, models, plan, settings),
        TEST_FILE: _test_pod(plan, settings),
    }
    if settings.service_monitor:
        parts[MONITOR_FILE] = _monitor(settings)
    return [TextFile(f"{directory.strip('/')}/{name}", text) for name, text in sorted(parts.items())]


def monitor_findings(settings: ChartSettings, wanted: str, available: bool | None, directory: str) -> list[Finding]:
    """What comes of a cluster without the ServiceMonitor kind: left out with ``auto``, refused with ``true``.

    Argo CD would refuse the whole sync for one unknown kind. ``available`` None: nobody has looked.
    """
    subject = f"{directory.strip('/')}/{MONITOR_FILE}"
    if wanted == "true" and available is False:
        message = "is wanted, but the cluster has no ServiceMonitor resource"
        return [finding("values-monitor-crd-absent", subject, message, severity=Severity.FATAL)]
    if settings.service_monitor or wanted != "auto":
        return []
    return [finding("values-monitor-crd-absent", subject, "is left out: the cluster has no ServiceMonitor resource")]


def is_ours(text: str) -> bool:
    """Whether a file carries the header of this collection."""
    return text.startswith(SIGNATURE)


def _header(*lines: str) -> str:
    return "".join(f"{line}\n" for line in (f"{SIGNATURE}.", *(f"# {line}".rstrip() for line in lines)))


def _chart(settings: ChartSettings) -> str:
    chart = {
        "apiVersion": "v2",
        "name": "vllm",
        "version": settings.wrapper_version,
        "dependencies": [
            {
                "name": CHART,
                "alias": settings.alias,
                "version": settings.release_of_chart.version,
                "repository": settings.repository,
            }
        ],
    }
    return _header("The chart version is vllm_chart_version of the inventory.") + to_yaml(chart)


def _values(built: Built, models: tuple[ModelRequest, ...], plan: Plan, settings: ChartSettings) -> str:
    head = _header(
        "Change the inventory (vllm_models, vllm_chart_version, …), not this file: the next run writes it again.",
        f"Keys are those that {CHART} {settings.release_of_chart.version} reads. The plan behind them:",
        *(f"  {line}" for line in _plan_lines(models, plan)),
    )
    return head + to_yaml(built.wrapped(settings.alias))


def _plan_lines(models: tuple[ModelRequest, ...], plan: Plan) -> Iterator[str]:
    for model in models:
        placement = plan.of(model.name)
        fit = placement.fit
        yield (
            f"{model.name}: {placement.gpus} × {placement.gpu_resource} on {', '.join(placement.nodes) or 'any node'}; "
            f"needs {fit.needed:.1f} of {fit.reserved:.1f} GiB ({fit.verdict.value})"
        )


def _test_pod(plan: Plan, settings: ChartSettings) -> str:
    placement = plan.placements[0]
    spec: dict[str, Any] = {"restartPolicy": "Never"}
    if settings.runtime_class:
        spec["runtimeClassName"] = settings.runtime_class
    spec["containers"] = [
        {
            "name": "gpu-test",
            "image": settings.test_image,
            "command": ["nvidia-smi"],
            "resources": {"limits": {placement.gpu_resource: 1}},
        }
    ]
    spec["tolerations"] = [dict(toleration) for toleration in settings.tolerations]
    affinity = _affinity(placement)
    if affinity:
        spec["affinity"] = affinity
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gpu-test"}, "spec": spec}
    return _header(
        "Not synced by Argo CD: it lies outside templates/. Try the GPU by hand, before the models hold it:",
        f"  kubectl -n {settings.namespace} apply -f {TEST_FILE}",
        f"  kubectl -n {settings.namespace} logs -f pod/gpu-test",
    ) + to_yaml(pod)


def _affinity(placement: Placement) -> dict[str, Any]:
    expressions = [
        {"key": r.key, "operator": r.operator, **({"values": list(r.values)} if r.values else {})}
        for r in placement.selector
    ]
    if not expressions:
        return {}
    terms = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _monitor(settings: ChartSettings) -> str:
    """A ServiceMonitor for the router; its port and labels are the chart's, in every known release."""
    monitor = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {
            "name": f"{settings.release}-router-metrics",
            "namespace": settings.namespace,
            "labels": {key: str(value) for key, value in settings.monitor_labels.items()},
        },
        "spec": {
            "selector": {"matchLabels": {"environment": "router", "release": "router"}},
            "namespaceSelector": {"matchNames": [settings.namespace]},
            "endpoints": [{"port": "router-sport", "interval": "15s", "path": "/metrics"}],
        },
    }
    service = Names(settings.release, settings.alias).router_service
    return _header(f"Prometheus reads the metrics of the Service {service}.") + to_yaml(monitor)
