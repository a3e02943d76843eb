# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking for a merge: the REST APIs of GitHub, GitLab and Gitea (and what speaks like them).

Builds requests and reads answers; whoever calls brings ``send``, which does the HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..findings import refuse
from .remote import LOOPBACK, Address, scrub

KINDS = ("github", "gitlab", "gitea")
AUTO = "auto"
HOSTS = {"github": ("github",), "gitlab": ("gitlab",), "gitea": ("gitea", "forgejo", "codeberg")}
"""What a host's name holds when the provider is told from it."""

PAGE = 50
MAXIMUM_PAGES = 20


@dataclass(frozen=True)
class ApiRequest:
    """One HTTP request. ``body`` is JSON, or empty for GET."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@dataclass(frozen=True)
class ApiResponse:
    """What came back: the HTTP status and the body."""

    status: int
    body: bytes


Send = Callable[[ApiRequest], ApiResponse]
"""Does one request. Raises a Refusal ``gitops-provider-unreachable`` when nothing answers."""


@dataclass(frozen=True)
class Provider:
    """Where and as whom to ask: ``api`` is the base URL, ``project`` is ``owner/name``."""

    kind: str
    api: str
    project: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class PullRequest:
    """An open request to merge; ``created`` says whether this call opened it."""

    url: str
    created: bool = False


def provider_of(address: Address, kind: str, api_url: str, token: str) -> Provider:
    """The provider of a repository.

    ``kind`` is one of :data:`KINDS`, or ``auto`` to tell it from the host's name; ``api_url`` is empty for the
    usual place of that kind. Raises ``gitops-provider-unknown``.
    """
    by_host = next((k for k, words in HOSTS.items() if any(word in address.host for word in words)), "")
    found = by_host if kind == AUTO else kind
    if not found:
        raise refuse("gitops-provider-unknown", "provider", f"cannot be told from host '{address.host}'")
    if not token:
        raise refuse("gitops-provider-unknown", "token", f"is empty; the API of {found} needs it")
    api = (api_url or _usual_api(found, address)).rstrip("/")
    parts = urlsplit(api)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username:
        raise refuse("gitops-url-invalid", "api_url", "is not a plain https:// URL")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise refuse("gitops-url-invalid", "api_url", "would send the token over plain http", fix="Use https://.")
    return Provider(found, api, address.project, token)


def _usual_api(kind: str, address: Address) -> str:
    if kind == "github" and address.host in ("github.com", "ssh.github.com"):
        return "https://api.github.com"
    origin = address.origin if address.scheme in ("https", "http") else f"https://{address.host}"
    return origin + {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}[kind]


def _headers(provider: Provider) -> dict[str, str]:
    scheme = "token" if provider.kind == "gitea" else "Bearer"
    headers = {"Authorization": f"{scheme} {provider.token}", "Content-Type": "application/json"}
    accept = "application/vnd.github+json" if provider.kind == "github" else "application/json"
    return {**headers, "Accept": accept}


def _collection(provider: Provider) -> str:
    if provider.kind == "gitlab":
        return f"{provider.api}/projects/{quote(provider.project, safe='')}/merge_requests"
    return f"{provider.api}/repos/{quote(provider.project)}/pulls"


def find_request(provider: Provider, head: str, base: str, page: int = 1) -> ApiRequest:
    """Lists open requests from branch ``head`` into ``base`` (Gitea: all open ones, ``page`` by page)."""
    owner = provider.project.partition("/")[0]
    queries: dict[str, dict[str, Any]] = {
        "github": {"state": "open", "head": f"{owner}:{head}", "base": base},
        "gitlab": {"state": "opened", "source_branch": head, "target_branch": base},
        "gitea": {"state": "open", "limit": PAGE, "page": page},
    }
    return ApiRequest("GET", f"{_collection(provider)}?{urlencode(queries[provider.kind])}", _headers(provider))


def create_request(provider: Provider, head: str, base: str, title: str, text: str) -> ApiRequest:
    """Opens a request from branch ``head`` into ``base``."""
    body: dict[str, Any] = {"title": title, "head": head, "base": base, "body": text}
    if provider.kind == "gitlab":
        body = {"title": title, "source_branch": head, "target_branch": base, "description": text}
        body["remove_source_branch"] = True
    return ApiRequest("POST", _collection(provider), _headers(provider), json.dumps(body).encode())


def url_in(provider: Provider, item: Any) -> str:
    """The address at which a person sees the request ``item`` of an answer."""
    key = "web_url" if provider.kind == "gitlab" else "html_url"
    return str(item.get(key) or "") if isinstance(item, dict) else ""


def _matches(provider: Provider, item: Any, head: str, base: str) -> bool:
    if not isinstance(item, dict):
        return False
    if provider.kind == "gitlab":
        return (item.get("source_branch"), item.get("target_branch")) == (head, base)
    return ((item.get("head") or {}).get("ref"), (item.get("base") or {}).get("ref")) == (head, base)


def find(send: Send, provider: Provider, head: str, base: str) -> PullRequest | None:
    """The open request from ``head`` into ``base``, if there is one."""
    for page in range(1, MAXIMUM_PAGES + 1):
        items = _answer(provider, send(find_request(provider, head, base, page)), list)
        for item in items:
            if _matches(provider, item, head, base):
                return PullRequest(url_in(provider, item))
        if provider.kind != "gitea" or len(items) < PAGE:
            break
    return None


def ensure(send: Send, provider: Provider, head: str, base: str, title: str, text: str) -> PullRequest:
    """The open request from ``head`` into ``base``; opened if there is none. Raises ``gitops-provider-…``."""
    if (found := find(send, provider, head, base)) is not None:
        return found
    response = send(create_request(provider, head, base, title, text))
    if response.status in (409, 422) and (found := find(send, provider, head, base)) is not None:
        return found
    return PullRequest(url_in(provider, _answer(provider, response, dict)), created=True)


def _answer(provider: Provider, response: ApiResponse, shape: type) -> Any:
    """The JSON of a good answer. Raises ``gitops-provider-refused`` for any other."""
    try:
        data = json.loads(response.body or b"null")
    except ValueError:
        data = None
    if 200 <= response.status < 300 and isinstance(data, shape):
        return data
    message = data.get("message") or data.get("error") if isinstance(data, dict) else None
    reason = f"answers {response.status}" + (f": {message}" if message else "")
    raise refuse(
        "gitops-provider-refused", f"{provider.kind} {provider.project}", scrub(reason, [provider.token])[:300]
    )
