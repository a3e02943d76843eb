# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small AWX: its REST API v2 as far as this collection uses it, and stricter where AWX forgives.

It refuses unknown fields (AWX ignores them), so that a payload with a misspelt one cannot pass. Everything else is
what AWX does: names unique in their scope, references by id, secrets returned as ``$encrypted$``, a project that is
not updated at once, templates whose playbook the project must have, surveys that are checked.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "standin-token-0123456789"
ENCRYPTED = "$encrypted$"
PROMPTED = "variables limit inventory scm_branch tags skip_tags job_type diff_mode credential"
PROMPTS = [f"ask_{what}_on_launch" for what in PROMPTED.split()]
TEXT, FLAG, WHOLE, MAPPING = str, bool, int, dict

SCHEMA: dict[str, dict[str, Any]] = {
    "organizations": {"name": TEXT, "description": TEXT, "max_hosts": WHOLE},
    "execution_environments": {
        "name": TEXT,
        "description": TEXT,
        "image": TEXT,
        "pull": ("always", "missing", "never"),
        "organization": "organizations",
        "credential": "credentials",
    },
    "credential_types": {
        "name": TEXT,
        "description": TEXT,
        "kind": ("cloud", "net"),
        "inputs": MAPPING,
        "injectors": MAPPING,
    },
    "credentials": {
        "name": TEXT,
        "description": TEXT,
        "inputs": MAPPING,
        "organization": "organizations",
        "credential_type": "credential_types",
    },
    "projects": {
        "name": TEXT,
        "description": TEXT,
        "scm_type": ("", "git", "svn", "insights", "archive"),
        "scm_url": TEXT,
        "scm_branch": TEXT,
        "scm_clean": FLAG,
        "scm_update_on_launch": FLAG,
        "scm_update_cache_timeout": WHOLE,
        "allow_override": FLAG,
        "organization": "organizations",
        "credential": "credentials",
        "default_environment": "execution_environments",
    },
    "inventories": {
        "name": TEXT,
        "description": TEXT,
        "variables": TEXT,
        "kind": ("", "smart", "constructed"),
        "organization": "organizations",
    },
    "hosts": {"name": TEXT, "description": TEXT, "variables": TEXT, "enabled": FLAG, "inventory": "inventories"},
    "groups": {"name": TEXT, "description": TEXT, "variables": TEXT, "inventory": "inventories"},
    "inventory_sources": {
        "name": TEXT,
        "description": TEXT,
        "source": ("file", "scm", "constructed", "ec2"),
        "source_path": TEXT,
        "update_on_launch": FLAG,
        "overwrite": FLAG,
        "overwrite_vars": FLAG,
        "inventory": "inventories",
        "source_project": "projects",
        "execution_environment": "execution_environments",
    },
    "job_templates": {
        "name": TEXT,
        "description": TEXT,
        "job_type": ("run", "check"),
        "playbook": TEXT,
        "forks": WHOLE,
        "timeout": WHOLE,
        "verbosity": WHOLE,
        "limit": TEXT,
        "job_tags": TEXT,
        "extra_vars": TEXT,
        "diff_mode": FLAG,
        "allow_simultaneous": FLAG,
        "survey_enabled": FLAG,
        **dict.fromkeys(PROMPTS, FLAG),
        "inventory": "inventories",
        "project": "projects",
        "execution_environment": "execution_environments",
    },
    "workflow_job_templates": {
        "name": TEXT,
        "description": TEXT,
        "limit": TEXT,
        "extra_vars": TEXT,
        "allow_simultaneous": FLAG,
        "survey_enabled": FLAG,
        **dict.fromkeys(PROMPTS[:6], FLAG),
        "organization": "organizations",
        "inventory": "inventories",
    },
    "workflow_job_template_nodes": {
        "identifier": TEXT,
        "job_type": ("run", "check", None),
        "diff_mode": FLAG,
        "limit": TEXT,
        "extra_data": MAPPING,
        "all_parents_must_converge": FLAG,
        "workflow_job_template": "workflow_job_templates",
        "unified_job_template": "job_templates",
        "inventory": "inventories",
    },
}
REQUIRED = {
    "execution_environments": ("image",),
    "credential_types": ("kind",),
    "credentials": ("credential_type",),
    "projects": ("organization",),
    "inventories": ("organization",),
    "hosts": ("inventory",),
    "groups": ("inventory",),
    "inventory_sources": ("inventory", "source"),
    "job_templates": ("project", "playbook"),
    "workflow_job_template_nodes": ("workflow_job_template",),
}
SCOPES = ("workflow_job_template", "organization", "inventory")
LISTS = {
    ("groups", "hosts"): "hosts",
    ("job_templates", "credentials"): "credentials",
    **{
        ("workflow_job_template_nodes", f"{when}_nodes"): "workflow_job_template_nodes"
        for when in ("success", "failure", "always")
    },
}
QUESTION = {
    "question_name",
    "question_description",
    "required",
    "type",
    "variable",
    "min",
    "max",
    "default",
    "choices",
    "new_question",
}
QUESTION_TYPES = {"text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect"}


class Refused(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body
        super().__init__(str(body))


class Awx:
    """The state of one AWX, and the log of what was written."""

    def __init__(self, playbooks: set[str]) -> None:
        self.playbooks = playbooks
        self.objects: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in SCHEMA}
        self.lists: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[tuple[str, int], dict[str, Any]] = {}
        self.secrets: dict[int, dict[str, Any]] = {}
        self.writes: list[str] = []
        self.syncs: dict[int, list[str]] = {}
        self.sync = ["pending", "running", "successful"]
        self.number = 0

    def called(self, name: str, kind: str) -> dict[str, Any]:
        (found,) = [one for one in self.objects[kind].values() if one.get("name", one.get("identifier")) == name]
        return found

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append(f"{method} {path}")
        kind, ident, sub = re.fullmatch(r"([a-z_]+)/(?:(\d+)/(?:([a-z_]+)/)?)?", path).groups()  # type: ignore[union-attr]
        if kind not in SCHEMA:
            raise Refused(404, {"detail": "Not found."})
        if ident is None:
            return self._collection(method, kind, query, body)
        number = int(ident)
        if number not in self.objects[kind]:
            raise Refused(404, {"detail": "Not found."})
        if sub == "survey_spec":
            return self._survey(method, kind, number, body)
        if sub == "create_approval_template":
            return self._approval(kind, number, body)
        if sub:
            return self._list(method, (kind, number, sub), query, body)
        if method == "PATCH":
            self._write(kind, number, body)
        return 200, self._shown(kind, number)

    def _collection(self, method: str, kind: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if method == "GET":
            wanted = {name: value for name, value in query.items() if name not in ("page", "page_size")}
            unknown = set(wanted) - set(SCHEMA[kind]) - {"id"}
            if unknown:
                raise Refused(400, {"detail": f"{kind} has no field named '{unknown.pop()}'"})
            numbers = [
                number
                for number, one in self.objects[kind].items()
                if all(str(one.get(name)) == value for name, value in wanted.items())
            ]
            return 200, page([self._shown(kind, number) for number in numbers], query)
        for name in ("identifier" if "identifier" in SCHEMA[kind] else "name", *REQUIRED.get(kind, ())):
            if body.get(name) in (None, ""):
                raise Refused(400, {name: ["This field is required."]})
        self.number += 1
        self._write(kind, self.number, body)
        if kind == "projects":
            self.syncs[self.number] = list(self.sync)
        return 201, self._shown(kind, self.number)

    def _write(self, kind: str, number: int, body: Mapping[str, Any]) -> None:
        for name, value in body.items():
            self._check(kind, name, value)
        merged = {**self.objects[kind].get(number, {"id": number}), **body}
        self._unique(kind, number, merged)
        if kind == "credentials":
            merged["inputs"] = self._credential(number, merged)
        if kind == "job_templates":
            project = merged["project"]
            if self._status(project) != "successful" or merged["playbook"] not in self.playbooks:
                raise Refused(400, {"playbook": ["Playbook not found for project."]})
        if kind == "projects" and number in self.objects[kind]:
            self.syncs[number] = list(self.sync)
        self.objects[kind][number] = merged

    def _check(self, kind: str, name: str, value: Any) -> None:
        expected = SCHEMA[kind].get(name)
        if expected is None:
            raise Refused(400, {name: ["Unknown field."]})
        if isinstance(expected, str):
            if value is not None and value not in self.objects[expected]:
                raise Refused(400, {name: [f'Invalid pk "{value}" - object does not exist.']})
        elif isinstance(expected, tuple):
            if value not in expected:
                raise Refused(400, {name: [f'"{value}" is not a valid choice.']})
        elif type(value) is not expected:
            raise Refused(400, {name: [f"Not a valid {expected.__name__}."]})

    def _unique(self, kind: str, number: int, merged: Mapping[str, Any]) -> None:
        label = "identifier" if "identifier" in SCHEMA[kind] else "name"
        scope = "" if kind == "job_templates" else next((one for one in SCOPES if one in SCHEMA[kind]), "")
        for other, one in self.objects[kind].items():
            same = one.get(label) == merged.get(label) and one.get(scope) == merged.get(scope)
            if other != number and same:
                raise Refused(400, {"__all__": [f"{kind} with this {label} already exists."]})

    def _credential(self, number: int, merged: Mapping[str, Any]) -> dict[str, Any]:
        fields = self.objects["credential_types"][merged["credential_type"]]["inputs"]["fields"]
        known = {one["id"]: one.get("secret", False) for one in fields}
        kept = self.secrets.get(number, {})
        inputs = {
            name: kept.get(name, value) if value == ENCRYPTED else value for name, value in merged["inputs"].items()
        }
        if set(inputs) - set(known):
            raise Refused(400, {"inputs": [f"Additional properties are not allowed ({set(inputs) - set(known)})"]})
        self.secrets[number] = inputs
        return {name: ENCRYPTED if known[name] else value for name, value in inputs.items()}

    def _status(self, number: int) -> str:
        return self.syncs[number][0]

    def _shown(self, kind: str, number: int) -> dict[str, Any]:
        shown = {"summary_fields": {}, **self.objects[kind][number]}
        if kind == "projects":
            shown["status"] = self._status(number)
            if len(self.syncs[number]) > 1:
                self.syncs[number].pop(0)
        if kind == "workflow_job_template_nodes" and "approval" in shown:
            shown["summary_fields"] = {
                "unified_job_template": {"name": shown.pop("approval"), "unified_job_type": "workflow_approval"}
            }
        return shown

    def _survey(self, method: str, kind: str, number: int, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, self.surveys.get((kind, number), {})
        if set(body) != {"name", "description", "spec"}:
            raise Refused(400, {"error": "'name', 'description' and 'spec' are needed."})
        for index, one in enumerate(body["spec"]):
            wrong = set(one) ^ QUESTION or one["type"] not in QUESTION_TYPES or not one["variable"]
            if wrong or (one["type"].startswith("multi") and one["default"] not in one["choices"]):
                raise Refused(400, {"error": f"survey question {index} is wrong."})
        self.surveys[kind, number] = body
        return 200, {}

    def _approval(self, kind: str, number: int, body: Any) -> tuple[int, Any]:
        if kind != "workflow_job_template_nodes" or set(body) - {"name", "description", "timeout"} or not body["name"]:
            raise Refused(400, {"detail": "Wrong approval."})
        self.objects[kind][number]["approval"] = body["name"]
        return 201, {}

    def _list(self, method: str, place: tuple[str, int, str], query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        target = LISTS.get((place[0], place[2]))
        if target is None:
            raise Refused(404, {"detail": "Not found."})
        members = self.lists.setdefault(place, [])
        if method == "GET":
            return 200, page([self._shown(target, number) for number in members], query)
        if set(body) - {"id", "disassociate"} or body["id"] not in self.objects[target]:
            raise Refused(400, {"msg": "Wrong association."})
        if body.get("disassociate"):
            members.remove(body["id"])
        elif body["id"] not in members:
            self._one_of_each_type(target, [*members, body["id"]])
            members.append(body["id"])
        return 204, None

    def _one_of_each_type(self, target: str, numbers: list[int]) -> None:
        if target == "credentials":
            types = [self.objects[target][number]["credential_type"] for number in numbers]
            if len(types) != len(set(types)):
                raise Refused(400, {"error": "Cannot assign multiple credentials of one type."})


def page(results: list[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    size, number = min(int(query.get("page_size", 25)), 200), int(query.get("page", 1))
    part = results[(number - 1) * size : number * size]
    more = f"/api/v2/?page={number + 1}" if number * size < len(results) else None
    return {"count": len(results), "next": more, "previous": None, "results": part}


def handler_of(awx: Awx) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urlsplit(self.path)
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(401, {"detail": "Authentication credentials were not provided."})
                if not url.path.startswith("/api/v2/"):
                    raise Refused(404, {"detail": "The requested resource could not be found."})
                path = url.path.removeprefix("/api/v2/")
                status, answer = awx.answer(self.command, path, dict(parse_qsl(url.query)), body)
            except Refused as refused:
                status, answer = refused.status, refused.body
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    return Handler


@contextmanager
def serving(awx: Awx) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(awx))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
