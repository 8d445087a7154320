"""Commands of this program that a message prints for the user to copy."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import monitor

_INSTALLED = "bootstrap-monitor"


def own_command(*words: object) -> str:
    """Return a command line that works in any folder: by the name of the installed command, or in the clone."""
    if Path(sys.argv[0]).name == _INSTALLED:
        return shlex.join([_INSTALLED, *map(str, words)])
    clone = Path(monitor.__file__).parents[1]
    return (
        f"cd {shlex.quote(str(clone))} && {shlex.join([sys.executable, '-m', 'monitor', *map(str, words)])}"
    )
