"""Walk a tree of folders by descriptor, however deep it is, without following a link.

A node can nest folders deeper than a path can name or a recursion can go.  A position in such a tree is one
descriptor.  It moves down by one name, and up by `..`, which must lead to the folder that it came from.
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
_MOVED = OSError(errno.ESTALE, "Was moved under the walk")
# A folder may have millions of others in it.
_BATCH = 1000
_PATH_CHARACTERS = 300


class Position:
    """A folder of a tree, open for reading; closed at the end of a `with`."""

    def __init__(self, root: Path, *, follow: bool = False) -> None:
        """Open the root; `follow`: it may be a link.

        Raises:
            OSError: it is not a folder, or cannot be opened.
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
        """How many folders it is below the root."""
        return len(self._above)

    def path(self, name: str = "") -> str:
        """Return where it is, or where an entry of it is, for an error: on one line, and shortened."""
        shown = str(Path(self._root, *(above for above, _ in self._above[-_BATCH:]), name))
        if len(shown) > _PATH_CHARACTERS:
            shown = f"{shown[: _PATH_CHARACTERS // 2]}…{shown[-_PATH_CHARACTERS // 2 :]}"
        return one_line(shown, _PATH_CHARACTERS + 1)

    def enter(self, name: str) -> bool:
        """Go into a folder of this one; return False where it is gone, or not a folder any more.

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
            raise OSError(errno.EXDEV, "Is a mount of its own", self.path(name))
        self._above.append((name, _identity(self.descriptor)))
        os.close(self.descriptor)
        self.descriptor = child
        return True

    def leave(self) -> str:
        """Go back to the folder that this one is in; return the name of the one left.

        Raises:
            OSError: that folder cannot be opened, or this one was moved to another folder.
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
        """Return an error that names where it happened; one of a descriptor names nothing."""
        return OSError(error.errno, error.strerror, self.path(name))


def for_each_folder(position: Position, visit: Callable[[Position], list[str]]) -> None:
    """Call `visit` at each folder of a tree, parents first; it returns the names of the folders to go into."""
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
    """Remove a folder and all that is in it, on one file system only.

    Raises:
        OSError: something cannot be removed, or is on another file system than `device` (`EXDEV`).
    """
    with Position(root) as position:
        if position.device != device:
            raise OSError(errno.EXDEV, "Is a mount of its own", str(root))
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
    """Remove what is not a folder from a folder, and return the names of some folders in it; none: it is empty."""
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
        # A file system may pass over an entry while others are removed.
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
