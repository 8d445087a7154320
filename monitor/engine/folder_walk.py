"""Walk a folder tree of any depth by file descriptor, without following links.

A node can nest folders deeper than the limits for paths and for recursion.  So a position in the tree is one
open descriptor.  A walk moves down by the name of a folder, and up by `..`, which must lead to the folder
that the walk came from.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from monitor.domain.sanitize import one_line

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_MOVED = OSError(errno.ESTALE, "Was moved during the walk")
# Limit on names in memory: a folder may contain millions of folders.
_BATCH = 1000
_PATH_CHARACTERS = 300


class Position:
    """Open folder in a tree; the context manager closes the descriptor."""

    def __init__(self, root: Path, *, follow: bool = False) -> None:
        """Open the root of a tree; with `follow`, the root may be a link.

        Raises:
            OSError: the root is not a folder, or cannot be opened.
        """
        self._root = root
        self._above: list[tuple[str, tuple[int, int]]] = []
        self.descriptor = os.open(root, _FOLDER | (0 if follow else os.O_NOFOLLOW))
        self.device = os.fstat(self.descriptor).st_dev

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    @property
    def depth(self) -> int:
        """Number of levels below the root."""
        return len(self._above)

    def path(self, name: str = "") -> str:
        """Return the path of the folder, or of an entry in it, for an error: on one line and shortened."""
        shown = str(Path(self._root, *(above for above, _ in self._above[-_BATCH:]), name))
        if len(shown) > _PATH_CHARACTERS:
            shown = f"{shown[: _PATH_CHARACTERS // 2]}…{shown[-_PATH_CHARACTERS // 2 :]}"
        return one_line(shown, _PATH_CHARACTERS + 1)

    def enter(self, name: str) -> bool:
        """Move into a subfolder; return False if it was removed or is not a folder any more.

        Raises:
            PermissionError: this user may not read the folder.
            OSError: the folder cannot be opened, or is on another file system (`EXDEV`).
        """
        try:
            child = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno in _GONE:
                return False
            raise self.failure(error, name) from error
        if os.fstat(child).st_dev != self.device:
            os.close(child)
            raise OSError(errno.EXDEV, "Is a separate mount", self.path(name))
        self._above.append((name, _identity(self.descriptor)))
        os.close(self.descriptor)
        self.descriptor = child
        return True

    def leave(self) -> str:
        """Move to the parent folder; return the name of the folder that was left.

        Raises:
            OSError: the parent cannot be opened, or the folder was moved to another parent (`ESTALE`).
        """
        try:
            parent = os.open("..", _FOLDER, dir_fd=self.descriptor)
        except OSError as error:
            raise self.failure(error) from error
        name, identity = self._above[-1]
        if _identity(parent) != identity:
            os.close(parent)
            raise self.failure(_MOVED)
        os.close(self.descriptor)
        self.descriptor = parent
        self._above.pop()
        return name

    def failure(self, error: OSError, name: str = "") -> OSError:
        """Return an error that contains the path, which errors of descriptors lack."""
        return OSError(error.errno, error.strerror, self.path(name))


def for_each_folder(position: Position, visit: Callable[[Position], list[str]]) -> None:
    """Call `visit` for each folder of a tree, parents first; `visit` returns the subfolders to walk."""
    pending = [visit(position)]
    while True:
        if pending[-1]:
            if position.enter(pending[-1].pop()):
                pending.append(visit(position))
        elif position.depth:
            pending.pop()
            position.leave()
        else:
            return


def remove_tree(root: Path, device: int) -> None:
    """Remove a folder tree, on one file system only.

    Raises:
        OSError: an entry cannot be removed, or is on another file system than `device` (`EXDEV`).
    """
    with Position(root) as position:
        if position.device != device:
            raise OSError(errno.EXDEV, "Is a separate mount", str(root))
        pending = [_emptied(position)]
        while pending[-1] or position.depth:
            if pending[-1]:
                if position.enter(pending[-1].pop()):
                    pending.append(_emptied(position))
                continue
            pending.pop()
            name = position.leave()
            try:
                os.rmdir(name, dir_fd=position.descriptor)
            except OSError as error:
                raise position.failure(error, name) from error
            if not pending[-1]:
                pending[-1] = _emptied(position)
    root.rmdir()


def _emptied(position: Position) -> list[str]:
    """Remove all entries of a folder except subfolders; return the names of up to `_BATCH` subfolders.

    An empty list means that the folder is empty.
    """
    while True:
        folders, removed = [], False
        with os.scandir(position.descriptor) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                    if len(folders) == _BATCH:
                        return folders
                else:
                    removed = True
                    _unlink(position, entry.name)
        # A file system may skip entries in a listing while other entries are removed.
        if folders or not removed:
            return folders


def _unlink(position: Position, name: str) -> None:
    try:
        os.unlink(name, dir_fd=position.descriptor)
    except FileNotFoundError:
        return
    except OSError as error:
        raise position.failure(error, name) from error


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
