# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for get-pip.py: ansible-test would download that from a host that not every network reaches.

Python brings the same pip along. tests/packaging puts this file where ansible-test looks for its download.
"""

import ensurepip

ensurepip.bootstrap(default_pip=True)
