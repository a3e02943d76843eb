# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up known vulnerabilities of what is locked: ``python -m tools.audit [LOCK …]``.

Ends with ``N packages, N vulnerabilities``, exit status 1 when there is one. Where no index of vulnerabilities can be
reached it says ``skipped``, and why, with exit status 0.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements-dev.txt", "requirements-audit.txt")
UNREACHABLE = re.compile(r"[^\n]*(?:ConnectionError|ServiceError|Max retries|timed out|ProxyError|HTTPError)[^\n]*")


def main(locks: Sequence[str]) -> int:
    """Audit every lock."""
    known, found = 0, 0
    for lock in locks or LOCKS:
        done = audit(lock)
        report = parsed(done.stdout)
        if report is None:
            said = UNREACHABLE.search(done.stderr)
            if said is None:
                print(done.stderr, file=sys.stderr)
                return done.returncode or 1
            print(f"skipped: no index of vulnerabilities can be reached ({said[0].strip()[:160]})")
            return 0
        lines = list(vulnerabilities(report))
        print("".join(f"× {lock}: {line}\n" for line in lines), end="")
        known, found = known + len(report["dependencies"]), found + len(lines)
    print(f"{known} packages, {found} vulnerabilities")
    return 1 if found else 0


def audit(lock: str) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on a lock; nothing is resolved or installed."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)


def parsed(text: str) -> dict[str, Any] | None:
    """The report, or None where there is none."""
    try:
        report: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return report


def vulnerabilities(report: dict[str, Any]) -> Iterator[str]:
    """A line each: package, version, identifier, and the version that mends it."""
    for package in report["dependencies"]:
        for one in package.get("vulns", ()):
            mended = ", ".join(one.get("fix_versions", ())) or "no version yet"
            yield f"{package['name']} {package['version']}: {one['id']}, mended in {mended}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
