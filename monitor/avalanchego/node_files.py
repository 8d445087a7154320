"""Safe opening of files that a node can write or replace.

A node can put a symbolic link, a FIFO or a device where the monitor expects a file.  A link could expose
files to the node that only the monitor may read.  A FIFO would block the monitor.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MODES = {os.O_RDONLY: "rb", os.O_WRONLY: "ab", os.O_RDWR: "r+b"}
_ONE_STEP = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class NotRegularFileError(OSError):
    """A path has a symbolic link in it, or is a FIFO, a socket or a device."""


def open_regular(path: Path, beneath: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a regular file without following symbolic links below `beneath`.

    Args:
        path: the file; must be below `beneath`.
        beneath: a folder that the node cannot replace; links in its own path are followed.
        flags: the flags of `open(2)`; write-only files are opened for appending.

    Raises:
        NotRegularFileError: the path has a link in it, or is a FIFO, a socket or a device.
        OSError: the file cannot be opened.
    """
    *folders, name = path.relative_to(beneath).parts
    descriptor = os.open(beneath, _FOLDER)
    try:
        for folder in folders:
            parent, descriptor = descriptor, _step(folder, descriptor, _FOLDER, path)
            os.close(parent)
        file = _step(name, descriptor, flags, path)
    finally:
        os.close(descriptor)
    try:
        _check_regular(os.fstat(file).st_mode, path)
        return cast("BinaryIO", os.fdopen(file, _MODES[flags & os.O_ACCMODE]))
    except BaseException:
        os.close(file)
        raise


def _step(name: str, folder: int, flags: int, path: Path) -> int:
    """Open one entry of an open folder without following a link."""
    try:
        return os.open(name, flags | _ONE_STEP, 0o666, dir_fd=folder)
    except OSError as error:
        # ELOOP or, for a folder, ENOTDIR: a link.  ENXIO: opening a FIFO without a reader for writing.
        if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:
            raise _not_regular(path) from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def _check_regular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
    if not stat.S_ISREG(mode):
        raise _not_regular(path)


def _not_regular(path: Path) -> NotRegularFileError:
    return NotRegularFileError(errno.EINVAL, "Not a regular file, or behind a link", str(path))
