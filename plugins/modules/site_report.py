# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_report
short_description: Write the report of a run, for people and for programs
version_added: 0.1.0
author: The inferops.vllm maintainers (@inferops)
description:
  - Writes C(<directory>/<site>.html), one self-contained page, and C(<directory>/<site>.json), the same data
    (schema in C(docs/report.schema.json)), on the controller. Both are replaced at once, with mode 0644.
  - Takes what the stages registered; stages that did not get that far may be left out.
  - The files are a product of the run, not of the site, so the task never reports a change.
options:
  directory:
    description: Where the report goes. It is created when it is missing.
    type: path
    default: report
  site:
    description: Name of the site, which is the name of the files.
    type: str
    required: true
  stages:
    description: What each stage registered. Stages that are missing are shown as not run.
    type: list
    elements: dict
    default: []
    suboptions:
      stage:
        description: Name of the stage (gpu_node, runtime_class, sealed_secrets, application, verification).
        type: str
        required: true
      results:
        description: The registered results of its tasks. Empty and skipped ones do not count.
        type: list
        elements: dict
        default: []
  plan:
    description: The plan.
    type: dict
    default: {}
  nodes:
    description: The GPU nodes, as the preflight returned them.
    type: list
    elements: dict
    default: []
  models:
    description: The entries of C(vllm_models) (name, model, role).
    type: list
    elements: dict
    default: []
  revisions:
    description: What is in force in Git. User information in the URL is left out of the report.
    type: list
    elements: dict
    default: []
    suboptions:
      revision:
        description: The commit.
        type: str
        required: true
      application:
        description: The Argo CD Application that synced it.
        type: str
        default: ""
      repository:
        description: URL of the repository.
        type: str
        default: ""
  verification:
    description: The result of M(inferops.vllm.served_models).
    type: dict
    default: {}
  settings:
    description: What the sites of a fleet are compared in.
    type: dict
    default: {}
    suboptions:
      gpu_mode:
        description: How the GPUs reach the pods.
        type: str
        default: ""
      chart:
        description: Version of the chart.
        type: str
        default: ""
      image:
        description: Tag of the vLLM image.
        type: str
        default: ""
attributes:
  check_mode:
    support: full
    description: Builds the report and returns its lines, writes no file.
  diff_mode:
    support: none
    description: The files are a product of the run.
extends_documentation_fragment:
  - inferops.vllm.findings
"""

EXAMPLES = r"""
- name: Report what happened
  inferops.vllm.site_report:
    site: "{{ inventory_hostname }}"
    stages:
      - stage: application
        results: ["{{ application_commit }}", "{{ application_synced }}"]
      - stage: verification
        results: ["{{ verification_served }}"]
    models: "{{ vllm_models }}"
    verification: "{{ verification_served }}"
"""

RETURN = r"""
html_path:
  description: Path of the page.
  returned: success
  type: str
  sample: report/mytown.html
json_path:
  description: Path of the data.
  returned: success
  type: str
  sample: report/mytown.json
outcome:
  description: verified (every model answered), failed, or incomplete (neither; also every first run in check mode).
  returned: success
  type: str
  sample: verified
row:
  description: The report in short, for the page of a fleet (M(inferops.vllm.fleet_report)).
  returned: success
  type: dict
lines:
  description: The end summary - what was committed, where each model runs, what answered.
  returned: success
  type: list
  elements: str
"""
