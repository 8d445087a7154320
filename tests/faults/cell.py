"""Runs one cell in a process of its own, and prints the result.

usage: cell.py FAULT MOMENT FOLDER
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from faults.harness import TIMEOUT_SECONDS
from faults.matrix import FAULTS, STARTING, shown, sidecar_starts_read_only
from faults.volumes import ISOLATED


class CellError(AssertionError):
    """A cell did not show the expected result."""


def cell_result(fault: str, moment: str, folder: Path) -> str:
    """Run a cell in a process of its own, in a mount namespace if it needs one, and return its output.

    Raises:
        CellError: a check of the cell failed.
    """
    entry = ISOLATED if FAULTS[fault].own_file_system else ()
    path = ":".join(sys.path)
    process = subprocess.run(
        [*entry, "env", f"PYTHONPATH={path}", sys.executable, __file__, fault, moment, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_SECONDS,
    )
    if process.returncode:
        raise CellError(f"{fault}-{moment}\n{process.stderr}")
    return process.stdout.strip()


def main() -> int:
    """Run the cell that the command line names."""
    fault, moment, folder = sys.argv[1:]
    words = (
        sidecar_starts_read_only(Path(folder)) if moment == STARTING else shown(fault, moment, Path(folder))
    )
    print(words)  # noqa: T201 - the parent process reads it
    return 0


if __name__ == "__main__":
    sys.exit(main())
