# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: what an inventory can get wrong."""

from __future__ import annotations

from ..findings import Entry, Severity

REFERENCE = "ansible-doc -t role inferops.vllm.site lists every variable with its type and default."

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="site-variable-unknown",
        severity=Severity.FATAL,
        title="A variable is not known",
        symptom="The run stops before it reads the cluster and names a variable or a key.",
        cause="A misspelt name. Ansible itself would ignore it and use the default.",
        fix=f"Correct or remove it; {REFERENCE}",
    ),
    Entry(
        code="site-variable-missing",
        severity=Severity.FATAL,
        title="A required variable is not set",
        symptom="The run stops before it reads the cluster and names the variable.",
        cause="The inventory of the site does not set it, or sets it for another group.",
        fix=f"Set it in the site's group_vars or host_vars; {REFERENCE}",
    ),
    Entry(
        code="site-variable-type",
        severity=Severity.FATAL,
        title="A variable has the wrong type",
        symptom="The run stops before it reads the cluster and names the variable, often with an index.",
        cause="For example a list where one string is meant, or a number in quotes.",
        fix=f"Write the value as the type that the message names; {REFERENCE}",
    ),
    Entry(
        code="site-variable-value",
        severity=Severity.FATAL,
        title="A variable has a value that cannot work",
        symptom="The run stops before it reads the cluster and names the variable and the rule.",
        cause="A value outside the allowed ones: another GPU mode, a name that Kubernetes refuses, a malformed URL.",
        fix=f"Use a value that the message allows; {REFERENCE}",
    ),
    Entry(
        code="site-url-credential",
        severity=Severity.FATAL,
        title="A repository URL holds a credential",
        symptom="The run stops before it contacts the repository.",
        cause="A URL such as https://user:token@host/path: Git stores it, and error messages print it.",
        fix="Take it out of the URL; set gitops_username and gitops_token (vault, or the variable GIT_TOKEN).",
    ),
)
