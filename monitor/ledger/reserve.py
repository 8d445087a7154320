"""A file that is given up when the volume is full, so that the end of a run can still be recorded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE_BYTES = 16 * 2**20
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_reserve(path: Path) -> None:
    """Take the space, if there is some to take; a volume that is too full goes without."""
    if path.exists() and path.stat().st_size >= RESERVE_BYTES:
        return
    with open(path, "wb") as file:  # noqa: PTH123 - posix_fallocate wants a descriptor
        try:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError as error:
            path.unlink()
            if error.errno not in {*NO_SPACE, errno.EOPNOTSUPP}:
                raise


def give_up_reserve(path: Path) -> bool:
    """Free the space; False where there was none left."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
