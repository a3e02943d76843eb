# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upgrade gate: what is committed against what would be committed, and what the difference does to a live site.

Argo CD would find most of it out by failing half-way, with models down. Every check is a function over the two states;
what is unsafe is refused together with the exact way to do it safely.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..engine.cuda import image_cuda
from ..engine.versions import engine_version
from ..findings import Finding, Severity, finding, refuse
from ..gpu.cuda import Support, oldest_driver, support
from ..suggest import did_you_mean
from .arguments import rendered_arguments
from .compare import differences
from .keys import mode
from .names import Names
from .produce import check_values
from .releases import RELEASES, Release, order
from .scene import quantity
from .state import State

ALLOWABLE = (
    "upgrade-selector-immutable",
    "upgrade-claim-shrinks",
    "upgrade-claim-immutable",
    "upgrade-claim-pruned",
    "upgrade-driver-too-old",
    "upgrade-old-unknown",
    "upgrade-router-older",
)
"""Fatal codes with which an operator may go on knowingly."""


@dataclass(frozen=True)
class Step:
    """One call to the API server that makes way for the new state. ``code`` is the finding that it belongs to."""

    code: str
    verb: str
    path: str
    query: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a module returns it."""
        return {"code": self.code, "verb": self.verb, "path": self.path, "query": self.query}


@dataclass(frozen=True)
class Upgrade:
    """Two states and what surrounds them. ``driver``: driver versions of the GPU nodes by node name."""

    old: State
    new: State
    release: str = "vllm"
    namespace: str = "vllm"
    drivers: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        """Object names; the same on both sides."""
        return Names(self.release, self.new.alias)

    @property
    def kept(self) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        """(name, old settings, new settings) of every model that is on both sides."""
        old = self.old.models
        return ((name, old[name], new) for name, new in self.new.models.items() if name in old)

    def subject(self, model: str, key: str) -> str:
        """How a value of a model is named in findings."""
        return f"{self.new.alias}.servingEngineSpec.modelSpec[{model}].{key}"


@dataclass(frozen=True)
class Gate:
    """The outcome. ``restarts``: the models whose pods are replaced, with the reason."""

    findings: list[Finding]
    steps: list[Step]
    restarts: dict[str, str]


Check = Callable[[Upgrade], Iterator[Finding]]


def gate(upgrade: Upgrade, allow: Collection[str] = ()) -> Gate:
    """Compare, and decide. Codes in ``allow`` become warnings. Raises a Refusal for an ``allow`` that means nothing."""
    _check_allow(allow)
    found = [f for check in CHECKS for f in check(upgrade)]
    findings = [_allowed(f) if f.code in allow else f for f in found]
    return Gate(findings, list(_steps(upgrade, {f.code for f in found})), restarts(upgrade))


def first_install() -> Finding:
    """What there is to say where nothing was committed before."""
    return finding("upgrade-first-install", "repository", "holds no wrapper chart yet: there is nothing to compare")


def restarts(upgrade: Upgrade) -> dict[str, str]:
    """The models whose pods are replaced, and why: their image, their arguments, or their other settings changed."""
    found: dict[str, str] = {}
    old_arguments, new_arguments = _argument_lists(upgrade.old), _argument_lists(upgrade.new)
    site = _site_changes(upgrade)
    for name, old, new in upgrade.kept:
        reasons = list(site)
        if any(old.get(key) != new.get(key) for key in ("repository", "tag")):
            reasons.append(f"image {old.get('repository')}:{old.get('tag')} → {new.get('repository')}:{new.get('tag')}")
        if old_arguments.get(name) != new_arguments.get(name):
            reasons.append("engine arguments")
        reasons = reasons or [change.path for change in differences(old, new)]
        if reasons:
            found[name] = ", ".join(reasons)
    return found


# ------------------------------------------------------------------------------------------------ selectors


def _selectors(upgrade: Upgrade) -> Iterator[Finding]:
    old, new = upgrade.old.release, upgrade.new.release
    affected = _replaced_deployments(upgrade)
    if not affected:
        return
    generation = old is not None and new is not None and old.selectors != new.selectors
    cause = f"chart {upgrade.old.chart_version} → {upgrade.new.chart_version}" if generation else "other labels"
    yield finding(
        "upgrade-selector-immutable",
        ", ".join(f"Deployment/{name}" for name in affected),
        f"{cause} changes spec.selector, which Kubernetes never changes: the sync would fail",
        fix=f"Plan a time without models, then run {_play('upgrade-selector-immutable')}: it commits, deletes these "
        "Deployments with their pods while syncing is paused, and syncs. By hand, after the commit: kubectl -n "
        f"{upgrade.namespace} delete deployment {' '.join(affected)} --cascade=foreground, then sync. Claims (the "
        "downloaded models), Services and Secrets stay.",
    )


def _play(code: str) -> str:
    """The command that carries a procedure out."""
    return f"""playbooks/upgrade.yml with -e '{{"vllm_upgrade_allow": ["{code}"]}}'"""


def _replaced_deployments(upgrade: Upgrade) -> list[str]:
    """Names of the Deployments of the old state whose selector differs in the new one."""
    old, new = upgrade.old.release, upgrade.new.release
    generation = old is not None and new is not None and old.selectors != new.selectors
    engines = generation or _labels(upgrade.old, "servingEngineSpec") != _labels(upgrade.new, "servingEngineSpec")
    router = generation or _labels(upgrade.old, "routerSpec") != _labels(upgrade.new, "routerSpec")
    names = upgrade.names
    found = [names.deployment(name) for name, _unused, _unused in upgrade.kept] if engines else []
    return found + ([names.router_deployment] if router else [])


def _labels(state: State, block: str) -> Any:
    return state.block(block).get("labels")


def _unknown_chart(upgrade: Upgrade) -> Iterator[Finding]:
    if upgrade.old.release is None:
        message = f"chart {upgrade.old.chart_version} is not known: whether its selectors change cannot be said"
        yield finding("upgrade-old-unknown", "Chart.yaml", message)


# --------------------------------------------------------------------------------------------------- claims


def _claims(upgrade: Upgrade) -> Iterator[Finding]:
    for name, old, new in upgrade.kept:
        claim = upgrade.names.claim(name)
        before, after = quantity(old.get("pvcStorage")), quantity(new.get("pvcStorage"))
        if before is None or after is None:
            continue
        sizes = f"{old['pvcStorage']} → {new['pvcStorage']}"
        if after < before:
            yield finding(
                "upgrade-claim-shrinks",
                f"PersistentVolumeClaim/{claim}",
                f"{sizes}: a claim never shrinks, the sync would fail",
                fix=f"Keep {old['pvcStorage']}; or give the model another name: a new claim, downloaded again.",
            )
        elif after > before:
            message = f"{sizes}: the StorageClass must have allowVolumeExpansion: true"
            yield finding("upgrade-claim-grows", f"PersistentVolumeClaim/{claim}", message)
        yield from _claim_kind(upgrade, name, old, new)


def _claim_kind(upgrade: Upgrade, name: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Finding]:
    for key in ("storageClass", "pvcAccessMode", "pvcMatchLabels"):
        if old.get(key) != new.get(key):
            claim, namespace = upgrade.names.claim(name), upgrade.namespace
            yield finding(
                "upgrade-claim-immutable",
                f"PersistentVolumeClaim/{claim}",
                f"{key} {old.get(key)!r} → {new.get(key)!r}: a claim keeps what it was made with, the sync would fail",
                fix=f"Keep it; or run {_play('upgrade-claim-immutable')}: it replaces the claim, and the model is "
                f"downloaded again. By hand, after the commit: kubectl -n {namespace} delete deployment "
                f"{upgrade.names.deployment(name)} && kubectl -n {namespace} delete pvc {claim}.",
            )


def _pruned(upgrade: Upgrade) -> Iterator[Finding]:
    new = upgrade.new.models
    for name, old in upgrade.old.models.items():
        if not isinstance(old.get("pvcStorage"), str) or (name in new and isinstance(new[name].get("pvcStorage"), str)):
            continue
        renamed = next(
            (n for n, m in new.items() if m.get("modelURL") == old.get("modelURL") and n not in upgrade.old.models), ""
        )
        reason = (
            f"{name} is now called {renamed}"
            if renamed
            else f"{name} is gone"
            if name not in new
            else "pvcStorage is gone"
        )
        yield finding(
            "upgrade-claim-pruned",
            f"PersistentVolumeClaim/{upgrade.names.claim(name)}",
            f"{reason}: Argo CD prunes the claim with the downloaded model",
            fix=f"Keep the name {name!r}; or allow this code: the download is lost and the model leaves the API.",
        )


# ----------------------------------------------------------------------------------------- models and engines


def _swapped(upgrade: Upgrade) -> Iterator[Finding]:
    for name, old, new in upgrade.kept:
        if old.get("modelURL") == new.get("modelURL"):
            continue
        message = (
            f"{old.get('modelURL')} → {new.get('modelURL')}: downloaded at the next start; clients must send the new id"
        )
        yield finding("upgrade-model-swapped", upgrade.subject(name, "modelURL"), message)


def _drivers(upgrade: Upgrade) -> Iterator[Finding]:
    for name, new in upgrade.new.models.items():
        old = upgrade.old.models.get(name, {})
        if (old.get("repository"), old.get("tag")) == (new.get("repository"), new.get("tag")):
            continue
        yield from _driver(upgrade, name, new)


def _driver(upgrade: Upgrade, name: str, model: dict[str, Any]) -> Iterator[Finding]:
    cuda = image_cuda(engine_version(str(model.get("repository")), str(model.get("tag"))))
    if cuda is None:
        return
    subject = upgrade.subject(name, "tag")
    built, asked = f"{model.get('tag')} is built with CUDA {cuda}", f"driver {oldest_driver(cuda)} or newer"
    if not upgrade.drivers:
        yield finding("upgrade-driver-unknown", subject, f"{built}: it asks for {asked}")
    for node, driver in upgrade.drivers.items():
        how = support(driver, cuda)
        if how is Support.NONE:
            yield finding("upgrade-driver-too-old", subject, f"{built}; node {node} has {driver}, it needs {asked}")
        elif how is Support.MINOR:
            message = (
                f"{built} and asks for {asked}; node {node} has {driver}, which runs it by minor-version compatibility"
            )
            yield finding("upgrade-driver-borderline", subject, message)


def _router(upgrade: Upgrade) -> Iterator[Finding]:
    release = upgrade.new.release
    tag = upgrade.new.block("routerSpec").get("tag")
    made_for = next((r for r in RELEASES.values() if r.router_commit == tag), None)
    if release and made_for and order(made_for.version) < order(release.version):
        message = f"is the router of chart {made_for.version}; chart {release.version} may pass options that it refuses"
        yield finding("upgrade-router-older", f"{upgrade.new.alias}.routerSpec.tag", message)


# ------------------------------------------------------------------------------------- settings that go missing


def _new_problems(upgrade: Upgrade) -> Iterator[Finding]:
    """What is wrong with the new state and was not wrong with the old one: dropped keys, removed arguments, traps."""
    if upgrade.new.release is None:
        message = f"chart {upgrade.new.chart_version} is not known"
        yield finding("values-chart-version-unknown", "Chart.yaml", message)
        return
    old = _problems(upgrade, upgrade.old, upgrade.old.release or upgrade.new.release)
    known = {(f.code, f.subject) for f in old}
    for problem in _problems(upgrade, upgrade.new, upgrade.new.release):
        if (problem.code, problem.subject) not in known or problem.severity is Severity.FATAL:
            yield problem


def _problems(upgrade: Upgrade, state: State, release: Release) -> list[Finding]:
    return check_values(state.values, release, upgrade.release, state.alias)


def _lost(upgrade: Upgrade) -> Iterator[Finding]:
    """Settings that were in force and are no longer written: somebody once needed them."""
    release = upgrade.old.release
    for change in differences(upgrade.old.values, upgrade.new.values):
        pattern = change.path.replace("[", "\0").partition("\0")[0]
        if (
            change.new is None
            and change.old not in (None, "", [], {}, False)
            and not _of_gone_model(upgrade, change.path)
        ):
            if release and "[" not in change.path and mode(pattern, release) is None:
                continue
            message = f"was {change.old!r} and is no longer set"
            yield finding("upgrade-setting-lost", f"{upgrade.new.alias}.{change.path}", message)


def _of_gone_model(upgrade: Upgrade, path: str) -> bool:
    name = path.partition("modelSpec.[")[2].partition("]")[0]
    return bool(name) and name not in upgrade.new.models


CHECKS: tuple[Check, ...] = (
    _selectors,
    _unknown_chart,
    _claims,
    _pruned,
    _swapped,
    _drivers,
    _router,
    _new_problems,
    _lost,
)


# -------------------------------------------------------------------------------------------------- helpers


def _steps(upgrade: Upgrade, codes: set[str]) -> Iterator[Step]:
    """What must be deleted for the new state to come up, in order."""
    apps, core = (f"{root}/namespaces/{upgrade.namespace}" for root in ("/apis/apps/v1", "/api/v1"))
    foreground = {"propagationPolicy": "Foreground"}
    if "upgrade-selector-immutable" in codes:
        for name in _replaced_deployments(upgrade):
            yield Step("upgrade-selector-immutable", "delete", f"{apps}/deployments/{name}", foreground)
    for name, old, new in upgrade.kept:
        if any(True for _unused in _claim_kind(upgrade, name, old, new)):
            for path in (f"{apps}/deployments/{upgrade.names.deployment(name)}",
                         f"{core}/persistentvolumeclaims/{upgrade.names.claim(name)}"):  # fmt: skip
                yield Step("upgrade-claim-immutable", "delete", path, foreground)


def _argument_lists(state: State) -> dict[str, list[str]]:
    release = state.release or next(iter(RELEASES.values()))
    lists = rendered_arguments(state.values, release)
    return {
        name: [str(a.text) for a in arguments] for name, arguments in zip(state.models, lists.values(), strict=False)
    }


def _site_changes(upgrade: Upgrade) -> list[str]:
    """What changed for all engines: the chart, or the engine block around the models."""
    old = {k: v for k, v in upgrade.old.block("servingEngineSpec").items() if k not in ("modelSpec", "strategy")}
    new = {k: v for k, v in upgrade.new.block("servingEngineSpec").items() if k not in ("modelSpec", "strategy")}
    chart = ["chart version"] if upgrade.old.chart_version != upgrade.new.chart_version else []
    return chart + [change.path for change in differences(old, new)]


def _allowed(problem: Finding) -> Finding:
    if problem.severity is not Severity.FATAL:
        return problem
    return replace(problem, severity=Severity.WARNING, message=f"{problem.message} (allowed)")


def _check_allow(allow: Collection[str]) -> None:
    for code in allow:
        if code not in ALLOWABLE:
            hint = did_you_mean(code, ALLOWABLE)
            raise refuse(
                "upgrade-allow-unknown", "allow", f"{code!r} cannot be allowed{hint}; can be: {', '.join(ALLOWABLE)}"
            )
