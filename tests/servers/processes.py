"""Servers as child processes, which are ready when the block starts and have ended after it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from support.simulated_builds import TIMEOUT_SECONDS, eventually

JsonObject = dict[str, Any]
_END_SECONDS = 30.0


def get(url: str, parameters: Sequence[tuple[str, str]] = ()) -> JsonObject:
    """Return the JSON at an address, including the JSON of an error response."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    try:
        with urllib.request.urlopen(f"{url}{query}", timeout=TIMEOUT_SECONDS) as answer:
            found: JsonObject = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.loads(error.read())
    return found


@contextlib.contextmanager
def served(command: Sequence[str | Path], ready: str, log: Path) -> Iterator[None]:
    """Run a server within the block, which starts when the address `ready` answers with 200."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
        )

    def answers() -> bool:
        assert process.poll() is None, f"{command[0]} ended:\n{log.read_text()}"
        try:
            with urllib.request.urlopen(ready, timeout=TIMEOUT_SECONDS) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        eventually(answers, f"{ready} answers", 2 * TIMEOUT_SECONDS)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
