# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote branch in our hands: the only file that runs git.

There is never a working tree. A branch is fetched without history into a private folder, its tree is
read from the object database and a new commit is built there from blobs, so no filter, no hook, no
attribute and no symbolic link of the repository has a say in what we read or write.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO

from ..findings import Refusal, finding, refuse
from ..suggest import did_you_mean
from .remote import Credentials, check_branch, check_credentials, environment, normalise_key, parse_url, scrub
from .stderr import explain, reason

# pylint: disable=ansible-bad-function  # we run on the controller, where no module offers run_command

MINIMUM_GIT = (2, 31)
"""The first git that takes settings from its environment, which keeps a token out of argv and files."""

TEMPORARY = "inferops-vllm-git-"
STALE_AFTER = 60.0
"""Seconds before an unlocked temporary folder counts as left behind (its owner may be about to lock it)."""

HISTORY = 20
"""Commits that a fetch brings along: enough to say which commit last touched our paths, no round trip more."""

LOOK_BACK = 200
"""Commits that are fetched to answer a question about history."""

BOTS_EMAIL = "inferops.vllm@localhost"
KEYRING = "gpg"
"""Short, and high up in the folder: the agent's sockets are in it, and their paths may have 107 bytes."""

REMOTE_HEADS = "refs/remotes/origin/"


@dataclass(frozen=True)
class Person:
    """Author and committer of our commits."""

    name: str = "inferops.vllm"
    email: str = BOTS_EMAIL


@dataclass(frozen=True)
class Entry:
    """A path of a tree: ``mode`` (``100644``, ``100755``, ``120000`` link, ``160000`` submodule) and object."""

    mode: str
    sha: str


@dataclass(frozen=True)
class Heads:
    """What the remote offers: branch name to commit, and the branch that HEAD stands for (or empty)."""

    branches: Mapping[str, str]
    default: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A branch at one commit. ``revision`` is the full commit id, empty for a branch without a commit."""

    branch: str
    revision: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict)


class Repository:
    """A remote repository and the private folder in which we work on it. Use as a context manager.

    ``credentials`` as :class:`~.remote.Credentials`; ``timeout`` is the limit in seconds of one git
    command. Every failure is a :class:`Refusal` with a ``gitops-…`` code; none shows a secret.
    """

    def __init__(self, url: str, credentials: Credentials | None = None, *, timeout: float = 180.0) -> None:
        self.url = url
        self.credentials = credentials or Credentials()
        self.timeout = timeout
        self.address = parse_url(url)
        check_credentials(self.address, self.credentials)
        self.subject = scrub(url, self.credentials.secrets())
        self.known = Heads({})

    def __enter__(self) -> Repository:
        try:
            self._prepare(git_program())
        except OSError as error:
            self.__exit__(None, None, None)
            raise _no_folder(error) from error
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _prepare(self, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=TEMPORARY))
        self._lock = _hold(self.folder)
        remove_stale(Path(tempfile.gettempdir()))
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        self._write_credentials()
        self._git = [program, "--git-dir", str(self.folder / "git")]
        self.env = environment(self.address, self.credentials, str(self.home), os.environ)
        self.env["GNUPGHOME"] = str(self.folder / KEYRING)
        self.run("init", "--quiet", "--bare", "--template=", str(self.folder / "git"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (folder := getattr(self, "folder", None)) is not None:
            if (folder / KEYRING).exists():
                _stop_gpg_agent(folder / KEYRING)
            shutil.rmtree(folder, ignore_errors=True)
        if (lock := getattr(self, "_lock", None)) is not None:
            lock.close()

    def _write_credentials(self) -> None:
        texts = {"key": normalise_key(self.credentials.ssh_key), "known_hosts": self.credentials.known_hosts}
        for name, text in texts.items():
            if text:
                write_private(self.home / name, text.rstrip("\n") + "\n")

    # -- running git ------------------------------------------------------------------------------

    def attempt(
        self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, str]:
        """Run git; its exit status, stdout, and stderr without secrets. Raises only when it cannot run."""
        process = subprocess.Popen(  # noqa: S603  # a fixed program, no shell
            [*self._git, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self.env, **(env or {})},
            cwd=self.folder,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(stdin, timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise refuse(
                "gitops-unreachable", self.subject, f"git {arguments[0]} took more than {self.timeout:g} s"
            ) from None
        finally:
            _kill_group(process)
        return process.returncode, stdout, scrub(stderr.decode(errors="replace"), self.credentials.secrets())

    def run(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git and return its stdout. Raises a :class:`Refusal` that explains its stderr."""
        status, stdout, stderr = self.attempt(*arguments, stdin=stdin, env=env)
        if status:
            raise Refusal([explain(stderr, self.subject)])
        return stdout

    # -- reading ----------------------------------------------------------------------------------

    def heads(self) -> Heads:
        """The remote's branches and its default one. An empty repository has no branches."""
        listing = self.run("ls-remote", "--symref", "--", self.url, "HEAD", "refs/heads/*").decode(errors="replace")
        default = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listing, re.MULTILINE)
        found = re.findall(r"^([0-9a-f]{40,64})\trefs/heads/(\S+)$", listing, re.MULTILINE)
        return Heads({name: sha for sha, name in found}, default[1] if default else "")

    def resolve(self, branch: str, heads: Heads) -> str:
        """The branch to work on: ``branch``, or the remote's default one for an empty string or ``HEAD``."""
        if branch in ("", "HEAD"):
            return self._default_branch(heads)
        check_branch(branch)
        if heads.branches and branch not in heads.branches:
            known = ", ".join(sorted(heads.branches)[:10])
            hint = did_you_mean(branch, heads.branches)
            raise refuse("gitops-branch-missing", self.subject, f"has no branch '{branch}'{hint}; it has: {known}")
        return branch

    def _default_branch(self, heads: Heads) -> str:
        if not heads.branches:
            raise refuse("gitops-repository-empty", self.subject, "has no commit, so it has no default branch yet")
        if heads.default not in heads.branches:
            known = ", ".join(sorted(heads.branches)[:10])
            raise refuse("gitops-branch-missing", self.subject, f"has no usable default branch; it has: {known}")
        return heads.default

    def open(self, branch: str, *, allow_empty: bool = False) -> Snapshot:
        """The newest commit of ``branch`` (empty: the default one).

        With ``allow_empty`` a repository without any commit gives a snapshot without revision.
        """
        self.known = self.heads()
        name = self.resolve(branch, self.known)
        if self.known.branches:
            return self.fetch(name)
        if not allow_empty:
            raise refuse("gitops-repository-empty", self.subject, "has no commit")
        return Snapshot(name)

    def fetch(self, branch: str, depth: int = HISTORY) -> Snapshot:
        """Fetch the newest ``depth`` commits of ``branch``; the snapshot at its head."""
        local = f"{REMOTE_HEADS}{branch}"
        refspec = f"+refs/heads/{branch}:{local}"
        status, _unused, stderr = self.attempt(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", f"--depth={depth}", "--", self.url, refspec
        )
        if status and re.search(r"couldn't find remote ref", stderr):
            return Snapshot(branch)
        if status:
            raise Refusal([explain(stderr, self.subject)])
        revision = self.run("rev-parse", "--verify", local).decode().strip()
        return self.snapshot(branch, revision)

    def snapshot(self, branch: str, revision: str) -> Snapshot:
        """The tree of a commit that was fetched before."""
        listing = self.run("ls-tree", "-r", "-z", "--full-tree", revision)
        entries: dict[str, Entry] = {}
        for line in filter(None, listing.split(b"\0")):
            meta, _tab, path = line.partition(b"\t")
            mode, _type, sha = meta.decode().split(" ")
            entries[path.decode(errors="surrogateescape")] = Entry(mode, sha)
        return Snapshot(branch, revision, entries)

    def last_commit(self, snapshot: Snapshot, paths: Sequence[str]) -> str:
        """The newest fetched commit that touched ``paths``; empty if it lies further back."""
        if not snapshot.revision:
            return ""
        found = self.run("--literal-pathspecs", "log", "-1", "--format=%H", snapshot.revision, "--", *paths)
        commit = found.decode().strip()
        return "" if commit in self.horizon() else commit

    def log(self, revision: str, count: int) -> str:
        """The newest ``count`` fetched commits: id, parents' ids, message, each ended by NUL."""
        return self.run("log", "-z", f"-{count}", "--format=%H%n%P%n%B", revision).decode(errors="replace")

    def raw_diff(self, before: str, after: str) -> bytes:
        """What ``after`` changed against its parent ``before`` (empty: everything is new), in raw form."""
        sides = [before, after] if before else ["--root", "--no-commit-id", after]
        return self.run("diff-tree", "-r", "-z", "--no-renames", "--full-index", *sides)

    def parent(self, commit: str) -> str:
        """The only parent of a fetched commit; empty if there is none, several, or it was not fetched."""
        parents = self.run("log", "-1", "--format=%P", commit).decode().split()
        return parents[0] if len(parents) == 1 else ""

    def contains(self, snapshot: Snapshot, commit: str) -> bool:
        """Whether ``commit`` is in the branch's history (its newest 200 commits, and all merged into them)."""
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
            raise refuse("gitops-revision-invalid", "contains", f"'{commit}' is not a full commit id")
        if not (self.has(commit) and self.has(snapshot.revision)):
            self.fetch(snapshot.branch, LOOK_BACK)
        return self.attempt("merge-base", "--is-ancestor", commit, snapshot.revision)[0] == 0

    def has(self, commit: str) -> bool:
        """Whether a commit was fetched."""
        return self.attempt("cat-file", "-e", f"{commit}^{{commit}}")[0] == 0

    def horizon(self) -> set[str]:
        """Commits whose parents were not fetched: what they changed cannot be told."""
        shallow = self.folder / "git" / "shallow"
        return set(shallow.read_text().split()) if shallow.exists() else set()

    def contents(self, shas: Iterable[str]) -> dict[str, bytes]:
        """The bytes of blobs, by object id, in one go."""
        wanted = list(dict.fromkeys(shas))
        if not wanted:
            return {}
        stream = self.run("cat-file", "--batch", stdin="".join(f"{sha}\n" for sha in wanted).encode())
        found: dict[str, bytes] = {}
        for sha in wanted:
            head, _unused, rest = stream.partition(b"\n")
            size = int(head.rpartition(b" ")[2])
            found[sha], stream = rest[:size], rest[size + 1 :]
        return found

    def read(self, snapshot: Snapshot, paths: Iterable[str]) -> dict[str, bytes]:
        """The bytes of those of ``paths`` that are ordinary files of ``snapshot``."""
        files = {p: snapshot.entries[p].sha for p in paths if is_file(snapshot.entries.get(p))}
        blobs = self.contents(files.values())
        return {path: blobs[sha] for path, sha in files.items()}

    def ignore_rules(self, ignore_files: Mapping[str, bytes], paths: Sequence[str]) -> dict[str, str]:
        """Those of ``paths`` that ``.gitignore`` files exclude, with the rule (``file:line:pattern``).

        ``ignore_files`` maps paths of ``.gitignore`` files to their bytes. Whether a path is tracked
        already does not matter.
        """
        scratch = Path(tempfile.mkdtemp(prefix="ignore-", dir=self.folder))
        for name, content in ignore_files.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).write_bytes(content)
        query = b"".join(os.fsencode(path) + b"\0" for path in paths)
        arguments = ("check-ignore", "--no-index", "--verbose", "--non-matching", "-z", "--stdin")
        status, stdout, stderr = self.attempt(*arguments, stdin=query, env={"GIT_WORK_TREE": str(scratch)})
        if status not in (0, 1):
            raise Refusal([explain(stderr, self.subject)])
        fields = [os.fsdecode(part) for part in stdout.split(b"\0")][:-1]
        rows = zip(fields[0::4], fields[1::4], fields[2::4], fields[3::4], strict=True)
        # A rule that starts with ! takes the path back in; it is printed all the same.
        return {path: f"{f}:{n}:{rule}" for f, n, rule, path in rows if rule and not rule.startswith("!")}

    # -- writing ----------------------------------------------------------------------------------

    def build(
        self,
        base: str,
        files: Mapping[str, tuple[str, bytes] | None],
        message: str,
        person: Person,
        sign_key: str = "",
    ) -> str:
        """Make a commit (locally): its id.

        ``base`` is the parent commit, or empty for the first one. ``files`` maps a path to its mode and
        bytes, or to None to remove it; every other path stays as it is in ``base``.
        """
        index = {"GIT_INDEX_FILE": str(self.folder / "index")}
        self.run("read-tree", base or "--empty", env=index)
        lines = b"".join(self._index_line(path, entry) for path, entry in files.items())
        self.run("update-index", "-z", "--index-info", stdin=lines, env=index)
        tree = self.run("write-tree", env=index).decode().strip()
        names = {
            f"GIT_{role}_{kind}": value
            for role in ("AUTHOR", "COMMITTER")
            for kind, value in (("NAME", person.name), ("EMAIL", person.email))
        }
        parent = ["-p", base] if base else []
        signing = [f"--gpg-sign={self._import_key(sign_key)}"] if sign_key else ["--no-gpg-sign"]
        commit = self.run(
            "commit-tree", *signing, *parent, "-F", "-", tree, stdin=message.encode(errors="replace"), env=names
        )
        return commit.decode().strip()

    def _index_line(self, path: str, entry: tuple[str, bytes] | None) -> bytes:
        if entry is None:
            return f"0 {'0' * 40}\t{path}\0".encode()
        mode, content = entry
        sha = self.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()
        return f"{mode} {sha}\t{path}\0".encode()

    def push(self, commit: str, branch: str, *, replace: str | None = None) -> bool:
        """Offer ``commit`` as the new head of ``branch``; False if somebody else was faster.

        Never overwrites: the remote takes it only as a descendant of its head, except that ``replace``
        (the old head of a branch of our own) may be given to replace exactly that.
        """
        lease = [] if replace is None else [f"--force-with-lease=refs/heads/{branch}:{replace}"]
        status, stdout, stderr = self.attempt(
            "push", "--quiet", "--porcelain", *lease, "--", self.url, f"{commit}:refs/heads/{branch}"
        )
        if status == 0:
            return True
        texts = scrub(stdout.decode(errors="replace"), self.credentials.secrets()) + stderr
        found = explain(texts, f"{self.subject} branch {branch}", writing=True)
        if found.code == "gitops-push-race":
            return False
        raise Refusal([found])

    def _import_key(self, key: str) -> str:
        """The fingerprint of an armoured private GnuPG key, imported into a keyring that lives as long as we."""
        (self.folder / KEYRING).mkdir(mode=0o700, exist_ok=True)
        gpg = shutil.which("gpg")
        if gpg is None:
            raise refuse("gitops-signing", "sign_key", "gpg is not installed")
        arguments = [gpg, "--batch", "--quiet", "--import-options", "import-show", "--with-colons", "--import"]
        done = subprocess.run(  # noqa: S603  # a fixed program, no shell
            arguments, input=key.encode(), env=self.env, capture_output=True, timeout=self.timeout, check=False
        )
        fingerprint = re.search(r"^sec:.*\n(?:fpr|fp2):+([0-9A-F]{40,64}):", done.stdout.decode(), re.MULTILINE)
        if done.returncode or not fingerprint:
            said = reason(scrub(done.stderr.decode(errors="replace"), Credentials(ssh_key=key).secrets()))
            raise refuse("gitops-signing", "sign_key", f"is not an armoured private GnuPG key that gpg takes: {said}")
        return fingerprint[1]


def is_file(entry: Entry | None) -> bool:
    """Whether ``entry`` is an ordinary file: not absent, a link or a submodule."""
    return entry is not None and entry.mode in ("100644", "100755")


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to a new file that only we can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


@cache
def git_program() -> str:
    """The path of the git binary, checked once a process to be new enough."""
    program = shutil.which("git")
    if program is None:
        raise refuse("gitops-git-missing", "git", "is not on the PATH of the Ansible controller")
    shown = subprocess.run([program, "version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r"(\d+)\.(\d+)", shown.stdout)
    if not version or (int(version[1]), int(version[2])) < MINIMUM_GIT:
        raise refuse("gitops-git-missing", program, f"is {shown.stdout.strip() or 'not git'}; 2.31 or later is needed")
    return program


def remove_stale(parent: Path) -> None:
    """Remove temporary folders of ours whose process is gone (it was killed): nobody holds their lock."""
    for folder in parent.glob(f"{TEMPORARY}*"):
        try:
            state = folder.lstat()
            if state.st_uid != os.getuid() or time.time() - state.st_mtime < STALE_AFTER:
                continue
            _hold(folder).close()
        except OSError:
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _hold(folder: Path) -> IO[bytes]:
    """Lock ``folder`` for as long as the returned file is open. Raises OSError if it is locked."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    stream = os.fdopen(descriptor, "wb")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise
    return stream


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End git and its transport helpers, if they have not ended by themselves."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _stop_gpg_agent(keyring: Path) -> None:
    if (gpgconf := shutil.which("gpgconf")) is not None:
        subprocess.run(  # noqa: S603
            [gpgconf, "--homedir", str(keyring), "--kill", "all"], capture_output=True, check=False, timeout=10
        )


def _no_folder(error: OSError) -> Refusal:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = "gitops-no-space" if full else "gitops-no-folder"
    place = tempfile.gettempdir() if tempfile.tempdir else "TMPDIR"
    return Refusal([finding(code, place, f"cannot hold a temporary clone: {error.strerror or error}")])
