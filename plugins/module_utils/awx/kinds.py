# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of AWX objects that this collection manages: paths, fields and references of AWX's REST API v2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_PROMPTS = (
    "ask_variables_on_launch",
    "ask_limit_on_launch",
    "ask_inventory_on_launch",
    "ask_scm_branch_on_launch",
    "ask_tags_on_launch",
    "ask_skip_tags_on_launch",
)


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    ``fields`` are its plain fields, ``refs`` the fields that name another object (field -> kind), ``lists`` the
    sub-resources that associate other objects (sub-resource -> kind), ``scope`` the parent within which a name
    is looked up, ``required`` what AWX wants at creation besides the name, ``texts`` the fields in which AWX keeps a
    mapping as text, ``survey`` whether the kind has a survey.
    """

    name: str
    fields: tuple[str, ...] = ()
    refs: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    scope: str = ""
    required: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    survey: bool = False
    identity: str = "name"

    @property
    def known(self) -> tuple[str, ...]:
        """Every key that a desired object may have."""
        extra = ("survey",) if self.survey else ()
        return (self.identity, *self.fields, *self.refs, *self.lists, *extra)


_ORGANIZATION = {"organization": "organizations"}

_ALL = (
    Kind("organizations", ("description", "max_hosts")),
    Kind(
        "execution_environments",
        ("description", "image", "pull"),
        {**_ORGANIZATION, "credential": "credentials"},
        required=("image",),
    ),
    Kind(
        "credential_types",
        ("description", "kind", "inputs", "injectors"),
        required=("kind",),
    ),
    Kind(
        "credentials",
        ("description", "inputs"),
        {**_ORGANIZATION, "credential_type": "credential_types"},
        required=("credential_type", "organization"),
    ),
    Kind(
        "projects",
        (
            "description",
            "scm_type",
            "scm_url",
            "scm_branch",
            "scm_clean",
            "scm_update_on_launch",
            "scm_update_cache_timeout",
            "allow_override",
        ),
        {**_ORGANIZATION, "credential": "credentials", "default_environment": "execution_environments"},
        required=("organization", "scm_url"),
    ),
    Kind(
        "inventories",
        ("description", "variables", "kind"),
        _ORGANIZATION,
        required=("organization",),
        texts=("variables",),
    ),
    Kind(
        "hosts",
        ("description", "variables", "enabled"),
        {"inventory": "inventories"},
        scope="inventory",
        required=("inventory",),
        texts=("variables",),
    ),
    Kind(
        "groups",
        ("description", "variables"),
        {"inventory": "inventories"},
        {"hosts": "hosts"},
        scope="inventory",
        required=("inventory",),
        texts=("variables",),
    ),
    Kind(
        "inventory_sources",
        ("description", "source", "source_path", "update_on_launch", "overwrite", "overwrite_vars"),
        {
            "inventory": "inventories",
            "source_project": "projects",
            "execution_environment": "execution_environments",
        },
        scope="inventory",
        required=("inventory", "source"),
    ),
    Kind(
        "job_templates",
        (
            "description",
            "job_type",
            "playbook",
            "forks",
            "timeout",
            "verbosity",
            "limit",
            "job_tags",
            "extra_vars",
            "diff_mode",
            "allow_simultaneous",
            "survey_enabled",
            "ask_job_type_on_launch",
            "ask_diff_mode_on_launch",
            "ask_credential_on_launch",
            *_PROMPTS,
        ),
        {
            "inventory": "inventories",
            "project": "projects",
            "execution_environment": "execution_environments",
        },
        {"credentials": "credentials"},
        required=("project", "playbook"),
        texts=("extra_vars",),
        survey=True,
    ),
    Kind(
        "workflow_job_templates",
        ("description", "limit", "extra_vars", "allow_simultaneous", "survey_enabled", *_PROMPTS),
        {**_ORGANIZATION, "inventory": "inventories"},
        texts=("extra_vars",),
        survey=True,
    ),
    Kind(
        "workflow_job_template_nodes",
        ("approval", "job_type", "diff_mode", "limit", "extra_data", "all_parents_must_converge"),
        {
            "workflow_job_template": "workflow_job_templates",
            "unified_job_template": "job_templates",
            "inventory": "inventories",
        },
        {
            "success_nodes": "workflow_job_template_nodes",
            "failure_nodes": "workflow_job_template_nodes",
            "always_nodes": "workflow_job_template_nodes",
        },
        scope="workflow_job_template",
        required=("workflow_job_template",),
        identity="identifier",
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
"""In the order in which they have to be created."""
