# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one run as plain data: what was done, where each model runs, what answered.

Pure: :func:`build` takes the registered results of the stages and returns the document that
``docs/report.schema.json`` describes. The HTML page (:mod:`.page`) and the end summary are renderings of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from ..catalogue import CATALOGUE
from ..findings import Refusal, refuse
from ..gpu.capacity import GpuNode, GpuResource, node_from_dict
from ..planning.plan import Placement, Plan, plan_from_dict
from ..serving.outcome import answer_line
from ..suggest import did_you_mean

Read = TypeVar("Read")

JSON = dict[str, Any]
SCHEMA_VERSION = 1
SEVERITIES = ("fatal", "warning", "info")
MIB_PER_GIB = 1024
INVENTORY = "site-"
"""Codes of what is wrong with an inventory: the run stopped before it looked at the site."""
SETTINGS = ("gpu_mode", "chart", "image")


@dataclass(frozen=True)
class Stage:
    """One stage as people know it: its name in the play, its title, and the gate at its end."""

    name: str
    title: str
    gate: str


STAGES: tuple[Stage, ...] = (
    Stage("gpu_node", "GPU enablement", "A pod with a GPU would run on every planned node."),
    Stage("runtime_class", "RuntimeClass", "Argo CD has applied our commit and the RuntimeClass exists."),
    Stage("sealed_secrets", "Secrets", "The sealed secrets are pushed and the cluster can open them."),
    Stage("application", "Application", "Argo CD has synced our commit and everything is healthy."),
    Stage("verification", "Verification", "Every model answers, and what must be refused is refused."),
)


@dataclass(frozen=True)
class Run:
    """What a run leaves behind; everything but ``site`` may be missing when a stage did not get that far.

    ``stages`` are mappings with ``stage`` and ``results`` (the registered results of its tasks); ``models`` are
    entries of vllm_models; ``generated`` is an ISO 8601 time in UTC.
    """

    site: str
    generated: str
    check: bool = False
    stages: Sequence[Mapping[str, Any]] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    nodes: Sequence[Mapping[str, Any]] = ()
    models: Sequence[Mapping[str, Any]] = ()
    revisions: Sequence[Mapping[str, Any]] = ()
    verification: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def build(run: Run) -> JSON:
    """The report document. Raises :class:`Refusal` for input that is no result of this collection."""
    return readable(f"site/{run.site}", lambda: _build(run))


def readable(subject: str, read: Callable[[], Read]) -> Read:
    """``read`` what other modules returned. Raises :class:`Refusal` (``serving-report-input-invalid``) for else."""
    try:
        return read()
    except Refusal:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        message = f"a result that was passed has not the expected form ({type(error).__name__})"
        raise refuse("serving-report-input-invalid", subject, message) from None


def _build(run: Run) -> JSON:
    plan = plan_from_dict({"placements": (), **run.plan})
    nodes = [node_from_dict(dict(node)) for node in run.nodes]
    stages = _stages(run.stages)
    findings = [entry for stage in stages for entry in stage.pop("all_findings")]
    models = _models(run, plan)
    document = {
        "schema": SCHEMA_VERSION,
        "site": run.site,
        "generated": run.generated,
        "mode": "check" if run.check else "run",
        "rehearsal": _simulated(run.verification),
        "outcome": "",
        "headline": "",
        "totals": {"seconds": round(sum(s["seconds"] for s in stages), 3), **_count(findings)},
        "settings": {name: str(run.settings.get(name) or "") for name in SETTINGS},
        "revisions": [_revision(entry) for entry in run.revisions],
        "nodes": [_node(node, models) for node in nodes],
        "models": models,
        "stages": stages,
        "findings": sorted(findings, key=lambda f: SEVERITIES.index(f["severity"])),
        "verification": _verification(run.verification),
    }
    document["outcome"] = _outcome(document)
    document["headline"] = _headline(document)
    return document


def _count(findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    severities = [f["severity"] for f in findings]
    return {severity: severities.count(severity) for severity in SEVERITIES}


def _stages(given: Sequence[Mapping[str, Any]]) -> list[JSON]:
    """All five stages in order; those that were not passed are "not_run"."""
    known = {stage.name for stage in STAGES}
    by_name: dict[str, Mapping[str, Any]] = {}
    for entry in given:
        name = str(entry["stage"])
        if name not in known:
            message = f"there is no such stage{did_you_mean(name, known)}; stages: {', '.join(s.name for s in STAGES)}"
            raise refuse("serving-report-input-invalid", f"stages[{name}]", message)
        by_name[name] = entry
    return [_stage(stage, by_name.get(stage.name, {})) for stage in STAGES]


def _stage(stage: Stage, given: Mapping[str, Any]) -> JSON:
    results = [result for result in given.get("results") or () if result and not result.get("skipped")]
    findings = [_finding(stage, entry) for result in results for entry in result.get("findings") or ()]
    return {
        "stage": stage.name,
        "title": stage.title,
        "gate": stage.gate,
        "status": _status(results),
        "seconds": round(sum(float(result.get("seconds") or 0) for result in results), 3),
        "findings": _count(findings),
        "all_findings": findings,
    }


def _status(results: Sequence[Mapping[str, Any]]) -> str:
    if not results:
        return "not_run"
    if any(result.get("failed") for result in results):
        return "failed"
    return "changed" if any(result.get("changed") for result in results) else "ok"


def _finding(stage: Stage, found: Mapping[str, Any]) -> JSON:
    texts = {key: str(found.get(key, "")) for key in ("code", "subject", "message", "fix", "anchor")}
    severity = found["severity"]
    if severity not in SEVERITIES:
        raise ValueError(severity)
    entry = CATALOGUE.get(texts["code"])
    return {"stage": stage.name, "severity": severity, "title": entry.title if entry else "", **texts}


def _models(run: Run, plan: Plan) -> list[JSON]:
    """Every model of the inventory, the plan or the verification, in this order."""
    answers = {answer["model"]: dict(answer) for answer in run.verification.get("answers") or ()}
    asked = {model["name"]: model for model in run.models}
    placed = {placement.model: placement for placement in plan.placements}
    names = dict.fromkeys([*asked, *placed, *answers])
    pods = [pod for pod in run.verification.get("pods") or () if pod.get("model")]
    return [_model(name, asked.get(name, {}), placed.get(name), answers.get(name), pods) for name in names]


def _model(
    name: str,
    asked: Mapping[str, Any],
    placement: Placement | None,
    answer: JSON | None,
    pods: Sequence[Mapping[str, Any]],
) -> JSON:
    pod = next((pod for pod in pods if pod["model"] == name), {})
    planned = list(placement.nodes) if placement else []
    return {
        "name": name,
        # The inventory may name a model of the catalogue; who answered knows its repository.
        "repository": str((answer or {}).get("repository") or asked.get("repository") or asked.get("model") or ""),
        "role": str(asked.get("role") or (answer or {}).get("role") or "instruct"),
        "planned_nodes": planned,
        "node": pod.get("node") or (planned[0] if planned else None),
        "running": bool(pod.get("ready")),
        "pod": pod.get("name"),
        "gpu_resource": placement.gpu_resource if placement else None,
        "gpus": placement.gpus if placement else 0,
        "fit": _fit(placement) if placement else None,
        "answer": answer,
    }


def _fit(placement: Placement) -> JSON:
    fit = placement.fit
    names = ("total", "reserved", "needed", "weights", "activation", "overhead", "kv_needed", "kv_room")
    return {**{n: round(float(getattr(fit, n)), 2) for n in names}, "verdict": fit.verdict.value, "reason": fit.reason}


def _node(node: GpuNode, models: Sequence[JSON]) -> JSON:
    here = [model for model in models if model["node"] in (node.name, node.hostname)]
    return {
        "name": node.name,
        "ready": node.ready,
        "vgpu": node.vgpu,
        "driver": node.driver,
        "gpus": [_gpus(resource, here) for resource in node.resources],
    }


def _gpus(resource: GpuResource, models: Sequence[JSON]) -> JSON:
    """One GPU resource of a node, its units filled with the models in the order of the plan."""
    holders = [m["name"] for m in models if m["gpu_resource"] == resource.name for _unused in range(m["gpus"])]
    units = max(resource.allocatable, len(holders))
    filled: list[str | None] = [*holders, *[None] * (units - len(holders))]
    memory = None if resource.memory_mib is None else round(resource.memory_mib / MIB_PER_GIB, 2)
    return {
        "resource": resource.name,
        "product": resource.product,
        "sharing": resource.sharing,
        "memory_gib": memory,
        "allocatable": resource.allocatable,
        "requested": resource.requested,
        "units": filled,
    }


def without_credentials(url: str) -> str:
    """A repository URL as it may be shown: no user information."""
    parts = urlsplit(url)
    if not parts.hostname or "@" not in parts.netloc or parts.scheme == "ssh":
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _revision(entry: Mapping[str, Any]) -> JSON:
    repository = without_credentials(str(entry.get("repository") or entry.get("repo_url") or ""))
    application = str(entry.get("application") or entry.get("name") or "")
    return {"application": application, "revision": str(entry["revision"]), "repository": repository}


def _verification(result: Mapping[str, Any]) -> JSON:
    names = ("answers", "negatives", "pods", "services", "secrets", "open_endpoints")
    return {name: [dict(entry) for entry in result.get(name) or ()] for name in names}


def _simulated(verification: Mapping[str, Any]) -> bool:
    """Whether a stand-in answered instead of a model: a report must not pass a rehearsal off as the real thing."""
    servers = [str(answer.get("server") or "") for answer in verification.get("answers") or ()]
    return any(server.startswith("simulated") for server in servers)


def _answering(document: Mapping[str, Any]) -> int:
    return sum(1 for model in document["models"] if (model["answer"] or {}).get("ok"))


def _outcome(document: Mapping[str, Any]) -> str:
    """failed, verified, or incomplete; verified only if every model answered and the last gate was passed."""
    if document["totals"]["fatal"] or any(s["status"] == "failed" for s in document["stages"]):
        return "failed"
    models, last = document["models"], document["stages"][-1]
    proved = last["status"] in ("ok", "changed") and models and _answering(document) == len(models)
    return "verified" if proved else "incomplete"


def _headline(document: Mapping[str, Any]) -> str:
    """One sentence for somebody who reads nothing else."""
    total, answering = len(document["models"]), _answering(document)
    if document["outcome"] == "failed":
        return _stopped(document)
    if document["outcome"] == "verified":
        return {1: "The model answers.", 2: "Both models answer."}.get(total, f"All {total} models answer.")
    if document["mode"] == "check":
        return "This is what a run would do; nothing was changed."
    return f"{answering} of {total} models answered." if total else "No model is known yet."


def _stopped(document: Mapping[str, Any]) -> str:
    """Where it stopped and why, in the words of the catalogue: they are shorter than the message."""
    failed = next((s for s in document["stages"] if s["status"] == "failed" or s["findings"]["fatal"]), None)
    found = next((f for f in document["findings"] if f["severity"] == "fatal"), None)
    where = f"Stopped at {failed['title']}" if failed else "Stopped"
    if found and found["code"].startswith(INVENTORY):
        where = "Stopped before the first stage"
    return f"{where}. {found['title']}: {found['subject']}." if found and found["title"] else f"{where}."


def summary_lines(document: Mapping[str, Any]) -> list[str]:
    """The end of the console output: the outcome, what was committed, where each model runs, what answered."""
    rehearsal = " (rehearsal: the models are simulated)" if document["rehearsal"] else ""
    lines = [f"{document['site']}: {document['outcome']}: {document['headline']}{rehearsal}"]
    lines += [
        f"committed: {entry['revision'][:10]}" + (f" ({entry['application']})" if entry["application"] else "")
        for entry in document["revisions"]
    ]
    lines += [_model_line(model) for model in document["models"]]
    totals = document["totals"]
    if totals["fatal"] or totals["warning"]:
        warnings = f"{totals['warning']} warning{'' if totals['warning'] == 1 else 's'}"
        lines.append(f"findings: {totals['fatal']} fatal, {warnings}; docs/findings.md explains each code")
    return lines


def _model_line(model: Mapping[str, Any]) -> str:
    fit = model["fit"]
    memory = f" (needs {fit['needed']:.1f}, reserves {fit['reserved']:.1f} of {fit['total']:.1f} GiB)" if fit else ""
    where = f"on {model['node']}" if model["node"] else "on no node yet"
    said = answer_line(model["answer"]).partition(": ")[2] if model["answer"] else "not asked or no answer"
    return f"{model['name']} {where}{memory}: {said}"
