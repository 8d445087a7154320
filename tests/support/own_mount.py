"""A small file system of a test's own, mounted where only a child of the test sees it; that needs no root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ISOLATED = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
_MOUNT = 'mount -t tmpfs -o size=24m none "$1"'


def lines_on_a_mount(at: Path, script: str, *arguments: str) -> list[str]:
    """What a Python script prints while an empty file system is mounted there, seen by the script alone."""
    try:
        subprocess.run([*_ISOLATED, _MOUNT, "sh", str(at)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets only root mount a file system")
    command = [*_ISOLATED, f'{_MOUNT} && shift && exec "$@"', "sh", str(at), sys.executable, "-c", script]
    return subprocess.run(
        [*command, *arguments], check=True, capture_output=True, text=True, cwd=_ROOT
    ).stdout.splitlines()
