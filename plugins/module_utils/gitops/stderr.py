# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What git's error texts mean. Git has one exit status for everything; the reason is in the text.

The texts are those of git 2.31 and later, OpenSSH, and the hooks of GitHub, GitLab and Gitea, in the
C locale.
"""

from __future__ import annotations

import re

from ..findings import Finding, finding

RACE = "gitops-push-race"
"""The one failure that is not the end: someone else pushed first."""

MEANINGS: tuple[tuple[str, str], ...] = (
    ("gitops-no-space", r"No space left on device|Disk quota exceeded"),
    ("gitops-host-key", r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED"),
    ("gitops-ssh-key-invalid", r"Load key .*(?:invalid format|error in libcrypto|incorrect passphrase)"),
    ("gitops-signing", r"gpg failed to sign|gpg: (?:signing failed|skipped)|failed to sign the data|cannot run gpg"),
    (
        "gitops-branch-protected",
        (
            r"GH006|GH013|protected branch|branch \S+ is protected|not allowed to (?:force )?push code to protected"
            r"|Changes must be made through a pull request|Not allowed to push to protected"
        ),
    ),
    (
        "gitops-write-denied",
        (
            r"Write access to repository not granted|key you are authenticating with has been marked as read only"
            r"|deploy key does not have write access|not allowed to push|denied to (?:deploy key|\S+)\.?$"
            r"|User permission denied for writing|unable to create temporary object directory"
            r"|insufficient permission for adding an object"
        ),
    ),
    ("gitops-push-rejected", r"pre-receive hook declined|update hook declined|\[remote rejected\].*declined"),
    (
        RACE,
        (
            r"\[rejected\].*(?:non-fast-forward|fetch first|stale info)|non-fast-forward|cannot lock ref"
            r"|failed to update ref|incorrect old value provided|reference already exists|shallow update not allowed"
        ),
    ),
    ("gitops-push-rejected", r"\[remote rejected\]"),
    (
        "gitops-auth",
        (
            r"Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Access denied"
            r"|Permission denied \(|returned error: (?:401|403)|Invalid username or (?:password|token)"
        ),
    ),
    ("gitops-repository-moved", r"returned error: 30[12378]|unable to update url base from redirection"),
    (
        "gitops-tls",
        (
            r"SSL certificate problem|server certificate verification failed|gnutls_handshake|SSL_ERROR"
            r"|TLS connect error|certificate verify locations"
        ),
    ),
    (
        "gitops-unreachable",
        (
            r"Could not resolve|Connection (?:refused|timed out|reset|closed)|Failed to connect|Couldn't connect"
            r"|Operation timed out|Network is unreachable|No route to host|Temporary failure in name resolution"
            r"|Operation too slow|RPC failed|returned error: (?:5\d\d|429)|Empty reply from server|early EOF"
            r"|Recv failure|Name or service not known|port \d+: Host is down"
        ),
    ),
    (
        "gitops-repository-missing",
        (
            r"repository .*not found|Repository not found|does not appear to be a git repository|does not exist"
            r"|returned error: 404|could not be found|not a git repository|Project not found"
        ),
    ),
    ("gitops-branch-missing", r"couldn't find remote ref|Remote branch .* not found"),
    ("gitops-unreachable", r"unexpected disconnect|hung up unexpectedly|Could not read from remote repository"),
)

NOISE = re.compile(r"^(?:hint:|warning:|To |From |remote: *$|\s*$|Counting|Compressing|Writing|Enumerating)")


def explain(stderr: str, subject: str, *, writing: bool = False) -> Finding:
    """The finding for a git command that failed with ``stderr`` (already without secrets).

    ``writing`` says that it was a push: then 403 means the right to write, not a wrong password.
    """
    code = next((code for code, text in MEANINGS if re.search(text, stderr, re.MULTILINE | re.IGNORECASE)), "")
    if writing and code == "gitops-auth" and re.search(r"returned error: 403", stderr):
        code = "gitops-write-denied"
    return finding(code or "gitops-git-failed", subject, reason(stderr))


def reason(stderr: str) -> str:
    """The lines of ``stderr`` that say something, on one line, at most 400 characters."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in stderr.splitlines() if not NOISE.match(line)]
    return " / ".join(dict.fromkeys(lines))[:400] or "git gave no reason"
