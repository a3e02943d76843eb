# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sealed_status
short_description: Prove that sealed files have become Secrets
version_added: "0.1.0"
description:
  - After the sync, waits until the controller has opened every SealedSecret of O(files), and the Secret exists with its
    keys, is owned by the SealedSecret, and was written after the push where O(decisions) brought a new value.
  - The Secret decides. A controller that reports no status, and a condition that says False after a success, are known
    and told apart from an item that cannot be opened, for which it says which causes are left.
  - Reads names and times only; values are neither decoded nor kept. Writes nothing.
options:
  files:
    description: The sealed files, as RV(ignore:files) of M(inferops.vllm.seal_secret).
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Path in the repository., type: str, required: true}
      content: {description: The whole file., type: str, required: true}
  decisions:
    description: RV(ignore:decisions) of M(inferops.vllm.seal_secret); they say which values are new.
    type: list
    elements: dict
    default: []
  pushed_at:
    description: RV(ignore:pushed_at) of M(inferops.vllm.gitops_commit). Empty means that nothing was pushed.
    type: str
    default: ""
  sealing_key:
    description: The controller's name for its newest key, RV(ignore:certificate.key_id); narrows down what went wrong.
    type: str
  timeout:
    description: Seconds until everything must have arrived.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    description: Does nothing, because nothing was pushed.
  diff_mode:
    support: none
    description: Nothing is changed.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Both Secrets are there, and new
  inferops.vllm.sealed_status:
    files: "{{ sealed.files }}"
    decisions: "{{ sealed.decisions }}"
    pushed_at: "{{ commit.pushed_at }}"
"""

RETURN = r"""
secrets:
  description: Namespace and name of each Secret that was looked at.
  returned: success
  type: list
  elements: str
  sample: [vllm/hf-secret]
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
"""
