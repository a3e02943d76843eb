# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_values
short_description: Makes the files of the vLLM wrapper chart, and checks every key and engine argument
version_added: 0.1.0
description:
  - Turns models (RV(ignore:models) of M(inferops.vllm.vllm_plan)), the plan and the settings of a site into the files
    that Argo CD deploys. C(Chart.yaml), C(values.yaml), C(gpu-test.yml) and C(templates/metrics-service.yml).
  - The same input gives the same bytes.
  - Refuses values that the pinned release of the chart would drop or read otherwise, and engine arguments that the
    pinned vLLM does not take. The findings name the option to correct, the version, and the replacement.
  - Writes nothing and talks to no cluster; hand RV(files) to M(inferops.vllm.gitops_commit).
options:
  models:
    description: The models, as M(inferops.vllm.vllm_plan) returns them.
    type: list
    elements: dict
    required: true
  plan:
    description: The plan, as M(inferops.vllm.vllm_plan) returns it.
    type: dict
    required: true
  chart_version:
    description: Release of the chart C(vllm-stack), for example V(0.1.8). Only known releases are taken.
    type: str
    required: true
  chart_repository:
    description: URL of the Helm repository that holds the chart.
    type: str
    default: https://vllm-project.github.io/production-stack
  directory:
    description: Folder of the wrapper chart in the repository.
    type: str
    default: applications/vllm
  release:
    description: Helm release name, which is the name of the Argo CD application. All object names begin with it.
    type: str
    default: vllm
  namespace:
    description: Namespace of the models.
    type: str
    default: vllm
  runtime_class:
    description: Runtime class of the engine pods. An empty string leaves it out.
    type: str
    default: nvidia
  tolerations:
    description: Tolerations of the engine pods. The router tolerates nothing in any release of the chart.
    type: list
    elements: dict
    default:
      - key: node-role.kubernetes.io/gpu
        operator: Exists
  hf_secret:
    description: Secret and key that hold the Hugging Face token. An empty O(hf_secret.name) means none is needed.
    type: dict
    default:
      name: hf-secret
      key: TOKEN
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key in the Secret.
        type: str
        default: TOKEN
  api_secret:
    description: Secret and key that hold the API key.
    type: dict
    default:
      name: vllm-secret
      key: KEY
    suboptions:
      name:
        description: Name of the Secret.
        type: str
        required: true
      key:
        description: Key in the Secret.
        type: str
        default: KEY
  router:
    description: The router's image, number and size. Unset parts keep their defaults.
    type: dict
    default: {}
    suboptions:
      repository:
        description: Image repository. Unset means upstream's, in which every commit has a tag.
        type: str
      tag:
        description: Image tag. Unset means the commit that belongs to O(chart_version). V(latest) is refused.
        type: str
      replicas:
        description: Number of routers; V(1) when unset.
        type: int
      cpu:
        description: CPU request; V(400m) when unset.
        type: str
      memory:
        description: Memory request; V(1Gi) when unset.
        type: str
      memory_limit:
        description: Memory limit; V(2Gi) when unset.
        type: str
  service_monitor:
    description:
      - Whether a ServiceMonitor for the router is written. V(auto) means where O(service_monitor_available) says that
        the cluster knows the kind.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  service_monitor_available:
    description:
      - Whether the cluster has the resource C(servicemonitors.monitoring.coreos.com). Where it has not,
        O(service_monitor=true) is refused. Unset means unknown.
    type: bool
  monitor_labels:
    description: Labels of the ServiceMonitor, by which Prometheus selects it.
    type: dict
    default:
      release: prometheus-stack
  wrapper_version:
    description: Version of the wrapper chart, C(version) in C(Chart.yaml).
    type: str
    default: 0.1.6
  test_image:
    description: Image of the test pod in C(gpu-test.yml).
    type: str
    default: nvidia/cuda:12.2.0-base-ubuntu22.04
  extra_values:
    description:
      - Values of the chart that have no option of their own, merged last, relative to the chart (without the alias).
      - Checked like all others. They cannot hold the models.
    type: dict
    default: {}
  existing_files:
    description: Files of the repository that are to be replaced, path and text. They are read, never edited.
    type: dict
    default: {}
  take_over:
    description: Whether files that people wrote may be replaced by different ones.
    type: bool
    default: false
  render_check:
    description:
      - Whether the chart is rendered with helm, to prove that every value changes the output.
      - V(auto) means where O(helm) and O(chart_path) are at hand.
    type: str
    choices: [auto, "true", "false"]
    default: auto
  helm:
    description: The helm program, a path or a name on C(PATH).
    type: str
    default: helm
  chart_path:
    description: The chart's package or folder. Use the package, since a folder is treated otherwise.
    type: path
extends_documentation_fragment:
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: Make the files of the vLLM application
  inferops.vllm.vllm_values:
    models: "{{ vllm_planned.models }}"
    plan: "{{ vllm_planned.plan }}"
    chart_version: 0.1.8
  register: vllm_values

- name: Commit them
  inferops.vllm.gitops_commit:
    repo_url: "{{ gitops_repo_url }}"
    branch: main
    files: "{{ vllm_values.files }}"
    message: Deploy the models of this site
"""

RETURN = r"""
files:
  description: The files, in the order of their paths.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: Path from the root of the repository.
      type: str
    content:
      description: The whole text.
      type: str
arguments:
  description: For each model (by name) the argument list that follows C(vllm serve) in its pod.
  returned: success
  type: dict
objects:
  description:
    - The objects that the folder would make, by apiVersion, kind, name and namespace, for O(ignore:contents) of
      M(inferops.vllm.argocd_application). Known from the chart's release, without rendering; files of the folder's
      C(templates) that are Helm templates are left out.
  returned: success
  type: list
  elements: dict
differences:
  description: What differs from O(existing_files), value by value.
  returned: success
  type: list
  elements: dict
  contains:
    file:
      description: Path of the file.
      type: str
    path:
      description: Path of the value in the file.
      type: str
    old:
      description: The value so far; null where there is none.
      type: raw
    new:
      description: The value to come; null where there is none.
      type: raw
findings:
  description: What is worth knowing.
  returned: always
  type: list
  elements: dict
"""
