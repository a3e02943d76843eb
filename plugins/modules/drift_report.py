# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_report
short_description: Says where inventory, Git and cluster of a site differ
version_added: 0.1.0
description:
  - Judges what reading tasks registered and writes C(<directory>/<site>-drift.json) on the controller.
  - A part that could not be read counts as a difference, never as in order.
  - Never fails because of drift; C(playbooks/drift.yml) does, for schedulers.
  - With O(sites), sums up several sites instead.
options:
  site:
    description: Name of the site, which is the name of the file.
    type: str
  directory:
    description: Where the file goes.
    type: path
    default: report
  results:
    description:
      - The registered results by name, C(repository) (M(inferops.vllm.gitops_read)), C(preflight), C(plan), C(values),
        C(sealed), C(commit) (M(inferops.vllm.gitops_commit) in check mode), C(application)
        (M(inferops.vllm.argocd_application) in check mode) and C(served).
    type: dict
    default: {}
  sites:
    description: Documents of several sites (RV(document)); C(site) alone for one that was not read.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: Judges the same and writes no file.
  diff_mode:
    support: none
    description: The file is a product of the run.
extends_documentation_fragment:
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Judge what was read
  inferops.vllm.drift_report:
    site: "{{ inventory_hostname }}"
    results:
      repository: "{{ repository }}"
      values: "{{ values }}"
"""

RETURN = r"""
document:
  description: What the file holds.
  returned: success, without O(sites)
  type: dict
path:
  description: The file.
  returned: success, without O(sites)
  type: str
drifts:
  description: The differences as findings.
  returned: success, without O(sites)
  type: list
  elements: dict
lines:
  description: The same as a table.
  returned: success
  type: list
  elements: str
"""
