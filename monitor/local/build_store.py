"""Builds of the local platform: copies of an executable, so that replacing the file does not affect a run."""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from monitor.avalanchego.conventions import EXECUTABLE
from monitor.avalanchego.node_output import last_words, rejects_configuration
from monitor.domain.build import Build, Versions
from monitor.domain.image_reference import ImageReference
from monitor.domain.sanitize import one_line
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.local.processes import end_group

STABLE_SECONDS = 1.0
VERSIONS_SECONDS = 30.0
VERSIONS_BYTES = 64 << 10
VERSIONS_TRIES = 3
BUILDS_KEPT = 5
BUILDS_FOLDER = "builds"
# Neither the content of the file nor its permissions change without its signature.
_NOT_FOR_THIS_MACHINE = frozenset({errno.ENOEXEC, errno.EACCES, errno.ENOENT})
_CHUNK_BYTES = 2**20
_WORDS_CHARACTERS = 300
_COPIES = "[0-9a-f]" * 64
# The repository in the image of every build, so that renaming the executable does not start another test.
REPOSITORY = EXECUTABLE


def program_path(executable: Path) -> str:
    """Return the path of a program, with `./` in front of a name without a folder."""
    return str(executable) if "/" in str(executable) else f"./{executable}"


def program_text(executable: Path) -> str:
    """Return the path of a program as a command contains it, with shell quotes where needed."""
    return shlex.quote(program_path(executable))


def content_digest(executable: Path) -> str:
    """Return the digest that a copy of the file would have, as `sha256:…`.

    Raises:
        ConfigurationError: the file is missing, unreadable or not executable.
    """
    signature_of(executable)
    try:
        with executable.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise ConfigurationError(f"{program_text(executable)}: cannot be read ({error.strerror})") from error


def signature_of(executable: Path) -> tuple[int, int, int]:
    """Return a file's modification time (ns), size (bytes) and inode, which change with its content.

    Raises:
        ConfigurationError: the file is missing or not executable.
    """
    try:
        status = executable.stat()
    except OSError as error:
        raise ConfigurationError(
            f"{program_text(executable)}: not found ({error.strerror}); specify the node's executable"
        ) from error
    if not executable.is_file():
        raise ConfigurationError(f"{program_text(executable)} is not a file: specify the node's executable")
    if not os.access(executable, os.X_OK):
        raise ConfigurationError(f"{program_text(executable)} is not executable: chmod +x it")
    return status.st_mtime_ns, status.st_size, status.st_ino


def refuse_mistakes(executable: Path, arguments: Sequence[str]) -> None:
    """Raise if a file is not an AvalancheGo, or rejects its arguments, which it reads before `--version-json`.

    Do not raise if that is unknown, for example while the file is being written.

    Raises:
        ConfigurationError: the file is missing or not executable, rejects the arguments, prints something other
            than versions, or is not for this machine.
    """
    signature = signature_of(executable)
    if time.time() - executable.stat().st_mtime < STABLE_SECONDS:
        return
    for last_try in (False, False, True):
        try:
            Versions.parse(_printed([executable.absolute(), "--version-json", *arguments]).decode())
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            if words := _rejection(error):
                raise ConfigurationError(
                    f"the node rejects its arguments after --: {words}; {program_text(executable)} --help lists its "
                    "flags"
                ) from error
            if isinstance(error, OSError) and error.errno not in _NOT_FOR_THIS_MACHINE:
                return
            if isinstance(error, subprocess.TimeoutExpired) or signature_of(executable) != signature:
                return
            if last_try:
                raise _not_a_node(executable, error) from error
        else:
            return


def _rejection(error: Exception) -> str:
    """Return the words in which the node rejects its arguments; empty for another error."""
    if not isinstance(error, subprocess.CalledProcessError):
        return ""
    words = one_line(last_words((error.stdout or b"").decode(errors="replace")), _WORDS_CHARACTERS)
    return words if rejects_configuration(words) else ""


def _not_a_node(executable: Path, error: Exception) -> ConfigurationError:
    if isinstance(error, OSError):
        return ConfigurationError(
            f"{program_text(executable)} cannot be run ({error.strerror}): specify a program for this machine"
        )
    return ConfigurationError(
        f"{program_text(executable)} --version-json prints no versions ({_reason(error)}): is it an AvalancheGo? "
        "Specify the node's executable"
    )


class BuildStore:
    """A folder with copies of builds, named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: Path | None = None

    def path(self, build: Build) -> Path:
        """Return the path of a build's executable.

        Raises:
            MonitorError: the copy is gone.
        """
        digest = ImageReference.parse(build.image).digest or ""
        path = self._folder / digest.removeprefix("sha256:")
        if not path.is_file():
            raise MonitorError(
                f"{path}: the copy of build {build.image} is missing; restore it, or use a new data folder"
            )
        return path

    def kept(self) -> list[str]:
        """Return the digests of the builds that have a copy in the store."""
        return sorted(f"sha256:{path.name}" for path in self._folder.glob(_COPIES))

    def keep(self, executable: Path) -> str:
        """Copy a file into the store, and return the digest of the copied bytes as `sha256:…`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / ".new"
        hashed = hashlib.sha256()
        temporary.unlink(missing_ok=True)
        with executable.open("rb") as source, temporary.open("xb") as copy:
            while chunk := source.read(_CHUNK_BYTES):
                hashed.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        temporary.chmod(0o755)
        temporary.replace(self._folder / hashed.hexdigest())
        self._prune()
        return f"sha256:{hashed.hexdigest()}"

    def use(self, build: Build) -> None:
        """Mark a build as the running one, and delete all other copies but the newest `BUILDS_KEPT`."""
        self._used = self.path(build)
        self._prune()

    def _prune(self) -> None:
        if self._used is None:
            return  # the running build is not known yet
        copies = sorted(self._folder.glob(_COPIES), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in copies[BUILDS_KEPT:]:
            if path != self._used:
                path.unlink(missing_ok=True)


class FileSource:
    """A source whose newest build is the content of a file, once the file is no longer being written."""

    def __init__(
        self,
        executable: Path,
        builds: BuildStore,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._executable, self._builds, self._sleep = executable, builds, sleep
        self._name = program_text(executable)
        self._asking = Lock()
        self._known: tuple[tuple[int, int, int], Build] | None = None
        self._tried: tuple[tuple[int, int, int], int] | None = None
        self._refused: tuple[tuple[int, int, int], str] | None = None

    def newest(self) -> Build:
        """Return the build in the file; copy it and read its versions if the file has changed.

        A lock serializes the calls of `init` and of the polls for new builds.
        """
        with self._asking:
            return self._newest()

    def _newest(self) -> Build:
        signature = signature_of(self._executable)
        if self._known and self._known[0] == signature:
            return self._known[1]
        if self._refused and self._refused[0] == signature:
            raise ConfigurationError(self._refused[1])  # do not copy a large file at every poll
        self._sleep(STABLE_SECONDS)
        if signature_of(self._executable) != signature:
            raise TemporaryError(f"{self._name} is being written: polled again later")
        try:
            digest = self._builds.keep(self._executable)
        except OSError as error:
            raise TemporaryError(f"{self._name}: cannot be copied ({error.strerror})") from error
        image = ImageReference(REPOSITORY).with_digest(digest)
        build = Build(image, frozenset({digest}))
        try:
            versions = self._versions(build, signature)
        except ConfigurationError as error:
            self._refused = signature, str(error)
            raise
        build = Build(image, frozenset({digest}), versions)
        self._known = (signature, build)
        return build

    def _versions(self, build: Build, signature: tuple[int, int, int]) -> Versions:
        """Return the versions that the build prints.

        Raises:
            TemporaryError: the build printed none now.
            ConfigurationError: the build printed others than versions in three tries, or is not for this machine.
        """
        try:
            return Versions.parse(_printed([self._builds.path(build), "--version-json"]).decode())
        except OSError as error:
            if error.errno in _NOT_FOR_THIS_MACHINE:
                raise _not_a_node(self._executable, error) from error
            raise TemporaryError(f"{self._name} cannot be run ({error.strerror})") from error
        except (subprocess.SubprocessError, ValueError) as error:
            tries = 1 + (self._tried[1] if self._tried and self._tried[0] == signature else 0)
            self._tried = signature, tries
            # A busy machine may be too slow for the program, as often as it is tried.
            if tries < VERSIONS_TRIES or isinstance(error, subprocess.TimeoutExpired):
                raise TemporaryError(
                    f"{self._name} --version-json prints no versions ({_reason(error)})"
                ) from error
            raise _not_a_node(self._executable, error) from error


def _printed(command: Sequence[str | Path]) -> bytes:
    """Return what a program prints on standard output.

    Raises:
        OSError: the program cannot be run.
        SubprocessError: the program fails, or runs for longer than `VERSIONS_SECONDS`.
        ValueError: the program prints more than `VERSIONS_BYTES`.
    """
    late = threading.Event()
    with subprocess.Popen(  # noqa: S603 - the operator chose this program
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    ) as child:

        def end_late() -> None:
            late.set()
            end_group(child.pid)

        timer = threading.Timer(VERSIONS_SECONDS, end_late)
        timer.start()
        try:
            printed = child.stdout.read(VERSIONS_BYTES + 1) if child.stdout else b""
            if len(printed) > VERSIONS_BYTES:
                end_group(child.pid)
            code = child.wait()
        finally:
            timer.cancel()
    if late.is_set():
        raise subprocess.TimeoutExpired(command, VERSIONS_SECONDS)
    if len(printed) > VERSIONS_BYTES:
        raise ValueError(f"it prints more than {VERSIONS_BYTES} bytes")
    if code:
        raise subprocess.CalledProcessError(code, command, printed)
    return printed


def _reason(error: Exception) -> str:
    match error:
        case subprocess.CalledProcessError():
            return f"it exited with code {error.returncode}"
        case subprocess.TimeoutExpired():
            return f"no answer within {error.timeout:.0f} s"
        case _:
            return str(error)
