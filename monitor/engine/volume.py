"""The tester's volume: the measurement of the node's data, and its deletion before a new run.

Clearing first renames the node's folder and syncs the rename.  So after a kill, the node finds either all of
its data or none.  No link is followed, and clearing does not start if it could not be completed.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from monitor.avalanchego.conventions import NODE_FOLDER
from monitor.domain.instant import Instant
from monitor.domain.observations import DataState, NodeData, VolumeReading
from monitor.domain.sanitize import one_line
from monitor.engine.folder_walk import Position, for_each_folder, remove_tree
from monitor.errors import Cause, MonitorError, TemporaryError

_MOVED_PREFIX = ".bootstrap-monitor-clearing-"
_MOUNTS = Path("/proc/self/mountinfo")
_BLOCK_BYTES = 512
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2})")
_NAME_CHARACTERS = 300

_log = logging.getLogger(__name__)


class Volume:
    """A tester's volume, at the path where it is mounted for the monitor."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.node_folder = data_dir / NODE_FOLDER

    def node_data(self) -> NodeData:
        """Return whether the volume contains node data, and why the data could not be removed.

        Raises:
            TemporaryError: the volume cannot be read.
        """
        try:
            filled = any(self._moved_folders()) or self._filled()
            return NodeData(
                path=str(self.node_folder),
                state=DataState.PRESENT if filled else DataState.ABSENT,
                obstacle=self._obstacle(),
            )
        except OSError as error:
            raise TemporaryError(
                f"{error.filename or self._data_dir}: cannot be read ({error.strerror})",
                cause=Cause.VOLUME_UNUSABLE,
            ) from error

    def clear(self) -> None:
        """Remove the node's data and leave an empty folder with the same mode.

        Raises:
            MonitorError: the folder is a link, a file or a mount, and was not changed.  Or an entry cannot be
                removed; the remaining data is then in a renamed folder that the node does not use.
        """
        try:
            misplaced = self._misplaced()
            if misplaced is not None:
                raise MonitorError(misplaced, cause=Cause.VOLUME_UNUSABLE)
            mode = 0o750
            if self._filled():
                mode = stat.S_IMODE(self.node_folder.stat().st_mode)
                self.node_folder.rename(self._unused_name())
            if not self.node_folder.exists():
                self.node_folder.mkdir()
                self.node_folder.chmod(mode)
            self._sync()
            device = self._data_dir.stat().st_dev
            for moved in self._moved_folders():
                if moved.is_symlink() or not moved.is_dir():
                    moved.unlink()
                else:
                    remove_tree(moved, device)
            self._sync()
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise MonitorError(self._mounted(error.filename), cause=Cause.VOLUME_UNUSABLE) from error
            raise MonitorError(
                f"{error.filename or self.node_folder}: cannot be removed ({error.strerror}); "
                "fix its permissions, and the monitor will retry",
                cause=Cause.VOLUME_UNUSABLE,
            ) from error

    def measure(self, now: Instant) -> VolumeReading:
        """Measure the size and the free space of the volume, and the disk usage of the node's data.

        The disk usage is `None` if the data cannot be read.

        Raises:
            TemporaryError: the volume cannot be read.
        """
        size_bytes, available_bytes = free_space(self._data_dir)
        usage_bytes = None
        try:
            usage_bytes = disk_usage_bytes(self.node_folder)
        except OSError as error:
            where = error.filename or self._data_dir
            _log.warning("%s: cannot be read (%s); the node's data is not measured", where, error.strerror)
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
        """Return why clearing could not be completed, `None` if it could; called before it is recorded."""
        misplaced = self._misplaced()
        if misplaced is not None:
            return misplaced
        if not os.access(self._data_dir, os.R_OK | os.W_OK | os.X_OK):
            return (
                f"{self._data_dir}: this user ({os.geteuid()}) may not write there; set fsGroup or runAsUser"
            )
        return self._irremovable()

    def _misplaced(self) -> str | None:
        """Return an error message if the node's folder is a link, a file or a mount; otherwise `None`."""
        folder = self.node_folder
        if folder.is_symlink():
            return f"{folder} is a link, and the monitor does not follow links: replace it with the node's folder"
        if folder.exists() and not folder.is_dir():
            return f"{folder} is not a folder: remove it"
        return self._foreign_mount()

    def _foreign_mount(self) -> str | None:
        folder = self.node_folder.resolve()  # the path as in mountinfo
        for mount in _mount_points():
            if mount == folder or folder in mount.parents:
                return self._mounted(one_line(str(mount), _NAME_CHARACTERS))
        return None

    def _mounted(self, where: str) -> str:
        return f"{where} is a separate mount: mount the volume at {self._data_dir} instead"

    def _irremovable(self) -> str | None:
        for root in (self.node_folder, *self._moved_folders()):
            try:
                _check_removable(root)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    return self._mounted(error.filename)
                if error.errno not in _REFUSED:
                    raise
                return (
                    f"{error.filename}: this user ({os.geteuid()}) may not remove its contents; "
                    "run the node and the monitor as the same user, or set fsGroup"
                )
        return None

    def _unused_name(self) -> Path:
        """Return a free path to rename the node's folder to; interrupted clearings may have left others."""
        names = (self._data_dir / f"{_MOVED_PREFIX}{number}" for number in itertools.count(1))
        return next(name for name in names if not name.exists() and not name.is_symlink())

    def _moved_folders(self) -> Iterator[Path]:
        yield from self._data_dir.glob(_MOVED_PREFIX + "*")

    def _sync(self) -> None:
        directory = os.open(self._data_dir, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _check_removable(root: Path) -> None:
    """Check that this user can remove all entries of a tree.

    Raises:
        PermissionError: this user may not remove the entries of the folder that the error names.
        OSError: the tree cannot be read, or contains a mount (`EXDEV`).
    """

    def visit(position: Position) -> list[str]:
        if not os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=position.descriptor):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), position.path())
        try:
            with os.scandir(position.descriptor) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            raise position.failure(error) from error

    try:
        root_position = Position(root)
    except (FileNotFoundError, NotADirectoryError):
        return  # a file or a link: only the permissions of its folder matter
    with root_position as position:
        for_each_folder(position, visit)


def free_space(data_dir: Path) -> tuple[int, int]:
    """Return the size of a volume and the space available to this user, in bytes.

    Raises:
        TemporaryError: the volume cannot be read.
    """
    try:
        system = os.statvfs(data_dir)
    except OSError as error:
        raise TemporaryError(
            f"{data_dir}: cannot be read ({error.strerror})", cause=Cause.VOLUME_UNUSABLE
        ) from error
    return system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize


def disk_usage_bytes(root: Path) -> int | None:
    """Return the disk usage of a tree in bytes, as allocated blocks on its own file system.

    A file with several hard links counts once, and files that are removed during the walk are ignored.  The
    result is `None` if this user may not read a part of the tree.  The walk can run in a background thread:
    each system call releases the GIL, and at most two folders are open at a time.

    Raises:
        OSError: a part of the tree cannot be read for another reason.
    """
    seen: set[int] = set()
    total = 0

    def visit(position: Position) -> list[str]:
        nonlocal total
        folders: list[str] = []
        total += _folder_bytes(position, seen, folders)
        return folders

    try:
        status = root.stat()
        total = status.st_blocks * _BLOCK_BYTES
        if stat.S_ISDIR(status.st_mode):
            with Position(root, follow=True) as position:
                for_each_folder(position, visit)
    except FileNotFoundError:
        return 0
    except PermissionError:
        return None
    return total


def _folder_bytes(position: Position, seen: set[int], folders: list[str]) -> int:
    """Return the disk usage of a folder's entries in bytes; append the names of subfolders to `folders`."""
    try:
        with os.scandir(position.descriptor) as entries:
            # A generator, not a list: the node may have a hundred thousand files in one folder.
            return sum(_entry_bytes(entry, position.device, seen, folders) for entry in entries)
    except FileNotFoundError:  # the folder was removed: some C libraries report this, others end the listing
        return 0
    except OSError as error:
        raise position.failure(error) from error


def _entry_bytes(entry: os.DirEntry[str], device: int, seen: set[int], folders: list[str]) -> int:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if status.st_dev != device:
        return 0
    if stat.S_ISDIR(status.st_mode):
        folders.append(entry.name)
    elif status.st_nlink > 1:
        if status.st_ino in seen:
            return 0
        seen.add(status.st_ino)
    return status.st_blocks * _BLOCK_BYTES


def _mount_points() -> list[Path]:
    """Return all mount points as listed by the kernel (`proc_pid_mountinfo(5)`)."""
    try:
        lines = _MOUNTS.read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError:
        return []
    names = (line.split(b" ")[4] for line in lines)
    return [Path(os.fsdecode(_ESCAPE.sub(lambda match: bytes((int(match[1], 8),)), name))) for name in names]
