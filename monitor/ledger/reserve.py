"""A file that reserves disk space, so that decisions can still be recorded on a full volume.

The space is released in parts, because a node that filled its volume keeps writing and uses the space that
was released.  After the end of its run, the attempt and the clearing of the next run must be recorded too.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE_BYTES = 16 * 2**20
PART_BYTES = 4 * 2**20
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_reserve(path: Path) -> None:
    """Allocate the reserve if the volume has enough free space; otherwise keep the allocated parts."""
    kept_bytes = path.stat().st_size if path.exists() else 0
    if kept_bytes >= RESERVE_BYTES:
        return
    kept_bytes -= kept_bytes % PART_BYTES
    try:
        # Without O_APPEND and O_WRONLY: if the file system cannot allocate, the C library writes instead.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        except OSError:
            os.truncate(path, kept_bytes)
            raise
        finally:
            os.close(descriptor)
    except OSError as error:
        if not kept_bytes:
            path.unlink(missing_ok=True)
        if error.errno not in {*NO_SPACE, errno.EOPNOTSUPP}:
            raise


def give_up_part(path: Path) -> bool:
    """Release one part of the reserve; return False if none was left."""
    try:
        left_bytes = path.stat().st_size - PART_BYTES
        if left_bytes > 0:
            os.truncate(path, left_bytes)
        else:
            path.unlink()
    except OSError:
        return False
    return True
