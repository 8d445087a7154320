"""Permissions do not bind root: for what they refuse, a test that runs as root is another user for a while."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ORDINARY_USER = 65534


@contextmanager
def ordinary_user() -> Iterator[Path]:
    """Be a user whom permissions bind; gives a folder of that user's own."""
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
