# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_gate
short_description: Refuses upgrades that would break a live site, and says how to do them safely
version_added: 0.1.0
description:
  - Compares the committed files of the wrapper chart with those that would be committed.
  - Refuses changed selectors (chart 0.1.8 or 0.1.9 to 0.1.10 and later), volumes that shrink or change their class,
    models whose download would be pruned, engine arguments that the new image no longer takes, keys that the new chart
    drops, images that need a newer driver, and a router older than the chart.
  - Every refusal names the commands of the safe way. O(allow) goes on knowingly; RV(steps) then says what to delete.
  - Decides only; reads no cluster and writes nothing, so check mode gives the same answer.
options:
  old_files:
    description: The committed files by path, RV(ignore:files) of M(inferops.vllm.gitops_read). Empty means none.
    type: dict
    required: true
  new_files:
    description: The files to come, as RV(ignore:files) of M(inferops.vllm.vllm_values).
    type: list
    elements: dict
    required: true
  directory:
    description: Folder of the wrapper chart in the repository.
    type: str
    default: applications/vllm
  release:
    description: Helm release name.
    type: str
    default: vllm
  namespace:
    description: Namespace of the models.
    type: str
    default: vllm
  drivers:
    description: Driver version of every GPU node, by node name. Empty means that no node tells it.
    type: dict
    default: {}
  allow:
    description: Codes of findings to go on with knowingly. They become warnings.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: May the site go from what is committed to what was planned?
  inferops.vllm.upgrade_gate:
    old_files: "{{ in_git.files }}"
    new_files: "{{ vllm_values.files }}"
    drivers: "{{ gpu_drivers }}"
    allow: "{{ vllm_upgrade_allow }}"
"""

RETURN = r"""
first:
  description: Whether nothing was committed before.
  returned: success
  type: bool
restarts:
  description: The models whose pods are replaced, and why.
  returned: success
  type: dict
steps:
  description: Calls to the API server that make way for the new state, in order, once the commit is made.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: The finding that the step belongs to.
      type: str
    verb:
      description: Always V(delete).
      type: str
    path:
      description: Path below the API server.
      type: str
    query:
      description: Query parameters.
      type: dict
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
"""
