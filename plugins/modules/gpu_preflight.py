#!/usr/bin/python
# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_preflight
short_description: Say whether a GPU pod would run on this cluster, and why not
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Reads nodes, pods, RuntimeClasses, device plugins, quotas and storage classes in one pass and judges them without
    touching the cluster again. Every problem that the Kubernetes API shows is a finding with a cause and a fix.
  - States what GPUs there are, what is free of them, and which of them the release itself holds.
  - On request asks the API server whether it would admit given pods (server-side dry run), and runs one short-lived
    test pod that asks for a GPU and prints C(nvidia-smi).
  - Never reports a change. The test pod is removed again, except on failure with O(smoke_keep).
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
options:
  gpu_mode:
    description:
      - V(bare_metal) for physical GPUs, V(vgpu) for guests whose nodes carry C(nvidia.com/vgpu.present) with the value
        V(true).
    type: str
    choices: [bare_metal, vgpu]
    default: bare_metal
  gpu_nodes:
    description:
      - Names (or hostname labels) of the nodes that the engines may use.
      - Empty means every node that shows a GPU and fits O(gpu_mode). A problem of one of them is then fatal only if no
        other is left.
    type: list
    elements: str
    default: []
  resources:
    description:
      - Extended resources that stand for GPUs, such as V(nvidia.com/gpu) or V(nvidia.com/mig-3g.40gb). A node must have
        one of them.
      - Empty means those that O(models) ask for, and V(nvidia.com/gpu) where there is no model.
    type: list
    elements: str
    default: []
  models:
    description:
      - The models to serve, as M(inferops.vllm.vllm_plan) takes them. The pods of their engines are dry-run as
        O(dry_run_pods) are. An entry that is wrong is left out; the planner says what is wrong with it.
    type: raw
    default: []
  default_tag:
    description: Tag of the vLLM image of models that name none.
    type: str
  runtime_class:
    description: RuntimeClass of the engines. Empty means none.
    type: str
    default: nvidia
  runtime_class_owner:
    description: Who writes the RuntimeClass.
    type: str
    choices: [argocd, collection, gpu_operator]
    default: argocd
  expect_runtime_class:
    description: Whether the RuntimeClass must exist by now. Stage 2 creates it, so before that it must not.
    type: bool
    default: true
  tolerations:
    description: Tolerations of the engines, as in a pod. The test pod has the same.
    type: list
    elements: dict
    default: []
  namespace:
    description: Namespace of the engines.
    type: str
    default: vllm
  release:
    description: Helm release of the engines. GPUs that it holds are returned in RV(own).
    type: str
    default: vllm
  required_cuda:
    description: CUDA version that the drivers must run, as V(12.9). Empty means what O(image_tags) need.
    type: str
  image_tags:
    description: Tags of the vLLM images. The newest CUDA that they are built for is compared with the drivers.
    type: list
    elements: str
    default: []
  selectors:
    description: Placements of the models. Each must match at least one GPU node. All parts that are set must hold.
    type: list
    elements: dict
    default: []
    suboptions:
      subject:
        description: How findings name it, for example V(vllm_models[0].placement).
        type: str
        required: true
      node:
        description: Name or hostname label of a node.
        type: str
      product:
        description: GPU product, with or without the vendor's name in front.
        type: str
      labels:
        description: Node labels.
        type: dict
      expression:
        description: JMESPath over one entry of RV(nodes) that must come out true.
        type: str
  storage_classes:
    description: StorageClasses that the models name. An empty name, or an empty list, means the cluster's default.
    type: list
    elements: str
    default: []
  dry_run_pods:
    description:
      - Further pod manifests that the API server is asked to admit in a dry run, before anything is committed.
      - That needs the right to create pods in O(namespace); where it is missing, the findings say so and nothing else.
    type: list
    elements: dict
    default: []
  smoke_test:
    description:
      - Whether to run the GPU test pod. It is skipped (and says so) in check mode, on a replayed snapshot, after a
        fatal finding and while no GPU is free.
    type: bool
    default: false
  smoke_image:
    description: Image of the test pod. It needs a shell and glibc. C(nvidia-smi) comes from the node.
    type: str
    default: debian:12-slim
  smoke_namespace:
    description: Namespace of the test pod.
    type: str
    default: default
  smoke_node:
    description: Node of the test pod. Empty means the first one with a free GPU.
    type: str
  smoke_timeout:
    description: Seconds for pull, start and run of the test pod.
    type: int
    default: 300
  smoke_keep:
    description: Whether a test pod that failed is kept for inspection.
    type: bool
    default: false
  snapshot_path:
    description: File to save the snapshot to. Nothing secret is in it. Not written in check mode.
    type: path
  from_snapshot:
    description: Saved snapshot to judge instead of the live cluster.
    type: path
"""

EXAMPLES = r"""
- name: Would a GPU pod run?
  inferops.vllm.gpu_preflight:
    gpu_nodes: [gpu-1]
    tolerations:
      - key: node-role.kubernetes.io/gpu
        operator: Exists
    required_cuda: "12.9"
    smoke_test: true
  register: preflight

- name: Judge a support case again, without its cluster
  inferops.vllm.gpu_preflight:
    from_snapshot: support/horsens.json
"""

RETURN = r"""
nodes:
  description: Nodes with a GPU, and those that the site names. What the planner reads.
  returned: always, except when nothing could be read
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
    hostname:
      description: Value of its hostname label.
      type: str
    ready:
      description: Whether the kubelet reports it ready.
      type: bool
    schedulable:
      description: Whether it is not cordoned.
      type: bool
    labels:
      description: Its labels.
      type: dict
    taints:
      description: Its taints.
      type: list
      elements: dict
    resources:
      description: GPU resources, each with product, memory per unit in MiB, allocatable, requested, free and sharing.
      type: list
      elements: dict
    vgpu:
      description: Whether it is a vGPU guest, or null if no label tells.
      type: bool
    driver:
      description: Driver version, or null if no label tells.
      type: str
    memory_mib:
      description: Allocatable main memory in MiB.
      type: int
    cpu_millis:
      description: Allocatable CPU in thousandths of a core.
      type: int
own:
  description: GPUs that the release's own engines hold, by node and resource.
  returned: as RV(nodes)
  type: dict
  sample: {gpu-1: {nvidia.com/gpu: 2}}
storage_classes:
  description: StorageClasses with name, default, provisioner, binding and expandable.
  returned: as RV(nodes)
  type: list
  elements: dict
api:
  description: Whether the cluster serves what later stages need (null if that could not be read).
  returned: as RV(nodes)
  type: dict
  sample: {argocd: true, sealed_secrets: true, service_monitor: false}
smoke:
  description: What the test pod showed. Empty if it did not run.
  returned: as RV(nodes)
  type: dict
  sample:
    product: H100-80GB-HBM3
    driver: 580.159.04
    cuda: "13.0"
    pod: default/gpu-test-vllm
    node: gpu-1
    seconds: 7.2
lines:
  description: Table of nodes and GPUs, findings and verdict, for people.
  returned: as RV(nodes)
  type: list
  elements: str
findings:
  description: What is wrong or worth knowing, each with code, severity, subject, message, fix and anchor.
  returned: always
  type: list
  elements: dict
"""
