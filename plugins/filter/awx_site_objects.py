# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter over the core that derives AWX objects."""

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_site_objects
short_description: The AWX objects of an organization that runs this collection
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Derives organization, execution environment, project, inventories, credential types, credentials, job templates
    and workflow templates from a few names, for M(inferops.vllm.awx_objects).
options:
  _input:
    description: The mapping with C(organization), C(image), C(project), C(inventories) and C(credentials).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See what AWX would hold
  ansible.builtin.debug:
    msg: "{{ settings | inferops.vllm.awx_site_objects }}"
  vars:
    settings:
      organization: Mytown
      image: registry.example.org/inferops-vllm:0.1.0
      project: {name: vllm, url: "https://git.example.org/vllm-site.git"}
      inventories: [{name: mytown, source: inventories/mytown/hosts.ini}]
      credentials: []
"""

RETURN = r"""
_value:
  description: A list of objects for each kind.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.inferops.vllm.plugins.module_utils.awx.site_objects import site_objects
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal


def _derived(settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return site_objects(settings)
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]:
        """By name."""
        return {"awx_site_objects": _derived}
