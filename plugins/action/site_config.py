# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell of the module site_config: templated variables in, settings or findings out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import raise_if_fatal, refuse
from ansible_collections.inferops.vllm.plugins.module_utils.site.variables import SECRET_VARIABLES, check, ours
from ansible_collections.inferops.vllm.plugins.module_utils.yaml_text import load
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction

SPECIFICATION = Path(__file__).parents[2] / "roles" / "site" / "meta" / "argument_specs.yml"
SCHEMA = load(SPECIFICATION.read_text("utf-8"))["argument_specs"]["main"]["options"]
"""Read once, before Ansible forks, and not for every site."""


class ActionModule(FindingsAction):
    """Returns the site's settings, complete with defaults, under the names of the variables."""

    MODULE = "site_config"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Check all variables that are meant for this collection."""
        settings, findings = check(self._variables(), SCHEMA)
        raise_if_fatal(findings)
        return {"site": self._task_vars["inventory_hostname"], **settings, "findings": findings}

    def _variables(self) -> dict[str, Any]:
        return {name: self._templated(name) if name not in SECRET_VARIABLES else None for name in ours(self._task_vars)}

    def _templated(self, name: str) -> Any:
        try:
            return self._templar.template(self._task_vars[name])
        except AnsibleError as error:
            raise refuse("site-variable-value", name, f"cannot be evaluated: {error.message}") from None
