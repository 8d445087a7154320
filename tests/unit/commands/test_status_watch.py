"""Tests of `status --watch`: what it shows, and when."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from monitor.commands.status_watch import watch
from monitor.errors import MonitorError, TemporaryError

BUSY = TemporaryError("the ledger is locked")


def watched(statuses: Sequence[str | Exception], *, is_terminal: bool) -> tuple[str, Exception]:
    """Show the statuses one after the other; return the output, and the exception that ended it."""
    file, due = io.StringIO(), iter(statuses)
    console = Console(file=file, force_terminal=is_terminal, width=60, _environ={"TERM": "xterm"})

    def next_status() -> str:
        status = next(due, None) or MonitorError("the last one")
        if isinstance(status, Exception):
            raise status
        return status

    with pytest.raises(MonitorError) as caught:
        watch(next_status, console, wait=lambda _: None)
    return file.getvalue(), caught.value


@pytest.mark.parametrize(
    ("statuses", "output", "error"),
    [
        pytest.param(["idle", "idle", "open"], "idle\n\nopen\n\n", "the last one", id="each change"),
        pytest.param(["idle", BUSY, "idle"], "idle\n\n", "the last one", id="a busy ledger is skipped"),
        pytest.param([BUSY], "", "the ledger is locked", id="a ledger that is busy at the start"),
        pytest.param(["[b]\nx " + "y" * 90], "[b]\nx " + "y" * 90 + "\n\n", "the last one", id="as it is"),
    ],
)
def test_without_a_terminal_each_change_is_printed(
    statuses: Sequence[str | Exception], output: str, error: str
) -> None:
    printed, ended = watched(statuses, is_terminal=False)

    assert (printed, str(ended)) == (output, error)


def test_on_a_terminal_a_long_line_is_cut_as_the_terminal_does() -> None:
    printed, _ = watched([f"image  {'y' * 90}"], is_terminal=True)

    assert f"image  {'y' * 53}\n{'y' * 37}\n" in printed.replace("\r", "")


def test_on_a_terminal_the_status_is_updated_in_place() -> None:
    printed, _ = watched(["one\nidle", "one\nopen"], is_terminal=True)
    first, _, second = printed.partition("\x1b[1A")  # the cursor goes up

    assert "idle" in first
    assert "open" in second
    assert "Ctrl-C to stop" in second
