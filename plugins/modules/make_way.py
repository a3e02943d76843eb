# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: make_way
short_description: Deletes what stands in the way of an upgrade, with Argo CD paused at the new commit
version_added: 0.1.0
description:
  - Runs the RV(ignore:steps) of M(inferops.vllm.upgrade_gate), such as deleting a Deployment whose selector changes.
  - Before that, automated sync of the Application is switched off and Argo CD made to compare at O(revision), because
    it would put the old object back within seconds. It is switched on again at the end, also after a failure.
  - Waits until every object is gone (or another one of the same name is there).
options:
  argocd_namespace:
    description: Namespace in which Argo CD runs.
    type: str
    default: argocd
  application:
    description: Name of the Application.
    type: str
    required: true
  revision:
    description: The commit (full SHA) that the way is made for.
    type: str
    required: true
  steps:
    description: The steps. Empty means that there is nothing to do.
    type: list
    elements: dict
    required: true
  timeout:
    description: Seconds until everything is gone.
    type: int
    default: 600
attributes:
  check_mode:
    support: full
    description: Says what would be deleted.
  diff_mode:
    support: none
    description: RV(deleted) says it.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Make way for the new selectors
  inferops.vllm.make_way:
    application: vllm
    revision: "{{ commit.revision }}"
    steps: "{{ upgrade.steps }}"
"""

RETURN = r"""
deleted:
  description: Paths of the objects that were deleted.
  returned: success
  type: list
  elements: str
"""
