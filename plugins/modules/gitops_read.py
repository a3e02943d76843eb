# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gitops_read
short_description: Reads files of the Git repository that Argo CD follows
version_added: 0.1.0
description:
  - Reads texts at the head of a branch in one go, through a private temporary clone. Changes nothing.
  - Plaintext secrets and files that are not UTF-8 are not handed out; a warning names them.
options:
  paths:
    description:
      - Paths relative to the repository's root, or patterns. V(*) and V(?) stay within a folder, V(**/) is any number
        of folders. An empty list is refused.
    type: list
    elements: str
    required: true
  contains:
    description: A full commit id. RV(contained) then says whether the branch has it.
    type: str
extends_documentation_fragment:
  - inferops.vllm.gitops
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: What the site has in Git
  inferops.vllm.gitops_read:
    repo_url: "{{ gitops_repo_url }}"
    token: "{{ gitops_token }}"
    paths:
      - applications/vllm/Chart.yaml
      - applications/vllm/templates/sealed-*.yaml
  register: in_git
"""

RETURN = r"""
files:
  description: Text by path.
  returned: success
  type: dict
missing:
  description: The paths and patterns that match no file. Links and submodules are no files.
  returned: success
  type: list
  elements: str
revision:
  description: Full id of the commit that was read, the branch's head.
  returned: success
  type: str
branch:
  description: The branch, resolved when it was left empty.
  returned: success
  type: str
contained:
  description:
    - Whether O(contains) is the head or one of its ancestors, as far as the newest 200 commits tell. Null when it was
      not asked.
  returned: success
  type: bool
"""
