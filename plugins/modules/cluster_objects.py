# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_objects
short_description: Apply the few objects that are not in Git
version_added: "0.1.0"
description:
  - Server-side apply of whole objects through the Kubernetes API.
  - Meant for sites where Argo CD does not own the RuntimeClass; everything else goes through Git.
author:
  - The inferops.vllm maintainers (@inferops)
extends_documentation_fragment:
  - inferops.vllm.findings
  - inferops.vllm.kubernetes
options:
  objects:
    description: The objects, as manifests.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Apply the RuntimeClass without Argo CD
  inferops.vllm.cluster_objects:
    objects:
      - apiVersion: node.k8s.io/v1
        kind: RuntimeClass
        metadata:
          name: nvidia
        handler: nvidia
"""

RETURN = r"""
objects:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [RuntimeClass/nvidia]
"""
