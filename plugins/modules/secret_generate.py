# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_generate
short_description: Writes a new random value into a plaintext Secret manifest on the controller
version_added: 0.1.0
description:
  - Random bytes of the operating system, as URL-safe text, under one key of a Secret manifest. Other keys stay.
  - The file is replaced at once with mode 0600. The value is in no result, diff, log or argument.
  - Every call makes another value, so it always reports a change. M(inferops.vllm.seal_secret) then seals it.
options:
  path:
    description: The manifest, under C(local-secrets/). It is made where it does not exist.
    type: path
    required: true
  name:
    description: Name of the Secret. A file that holds another Secret is refused.
    type: str
    required: true
  namespace:
    description: Namespace of the Secret, for a new file.
    type: str
    required: true
  key:
    description: The key that gets the value.
    type: str
    required: true
  bytes:
    description: Number of random bytes, 16 to 4096.
    type: int
    default: 32
attributes:
  check_mode:
    support: full
    description: Checks the file and writes nothing.
  diff_mode:
    support: none
    description: A difference would show the value.
extends_documentation_fragment:
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Make a new API key
  inferops.vllm.secret_generate:
    path: local-secrets/vllm-secret.yaml
    name: vllm-secret
    namespace: vllm
    key: KEY
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
"""
