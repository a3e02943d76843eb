# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the programs come from: a given directory, PATH, the cache, an official release, or a build.

The cache folder is named by a hash of everything that decides the result (go.mod, go.sum, the Go version and the
linker flags), so a changed pin never meets a stale binary. A binary appears there by one atomic rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.runner import toolchain
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import ASSETS, BASE_URLS, HERE, PROGRAMS, Asset, Program, Release, release
from sandbox.runner.redis import redis_server


@dataclass(frozen=True)
class Binaries:
    """Everything resolved: the path of each program, and the ``share`` folder of each asset."""

    programs: Mapping[str, Path]
    assets: Mapping[str, Path]

    def __getitem__(self, name: str) -> str:
        return str(self.programs[name])


def cache_root(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all caches: ``SANDBOX_CACHE``, else below ``XDG_CACHE_HOME`` or ``~/.cache``."""
    if env.get("SANDBOX_CACHE"):
        return Path(env["SANDBOX_CACHE"]).resolve()
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".cache")
    return Path(base) / "inferops-vllm" / "sandbox"


def cache_key(module: Path, go_version: str, flags: str) -> str:
    """Return the SHA-256 of what decides the binaries of one go.mod."""
    digest = hashlib.sha256()
    for part in (
        (module / "go.mod").read_bytes(),
        (module / "go.sum").read_bytes(),
        go_version.encode(),
        flags.encode(),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def cache_directory(module: str, root: Path, go_version: str) -> Path:
    """Return the cache folder of the go.mod in ``sandbox/<module>``."""
    programs = [program for program in PROGRAMS if program.module == module]
    flags = "\n".join(f"{program.name} {program.package} {program.ldflags}" for program in programs)
    return root / cache_key(programs[0].directory, go_version, f"{platform.machine()}\n{flags}")


def resolve() -> Binaries:
    """Return every program and asset, obtaining what is missing (says what it does, and how far it is)."""
    root = cache_root()
    go = toolchain.find_go(root)
    found: dict[str, Path] = {}
    for program in PROGRAMS:
        target = cache_directory(program.module, root, go.version) / "bin" / program.name
        found[program.name] = ready_copy(program, target) or target
    missing = [program for program in PROGRAMS if not found[program.name].exists()]
    with locked(root / "lock") if missing else nothing():
        for number, program in enumerate(missing, 1):
            obtain(program, found[program.name], go, f"{number}/{len(missing)}")
    found["redis-server"] = redis_server(root)
    return Binaries(found, {asset.name: asset_folder(asset, root, go) for asset in ASSETS})


@contextmanager
def nothing() -> Iterator[None]:
    """Stand in for a lock that is not needed."""
    yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path``; a second builder waits and then finds the work done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"binaries: another process is working on {path.parent}; waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ready_copy(program: Program, cached: Path) -> Path | None:
    """Return a copy that needs no work: in ``SANDBOX_BIN``, in the cache, or on PATH with the right version."""
    given = os.environ.get("SANDBOX_BIN")
    if given and (Path(given) / program.name).is_file():
        return Path(given).resolve() / program.name
    if cached.exists():
        return cached
    on_path = shutil.which(program.name)
    if not on_path or not program.version_words:
        return None
    answer = subprocess.run(
        [on_path, *program.version_arguments], capture_output=True, text=True, check=False, timeout=20
    )
    return Path(on_path) if program.recognises(answer.stdout + answer.stderr) else None


def obtain(program: Program, target: Path, go: toolchain.Go, count: str) -> None:
    """Download (with ``SANDBOX_DOWNLOAD=1``) or build one program into the cache."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    official = release(
        program.name, {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    )
    partial = target.with_name(f".{program.name}.{os.getpid()}")
    try:
        if official and os.environ.get("SANDBOX_DOWNLOAD") == "1":
            print(f"[{count}] {program.name}: downloading", flush=True)
            download(official, partial)
        else:
            toolchain.install(go)
            print(f"[{count}] {program.name}: building {program.package}", flush=True)
            build(program, partial, go, f"[{count}] {program.name}")
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    print(f"[{count}] {program.name}: ready after {time.monotonic() - started:.0f} s", flush=True)


def build(program: Program, output: Path, go: toolchain.Go, label: str) -> None:
    """Build one program with the ordinary Go client, with a line a minute while it takes long."""
    command = [
        str(go.program),
        "build",
        "-trimpath",
        "-o",
        str(output),
        "-ldflags",
        f"-s -w {program.ldflags}".strip(),
        program.package,
    ]
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=program.directory, env=toolchain.environment(), stdout=log, stderr=log)
        while True:
            try:
                code = process.wait(timeout=60)
                break
            except subprocess.TimeoutExpired:
                print(f"{label}: still building ({time.monotonic() - started:.0f} s)", flush=True)
        if code:
            log.seek(0)
            tail = log.read().decode(errors="replace")[-1500:]
            raise SandboxError(f"{program.name}: go build failed in {program.directory}:\n{tail}")


def download(official: Release, output: Path) -> None:
    """Fetch one official release file and check its SHA-256 before anything is unpacked."""
    variable, default = BASE_URLS[official.base]
    url = f"{os.environ.get(variable, default).rstrip('/')}/{official.path}"
    wanted = official.sha256 or fetch(f"{url}.sha256").decode().split()[0]
    content = fetch(url)
    actual = hashlib.sha256(content).hexdigest()
    if actual != wanted:
        raise SandboxError(f"{url}: SHA-256 is {actual}, expected {wanted}; nothing was installed")
    if not official.member:
        output.write_bytes(content)
        return
    with tempfile.TemporaryFile() as archive:
        archive.write(content)
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            member = tar.extractfile(official.member)
            if member is None:
                raise SandboxError(f"{url}: holds no file {official.member}")
            output.write_bytes(member.read())


def fetch(url: str) -> bytes:
    """Return the body of ``url``."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            body: bytes = answer.read()
            return body
    except OSError as error:
        mirrors = " or ".join(variable for variable, _ in BASE_URLS.values())
        raise SandboxError(f"{url}: {error}\nfix: a mirror in {mirrors}, or unset SANDBOX_DOWNLOAD to build") from error


def asset_folder(asset: Asset, root: Path, go: toolchain.Go) -> Path:
    """Return the folder with the files of ``asset``, taken from the module's own folder on first use."""
    given = os.environ.get("SANDBOX_BIN")
    if given and (Path(given).parent / "share" / asset.name).is_dir():
        return Path(given).resolve().parent / "share" / asset.name
    folder = cache_directory(asset.directory, root, go.version) / "share" / asset.name
    if not folder.is_dir():
        toolchain.install(go)
        copy_files(module_folder(asset, go), asset, folder)
    return folder


def module_folder(asset: Asset, go: toolchain.Go) -> Path:
    """Return where the ordinary Go client keeps the asset's module, downloading it where it is not yet."""
    answer = subprocess.run(
        [str(go.program), "mod", "download", "-json", asset.module],
        cwd=HERE / asset.directory,
        env=toolchain.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return Path(json.loads(answer.stdout)["Dir"])
    except (ValueError, KeyError):
        raise SandboxError(f"go mod download {asset.module}: {(answer.stdout + answer.stderr)[-600:]}") from None


def copy_files(source: Path, asset: Asset, folder: Path) -> None:
    """Copy what the asset's patterns name into ``folder``, which appears complete or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    for pattern in asset.patterns:
        files = sorted(source.glob(pattern))
        if not files:
            raise SandboxError(f"{source}: no file matches {pattern}; does the pin in go.mod still have it?")
        for file in files:
            if asset.as_json:
                document = yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
                (partial / f"{file.stem}.json").write_text(json.dumps(document), encoding="utf-8")
            else:
                (partial / file.name).write_bytes(file.read_bytes())
    partial.chmod(0o755)
    try:
        partial.rename(folder)
    except OSError:  # another runner was faster
        shutil.rmtree(partial)
