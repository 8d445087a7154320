"""Installs and builds, before any of them begins, what the tests of browser, servers and cluster run.

What cannot be had is missed by the tests that need it, and they say so.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

from support.provisioned import MissingError
from testbed.bed import FOLDER, build


def main() -> int:
    """Make all of it that can be made here."""
    with contextlib.suppress(MissingError):
        build()
    # Not while a cluster runs: it sees the folders that a package is installed into.
    for suite in ("browser", "servers"):
        subprocess.run([FOLDER.parent / suite / "provision"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
