# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_rotation
short_description: Proves that a rotated value arrived and that the old API key is refused
version_added: 0.1.0
description:
  - O(state=remembered), before the commit, keeps what the Secrets hold as handles that only the running
    C(ansible-playbook) process can open. No value is in any result.
  - O(state=taken_up), after the sync, compares in memory, restarts the Deployments whose pods are older than the
    Secret they take, waits until only new pods are left, and asks the served API with the new key (which must
    answer) and with the old one (which the router and every engine must refuse).
  - A restart sets the annotation C(kubectl.kubernetes.io/restartedAt) on the pod template, as
    C(kubectl rollout restart) does. It is in no manifest, so that Argo CD does not revert it.
options:
  state:
    description: What to do.
    type: str
    choices: [remembered, taken_up]
    required: true
  namespace:
    description: Namespace of the application.
    type: str
    default: vllm
  release:
    description: Helm release name.
    type: str
    default: vllm
  secrets:
    description: The Secrets and the key of each that rotates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key within the Secret.
        type: str
        required: true
  remembered:
    description: RV(remembered) of the call with O(state=remembered).
    type: dict
    default: {}
  expected:
    description: The items, as C(Secret/name[key]), that must hold another value than what was remembered.
    type: list
    elements: str
    default: []
  api_secret:
    description: Name of the Secret with the key of the served API.
    type: str
    default: vllm-secret
  models:
    description: The models, as RV(ignore:served) of M(inferops.vllm.vllm_plan).
    type: list
    elements: dict
    default: []
  restart:
    description: Whether consumers that hold the old value are restarted. With V(false) they are named.
    type: bool
    default: true
  timeout:
    description: Seconds for the restarts, and again for the answers.
    type: int
    default: 3600
attributes:
  check_mode:
    support: full
    description: Restarts and proves nothing, because nothing was committed.
  diff_mode:
    support: none
    description: A difference would show values.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Remember the key that is in force
  inferops.vllm.secret_rotation:
    state: remembered
    secrets: [{name: vllm-secret, key: KEY}]
  register: before

- name: The consumers take the new key, and the old one is refused
  inferops.vllm.secret_rotation:
    state: taken_up
    secrets: [{name: vllm-secret, key: KEY}]
    remembered: "{{ before.remembered }}"
    expected: ["Secret/vllm-secret[KEY]"]
    models: "{{ planned.served }}"
"""

RETURN = r"""
remembered:
  description: A handle for each item. It means nothing outside the running process.
  returned: with O(state=remembered)
  type: dict
rotated:
  description: The items whose value is another one than before.
  returned: with O(state=taken_up)
  type: list
  elements: str
restarted:
  description: The Deployments that were restarted.
  returned: with O(state=taken_up)
  type: list
  elements: str
stale:
  description: The Deployments whose pods hold the old value.
  returned: with O(state=taken_up)
  type: list
  elements: str
refusals:
  description: Which Service answered the old key with which status.
  returned: with O(state=taken_up)
  type: list
  elements: dict
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
"""
