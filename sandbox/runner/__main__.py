# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of ``python -m sandbox.runner``."""

import sys

from sandbox.runner.cli import main

if __name__ == "__main__":
    sys.exit(main())
