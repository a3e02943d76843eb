# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Sum up the sites of an inventory on one page
version_added: 0.1.0
author: The inferops.vllm maintainers (@inferops)
description:
  - Writes C(<directory>/fleet.html), one self-contained page with a row a site, and C(<directory>/fleet.json), the same
    data, on the controller. Both are replaced at once, with mode 0644.
  - A row is what this run reported (O(rows)), else the report that an earlier run left in O(directory)
    (M(inferops.vllm.site_report), M(inferops.vllm.drift_report)). A site without either is shown as not run.
  - Says which site is unlike most others - its chart, its image, its models, its driver.
  - Never fails because of a site, and never reports a change.
options:
  directory:
    description: Where the reports of the sites are, and where the page goes.
    type: path
    default: report
  sites:
    description: Names of all sites of the fleet, in the order of the page.
    type: list
    elements: str
    required: true
  rows:
    description: What M(inferops.vllm.site_report) returned as RV(inferops.vllm.site_report#module:row) in this run.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
    description: Sums up and returns the lines, writes no file.
  diff_mode:
    support: none
    description: The files are a product of the run.
extends_documentation_fragment:
  - inferops.vllm.findings
"""

EXAMPLES = r"""
- name: Sum up the fleet
  inferops.vllm.fleet_report:
    sites: "{{ groups.all }}"
  run_once: true
"""

RETURN = r"""
html_path:
  description: Path of the page.
  returned: success
  type: str
  sample: report/fleet.html
json_path:
  description: Path of the data.
  returned: success
  type: str
  sample: report/fleet.json
totals:
  description: Numbers of sites - sites, verified, failed, incomplete, not_run, drifting, unusual.
  returned: success
  type: dict
lines:
  description: The summary - how many sites are verified, and of each other one why not.
  returned: success
  type: list
  elements: str
"""
