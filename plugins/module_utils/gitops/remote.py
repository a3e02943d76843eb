# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a repository is and how to be let in: its URL, its credentials, and git's environment.

Decides only, reads and writes nothing. Every git command of this collection runs in the environment
that :func:`environment` states: nothing of the user's own git configuration, no prompt, no hook.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..findings import refuse

SCHEMES = ("https", "http", "ssh", "file")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DEFAULT_USERNAME = "x-access-token"
"""What GitHub documents as the user name beside a token; GitLab and Gitea take any."""

SCP_FORM = re.compile(r"^(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+):(?P<path>[^/:\s][^:\s]*)$")

INHERITED = (
    "PATH",
    "TMPDIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    *(name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())),
)
"""The only variables of the caller that git sees: where programs, certificates and proxies are."""

SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # Git would send the token's header on to wherever a redirect points.
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "100"),
    ("http.lowSpeedTime", "30"),
    ("protocol.version", "2"),
)


@dataclass(frozen=True)
class Credentials:
    """What lets us in; all of it optional.

    ``token`` is a password or access token for HTTPS, sent with ``username``. ``ssh_key`` is the text of
    an unencrypted private key, ``known_hosts`` the text of a known_hosts file: SSH needs both, or an
    agent and ``known_hosts``.
    """

    username: str = ""
    token: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    known_hosts: str = ""

    def secrets(self) -> list[str]:
        """Every form in which a secret could appear in a message."""
        keys = [line for line in self.ssh_key.splitlines() if len(line) > 20 and "-----" not in line]
        return [secret for secret in (self.token, self.basic() if self.token else "", *keys) if secret]

    def basic(self) -> str:
        """The value of HTTP basic authentication."""
        pair = f"{self.username or DEFAULT_USERNAME}:{self.token}"
        return base64.b64encode(pair.encode("utf-8", "replace")).decode()


@dataclass(frozen=True)
class Address:
    """A repository URL, taken apart: ``scheme`` (``ssh`` for ``git@host:path``), ``host``, ``port``, ``path``."""

    url: str
    scheme: str
    host: str
    path: str
    port: int | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port: the part of the URL that credentials belong to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def project(self) -> str:
        """``owner/name`` as the provider's API wants it: the path without slashes around it or ``.git``."""
        return self.path.strip("/").removesuffix(".git")


def parse_url(url: str, subject: str = "repo_url") -> Address:
    """Take a repository URL apart.

    Accepts ``https://``, ``http://``, ``ssh://``, ``file://``, ``user@host:path`` and an absolute path.
    Raises ``gitops-url-invalid`` for anything else, and for a URL that holds a password.
    """
    if not url or url != url.strip() or any(ord(c) < 33 for c in url):
        raise refuse("gitops-url-invalid", subject, "is empty or holds blanks or control characters")
    if url.startswith("/"):
        return Address(url, "file", "", url)
    if "://" in url:
        return _parse_scheme(url, subject)
    scp = SCP_FORM.match(url)
    if not scp or url.startswith("-"):
        allowed = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise refuse("gitops-url-invalid", subject, f"is none of {allowed}, user@host:path or an absolute path")
    return Address(url, "ssh", scp["host"], scp["path"])


def _parse_scheme(url: str, subject: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        hint = "has no numeric port after ':'; write https://host/group/name.git, with / after the host"
        raise refuse("gitops-url-invalid", subject, hint) from None
    if parts.scheme not in SCHEMES:
        allowed = ", ".join(SCHEMES)
        raise refuse("gitops-url-invalid", subject, f"has scheme '{parts.scheme}', allowed are {allowed}")
    if parts.password is not None or (parts.username and parts.scheme in ("http", "https")):
        raise refuse("gitops-url-invalid", subject, "holds credentials, which would land in logs and error texts")
    host = parts.hostname or ""
    if parts.scheme != "file" and (not host or host.startswith("-") or not parts.path.strip("/")):
        raise refuse("gitops-url-invalid", subject, "names no host or no repository")
    return Address(url, parts.scheme, host, parts.path, port)


def check_credentials(address: Address, credentials: Credentials) -> None:
    """Refuse what would be sent in the clear, or an SSH host that nobody vouches for."""
    if address.scheme == "http" and credentials.token and address.host not in LOOPBACK:
        raise refuse("gitops-url-invalid", "repo_url", "would send the token over plain http", fix="Use https://.")
    if re.search(r"[\x00-\x1f\ud800-\udfff]", credentials.token + credentials.username):
        raise refuse("gitops-auth", "token", "holds control characters, often a trailing newline")
    if address.scheme == "ssh" and not credentials.known_hosts.strip():
        raise refuse("gitops-known-hosts-missing", "known_hosts", f"is empty; {address.host} could be anybody")


def check_branch(branch: str, subject: str = "branch") -> None:
    """Refuse a branch name that git would not take (or would take for something else)."""
    bad = re.search(r"^[-/.]|\.\.|//|@\{|[\x00-\x20~^:?*\[\\\x7f]|[/.]$|\.lock(?:/|$)|/\.|^@$", branch)
    if not branch or bad or branch.startswith("refs/"):
        hint = ", leave out refs/heads/" if branch.startswith("refs/heads/") else ""
        raise refuse("gitops-branch-invalid", subject, f"'{branch}' is not the name of a branch{hint}")


def environment(address: Address, credentials: Credentials, home: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a git command.

    ``home`` is a private folder (no user configuration is read); the SSH key and known hosts are
    expected there as ``key`` and ``known_hosts``. ``inherited`` is the caller's environment.
    """
    agent = () if credentials.ssh_key else ("SSH_AUTH_SOCK",)
    env = {name: inherited[name] for name in (*INHERITED, *agent) if name in inherited}
    env |= {"HOME": home, "XDG_CONFIG_HOME": home, "LC_ALL": "C", "LANGUAGE": ""}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0"}
    env |= {"GIT_ASKPASS": "", "SSH_ASKPASS": "", "GIT_OPTIONAL_LOCKS": "0", "GIT_SSH_VARIANT": "ssh"}
    env["GIT_SSH_COMMAND"] = _ssh_command(home, bool(credentials.ssh_key))
    settings = list(SETTINGS)
    if credentials.token and address.scheme in ("http", "https"):
        settings.append((f"http.{address.origin}/.extraHeader", f"Authorization: Basic {credentials.basic()}"))
    env["GIT_CONFIG_COUNT"] = str(len(settings))
    for index, (key, value) in enumerate(settings):
        env |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return env


def _ssh_command(home: str, has_key: bool) -> str:
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": f"{home}/known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "ConnectTimeout": "20",
        "IdentitiesOnly": "yes" if has_key else "no",
    }
    words = ["ssh", "-F", "/dev/null"]
    words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    if has_key:
        words += ["-i", f"{home}/key"]
    return shlex.join(words)


def scrub(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets`` and without credentials in URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return re.sub(r"(?<=://)[^/@\s]+@", "********@", text)


def normalise_key(text: str) -> str:
    """A private key as OpenSSH reads it: LF line ends and a final newline, which copy and paste lose."""
    return text.replace("\r\n", "\n").strip() + "\n" if text.strip() else ""
