# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two plaintext Secrets of the rehearsal, as an operator would have them under ``local-secrets/``.

Random values of the right shape, made once per state directory: they open nothing outside the sandbox.
"""

from __future__ import annotations

import secrets
import string
from pathlib import Path

ALPHABET = string.ascii_letters + string.digits
SECRETS = {"hf-secret": ("TOKEN", "hf_"), "vllm-secret": ("KEY", "rehearsal-")}
LENGTH = 34


def write(root: Path) -> Path:
    """Make ``<root>/local-secrets`` with what is missing in it; return the folder."""
    folder = root / "local-secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, (key, prefix) in SECRETS.items():
        path = folder / f"{name}.yaml"
        if not path.exists():
            value = prefix + "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
            path.touch(mode=0o600)
            path.write_text(_manifest(name, key, value), encoding="utf-8")
    return folder


def _manifest(name: str, key: str, value: str) -> str:
    return (
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: vllm\nstringData:\n  {key}: {value}\n"
    )
