# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: AWX objects as code."""

from __future__ import annotations

from ..findings import Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="awx-nothing-to-do",
        severity=Severity.FATAL,
        title="No AWX object is given",
        symptom="The module was called with an empty set of objects.",
        cause="A variable is empty; a pass over nothing would prove nothing.",
        fix="Give at least one object, or leave the task out.",
    ),
    Entry(
        code="awx-object-invalid",
        severity=Severity.FATAL,
        title="An AWX object cannot be right",
        symptom="The object has an unknown field, lacks a required one, or is there twice.",
        cause="A misspelt field or kind, or two objects of one name where names are unique.",
        fix="Correct the path that the message names; docs/awx.md lists the kinds.",
    ),
    Entry(
        code="awx-reference-missing",
        severity=Severity.FATAL,
        title="An AWX object names another one that is not there",
        symptom="Neither the given objects nor AWX have an object of this kind and name.",
        cause="A misspelt name, or an object of another organization.",
        fix="Correct the name, or add the object.",
    ),
    Entry(
        code="awx-unreachable",
        severity=Severity.FATAL,
        title="AWX cannot be reached",
        symptom="No answer, no TLS connection, or an answer that is not AWX's.",
        cause="A wrong host or API prefix, a certificate that is not trusted, or AWX is down.",
        fix="Check awx_host (https://awx.example.org) and awx_api_prefix; awx_validate_certs is for rehearsals only.",
    ),
    Entry(
        code="awx-login-refused",
        severity=Severity.FATAL,
        title="AWX refuses the login, or the right to do this",
        symptom="AWX answered 401 or 403.",
        cause="A wrong or expired token, or a user who is no administrator of the organization.",
        fix="Give a token of an administrator of the organization in CONTROLLER_OAUTH_TOKEN.",
    ),
    Entry(
        code="awx-refused",
        severity=Severity.FATAL,
        title="AWX refuses an object",
        symptom="AWX answered with an error that names a field.",
        cause="A value that AWX does not take, such as a playbook that the project does not have.",
        fix="Correct the field that AWX names.",
    ),
    Entry(
        code="awx-project-sync-failed",
        severity=Severity.FATAL,
        title="AWX could not update the project",
        symptom="The project's update failed, or did not end in time; its templates could not find their playbooks.",
        cause="A wrong repository URL, branch or credential, or no network from AWX to the repository.",
        fix="Open the project's last update in AWX, mend what it names, and run this again.",
    ),
)
