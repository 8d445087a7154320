"""The volume: the node's folder on it, how it is measured, and how it is cleared for a new run.

Clearing renames the folder aside and syncs that first, so that a kill leaves either all of the node's data or
none of it where the node would look.  No link is followed, and nothing is begun that could not be ended.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from monitor.errors import MonitorError, TemporaryError
from monitor.model import DataState, Instant, NodeData, VolumeReading

NODE_FOLDER = "avalanchego"
_ASIDE_PREFIX = ".bootstrap-monitor-clearing-"
_MOUNTS = Path("/proc/self/mountinfo")
_BLOCK_BYTES = 512


class Volume:
    """A tester's volume, at the folder where the monitor sees it."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.node_folder = data_dir / NODE_FOLDER

    def node_data(self) -> NodeData:
        """What there is of the node's data, and whether it could be removed.

        Raises:
            TemporaryError: the volume cannot be read.
        """
        try:
            filled = any(self._asides()) or self._filled()
            return NodeData(
                path=str(self.node_folder),
                state=DataState.PRESENT if filled else DataState.ABSENT,
                obstacle=self._obstacle(),
            )
        except OSError as error:
            raise TemporaryError(
                f"{error.filename or self._data_dir}: cannot be read ({error.strerror})"
            ) from error

    def clear(self) -> None:
        """Remove the node's data and leave an empty folder of the same kind.

        Raises:
            MonitorError: it is a link, a file or a mount, and is left as it is; or something of it cannot be
                removed, and what remains is not where the node looks.
        """
        try:
            misplaced = self._misplaced()
            if misplaced is not None:
                raise MonitorError(misplaced)
            mode = 0o750
            if self._filled():
                mode = stat.S_IMODE(self.node_folder.stat().st_mode)
                self.node_folder.rename(self._unused_aside())
            if not self.node_folder.exists():
                self.node_folder.mkdir()
                self.node_folder.chmod(mode)
            self._sync()
            for aside in self._asides():
                _remove(aside)
            self._sync()
        except OSError as error:
            raise MonitorError(
                f"{error.filename or self.node_folder}: cannot be removed ({error.strerror}); "
                "mend its permissions, then it goes on"
            ) from error

    def measure(self, now: Instant) -> VolumeReading:
        """Size and free space of the volume, and what the node's data takes of it.

        Raises:
            TemporaryError: the volume cannot be read.
        """
        size_bytes, available_bytes = free_space(self._data_dir)
        try:
            usage_bytes = disk_usage_bytes(self.node_folder)
        except OSError as error:
            where = error.filename or self._data_dir
            raise TemporaryError(f"{where}: cannot be read ({error.strerror})") from error
        return VolumeReading(
            taken=now,
            usage_bytes=usage_bytes,
            size_bytes=size_bytes,
            available_bytes=available_bytes,
        )

    def _filled(self) -> bool:
        if self.node_folder.is_symlink():
            return True
        try:
            with os.scandir(self.node_folder) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False
        except NotADirectoryError:
            return True

    def _obstacle(self) -> str | None:
        """Why clearing could not end; looked for before anything of it is recorded."""
        misplaced = self._misplaced()
        if misplaced is not None:
            return misplaced
        if not os.access(self._data_dir, os.R_OK | os.W_OK | os.X_OK):
            return (
                f"{self._data_dir}: this user ({os.geteuid()}) may not write there; set fsGroup or runAsUser"
            )
        return self._irremovable()

    def _misplaced(self) -> str | None:
        """What is there instead of a folder of this volume."""
        folder = self.node_folder
        if folder.is_symlink():
            return f"{folder} is a link: nothing is cleared through it; put the node's data itself there"
        if folder.exists() and not folder.is_dir():
            return f"{folder} is no folder: remove it"
        return self._foreign_mount()

    def _foreign_mount(self) -> str | None:
        folder = self.node_folder.resolve()  # as the kernel names it
        for mount in _mount_points():
            if mount == folder or folder in mount.parents:
                return f"{mount} is a mount of its own: mount the volume at {self._data_dir} instead"
        return None

    def _irremovable(self) -> str | None:
        for root in (self.node_folder, *self._asides()):
            for each in _closed_folders(root):
                return (
                    f"{each}: this user ({os.geteuid()}) may not remove what is in it; "
                    "run node and monitor as one user, or set fsGroup"
                )
        return None

    def _unused_aside(self) -> Path:
        """What an interrupted clearing left may have any number."""
        names = (self._data_dir / f"{_ASIDE_PREFIX}{number}" for number in itertools.count(1))
        return next(name for name in names if not name.exists() and not name.is_symlink())

    def _asides(self) -> Iterator[Path]:
        yield from self._data_dir.glob(_ASIDE_PREFIX + "*")

    def _sync(self) -> None:
        directory = os.open(self._data_dir, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)


def _closed_folders(root: Path) -> Iterator[str]:
    """Those of which something could not be removed; `os.walk` passes over what it cannot list."""
    unlisted: list[OSError] = []
    for each, _, _ in os.walk(root, onerror=unlisted.append):
        if not os.access(each, os.R_OK | os.W_OK | os.X_OK):
            yield each
    yield from (str(error.filename) for error in unlisted if not isinstance(error, FileNotFoundError))


def free_space(data_dir: Path) -> tuple[int, int]:
    """Size of a volume, and what is free on it for this user, in bytes.

    Raises:
        TemporaryError: it cannot be read.
    """
    try:
        system = os.statvfs(data_dir)
    except OSError as error:
        raise TemporaryError(f"{data_dir}: cannot be read ({error.strerror})") from error
    return system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize


def disk_usage_bytes(root: Path) -> int | None:
    """The blocks that a tree takes, on its own file system; a file with several names counts once.

    What vanishes under way is left out; `None` where some of it may not be read.  It may be called in a thread
    of its own: each look at a file lets the other threads run, and no more than one folder is open.
    """
    seen: set[int] = set()
    try:
        status = root.stat()
        total = status.st_blocks * _BLOCK_BYTES
        pending = [os.path.realpath(root)]
        while pending:
            total += _folder_bytes(pending.pop(), status.st_dev, seen, pending)
    except FileNotFoundError:
        return 0
    except PermissionError:
        return None
    return total


def _folder_bytes(folder: str, device: int, seen: set[int], pending: list[str]) -> int:
    """What the entries of a folder take; folders among them are added to `pending`."""
    try:
        # Its descriptor: the kernel need not find the path anew for each entry, which takes a fifth of the time.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        with os.scandir(descriptor) as entries:
            # One by one: the node may keep a hundred thousand files in one folder.
            return sum(_entry_bytes(entry, folder, device, seen, pending) for entry in entries)
    except FileNotFoundError:  # removed, which some C libraries say and others take for the end
        return 0
    except OSError as error:  # which names the descriptor, or the entry alone
        raise OSError(error.errno, error.strerror, folder) from error
    finally:
        os.close(descriptor)


def _entry_bytes(
    entry: os.DirEntry[str], folder: str, device: int, seen: set[int], pending: list[str]
) -> int:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if status.st_dev != device:
        return 0
    if stat.S_ISDIR(status.st_mode):
        pending.append(f"{folder}/{entry.name}")
    elif status.st_nlink > 1:
        if status.st_ino in seen:
            return 0
        seen.add(status.st_ino)
    return status.st_blocks * _BLOCK_BYTES


def _mount_points() -> list[Path]:
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return []
    return [Path(line.split(" ")[4].replace("\\040", " ")) for line in lines]
