# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWX objects of an organization that runs this collection: data, derived from a few names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..findings import refuse

PREFIX = "inferops.vllm"
MODES = ("bare_metal", "vgpu")
INVENTORY_VARIABLES = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}

_KUBECONFIG = "{{ tower.filename.kubeconfig }}"


def _secret(name: str, label: str, *, multiline: bool = False) -> dict[str, Any]:
    return {"id": name, "label": label, "type": "string", "secret": True, **({"multiline": True} if multiline else {})}


def _type(name: str, description: str, fields: Sequence[Mapping[str, Any]], injectors: Mapping[str, Any]) -> Any:
    return {
        "name": f"{PREFIX} {name}",
        "description": description,
        "kind": "cloud",
        "inputs": {"fields": list(fields), "required": [fields[0]["id"]]},
        "injectors": dict(injectors),
    }


CREDENTIAL_TYPES: dict[str, dict[str, Any]] = {
    "kubeconfig": _type(
        "kubeconfig",
        "Access to a site's cluster; the file exists while a job runs.",
        [_secret("kubeconfig", "Kubeconfig", multiline=True)],
        {
            "file": {"template.kubeconfig": "{{ kubeconfig }}"},
            "env": {"K8S_AUTH_KUBECONFIG": _KUBECONFIG, "KUBECONFIG": _KUBECONFIG},
        },
    ),
    "git_token": _type(
        "Git token",
        "Write access to a site's GitOps repository over https.",
        [_secret("git_token", "Token")],
        {"env": {"GIT_TOKEN": "{{ git_token }}"}},
    ),
    "git_ssh_key": _type(
        "Git SSH key",
        "Write access to a site's GitOps repository over SSH.",
        [_secret("git_ssh_key", "Private key", multiline=True)],
        {"env": {"GIT_SSH_KEY": "{{ git_ssh_key }}"}},
    ),
    "hf_token": _type(
        "Hugging Face token",
        "Download of the models; it is sealed and committed.",
        [_secret("hf_token", "Token")],
        {"env": {"HF_TOKEN": "{{ hf_token }}"}},
    ),
    "api_key": _type(
        "API key",
        "What clients of the served models present; it is sealed and committed.",
        [_secret("api_key", "Key")],
        {"env": {"VLLM_API_KEY": "{{ api_key }}"}},
    ),
    "sealing_key": _type(
        "sealing key",
        "At least 32 random characters; with it a rotated value is noticed without reading Secrets.",
        [_secret("sealing_key", "Key")],
        {"extra_vars": {"vllm_sealing_key": "{{ sealing_key }}"}},
    ),
}
"""By the name of their only input."""


def question(name: str, variable: str, kind: str, default: Any, **more: Any) -> dict[str, Any]:
    """One question of a survey, with every key that AWX returns, so that it compares equal the next time."""
    return {
        "question_name": name,
        "question_description": "",
        "required": False,
        "type": kind,
        "variable": variable,
        "min": None,
        "max": None,
        "default": default,
        "choices": [],
        "new_question": True,
        **more,
    }


def _yes_no(name: str, variable: str, default: str) -> dict[str, Any]:
    return question(name, variable, "multiplechoice", default, choices=["true", "false"])


TEMPLATES: dict[str, dict[str, Any]] = {
    "preflight": {
        "description": "Reads only: would a GPU pod run, and do the models fit?",
        "playbook": "playbooks/preflight.yml",
    },
    "plan": {
        "description": "Writes nothing: which model runs where, and what changes in Git.",
        "playbook": "playbooks/plan.yml",
        "job_type": "check",
        "diff_mode": True,
    },
    "site": {
        "description": "All five stages, to verified models.",
        "playbook": "site.yml",
        "diff_mode": True,
        "ask_tags_on_launch": True,
        "ask_job_type_on_launch": True,
    },
    "rotate_secrets": {
        "description": "A new value takes the place of an old one, which is proven to be refused.",
        "playbook": "playbooks/rotate_secrets.yml",
        "survey": [_yes_no("Restart the pods that hold the old value", "rotate_restart", "true")],
    },
    "upgrade": {
        "description": "Stages 4 and 5 of a live site; unsafe upgrades are refused with the procedure.",
        "playbook": "playbooks/upgrade.yml",
        "diff_mode": True,
        "survey": [
            question("Codes to go on with, as a YAML list", "vllm_upgrade_allow", "text", "[]", min=0, max=1024),
        ],
    },
    "drift": {
        "description": "Reads only: where do inventory, Git and cluster differ?",
        "playbook": "playbooks/drift.yml",
        "survey": [_yes_no("Fail where they differ", "drift_fail", "true")],
    },
    "verify": {
        "description": "Reads only: are the models served, and do they refuse what they must refuse?",
        "playbook": "playbooks/verify.yml",
    },
    "fleet": {
        "description": "Asks no site: one page and summary of what the jobs before it in a workflow handed on.",
        "playbook": "playbooks/fleet.yml",
    },
    "remove": {
        "description": "Takes the models off a site.",
        "playbook": "playbooks/remove.yml",
        "ask_limit_on_launch": True,
        "survey": [
            question("Name of the site, to confirm", "remove_confirm", "text", "", required=True, min=1, max=120),
            _yes_no("Delete the downloaded models too", "remove_purge", "false"),
        ],
    },
}
"""Job templates by name; each inventory gets its own, so that a kubeconfig never meets another town's inventory."""

STEPS: tuple[tuple[str, str, str], ...] = (
    ("preflight", "preflight", "plan"),
    ("plan", "plan", "approve"),
    ("approve", "", "apply"),
    ("apply", "site", "verify"),
    ("verify", "verify", ""),
)
"""The workflow: node, the template it runs (empty: an approval), the node that follows on success."""


def site_objects(settings: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """All objects of one organization.

    ``settings``: ``organization``, ``image``, ``project`` (name, url, branch, credential), ``inventories`` (name,
    source or sites, credentials) and ``credentials`` (name, type, value). Raises a Refusal for an unknown GPU mode
    or credential type, and for an inventory with neither or both of source and sites.
    """
    organization, project = settings["organization"], settings["project"]
    inventories: Sequence[Mapping[str, Any]] = settings["inventories"]
    own = {"organization": organization}
    environment = {"name": PREFIX, "image": settings["image"], "pull": "missing", **own}
    source = {
        "name": project["name"],
        "scm_type": "git",
        "scm_url": project["url"],
        "scm_branch": project.get("branch") or "",
        "scm_update_on_launch": True,
        "default_environment": PREFIX,
        **({"credential": project["credential"]} if project.get("credential") else {}),
        **own,
    }
    made: dict[str, list[dict[str, Any]]] = {
        "organizations": [{"name": organization}],
        "execution_environments": [environment],
        "credential_types": [dict(one) for one in CREDENTIAL_TYPES.values()],
        "credentials": [_credential(index, one, own) for index, one in enumerate(settings["credentials"])],
        "projects": [source],
        "inventories": [{"name": one["name"], "variables": INVENTORY_VARIABLES, **own} for one in inventories],
        "workflow_job_templates": [_workflow(one["name"], own) for one in inventories],
    }
    for index, inventory in enumerate(inventories):
        _place(made, f"awx_inventories[{index}]", inventory, project["name"])
    return made


def _credential(index: int, given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    if given["type"] not in CREDENTIAL_TYPES:
        allowed = ", ".join(CREDENTIAL_TYPES)
        raise refuse("awx-object-invalid", f"awx_credentials[{index}].type", f"is none of {allowed}")
    kind = CREDENTIAL_TYPES[given["type"]]["name"]
    return {"name": given["name"], "credential_type": kind, "inputs": {given["type"]: given["value"]}, **own}


def _place(made: dict[str, list[dict[str, Any]]], path: str, inventory: Mapping[str, Any], project: str) -> None:
    """Add what belongs to one inventory: its hosts or its source, its templates, the nodes of its workflow."""
    name, sites = inventory["name"], inventory.get("sites") or []
    if bool(sites) == bool(inventory.get("source")):
        raise refuse("awx-object-invalid", path, "needs either source or sites")
    within = {"inventory": name}
    if sites:
        _modes(path, sites)
        hosts = [{"name": one["name"], "variables": one.get("variables") or {}, **within} for one in sites]
        made.setdefault("hosts", []).extend(hosts)
        made.setdefault("groups", []).extend({**_group(mode, sites), **within} for mode in MODES)
    else:
        made.setdefault("inventory_sources", []).append(_source(inventory, project))
    credentials = list(inventory.get("credentials") or [])
    for short, template in TEMPLATES.items():
        made.setdefault("job_templates", []).append(_template(name, short, template, project, credentials))
    made.setdefault("workflow_job_template_nodes", []).extend(_nodes(name))


def _modes(path: str, sites: Sequence[Mapping[str, Any]]) -> None:
    for index, site in enumerate(sites):
        if site["gpu_mode"] not in MODES:
            raise refuse("awx-object-invalid", f"{path}.sites[{index}].gpu_mode", f"is none of {', '.join(MODES)}")


def _group(mode: str, sites: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    members = [site["name"] for site in sites if site["gpu_mode"] == mode]
    return {"name": mode, "variables": {"vllm_gpu_mode": mode}, "hosts": members}


def _source(inventory: Mapping[str, Any], project: str) -> dict[str, Any]:
    return {
        "name": inventory["source"],
        "inventory": inventory["name"],
        "source": "scm",
        "source_project": project,
        "source_path": inventory["source"],
        "update_on_launch": True,
        "overwrite": True,
        "overwrite_vars": True,
    }


def _template(
    inventory: str, short: str, template: Mapping[str, Any], project: str, credentials: list[str]
) -> dict[str, Any]:
    return {
        "job_type": "run",
        **template,
        "name": f"{inventory}: {short}",
        "inventory": inventory,
        "project": project,
        "execution_environment": PREFIX,
        "allow_simultaneous": False,
        "survey_enabled": "survey" in template,
        "credentials": credentials,
    }


def _workflow(inventory: str, own: Mapping[str, Any]) -> dict[str, Any]:
    description = "Preflight, plan, approval, site, verification."
    return {"name": f"{inventory}: roll out", "description": description, "allow_simultaneous": False, **own}


def _nodes(inventory: str) -> list[dict[str, Any]]:
    return [
        {
            "identifier": node,
            "workflow_job_template": f"{inventory}: roll out",
            **({"unified_job_template": f"{inventory}: {template}"} if template else {"approval": "Apply this plan?"}),
            "success_nodes": [after] if after else [],
        }
        for node, template, after in STEPS
    ]
