# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that talks to a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the Kubernetes API server."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file.
      - Empty means unset. Then E(K8S_AUTH_KUBECONFIG), E(KUBECONFIG), C(~/.kube/config) and the pod's own
        service account are tried, in this order.
    type: path
  context:
    description:
      - Context of the kubeconfig. Empty means its current context. E(K8S_AUTH_CONTEXT) is used when unset.
    type: str
  host:
    description:
      - URL of the API server, instead of a kubeconfig. E(K8S_AUTH_HOST) is used when unset.
    type: str
  api_key:
    description:
      - Bearer token for O(host). E(K8S_AUTH_API_KEY) is used when unset.
    type: str
  ca_cert:
    description:
      - Path of the CA certificate for O(host). E(K8S_AUTH_SSL_CA_CERT) is used when unset.
    type: path
  validate_certs:
    description:
      - Whether the API server's certificate is verified. E(K8S_AUTH_VERIFY_SSL) is used when unset; then V(true).
    type: bool
"""
