# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_config
short_description: Check the variables of a site and apply their defaults
version_added: "0.1.0"
description:
  - Reads every variable of the current host that starts with C(vllm_), C(gitops_) or C(argocd_).
  - Refuses unknown names (with the closest known one), wrong types and values that cannot work.
  - The contract is the argument specification of the role P(inferops.vllm.site#role).
  - Secrets are never read, so that they reach no fact.
author:
  - The inferops.vllm maintainers (@inferops)
extends_documentation_fragment:
  - inferops.vllm.findings
options: {}
"""

EXAMPLES = r"""
- name: Read and check this site's variables
  inferops.vllm.site_config:
  register: site_config

- name: Show where the models will run
  ansible.builtin.debug:
    var: site_config.vllm_namespace
"""

RETURN = r"""
site:
  description: Name of the site, which is the inventory host.
  returned: success
  type: str
  sample: aarhus
vllm_namespace:
  description: Like this one, every variable of the contract that is no secret, with its default applied.
  returned: success
  type: str
  sample: vllm
"""
