"""A temporary change of user for tests that run as root, because file permissions do not restrict root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ORDINARY_USER = 65534


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """Run as a user that permissions restrict; yield a folder that this user owns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, ORDINARY_USER, -1)
        os.setresuid(ORDINARY_USER, ORDINARY_USER, 0)
        try:
            yield folder
        finally:
            os.setresuid(0, 0, 0)
