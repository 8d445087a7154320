"""A small file system for one test, mounted in a mount namespace of a child process, which needs no root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ISOLATED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
_MOUNT = 'mount -t tmpfs -o size=24m none "$1"'


def lines_on_a_mount(at: Path, script: str, *arguments: str) -> list[str]:
    """Return the output lines of a Python script that runs with an empty file system mounted at a path.

    Only the script sees the mount.
    """
    try:
        subprocess.run([*_ISOLATED, _MOUNT, "sh", str(at)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets only root mount a file system")
    command = [*_ISOLATED, f'{_MOUNT} && shift && exec "$@"', "sh", str(at), sys.executable, "-c", script]
    return subprocess.run(
        [*command, *arguments], check=True, capture_output=True, text=True, cwd=_ROOT
    ).stdout.splitlines()
