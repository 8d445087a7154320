"""Space that is given up when the volume is full, so that what is decided then can still be recorded.

It is given up in parts: a node that fills its volume goes on doing so, and takes what was freed.  After the end of
its run, the attempt of the next one and the clearing must be recorded too.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

RESERVE_BYTES = 16 * 2**20
PART_BYTES = 4 * 2**20
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_reserve(path: Path) -> None:
    """Take the space, if there is some to take; a volume that is too full keeps the parts that it has."""
    kept_bytes = path.stat().st_size if path.exists() else 0
    if kept_bytes >= RESERVE_BYTES:
        return
    kept_bytes -= kept_bytes % PART_BYTES
    try:
        # Where the file system cannot allocate, the C library writes instead: so neither append nor write only.
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
    """Free a part of the space; False where there was none left."""
    try:
        left_bytes = path.stat().st_size - PART_BYTES
        if left_bytes > 0:
            os.truncate(path, left_bytes)
        else:
            path.unlink()
    except OSError:
        return False
    return True
