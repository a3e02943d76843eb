# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of the rollout: project and Application as wanted, then at our revision and healthy, then what must exist.

Reads first, decides, writes last. A converged run costs three requests at most: project, Application, and a required
object.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..api_error import ApiError
from ..cluster import RESOURCES, path_of
from ..findings import Finding, Refusal, finding, raise_if_fatal, refuse
from ..suggest import did_you_mean
from . import access, contents, objects, ownership, permissions
from .gate import Done, Seen, Target, assess, compared_revision
from .objects import JSON
from .wait import Budgets, Connection, Reached, Wait


class Writer(Connection, Protocol):
    """A cluster connection that can apply."""

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> JSON:
        """Server-side apply."""

    def delete(self, path: str, **query: Any) -> JSON | None:
        """Delete one object."""


Waiter = Callable[[str, Target, Budgets, bool], Reached]
"""(name, target, budgets, refresh) -> how it ended; :func:`waiter` makes the real one."""


@dataclass(frozen=True)
class Request:
    """What the module was asked for; the fields are its options.

    ``project`` and ``application`` are the option dictionaries or None. ``parent`` is the app-of-apps Application.
    """

    namespace: str
    registration: str = ownership.DIRECT
    project: Mapping[str, Any] | None = None
    application: Mapping[str, Any] | None = None
    parent: str = ""
    adopt: bool = False
    target: Target = field(default_factory=Target)
    budgets: Budgets = field(default_factory=Budgets)
    wait: bool = True
    requires: tuple[Mapping[str, Any], ...] = ()
    contents: tuple[Mapping[str, Any], ...] = ()
    check_repository: bool = False

    @property
    def direct(self) -> bool:
        """Whether this collection applies the objects itself."""
        return self.registration == ownership.DIRECT


@dataclass
class Outcome:
    """What was found, done and reached; :meth:`to_dict` is the module's result."""

    changed: bool = False
    diff: list[JSON] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unstuck: list[str] = field(default_factory=list)
    application: JSON | None = None
    argocd_version: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Changed, diff, revision, sync, health, counts of resources, un-stick actions, findings."""
        status = (self.application or {}).get("status") or {}
        return {
            "changed": self.changed,
            "diff": self.diff,
            "revision": compared_revision(self.application or {}),
            "sync": (status.get("sync") or {}).get("status") or "Unknown",
            "health": (status.get("health") or {}).get("status") or "Unknown",
            "resources": summary(status.get("resources") or ()),
            "unstuck": self.unstuck,
            "argocd_version": self.argocd_version,
            "findings": self.findings,
        }


def summary(resources: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Resources by sync status: ``{Synced: [Deployment/a], OutOfSync: […]}``."""
    by_status: dict[str, list[str]] = {}
    for resource in resources:
        name = f"{resource.get('kind')}/{resource.get('name')}"
        by_status.setdefault(str(resource.get("status") or "Unknown"), []).append(name)
    return by_status


def waiter(cluster: Connection, namespace: str, progress: Callable[[str], None]) -> Waiter:
    """The wait on a real clock."""

    def wait(name: str, target: Target, budgets: Budgets, refresh: bool) -> Reached:
        return Wait(cluster, namespace, name, target, budgets, progress).run(refresh=refresh)

    return wait


def ensure(cluster: Writer, request: Request, *, check: bool, wait: Waiter) -> Outcome:
    """Bring the step about. Raises :class:`Refusal`; with ``check`` nothing is written and nothing waited for."""
    raise_if_fatal(check_request(request))
    outcome = Outcome()
    with _in_namespace(cluster, request.namespace):
        if request.direct:
            _apply(cluster, request, outcome, check=check)
        else:
            outcome.argocd_version = objects.minimum_version(_features(cluster))
            _follow_parent(request, outcome, wait, check=check)
            _compare(cluster, request, outcome, check=check)
    if request.wait and request.application and not check:
        _reach(request, outcome, wait)
    if not check:
        outcome.findings.extend(_required(cluster, request))
    raise_if_fatal(outcome.findings)
    return outcome


@contextmanager
def _in_namespace(cluster: Writer, name: str) -> Iterator[None]:
    """Rights are granted in a namespace, so whoever has them in another one is refused before it is looked for."""
    try:
        yield
    except ApiError as error:
        if error.status == http.client.FORBIDDEN and not _namespace_exists(cluster, name):
            raise refuse("argocd-namespace-missing", f"Namespace/{name}", f'namespaces "{name}" not found') from None
        raise


def _namespace_exists(cluster: Writer, name: str) -> bool:
    """Whether it does; who may not list namespaces is told about the right that was asked for first."""
    try:
        return any(cluster.items(path_of("Namespace"), fieldSelector=f"metadata.name={name}"))
    except ApiError:
        return True


def _features(cluster: Writer) -> frozenset[str]:
    """What the live definition of Applications knows."""
    crd = cluster.find(path_of("CustomResourceDefinition", None, objects.APPLICATION_CRD))
    if crd is None:
        raise refuse("argocd-not-installed", objects.APPLICATION_CRD, f"not found on {getattr(cluster, 'host', 'it')}")
    return objects.features_of(crd)


def _follow_parent(request: Request, outcome: Outcome, wait: Waiter, *, check: bool) -> None:
    """app_of_apps: the Application that owns ours comes first."""
    if request.wait and not check and request.parent:
        reached = wait(request.parent, request.target, replace(request.budgets, health=request.budgets.sync), True)
        outcome.unstuck.extend(f"{request.parent}: {what}" for what in reached.unstuck)


def check_request(request: Request) -> list[Finding]:
    """Options that contradict each other or do not suffice."""
    app = request.application
    if app is None and request.project is None:
        return [finding("argocd-nothing-to-do", "module argocd_application", "project and application are both empty")]
    found = [*_check_requires(request), *_check_manifests(request)]
    if found or app is None or not request.direct:
        return found
    missing = [key for key in ("project", "repo_url", "path", "namespace") if not app.get(key)]
    found = [finding("argocd-options-incomplete", f"application.{key}", "required for direct") for key in missing]
    return found or permissions.check_repo_url(app["repo_url"])


def _check_requires(request: Request) -> Iterator[Finding]:
    for index, wanted in enumerate(request.requires):
        if wanted["kind"] not in RESOURCES:
            hint = did_you_mean(str(wanted["kind"]), RESOURCES)
            message = f"{wanted['kind']} is not a kind that is looked at here{hint}"
            yield finding("argocd-options-incomplete", f"requires[{index}].kind", message)


def _check_manifests(request: Request) -> Iterator[Finding]:
    for index, manifest in enumerate(request.contents):
        metadata = manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if not all(isinstance(text, str) and text for text in (manifest.get("apiVersion"), manifest.get("kind"), name)):
            message = "needs apiVersion, kind and metadata.name, as text"
            yield finding("argocd-options-incomplete", f"contents[{index}]", message)


def _apply(cluster: Writer, request: Request, outcome: Outcome, *, check: bool) -> None:
    """direct: our own AppProject and Application, after everything that can be known before was checked."""
    wanted_project = objects.app_project(request.project, request.namespace) if request.project else None
    project_name = request.project["name"] if request.project else str((request.application or {}).get("project"))
    live_project = cluster.find(path_of("AppProject", request.namespace, project_name))
    live_app = _live_application(cluster, request)
    wanted_app = _wanted_application(cluster, request, live_app, outcome)
    found = ownership.check_owner(live_app, adopt=request.adopt)
    if wanted_project:
        found += ownership.check_owner(live_project, adopt=request.adopt)
    if wanted_app:
        project = wanted_project if request.project and request.project["name"] == project_name else live_project
        found += permissions.check_project(project or live_project, wanted_app)
        found += _check_contents(cluster, request, project or live_project, wanted_app, live_app)
        if live_app is None and request.check_repository:
            found += access.check(cluster, request.namespace, wanted_app["spec"]["source"]["repoURL"])
    raise_if_fatal(found)
    outcome.findings.extend(found)
    if wanted_project:
        _apply_one(cluster, wanted_project, live_project, outcome, check=check)
    if wanted_app:
        outcome.application = _apply_one(cluster, wanted_app, live_app, outcome, check=check)


def _wanted_application(cluster: Writer, request: Request, live: JSON | None, outcome: Outcome) -> JSON | None:
    """The Application to apply. The definition (half a megabyte) is read only where the live one is not as wanted."""
    features = objects.features_in(live) if live else frozenset()
    if features and request.application:
        wanted = objects.application(request.application, request.namespace, features)
        if ownership.as_applied(wanted, live):
            outcome.argocd_version = objects.minimum_version(features)
            return wanted
    features = _features(cluster)
    outcome.argocd_version = objects.minimum_version(features)
    return objects.application(request.application, request.namespace, features) if request.application else None


def _apply_one(cluster: Writer, wanted: JSON, live: JSON | None, outcome: Outcome, *, check: bool) -> JSON:
    subject = f"{wanted['kind']}/{wanted['metadata']['name']}"
    if live and ownership.as_applied(wanted, live):
        return live
    try:
        applied = cluster.apply(wanted, dry_run=check)
    except ApiError as error:
        raise Refusal([ownership.explain_refusal(error, subject)]) from None
    before, after = objects.managed_part(live), objects.managed_part(applied)
    if check:
        changed = before != after
    else:
        changed = live is None or live["metadata"].get("resourceVersion") != applied["metadata"].get("resourceVersion")
        changed = changed and before != after
    if changed:
        outcome.changed = True
        outcome.diff.append({"before": before, "after": after, "before_header": subject, "after_header": subject})
    return applied


def _compare(cluster: Writer, request: Request, outcome: Outcome, *, check: bool) -> None:
    """app_of_apps: Git has written the objects; see that they permit and say what the inventory says.

    In check mode the commit does not exist yet: what it adds to the project counts as there, and only its contents can
    stop the run.
    """
    live_app = outcome.application = _live_application(cluster, request)
    found: list[Finding] = []
    live_project = None
    if request.project:
        live_project = cluster.find(path_of("AppProject", request.namespace, request.project["name"]))
        found += _check_live_project(request.project, request.namespace, live_project)
    if check:
        project = contents.effective_project(live_project, request.project)
        planned = _check_contents(cluster, request, project, live_app or _planned(request), live_app)
        raise_if_fatal(planned)
        outcome.findings.extend(planned)
        return
    if request.application and live_app is None:
        subject = f"Application/{request.application['name']}"
        found.append(finding("argocd-application-missing", subject, f"not found in namespace {request.namespace}"))
    elif request.application and live_app:
        found += _check_live_application(request.application, live_app)
        project = cluster.find(path_of("AppProject", request.namespace, live_app["spec"].get("project", "default")))
        found += permissions.check_project(project, live_app)
        found += _check_contents(cluster, request, project, live_app, live_app)
    raise_if_fatal(found)
    outcome.findings.extend(found)


def _planned(request: Request) -> JSON:
    """The Application that the app-of-apps will make, as far as the inventory says it."""
    app = request.application or {}
    destination = {"server": app.get("server") or objects.IN_CLUSTER, "namespace": app.get("namespace") or ""}
    policy = {"syncOptions": app.get("sync_options") or []}
    return {
        "metadata": {"name": app.get("name", "")},
        "spec": {"destination": destination, "syncPolicy": policy},
    }


def _check_live_project(wanted: Mapping[str, Any], namespace: str, live: JSON | None) -> list[Finding]:
    """Whether the live project permits at least what the inventory asks for."""
    subject = f"AppProject/{wanted['name']}"
    if live is None:
        return [finding("argocd-project-missing", subject, f"not found in namespace {namespace}")]
    found = [
        finding("argocd-repo-not-permitted", subject, f"sourceRepos does not permit {url}")
        for url in wanted.get("source_repos") or ()
        if not permissions.permits_repository(live, url)
    ]
    found += [
        finding("argocd-kind-not-permitted", subject, f"clusterResourceWhitelist does not permit {item['kind']}")
        for item in wanted.get("cluster_resources") or ()
        if not permissions.permits_kind(live, item.get("group") or "", item["kind"], namespaced=False)
    ]
    found += [
        finding("argocd-destination-not-permitted", subject, f"namespace {destination.get('namespace')}")
        for destination in wanted.get("destinations") or ()
        if not permissions.permits_destination(live, destination, destination.get("namespace") or "")
    ]
    return found


def _check_live_application(wanted: Mapping[str, Any], live: JSON) -> list[Finding]:
    """Fields the inventory names and the live Application has otherwise."""
    spec = live["spec"]
    source: Mapping[str, Any] = spec.get("source") or next(iter(spec.get("sources") or ()), {})
    pairs = {
        "project": (wanted.get("project"), spec.get("project")),
        "path": (wanted.get("path"), source.get("path")),
        "namespace": (wanted.get("namespace"), (spec.get("destination") or {}).get("namespace")),
        "repo_url": (
            permissions.normalized_url(wanted.get("repo_url") or ""),
            permissions.normalized_url(source.get("repoURL") or ""),
        ),
    }
    subject = f"Application/{live['metadata']['name']}"
    return [
        finding("argocd-application-differs", subject, f"{name} is {is_now!r}, wanted {should!r}")
        for name, (should, is_now) in pairs.items()
        if should and should != is_now
    ]


def _check_contents(
    cluster: Writer,
    request: Request,
    project: Mapping[str, Any] | None,
    app: Mapping[str, Any],
    live_app: Mapping[str, Any] | None,
) -> list[Finding]:
    if not request.contents or project is None:
        return []
    return contents.check(cluster, project, app, live_app, request.contents)


def _live_application(cluster: Writer, request: Request) -> JSON | None:
    if not request.application:
        return None
    return cluster.find(path_of("Application", request.namespace, request.application["name"]))


def _reach(request: Request, outcome: Outcome, wait: Waiter) -> None:
    """Wait, unless the Application as it was just read already is where it should be."""
    if not request.application:
        raise AssertionError("the caller has looked")
    app = outcome.application
    known = replace(request.target, is_descendant=lambda _revision: False)  # asking Git is for the wait
    verdict = assess(app, known, Seen()) if app and request.target.revision and not outcome.changed else None
    if isinstance(verdict, Done):
        outcome.findings.extend(verdict.warnings)
        return
    reached = wait(request.application["name"], request.target, request.budgets, True)
    outcome.application = reached.application
    outcome.unstuck.extend(reached.unstuck)
    outcome.findings.extend(reached.warnings)


def _required(cluster: Writer, request: Request) -> list[Finding]:
    name = (request.application or {}).get("name", "")
    found: list[Finding] = []
    for wanted in request.requires:
        live = cluster.find(path_of(wanted["kind"], wanted.get("namespace"), wanted["name"]))
        found += ownership.check_required(wanted, live and {"kind": wanted["kind"], **live}, name)
    return found
