# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would Argo CD accept this change? Asked before anything is committed or applied.

The rules are those of Argo CD 3.2 (AppProject.IsSourcePermitted, IsDestinationPermitted, IsGroupKindPermitted and
git.NormalizeGitURL): one forbidden object fails the whole sync, and one unknown kind does too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

from ..findings import Finding, finding
from ..suggest import did_you_mean
from .objects import IN_CLUSTER

IN_CLUSTER_NAME = "in-cluster"
SCP_LIKE = re.compile(r"^(ssh://)?[^/:]*@[^@]+$")


@dataclass(frozen=True)
class Content:
    """One object that a sync would apply. ``namespaced`` is None when the cluster does not know the kind."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    namespaced: bool | None

    @property
    def subject(self) -> str:
        """How messages name it."""
        where = f"{self.namespace}/" if self.namespaced and self.namespace else ""
        return f"{self.kind}/{where}{self.name}"


class Reader(Protocol):
    """The part of a cluster connection that the scope look-up needs."""

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """One object, or None."""


def normalized_url(url: str) -> str:
    """A repository URL as Argo CD compares it: lower case, no ``.git``, SSH forms alike."""
    text = url.strip().lower()
    if SCP_LIKE.match(text) and not text.startswith("ssh://"):
        text = "ssh://" + text.replace(":", "/", 1)
    return text.removesuffix(".git").removeprefix("ssh://")


def check_repo_url(url: str, subject: str = "application.repo_url") -> list[Finding]:
    """Whether a Git client could make sense of this URL; the usual slip is ``https://host:group/repo``."""
    text = url.strip()
    if SCP_LIKE.match(text) and "://" not in text:
        return [] if ":" in text else [_bad_url(subject, url, "an scp-like address needs a colon before the path")]
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http", "ssh", "git", "file"):
        return [
            _bad_url(subject, _masked(text), "it must start with https://, ssh:// or be like git@host:group/repo.git")
        ]
    if parts.scheme in ("http", "https") and (parts.username or parts.password):
        return [_bad_url(subject, _masked(text), "credentials do not belong into a URL; use a repository credential")]
    try:
        parts.port  # noqa: B018 - raises for https://host:group/repo
    except ValueError:
        return [_bad_url(subject, _masked(text), "the part after the colon is no port; use a slash before the group")]
    if (parts.scheme != "file" and not parts.hostname) or not parts.path.strip("/"):
        return [_bad_url(subject, _masked(text), "it names no host or no repository")]
    return []


def _masked(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)


def _bad_url(subject: str, url: str, why: str) -> Finding:
    return finding("argocd-repo-url-invalid", subject, f"'{_masked(url)}': {why}")


def check_project(project: Mapping[str, Any] | None, app: Mapping[str, Any]) -> list[Finding]:
    """Whether ``project`` (live, or as it will be) lets ``app`` read its repositories and write to its destination."""
    spec = app.get("spec", {})
    name = spec.get("project") or "default"
    if project is None:
        return [finding("argocd-project-missing", f"AppProject/{name}", f"Application/{_name(app)} refers to it")]
    found = [
        finding(
            "argocd-repo-not-permitted",
            f"AppProject/{name}",
            f"sourceRepos does not permit {url} (it has: {_listed(_project_spec(project).get('sourceRepos'))})",
        )
        for url in _repositories(spec)
        if not permits_repository(project, url)
    ]
    destination = spec.get("destination") or {}
    if not permits_destination(project, destination, destination.get("namespace", "")):
        found.append(_destination_finding(project, destination))
    if _project_spec(project).get("signatureKeys"):
        found.append(finding("argocd-signature-required", f"AppProject/{name}", "it has signatureKeys"))
    return found


def check_contents(
    project: Mapping[str, Any], destination: Mapping[str, Any], contents: Iterable[Content]
) -> list[Finding]:
    """Whether ``project`` permits every object of a render. An empty render is a finding, not a pass."""
    everything = list(contents)
    if not everything:
        return [finding("argocd-nothing-rendered", f"AppProject/{_name(project)}", "the render holds no object")]
    brought = {item.name.partition(".")[2]: item for item in everything if item.kind == "CustomResourceDefinition"}
    found: dict[tuple[str, str, str], Finding] = {}
    for item in everything:
        for key, one in _check_content(project, destination, item, brought):
            found.setdefault(key, one)
    return list(found.values())


def _check_content(
    project: Mapping[str, Any], destination: Mapping[str, Any], item: Content, brought: Mapping[str, Content]
) -> Iterator[tuple[tuple[str, str, str], Finding]]:
    namespaced = item.namespaced
    if namespaced is None and item.group not in brought:
        missing = f"the cluster has no kind {item.kind} in {item.group}/{item.version}"
        yield ("crd", item.group, item.kind), finding("argocd-crd-missing", item.subject, missing)
        return
    if namespaced is None:
        namespaced = True  # custom kinds nearly always are; a wrong guess only shortens this check
    namespace = item.namespace or destination.get("namespace", "")
    if not permits_kind(project, item.group, item.kind, namespaced=namespaced):
        yield ("kind", item.group, item.kind), _kind_finding(project, item, namespaced)
    elif namespaced and not permits_destination(project, destination, namespace):
        yield (
            ("namespace", namespace, ""),
            finding(
                "argocd-namespace-not-permitted",
                f"AppProject/{_name(project)}",
                f"{item.subject} goes to namespace {namespace}, which no destination of the project permits",
            ),
        )


def _kind_finding(project: Mapping[str, Any], item: Content, namespaced: bool) -> Finding:
    where = "namespaceResourceWhitelist" if namespaced else "clusterResourceWhitelist"
    listed = _project_spec(project).get(where) or []
    hint = did_you_mean(item.kind, [entry.get("kind", "") for entry in listed])
    return finding(
        "argocd-kind-not-permitted",
        f"AppProject/{_name(project)}",
        f"{where} does not permit {item.group or 'core'}/{item.kind} ({item.subject}){hint}",
        fix=f"Add {{group: '{item.group}', kind: {item.kind}}} to {where} of the project, before the sync.",
    )


def _destination_finding(project: Mapping[str, Any], destination: Mapping[str, Any]) -> Finding:
    listed = [
        f"{item.get('server') or item.get('name')} / {item.get('namespace')}"
        for item in _project_spec(project).get("destinations") or ()
    ]
    return finding(
        "argocd-destination-not-permitted",
        f"AppProject/{_name(project)}",
        f"destinations does not permit namespace {destination.get('namespace')} on "
        f"{destination.get('server') or destination.get('name')} (it has: {_listed(listed)})",
    )


def permits_repository(project: Mapping[str, Any], url: str) -> bool:
    """AppProject.spec.sourceRepos, deny patterns (``!…``) included."""
    wanted, matched = normalized_url(url), False
    for pattern in _project_spec(project).get("sourceRepos") or ():
        denied = pattern.startswith("!")
        hit = _glob(normalized_url(pattern.removeprefix("!")), "/").fullmatch(wanted) is not None or pattern == "*"
        if denied and hit:
            return False
        matched = matched or hit or denied
    return matched


def permits_destination(project: Mapping[str, Any], destination: Mapping[str, Any], namespace: str) -> bool:
    """AppProject.spec.destinations for one namespace of one cluster, deny patterns included."""
    server, name = destination.get("server") or "", destination.get("name") or ""
    server, name = (server or IN_CLUSTER, name or IN_CLUSTER_NAME) if _in_cluster(server, name) else (server, name)
    matched = False
    for item in _project_spec(project).get("destinations") or ():
        on_server = bool(server) and _matches(item.get("server") or "", server)
        on_name = bool(name) and _matches(item.get("name") or "", name)
        in_namespace = _matches(item.get("namespace") or "", namespace)
        if (on_server or on_name) and in_namespace:
            matched = True
        elif _denies(item, on_server, on_name, in_namespace):
            return False
    return matched


def _denies(item: Mapping[str, Any], on_server: bool, on_name: bool, in_namespace: bool) -> bool:
    if not on_name and (item.get("name") or "").startswith("!"):
        return True
    if not on_server and (item.get("server") or "").startswith("!") and in_namespace:
        return True
    return not in_namespace and (item.get("namespace") or "").startswith("!") and on_server


def _in_cluster(server: str, name: str) -> bool:
    return server == IN_CLUSTER or name == IN_CLUSTER_NAME


def permits_kind(project: Mapping[str, Any], group: str, kind: str, *, namespaced: bool) -> bool:
    """The kind lists: an absent cluster whitelist denies all, an absent namespace whitelist allows all."""
    spec = _project_spec(project)
    where = "namespaceResource" if namespaced else "clusterResource"
    white, black = spec.get(f"{where}Whitelist"), spec.get(f"{where}Blacklist") or ()
    allowed = (namespaced and white is None) or _in_list(white or (), group, kind)
    return allowed and not _in_list(black, group, kind)


def _in_list(entries: Iterable[Mapping[str, Any]], group: str, kind: str) -> bool:
    return any(
        _glob(item.get("kind") or "", "/").fullmatch(kind) and _glob(item.get("group") or "", "/").fullmatch(group)
        for item in entries
    )


def _matches(pattern: str, value: str) -> bool:
    if pattern.startswith("!"):
        return _glob(pattern[1:], "").fullmatch(value) is None
    return _glob(pattern, "").fullmatch(value) is not None


@cache
def _glob(pattern: str, separator: str) -> re.Pattern[str]:
    """The glob dialect of Argo CD: ``*`` stops at the separator, ``**`` does not, ``?`` is one character."""
    single = f"[^{re.escape(separator)}]" if separator else "."
    parts = {"**": ".*", "*": f"{single}*", "?": single}
    return re.compile("".join(parts.get(p, re.escape(p)) for p in re.split(r"(\*\*|\*|\?)", pattern)), re.DOTALL)


def contents_of(manifests: Iterable[Mapping[str, Any]], scopes: Mapping[tuple[str, str], bool]) -> list[Content]:
    """The objects of a render with their scope. ``scopes`` is what :func:`scopes_of` says."""
    contents = []
    for manifest in manifests:
        group, version = _group_version(manifest)
        metadata = manifest.get("metadata") or {}
        contents.append(
            Content(
                group=group,
                version=version,
                kind=manifest["kind"],
                namespace=metadata.get("namespace") or "",
                name=metadata.get("name") or "",
                namespaced=scopes.get((manifest["apiVersion"], manifest["kind"])),
            )
        )
    return contents


def scopes_of(kinds: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], bool]:
    """Whether the kinds that :func:`read_kinds` found live in namespaces."""
    return {key: bool(kind.get("namespaced")) for key, kind in kinds.items()}


def read_kinds(cluster: Reader, manifests: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """What the cluster says of the kinds that it knows, by apiVersion and kind: one request an apiVersion."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for api_version in sorted({manifest["apiVersion"] for manifest in manifests}):
        prefix = "/apis/" if "/" in api_version else "/api/"
        listing = cluster.find(f"{prefix}{api_version}") or {}
        for resource in listing.get("resources") or ():
            if "/" not in resource.get("name", ""):  # deployments/scale has the kind Scale
                kinds[(api_version, resource["kind"])] = resource
    return kinds


def _group_version(manifest: Mapping[str, Any]) -> tuple[str, str]:
    group, _unused, version = str(manifest["apiVersion"]).rpartition("/")
    return group, version


def _repositories(spec: Mapping[str, Any]) -> list[str]:
    sources = [spec["source"]] if spec.get("source") else list(spec.get("sources") or ())
    return [source.get("repoURL", "") for source in sources]


def _project_spec(project: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = project.get("spec") or {}
    return spec


def _name(item: Mapping[str, Any]) -> str:
    return str((item.get("metadata") or {}).get("name", ""))


def _listed(values: Iterable[str] | None) -> str:
    return ", ".join(values or ()) or "none"
