# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: awx_objects
short_description: Bring AWX objects to what is given
version_added: 0.1.0
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Creates and updates AWX objects over AWX's REST API v2; needs neither awxkit nor another collection.
  - Reads everything first, then changes what differs, in the order in which objects need each other.
  - Fields that are not given are left as they are. Objects that are not given are left alone; none is deleted.
  - Secrets of an existing credential cannot be compared, so they are kept unless O(update_secrets) is true.
options:
  host:
    description: Address of AWX, such as C(https://awx.example.org).
    type: str
    required: true
  api_prefix:
    description: Path of the API. The one of Ansible Automation Platform is C(/api/controller/v2).
    type: str
    default: /api/v2
  token:
    description: OAuth 2 token of an administrator of the organization.
    type: str
  username:
    description: User name, where there is no token.
    type: str
  password:
    description: Password of O(username).
    type: str
  validate_certs:
    description: Whether the certificate of O(host) must be trusted.
    type: bool
    default: true
  objects:
    description:
      - The objects, a list for each kind. References are names; a name must be unique among the objects it could mean.
      - Kinds are C(organizations), C(execution_environments), C(credential_types), C(credentials), C(projects),
        C(inventories), C(hosts), C(groups), C(inventory_sources), C(job_templates), C(workflow_job_templates) and
        C(workflow_job_template_nodes). Fields are those of AWX's API.
      - A template's C(survey) is the list of its questions. C(approval) of a node makes it an approval of this name.
    type: dict
    required: true
  update_secrets:
    description: Whether secrets of existing credentials are sent again. The task then always reports a change.
    type: bool
    default: false
  sync_timeout:
    description: How long a new or changed project may take to be updated, in seconds.
    type: int
    default: 300
attributes:
  check_mode:
    support: full
    description: Reads, and says what it would change.
  diff_mode:
    support: full
    description: One difference for each change. Inputs of credentials are masked.
extends_documentation_fragment:
  - inferops.vllm.findings
"""

EXAMPLES = r"""
- name: One organization with the project
  inferops.vllm.awx_objects:
    host: https://awx.example.org
    token: "{{ lookup('ansible.builtin.env', 'CONTROLLER_OAUTH_TOKEN') }}"
    objects:
      organizations:
        - name: Mytown
      projects:
        - name: inferops.vllm
          organization: Mytown
          scm_type: git
          scm_url: https://git.example.org/mytown/vllm-site.git
"""

RETURN = r"""
steps:
  description: What was changed (in check mode, what would be).
  returned: success
  type: list
  elements: str
  sample: [create organizations/Mytown]
"""
