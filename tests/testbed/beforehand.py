"""Installs and builds the programs of the browser, server and cluster tests before these tests start.

If something is unavailable, the tests that need it report so.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

from support.provisioned import MissingError
from testbed.bed import FOLDER, build


def main() -> int:
    """Make everything that can be made on this machine."""
    with contextlib.suppress(MissingError):
        build()
    # Not while a cluster runs: it sees the folders that a package is installed into.
    for suite in ("browser", "servers"):
        subprocess.run([FOLDER.parent / suite / "provision"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
