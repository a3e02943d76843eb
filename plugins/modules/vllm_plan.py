# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation and argument specification of the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_plan
short_description: Decide which model runs on which GPU, and whether it fits
version_added: 0.1.0
description:
  - Reads C(vllm_models), places every model on the GPU nodes that the preflight found, and calculates what it
    needs and what vLLM will reserve.
  - Refuses, with a code and a fix, whatever would end in a pending pod or an engine that stops at start-up.
  - Decides only; reads no cluster and writes nothing, so check mode gives the same answer.
author:
  - The inferops.vllm maintainers (@inferops)
options:
  gpu_mode:
    description:
      - V(bare_metal) pins every model to nodes by C(kubernetes.io/hostname).
      - V(vgpu) selects nodes by C(nvidia.com/vgpu.present) and C(nvidia.com/gpu.product).
    type: str
    required: true
  models:
    description:
      - The models to serve, a list of mappings; docs/models.md explains every key and lists the catalogue.
      - Read strictly. An unknown key or a value that is not allowed is a finding that names its place.
      - C(name) names the engine; C(model) is a catalogue name or a Hub repository. Both are required.
      - C(role) is instruct, embeddings or rerank; required for models that are not in the catalogue, which also need
        C(spec), the facts of the model.
      - C(image) and C(tag) of vLLM; C(cpu), C(memory) and C(storage) as Kubernetes quantities; C(storage_class);
        C(replicas); C(gpu), the number of units of C(gpu_resource); C(env), a mapping of texts.
      - C(vllm) holds the engine settings C(max_model_len), C(dtype), C(max_num_seqs), C(max_num_batched_tokens),
        C(gpu_memory_utilization), C(tensor_parallel_size), C(enable_chunked_prefill), C(enable_prefix_caching),
        C(kv_cache_dtype), C(eager) and C(extra_args), a list of command line elements.
      - C(eager) is how CUDA graphs are switched off. V(enforce-eager), the default of embeddings and rerankers, suits
        every vLLM; V(compilation-config) writes C(--compilation-config) in the form of the model's vLLM; V(none), the
        default of instruct models, leaves them on.
      - C(placement) restricts the nodes by C(node), C(product), C(labels) or C(expression) (JMESPath).
    type: raw
    required: true
  default_tag:
    description:
      - Tag of the vLLM image of models that name none.
    type: str
  nodes:
    description:
      - The GPU nodes, as RV(ignore:nodes) of M(inferops.vllm.gpu_preflight) returns them.
    type: list
    elements: dict
    required: true
  gpu_nodes:
    description:
      - Names of the nodes that may be used, in the order in which they are filled. Empty means all GPU nodes.
    type: list
    elements: str
    default: []
  own:
    description:
      - What the engines of this very site already request, by node and resource.
      - It counts as free, so that a second run makes the same plan.
    type: dict
    default: {}
  download_mb_s:
    description:
      - Rate in MB/s at which model files arrive, for the estimate of the first start.
      - The default is a 1 Gbit/s line that is used to 80 %.
    type: float
    default: 100.0
  allow_tight:
    description:
      - Whether a model with less than 1 GiB to spare is a warning (V(true)) or a refusal.
    type: bool
    default: true
  check_hub:
    description:
      - Whether Hugging Face is asked if the token may read the models, for their revision and their size.
    type: bool
    default: false
  hub_token:
    description:
      - The Hugging Face token for O(check_hub). It is sent to O(hub_url) only and never shown.
    type: str
  hub_token_file:
    description:
      - Plaintext Secret manifest whose key C(TOKEN) is taken where O(hub_token) is unset.
    type: path
  hub_url:
    description:
      - Address of the Hub, or of a mirror with the same interface.
    type: str
    default: https://huggingface.co
extends_documentation_fragment:
  - inferops.vllm.findings
"""

EXAMPLES = r"""
- name: Plan the models of this site
  inferops.vllm.vllm_plan:
    gpu_mode: "{{ vllm_gpu_mode }}"
    gpu_nodes: "{{ vllm_gpu_nodes }}"
    models: "{{ vllm_models }}"
    default_tag: "{{ vllm_image_tag }}"
    nodes: "{{ preflight.nodes }}"
    own: "{{ preflight.own }}"
  register: planned

- name: Show the plan
  ansible.builtin.debug:
    var: planned.lines
"""

RETURN = r"""
plan:
  description: Where every model goes, with the memory sum and the node selector, in the order of O(models).
  returned: success
  type: dict
  contains:
    placements:
      description: One a model.
      type: list
      elements: dict
    startup_failure_threshold:
      description: Startup probe failures (10 s each) to allow if the chart's 60 do not do; else null.
      type: int
models:
  description: O(models) with all defaults and the models' facts, as M(inferops.vllm.vllm_values) takes them.
  returned: success
  type: list
  elements: dict
served:
  description: The models as M(inferops.vllm.served_models) takes them (name, repository, role, embedding_dimension).
  returned: success
  type: list
  elements: dict
lines:
  description: The plan as lines for the console.
  returned: success
  type: list
  elements: str
hub:
  description: Revision and size of every model, if O(check_hub).
  returned: success
  type: list
  elements: dict
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
"""
