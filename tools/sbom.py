# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tools.sbom FOLDER``: a CycloneDX bill of materials beside the artefact in FOLDER.

Required: what the collection imports at run time, with what that needs. Excluded: what only development, tests and
the rehearsal use, which includes the Go modules of the sandbox. Versions and hashes are those of the locks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.txt"
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)[^\n]*\\\n((?: +--hash=[^\n]+\n?)+)", re.MULTILINE)
GO_SUM = re.compile(r"^(\S+) (v\S+?) h1:(\S+)$", re.MULTILINE)
PLATFORM = "ansible-core"
"""What every collection needs and none may name as a Python requirement."""

JSON = dict[str, Any]


def main(folder: str) -> int:
    """Write the bill of materials of the newest artefact."""
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text("utf-8"))
    name = f"{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}"
    artefact = Path(folder) / f"{name}.tar.gz"
    path = Path(folder) / f"{name}.cdx.json"
    path.write_text(json.dumps(bill(galaxy, artefact), indent=1) + "\n", "utf-8")
    print(f"SBOM: {path}")
    return 0


def bill(galaxy: JSON, artefact: Path) -> JSON:
    """The document."""
    needed = closure(PLATFORM, *direct())
    packages = [python_component(*found, needed) for found in LOCKED.findall(LOCK.read_text("utf-8"))]
    components = [*packages, *go_components()]
    root = {**collection(galaxy), "hashes": [{"alg": "SHA-256", "content": digest(artefact)}]}
    required = [one["bom-ref"] for one in components if one["scope"] == "required"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "component": root},
        "components": components,
        "dependencies": [{"ref": root["bom-ref"], "dependsOn": required}],
    }


def collection(galaxy: JSON) -> JSON:
    """The collection itself."""
    reference = f"pkg:generic/{galaxy['namespace']}.{galaxy['name']}@{galaxy['version']}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": f"{galaxy['namespace']}.{galaxy['name']}",
        "version": galaxy["version"],
        "purl": reference,
        "licenses": [{"license": {"id": galaxy["license"][0]}}],
    }


def direct() -> list[str]:
    """The packages of requirements.txt."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines())
    return [Requirement(line).name for line in lines if line]


def closure(*names: str) -> frozenset[str]:
    """Packages and, transitively, what they need as installed here."""
    found: set[str] = set()
    waiting = [canonical(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            wanted = map(Requirement, metadata.requires(name) or ())
            waiting += [canonical(one.name) for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    return frozenset(found)


def canonical(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def python_component(name: str, version: str, hashes: str, needed: frozenset[str]) -> JSON:
    """A locked package. Several hashes are those of its several files."""
    reference = f"pkg:pypi/{canonical(name)}@{version}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
        "scope": "required" if canonical(name) in needed else "excluded",
        "hashes": [{"alg": "SHA-256", "content": one} for one in re.findall(r"sha256:([0-9a-f]{64})", hashes)],
    }


def go_components() -> Iterator[JSON]:
    """The modules that the sandbox's programs are built from; ``h1:`` is the SHA-256 of a list of files' hashes."""
    sums = sorted((ROOT / "sandbox").rglob("go.sum"))
    modules = sorted({found for path in sums for found in GO_SUM.findall(path.read_text("utf-8"))})
    for name, version, tree in modules:
        if version.endswith("/go.mod"):
            continue
        reference = f"pkg:golang/{name}@{version}"
        yield {
            "type": "library",
            "bom-ref": reference,
            "name": name,
            "version": version,
            "purl": reference,
            "scope": "excluded",
            "properties": [{"name": "go:h1", "value": base64.b64decode(tree).hex()}],
        }


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
