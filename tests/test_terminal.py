"""What a person reads on a terminal, and what a file gets where there is none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from builders import NOW, build, run, workload
from rich.console import Console

from monitor.model import Count, Health, Outcome, Phase, Reason, Run
from monitor.terminal import (
    Reporter,
    history_table,
    progress_text,
    result_text,
    status_lines,
)
from monitor.texts import size_text
from monitor.view import (
    NodeStatus,
    Reading,
    Snapshot,
    Status,
    VolumeStatus,
    configuration_reading,
    phase_reading,
    status_of,
)

SUCCEEDED = replace(
    run(),
    outcome=Outcome.SUCCEEDED,
    ended_at=NOW.wall,
    duration_seconds=5400.0,
    wall_seconds=5460.0,
    disk_usage_bytes=3 * 2**30,
)
FAILED = replace(run(), number=2, outcome=Outcome.FAILED, reason=Reason.STALLED, message="P stood still")


def status(*runs: Run, phase: Phase | None = Phase.BOOTSTRAPPING, message: str = "") -> Status:
    """A status of these runs, newest first."""
    readings = {"configuration": Reading(configuration_reading("tester", "default", workload(build())), 0)}
    if phase:
        readings["phase"] = Reading(phase_reading(phase, message), 0)
    counts = {("P", "blocks_accepted"): Count(1000, 234, 234), ("P", "blocks_fetched"): Count(0, 5678, 5678)}
    shown = Snapshot(runs, {}, counts if runs else {}, readings, {}, None, None, 0, 0)
    return status_of(shown, NOW.wall)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1.5 * 2**30, "1.5 GiB"), (2**50, "1024.0 TiB")],
    ids=str,
)
def test_a_size_is_readable(size_bytes: float, text: str) -> None:
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        pytest.param(status(phase=None), "starting", id="nothing yet"),
        pytest.param(
            status(phase=Phase.DISCOVERING, message="looking up"), "discovering: looking up", id="no run yet"
        ),
        pytest.param(
            status(run()),
            "run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · P 1.2k",
            id="bootstrapping",
        ),
        pytest.param(status(SUCCEEDED, phase=Phase.IDLE), "run 1 · 1.14.2 (cccccccc) · idle", id="idle"),
        pytest.param(
            replace(status(SUCCEEDED, phase=Phase.IDLE), volume=VolumeStatus(0, 2**20, 2**30, 2**29)),
            "run 1 · 1.14.2 (cccccccc) · idle · disk 1.0 MiB",
            id="with a measured disk",
        ),
    ],
)
def test_progress_is_one_line(shown: Status, text: str) -> None:
    assert progress_text(shown) == text


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (SUCCEEDED, "✓ run 1 succeeded · 1.14.2 (cccccccc) · 1h30m · disk 3.0 GiB"),
        (FAILED, "✗ run 2 failed · 1.14.2 (cccccccc) · P stood still"),
        (run(), "run 1 is open"),
    ],
    ids=["succeeded", "failed", "open"],
)
def test_a_result_is_one_line(ended: Run, text: str) -> None:
    assert result_text(ended).plain == text


def history_lines(width: int, *runs: Run) -> list[str]:
    """The history on a terminal so wide."""
    file = io.StringIO()
    Console(file=file, width=width).print(history_table(runs))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_history_shows_each_run_with_its_reason_in_80_columns() -> None:
    assert history_lines(80, FAILED, SUCCEEDED) == [
        "fuji · full-sync",
        "RUN OUTCOME         BUILD             STARTED (UTC)    DURATION  WALL    DISK",
        "2   failed: stalled 1.14.2 (cccccccc) 1970-01-12 11:00",
        "1   succeeded       1.14.2 (cccccccc) 1970-01-12 11:00    1h30m 1h31m 3.0 GiB",
    ]


def test_history_tells_what_was_tested_where_that_differs() -> None:
    header, *lines = history_lines(120, replace(FAILED, network="mainnet"), SUCCEEDED)

    assert header.split()[:5] == ["RUN", "OUTCOME", "BUILD", "TESTED", "STARTED"]
    assert [line.partition(" · ")[0].split()[-1] for line in lines] == ["mainnet", "fuji"]


def test_status_tells_what_is_known_and_leaves_out_what_is_not() -> None:
    bare = list(status_lines(status(phase=None)))
    full = list(
        status_lines(
            replace(
                status(run()),
                notice="the API server does not answer",
                node=NodeStatus(NOW.wall, up=True, health=Health.UNHEALTHY),
                volume=VolumeStatus(NOW.wall, 2**20, 2**30, 2**29),
                new_build=build(),
            )
        )
    )

    assert [line.split()[0] for line in bare] == ["tester", "phase"]
    assert [line.split()[0] for line in full] == [
        *("tester", "phase", "notice", "run", "image", "active", "chain", "node", "disk", "new"),
    ]


def test_a_file_gets_a_line_for_each_change_and_each_result_once() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200))
    reporter.start()
    shown = [status(run()), status(run()), status(SUCCEEDED, phase=Phase.IDLE)]
    for each in (*shown, shown[-1]):
        reporter.report(each)
    reporter.stop()

    assert file.getvalue().splitlines() == [
        "run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · P 1.2k",
        "✓ run 1 succeeded · 1.14.2 (cccccccc) · 1h30m · disk 3.0 GiB",
        "run 1 · 1.14.2 (cccccccc) · idle",
    ]


def test_a_terminal_keeps_one_line_and_removes_it() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, force_terminal=True, width=80))
    reporter.start()
    reporter.report(status(run()))
    reporter.report(status(SUCCEEDED, phase=Phase.IDLE))
    reporter.stop()

    assert "succeeded" in file.getvalue()
    assert file.getvalue().count("\n") <= 6
