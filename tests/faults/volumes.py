"""The volume of a cell: a folder, or a small file system of its own that can be full or read-only.

The latter is mounted in a user and mount namespace that the whole cell runs in, which needs no root.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import time
from pathlib import Path

SIZE_MIB = 48
PATIENCE_SECONDS = 10.0
ISOLATED = ("unshare", "--user", "--map-root-user", "--mount", "--")
_FILLER = "filler"
_PIECES = (bytes(1 << 16), bytes(1 << 12))


@functools.cache
def may_mount() -> bool:
    """Whether this system lets anybody have a file system of his own."""
    try:
        command = [*ISOLATED, "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


class Folder:
    """A folder of the test's own file system."""

    def __init__(self, at: Path) -> None:
        at.mkdir()
        self.path = at


class OwnFileSystem(Folder):
    """A file system that only this cell sees; it goes with the cell's last process."""

    def __init__(self, at: Path) -> None:
        super().__init__(at)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "none", str(at)], check=True)

    def fill(self) -> None:
        """Take all the space that is free."""
        for piece in _PIECES:  # what is too much for a large one may do for a small one
            with contextlib.suppress(OSError), (self.path / _FILLER).open("ab", buffering=0) as file:
                while file.write(piece):
                    pass

    def empty(self) -> None:
        """Give that space back."""
        (self.path / _FILLER).unlink(missing_ok=True)

    def remount(self, option: str) -> None:
        """Make it `ro` or `rw`, as soon as nobody has a file of it open for writing."""
        until = time.monotonic() + PATIENCE_SECONDS
        command = ["mount", "-o", f"remount,{option}", str(self.path)]
        while subprocess.run(command, check=False, capture_output=True).returncode:
            assert time.monotonic() < until, f"the volume cannot be remounted {option}"
