"""What tests need beyond Python, and what becomes of them where a `provision` cannot get it."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class MissingError(Exception):
    """What tests need can't be had here; says what is missing."""


@functools.cache
def said(program: Path, *arguments: str) -> str:
    """What a `provision` prints; it runs once for the same arguments.

    Raises:
        MissingError: it failed; the last line that it printed says why.
    """
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"{program} failed without a word"]
        raise MissingError(lines[-1])
    return done.stdout.strip()


@contextlib.contextmanager
def required() -> Iterator[None]:
    """Around the search: where something is missing the test is skipped, but with CI set it fails."""
    try:
        yield
    except MissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
