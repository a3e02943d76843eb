# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: talos_node
short_description: Prepare Talos GPU nodes
version_added: "0.1.0"
description:
  - Makes the Image Factory schematic (its ID is computed offline) and the machine-config patch of each node.
  - Chooses the NVIDIA extensions by Talos version, GPU generation and the CUDA of the vLLM image.
  - Applies them with C(talosctl) only when O(apply) is set; otherwise returns the exact commands.
  - Sets labels and taints through the Kubernetes API, because Talos may not set all of them on a worker.
author:
  - The inferops.vllm maintainers (@inferops)
extends_documentation_fragment:
  - inferops.vllm.findings
  - inferops.vllm.kubernetes
options:
  nodes:
    description: The GPU nodes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Kubernetes node.
        type: str
        required: true
      address:
        description: Address under which C(talosctl) reaches it.
        type: str
        required: true
      product:
        description: GPU product, as C(nvidia.com/gpu.product) or nvidia-smi names it. It decides what suits the GPU.
        type: str
  version:
    description: Talos version of the nodes, with the leading v.
    type: str
    required: true
  flavour:
    description: Kernel modules. V(auto) picks open, and nonfree for GPUs before Turing.
    type: str
    default: auto
    choices: [auto, open, nonfree]
  channel:
    description: Extension channel. V(auto) picks the one whose driver runs O(cuda).
    type: str
    default: auto
    choices: [auto, lts, production]
  cuda:
    description: CUDA version that the driver must run, for example V(12.9). Empty means what O(image_tags) need.
    type: str
    default: ""
  image_tags:
    description: Tags of the vLLM images.
    type: list
    elements: str
    default: []
  secure_boot:
    description: Whether the nodes boot with Secure Boot.
    type: bool
    default: false
  platform:
    description: Talos platform of the installer image.
    type: str
    default: metal
  factory:
    description: Host of the Image Factory.
    type: str
    default: factory.talos.dev
  extensions:
    description: Further official extensions, with the C(siderolabs/) prefix.
    type: list
    elements: str
    default: []
  kernel_arguments:
    description: Further kernel arguments.
    type: list
    elements: str
    default: []
  labels:
    description: Labels that every node must have.
    type: dict
    default: {}
  taints:
    description: Taints that every node must have (C(key), C(effect), optionally C(value)).
    type: list
    elements: dict
    default: []
  folder:
    description: Folder of the files in the GitOps repository.
    type: str
    default: talos
  gpu_stack:
    description:
      - What makes the GPUs a Kubernetes resource, as a wrapper chart for Argo CD. V(device_plugin) is what Talos up to
        1.12 documents, V(gpu_operator) from 1.13 on, V(auto) the one of O(version). V(none) means that it is there
        already, or that somebody else brings it.
    type: str
    default: none
    choices: [none, auto, device_plugin, gpu_operator]
  stack_repository:
    description: Helm repository of that chart. Empty means upstream's.
    type: str
    default: ""
  stack_folder:
    description: Folder of the Git repository in which applications lie.
    type: str
    default: applications
  runtime_class:
    description: RuntimeClass of the device plugin's pods. Empty means none.
    type: str
    default: nvidia
  runtime_class_owner:
    description: Who creates the RuntimeClass; it must fit O(gpu_stack).
    type: str
    default: argocd
    choices: [argocd, collection, gpu_operator]
  tolerations:
    description: Taints that the pods of O(gpu_stack) tolerate, besides the usual ones.
    type: list
    elements: dict
    default: []
  apply:
    description: Whether the nodes are changed.
    type: bool
    default: false
  talosctl:
    description: The C(talosctl) program, of the nodes' minor version.
    type: path
    default: talosctl
  talosconfig:
    description: Talos client configuration. Empty means what C(talosctl) finds by itself.
    type: path
    default: ""
  boot_timeout:
    description: Seconds until an upgraded node must answer with its new schematic.
    type: int
    default: 900
"""

EXAMPLES = r"""
- name: Make the files of a GPU node
  inferops.vllm.talos_node:
    version: v1.12.6
    cuda: "12.9"
    nodes:
      - name: gpu-1
        address: 10.0.0.11
        product: NVIDIA-A100-SXM4-80GB
    labels:
      nvidia.com/gpu.present: "true"
  register: talos
"""

RETURN = r"""
files:
  description: Schematic and patch of every node, for M(inferops.vllm.gitops_commit).
  returned: success
  type: list
  elements: dict
  sample: [{path: talos/gpu-1/schematic.yaml, content: "customization: ..."}]
stack:
  description: The GPU stack for Argo CD. An empty name means none.
  returned: success
  type: dict
  contains:
    name: {description: Name of the Application and of its folder., type: str}
    namespace: {description: Namespace that it goes to., type: str}
    cluster_resources: {description: Cluster-scoped kinds that its project must permit., type: list, elements: dict}
    files: {description: Its files., type: list, elements: dict}
commands:
  description: What applies the files, in the order that matters.
  returned: success
  type: list
  elements: str
  sample: ["talosctl --nodes 10.0.0.11 patch machineconfig --patch @talos/gpu-1/patch.yaml --dry-run"]
nodes:
  description: What was chosen for each node.
  returned: success
  type: list
  elements: dict
  sample: [{name: gpu-1, channel: lts, flavour: open, driver: 580.105.08}]
done:
  description: What was changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: []
"""
