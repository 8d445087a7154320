"""Requirements of tests beyond Python, which `provision` scripts install; tests are skipped without them."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class MissingError(Exception):
    """A requirement of a test is unavailable; the message says what is missing."""


@functools.cache
def provision(program: Path, *arguments: str) -> str:
    """Return the output of a `provision` script, which runs once for equal arguments.

    Raises:
        MissingError: the script failed; the message is the last line of its standard error.
    """
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"{program} failed without a word"]
        raise MissingError(lines[-1])
    return done.stdout.strip()


@contextlib.contextmanager
def required() -> Iterator[None]:
    """Skip the test if a requirement is missing; with CI set, fail it."""
    try:
        yield
    except MissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
