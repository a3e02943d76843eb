# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: served_models
short_description: Prove that the models of a site are served
version_added: 0.1.0
author: The inferops.vllm maintainers (@inferops)
description:
  - Sends every model the request that a client would send, through a port-forward of the Kubernetes API server
    to the router, until it answers or O(timeout) has passed. No ingress and no kubectl is needed.
  - When the router fails, the engine is asked the same, so that the fault is located; the pod's state, events and
    last log lines tell a model that is still loading from one that crashes and from a wrong key.
  - Then asks what must be refused (no key, a wrong key, an unknown model), and checks the objects of the namespace
    (pods on the planned nodes with the runtime class, claims, Services, Secrets, ServiceMonitor).
  - Writes nothing. In check mode it does the same, except that an application that is not deployed yet is an info.
options:
  namespace:
    description: Namespace of the application.
    type: str
    default: vllm
  release:
    description: Helm release name, which is the name of the Argo CD Application.
    type: str
    default: vllm
  models:
    description: The models that must answer.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the model in the chart's values.
        type: str
        required: true
      repository:
        description: The Hugging Face repository, which is the model id that clients send.
        type: str
        required: true
      role:
        description: What the model does.
        type: str
        choices: [instruct, embeddings, rerank]
        default: instruct
      embedding_dimension:
        description: Dimension that an embedding must have. Any is accepted when unset.
        type: int
  plan:
    description: The plan of the site; its placements say on which nodes the pods must run.
    type: dict
    default: {}
  api_secret:
    description: Where the API key lies. It is read in the controller process and never shown.
    type: dict
    default: {name: vllm-secret, key: KEY}
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        default: vllm-secret
      key:
        description: Key within the Secret.
        type: str
        default: KEY
  hf_secret:
    description: Where the Hugging Face token lies. Only its presence is checked. An empty name skips it.
    type: dict
    default: {name: hf-secret, key: TOKEN}
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        default: hf-secret
      key:
        description: Key within the Secret.
        type: str
        default: TOKEN
  runtime_class:
    description: The runtimeClassName that engine pods must have. Empty means none.
    type: str
    default: nvidia
  timeout:
    description: Seconds that the models get until they answer.
    type: int
    default: 900
  check_open_endpoints:
    description: Whether to report the endpoints that answer without a key.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Reads and asks as always; nothing is written in either mode.
  diff_mode:
    support: none
    description: Nothing is changed.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
"""

EXAMPLES = r"""
- name: Both models answer
  inferops.vllm.served_models:
    models:
      - name: mistral
        repository: mistralai/Mistral-Small-3.2-24B-Instruct-2506
      - name: embeddings
        repository: intfloat/multilingual-e5-large
        role: embeddings
        embedding_dimension: 1024
    plan: "{{ vllm_plan }}"
  register: vllm_served
"""

RETURN = r"""
answers:
  description: What each model answered, in the order of O(models). Models that did not answer are missing here and
    have a finding.
  returned: always
  type: list
  elements: dict
  contains:
    model: {description: Name of the model., type: str, returned: always}
    repository: {description: The model id., type: str, returned: always}
    role: {description: The role., type: str, returned: always}
    probe: {description: "completion, embedding or rerank.", type: str, returned: always}
    ok: {description: Whether the answer was as it must be., type: bool, returned: always}
    server:
      description: The Server header of the answer. It starts with C(simulated) where no model was asked (the sandbox).
      type: str
      returned: always
    latency_s: {description: Seconds of a warm request., type: float, returned: always}
    tokens: {description: Generated tokens., type: int, returned: for completions}
    tokens_per_s: {description: Generated tokens per second., type: float, returned: for completions}
    first_words: {description: The start of the completion., type: str, returned: for completions}
    dimension: {description: Dimension of the embedding., type: int, returned: for embeddings}
    similarity:
      description: Similarity of two texts that mean the same and of two that do not.
      type: dict
      returned: for embeddings and rerank
negatives:
  description: The requests that must be refused, each with RV(ignore:model), RV(ignore:probe), RV(ignore:status),
    RV(ignore:ok).
  returned: always
  type: list
  elements: dict
open_endpoints:
  description: Endpoints that answered without a key (service, method, path, gives).
  returned: always
  type: list
  elements: dict
pods:
  description: The pods of the site (model, name, node, ready); the router's model is null.
  returned: always
  type: list
  elements: dict
services:
  description: The Services of the site (name, exists, endpoints).
  returned: always
  type: list
  elements: dict
secrets:
  description: The Secrets of the site (name, exists, sealed), never their values.
  returned: always
  type: list
  elements: dict
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
lines:
  description: The result in a few lines for people.
  returned: always
  type: list
  elements: str
"""
