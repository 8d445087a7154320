"""The volume of a cell: a folder, or a small file system of its own that can be full or read-only.

The file system is mounted in a user and mount namespace that contains the whole cell, which needs no root.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import time
from pathlib import Path

SIZE_MIB = 48
TIMEOUT_SECONDS = 10.0
ISOLATED = ("unshare", "--user", "--map-root-user", "--mount", "--")
_FILLER = "filler"
_PIECES = (bytes(1 << 16), bytes(1 << 12))


@functools.cache
def may_mount() -> bool:
    """Return whether this system lets an ordinary user mount a file system in a namespace."""
    try:
        command = [*ISOLATED, "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class Folder:
    """A folder on the test's own file system."""

    def __init__(self, at: Path) -> None:
        at.mkdir()
        self.path = at


class OwnFileSystem(Folder):
    """A file system that only this cell sees, and that ends with the cell's last process."""

    def __init__(self, at: Path) -> None:
        super().__init__(at)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", str(at)], check=True)

    def fill(self) -> None:
        """Fill all free space."""
        for piece in _PIECES:  # where a large piece does not fit, a small one may
            with contextlib.suppress(OSError), (self.path / _FILLER).open("ab", buffering=0) as file:
                while file.write(piece):
                    pass

    def empty(self) -> None:
        """Delete the filler."""
        (self.path / _FILLER).unlink(missing_ok=True)

    def remount(self, option: str) -> None:
        """Remount as `ro` or `rw`, once no process has a file open for writing."""
        until = time.monotonic() + TIMEOUT_SECONDS
        # With a source, mount adds none of the options that a user namespace may not set.
        command = ["mount", "-o", f"remount,{option},size={SIZE_MIB}m", "none", str(self.path)]
        while subprocess.run(command, check=False, capture_output=True).returncode:
            assert time.monotonic() < until, f"the volume cannot be remounted {option}"
