"""Tests of the output on a terminal and in a file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.console import Console
from support.builders import COMMIT, NEW, NOW, OLD, REGRESSIONS, build, run
from support.shown_runs import FAILED, SUCCEEDED, status

from monitor.domain.baseline import Limit, Verdict
from monitor.domain.build import Versions
from monitor.domain.build_results import BuildResults
from monitor.domain.compared_pair import ComparedBuild, ComparedPair
from monitor.domain.observations import ChainActivity, ChainLog
from monitor.domain.regression import Measure, Regression, RunVerdict, RunVerdicts
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.sanitize import printable
from monitor.domain.size import size_text
from monitor.domain.status import Phase, ProgressStatus, Status, VolumeStatus
from monitor.domain.tracking import Count, RunTracking
from monitor.domain.workload import SyncMode
from monitor.output.format import regression_text
from monitor.output.terminal import (
    Reporter,
    ResultPrinter,
    history_notes,
    history_table,
    progress_text,
    result_text,
)
from monitor.output.verdict_text import worse_lines


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
            status(phase=Phase.DISCOVERING, message="looking up the newest build"),
            "looking up the newest build",
            id="no run yet",
        ),
        pytest.param(
            status(SUCCEEDED, phase=Phase.CLEARING, message="clearing /data for avalanchego@sha256:1"),
            "clearing the node's data",
            id="between two runs",
        ),
        pytest.param(
            status(run()),
            "run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · P 1.2k",
            id="bootstrapping",
        ),
        pytest.param(
            status(SUCCEEDED, phase=Phase.IDLE, message="run 1 of avalanchego@sha256:1 succeeded"),
            "idle: waiting for a new build",
            id="idle, without the run that has ended",
        ),
        pytest.param(
            status(
                SUCCEEDED, phase=Phase.IDLE, message="waiting for a new build; retest of this one at 12:00"
            ),
            "idle: waiting for a new build; retest of this one at 12:00",
            id="idle until a retest",
        ),
        pytest.param(
            replace(status(run()), volume=VolumeStatus(0, 2**20, 2**30, 2**29)),
            "run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · P 1.2k · disk 1.0 MiB",
            id="with a measured disk",
        ),
    ],
)
def test_progress_is_one_line(shown: Status, text: str) -> None:
    assert progress_text(shown) == text


PAIR = ComparedPair({"OLD": ComparedBuild("./old", OLD), "NEW": ComparedBuild("./new", NEW)}, 5)
WAITING = ChainLog(ChainActivity.WAITING, ratio=1.0)
AT_WORK = replace(
    status(run()),
    progress=ProgressStatus(
        {
            "P": ChainLog(ChainActivity.EXECUTING, ratio=0.426, end_at=NOW.wall + 750),
            "X": ChainLog(ChainActivity.FETCHING),
            "C": ChainLog(ChainActivity.WAITING),
        },
        stalled=False,
    ),
    volume=VolumeStatus(NOW.wall, 2**20, 2**30, 2**29),
)
CHAINS = "bootstrapping 0s · P 1.2k executing 43% (12m30s left) · X fetching"


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        pytest.param(200, f"NEW 1/4 · 1.14.2 · {CHAINS} · disk 1.0 MiB", id="all of it"),
        pytest.param(95, f"NEW 1/4 · {CHAINS} · disk 1.0 MiB", id="without the build"),
        pytest.param(90, f"run 1 · {CHAINS}", id="by its number only, and without the disk"),
        pytest.param(20, f"run 1 · {CHAINS}", id="what the terminal cuts"),
    ],
)
def test_progress_fits_the_activity_of_the_chains_into_the_columns(columns: int, text: str) -> None:
    named = "NEW 1/4 · 1.14.2"

    assert progress_text(AT_WORK, lambda _: named, columns) == text


def test_a_run_that_confirms_another_is_named_so() -> None:
    shown = progress_text(replace(AT_WORK, confirming=run(number=7)))

    assert shown.startswith("run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · confirming run 7 · ")


def test_a_stalled_and_late_run_is_marked_and_has_no_expected_end() -> None:
    progress = replace(AT_WORK.progress, stalled=True) if AT_WORK.progress else None
    tracking = replace(run().tracking, stalled_chain="P", idle_seconds=4000.0)
    shown = replace(AT_WORK, progress=progress, late=True, run=replace(run(), tracking=tracking))

    assert progress_text(shown) == (
        "run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · ⚠ no progress of chain P for 1h06m · ⚠ late"
        " · P 1.2k executing 43% · X fetching · disk 1.0 MiB"
    )


L1 = "2Z36RnQuk1hvsnFeGWzfZUfXNr7w1SjzmDQ78YxfTVNAkDq3nZ"


@pytest.mark.parametrize(
    ("chains", "unknown", "text"),
    [
        pytest.param(
            {"C": ChainLog(ChainActivity.SYNCING_STATE, end_at=NOW.wall + 3720), "P": WAITING},
            False,
            "C 5.0M leaves syncing state (1h02m left)",
            id="a state sync",
        ),
        pytest.param(
            {"C": ChainLog(ChainActivity.TRANSITIONING)}, False, "C transitioning", id="a transition"
        ),
        pytest.param(
            {L1: ChainLog(ChainActivity.EXECUTING, ratio=0.5), "P": WAITING, "X": WAITING},
            False,
            "2Z36RnQuk1h… 7 executing 50%",
            id="an L1",
        ),
        pytest.param({}, True, "P 1.2k · 2Z36RnQuk1h… 7 · progress unknown", id="unknown"),
    ],
)
def test_progress_shows_the_stage_of_each_chain_at_work(
    chains: dict[str, ChainLog], text: str, *, unknown: bool
) -> None:
    shown = replace(
        status(run()),
        counts={
            ("P", "blocks_accepted"): Count(0, 1234, 1234),
            ("C", "leaves_synced"): Count(4_000_000, 1_000_000, 4_000_000),
            (L1, "blocks_accepted"): Count(0, 7, 7),
        },
        progress=ProgressStatus(chains, stalled=False, unknown=unknown),
    )

    assert progress_text(shown).partition("bootstrapping 0s · ")[2] == text


def test_time_that_has_run_out_is_none() -> None:
    """The remaining time is never negative, even if the node's estimate is old."""
    late = replace(AT_WORK, at=NOW.wall + 1000)

    assert "(0s left)" in progress_text(late)


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


SLOW = Limit(3600.0, 4000.0, 9)
VERDICTS = {
    2: {Measure.DURATION: RunVerdict(Verdict.NONE, SLOW, 3700.0, 8)},
    3: {
        Measure.DURATION: RunVerdict(Verdict.CONFIRMED, SLOW, 5400.0, 9, REGRESSIONS[Measure.DURATION]),
        Measure.DISK_USAGE: RunVerdict(
            Verdict.SUSPECTED, Limit(2e9, 3e9, 9), 4e9, 9, REGRESSIONS[Measure.DISK_USAGE]
        ),
        Measure.BLOCK_TIME: RunVerdict(
            Verdict.SUSPECTED, Limit(0.01, 0.0125, 9), 0.015, 9, REGRESSIONS[Measure.DURATION]
        ),
    },
    4: {Measure.DURATION: RunVerdict(Verdict.INSUFFICIENT_DATA, None, 5400.0, 3)},
}
SLOWER = replace(SUCCEEDED, number=3)
LINK = f"https://github.com/ava-labs/avalanchego/compare/{COMMIT}...{'d' * 40}"


@pytest.mark.parametrize(
    ("judged", "lines"),
    [
        pytest.param(2, [], id="as usual"),
        pytest.param(4, [], id="too few runs"),
        pytest.param(
            3,
            [
                "⚠ run 3 took 1h30m, usually 1h (limit 1h06m): confirmed",
                "  slower since run 3 of 1.14.2 (dddddddd); last good: run 2 of 1.14.2 (cccccccc)",
                f"  {LINK}",
                "⚠ run 3 used 3.7 GiB, usually 1.9 GiB (limit 2.8 GiB): suspected",
                "  bigger since run 3 of sha256:aaaaaaaaaaaa",
                "⚠ run 3 took 15 ms per block, usually 10 ms (limit 12.5 ms): suspected",
            ],
            id="worse in every measure, with the known builds",
        ),
    ],
)
def test_a_result_that_is_worse_than_usual_is_reported(judged: int, lines: list[str]) -> None:
    assert list(worse_lines(replace(SUCCEEDED, number=judged), VERDICTS[judged])) == lines


def test_a_regression_follows_the_result_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    messages = Console(file=io.StringIO(), width=200, force_terminal=True)
    reporter = Reporter(messages, results=ResultPrinter(messages))
    reporter.report(replace(status(SLOWER, phase=Phase.IDLE), verdicts=VERDICTS))

    assert capsys.readouterr().out.splitlines()[:3] == [
        "✓ run 3 succeeded · 1.14.2 (cccccccc) · 1h30m · disk 3.0 GiB",
        "⚠ run 3 took 1h30m, usually 1h (limit 1h06m): confirmed",
        "  slower since run 3 of 1.14.2 (dddddddd); last good: run 2 of 1.14.2 (cccccccc)",
    ]


def test_history_marks_what_is_worse_than_usual() -> None:
    lines = history_lines(80, SLOWER, replace(SUCCEEDED, number=2), verdicts=VERDICTS)

    assert [line.count("⚠") for line in lines] == [0, 0, 2, 0]
    assert "⚠ 1h30m" in lines[2]
    assert "⚠ 3.0 GiB" in lines[2]
    assert list(history_notes([SLOWER], VERDICTS, (), command="history --data-dir /data")) == [
        "⚠ over the usual limit; this command shows the limit and the commits:",
        "  history --data-dir /data --run 3",
    ]
    assert list(history_notes([replace(SUCCEEDED, number=2)], VERDICTS, ())) == []


def test_the_notes_name_the_newest_worse_run_with_a_last_good_run() -> None:
    verdict = VERDICTS[3][Measure.DURATION]
    assert verdict.regression is not None
    repeated = replace(verdict, regression=replace(verdict.regression, last_good=None))
    verdicts = {**VERDICTS, 5: {Measure.DURATION: repeated}}
    runs = [replace(SLOWER, number=5), SLOWER]

    assert [list(history_notes(shown, verdicts, ()))[1].split()[-1] for shown in (runs, runs[:1])] == [
        "3",
        "5",
    ]


def test_the_history_of_a_comparison_names_its_builds() -> None:
    new = replace(SUCCEEDED, number=2, build=build(NEW))
    other = replace(SUCCEEDED, number=3, build=build(f"sha256:{'d' * 64}"))
    file = io.StringIO()
    Console(file=file, width=80).print(history_table([other, new, SUCCEEDED], 80, {}, PAIR))

    builds = [line.split()[2:4] for line in file.getvalue().splitlines()[2:]]
    assert builds == [["1.14.2", "(cccccccc)"], ["NEW", "1.14.2"], ["OLD", "1.14.2"]]
    counted = replace(PAIR, builds={**PAIR.builds, "OLD": ComparedBuild("./old", OLD, (5400.0,), (1,))})
    notes = list(history_notes([other, new, SUCCEEDED], {}, (), counted, command="history"))
    assert notes == [
        "OLD is ./old, NEW is ./new",
        "runs that are not counted: 3, 2; this command shows why:",
        "  history --run 3",
    ]


def test_the_notes_name_each_build_of_the_table_that_succeeds_and_fails() -> None:
    """Older runs of the build count too."""
    failed = replace(FAILED, outcome=Outcome.FAILED, reason=Reason.STALLED, number=7)
    flaky = BuildResults((failed, replace(failed, number=5, outcome=Outcome.SUCCEEDED, reason=None)))

    assert list(history_notes([failed], {}, [flaky])) == [
        "flaky: 1 of 2 runs of 1.14.2 (cccccccc) failed because of the build"
    ]
    assert list(history_notes([replace(failed, number=8)], {}, [flaky])) == []


def history_lines(width: int, *runs: Run, verdicts: Mapping[int, RunVerdicts] | None = None) -> list[str]:
    """Return the history on a terminal of this width."""
    file = io.StringIO()
    Console(file=file, width=width).print(history_table(runs, width, verdicts or {}))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_history_shows_each_run_with_its_reason_in_80_columns() -> None:
    assert history_lines(80, FAILED, SUCCEEDED) == [
        "fuji · full-sync",
        "RUN OUTCOME         BUILD             STARTED (UTC)    DURATION  WALL    DISK",
        "2   failed: stalled 1.14.2 (cccccccc) 1970-01-12 11:00",
        "1   succeeded       1.14.2 (cccccccc) 1970-01-12 11:00    1h30m 1h31m 3.0 GiB",
    ]


@pytest.mark.parametrize(
    ("columns", "header"),
    [
        (78, "RUN OUTCOME BUILD STARTED (UTC) DURATION WALL DISK"),
        (77, "RUN OUTCOME BUILD STARTED (UTC) DURATION DISK"),
        (60, "RUN OUTCOME BUILD DURATION DISK"),
        (50, "RUN OUTCOME BUILD DURATION"),
        (20, "RUN OUTCOME BUILD DURATION"),
    ],
)
def test_a_narrow_terminal_gets_fewer_columns_of_the_history(columns: int, header: str) -> None:
    """On a narrow terminal, the history has fewer columns instead of truncated ones."""
    file = io.StringIO()
    Console(file=file, width=200).print(history_table((FAILED, SUCCEEDED), columns))

    assert " ".join(file.getvalue().splitlines()[1].split()) == header


def test_history_shows_the_tested_configuration_if_it_differs() -> None:
    header, *lines = history_lines(120, replace(FAILED, network="mainnet"), SUCCEEDED)

    assert header.split()[:5] == ["RUN", "OUTCOME", "BUILD", "TESTED", "STARTED"]
    assert [line.partition(" · ")[0].split()[-1] for line in lines] == ["mainnet", "fuji"]


@pytest.mark.parametrize("columns", [80, 200])
def test_history_shows_a_skipped_state_sync_in_full(columns: int) -> None:
    """A skipped state sync is wrapped on a narrow terminal, and not truncated."""
    mode = SyncMode.C_CHAIN_STATE_SYNC
    skipped = replace(FAILED, tracking=RunTracking(state_synced=False), sync_mode=mode)
    synced = replace(SUCCEEDED, tracking=RunTracking(state_synced=True), sync_mode=mode)
    words = " ".join(" ".join(history_lines(columns, skipped, synced)).split())

    assert "TESTED" in words
    for word in ["state", "sync", "skipped,", "all", "blocks", "executed"]:
        assert word in words
    assert "…" not in words


@pytest.mark.parametrize(
    ("measure", "regression", "text"),
    [
        pytest.param(
            Measure.DURATION,
            Regression(Verdict.INSUFFICIENT_DATA, 2, compared=3),
            "not enough runs yet (3 of 7)",
            id="too few runs",
        ),
        pytest.param(
            Measure.BLOCK_TIME,
            REGRESSIONS[Measure.BLOCK_TIME],
            "usually 10 ms, at most 12.5 ms",
            id="as usual",
        ),
        pytest.param(
            Measure.DISK_USAGE,
            REGRESSIONS[Measure.DISK_USAGE],
            "regression suspected since run 3 (usually 1.9 GiB, at most 2.8 GiB)",
            id="suspected, of builds that report no commit",
        ),
        pytest.param(
            Measure.DURATION,
            REGRESSIONS[Measure.DURATION],
            "regression since run 3, last good run 2 (usually 1h, at most 1h06m) "
            f"https://github.com/ava-labs/avalanchego/compare/{COMMIT}...{'d' * 40}",
            id="confirmed, between two commits",
        ),
    ],
)
def test_a_regression_is_described_in_a_sentence(measure: Measure, regression: Regression, text: str) -> None:
    assert regression_text(measure, regression) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain é ✓", "plain é ✓", id="ordinary"),
        pytest.param("a\n\tb", "a\n\tb", id="lines and tabs"),
        pytest.param("\x1b[2J\x1b]0;title\x07", "\ufffd[2J\ufffd]0;title\ufffd", id="escape sequences"),
        pytest.param("a\rb\x08\x00\x7f", "a\ufffdb\ufffd\ufffd\ufffd", id="control characters"),
        pytest.param("\x9b31m", "\ufffd31m", id="one of eight bits"),
        pytest.param("a\u202eb\u2028c", "a\ufffdb\ufffdc", id="what turns the line around or ends it"),
    ],
)
def test_what_would_steer_a_terminal_is_not_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


VERSION, MESSAGE = "\x1b[31m[bold]\x07", "\x1b[31m[/red]\x07"


def test_nothing_of_a_node_steers_the_terminal() -> None:
    """A node's output cannot control the terminal, although messages and versions contain it."""
    versions = Versions(VERSION, "", 0, "", "")
    odd = replace(FAILED, build=replace(build(), versions=versions), message=MESSAGE)
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=300))
    reporter.report(status(replace(odd, outcome=None), phase=Phase.SOAKING))
    reporter.report(status(odd, phase=Phase.PAUSED, message=MESSAGE))
    reporter.report(status(phase=Phase.STARTING, message=MESSAGE))
    output = "\n".join([file.getvalue(), *history_lines(300, odd)])

    assert output.count("[31m[bold]") == 3, "as it was printed: in the result, the progress and the history"
    assert output.count("[31m[/red]") == 3, "in the result, after it, and while there is no run"
    assert {each for each in output if not each.isprintable()} == {"\n"}


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
        "idle: waiting for a new build",
    ]


def test_at_the_end_only_the_results_are_printed() -> None:
    file = io.StringIO()
    Reporter(Console(file=file, width=200)).report(status(SUCCEEDED, phase=Phase.IDLE), ends=True)

    assert file.getvalue() == "✓ run 1 succeeded · 1.14.2 (cccccccc) · 1h30m · disk 3.0 GiB\n"


def test_a_file_gets_a_line_when_a_run_stalls_and_when_it_progresses_again() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200))
    stalled = replace(status(run()), progress=ProgressStatus({}, stalled=True))
    for shown in (status(run()), stalled, stalled, status(run())):
        reporter.report(shown)

    lines = file.getvalue().splitlines()
    assert [("no progress" in line) for line in lines] == [False, True, False]


def test_a_result_that_was_known_before_is_not_reported() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200), after=SUCCEEDED.number)
    reporter.report(status(SUCCEEDED, phase=Phase.IDLE))

    assert file.getvalue().splitlines() == ["idle: waiting for a new build"]


def test_a_tester_that_ends_after_its_result_waits_for_no_build() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200), waits_for_builds=False)
    reporter.report(status(run()))
    reporter.report(status(SUCCEEDED, phase=Phase.IDLE, message="waiting for a new build"))

    working, result = file.getvalue().splitlines()
    assert (working.split()[:2], result.split()[:2]) == (["run", "1"], ["✓", "run"])


def test_a_comparison_waits_for_its_next_run_between_two_runs() -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200), after=SUCCEEDED.number)
    idle = status(SUCCEEDED, phase=Phase.IDLE, message=PAIR.next_text)
    reporter.report(replace(idle, pair=PAIR))

    assert file.getvalue().splitlines() == ["idle: next: OLD 1/5"]


def test_a_file_shows_now_and_then_that_an_open_run_lives() -> None:
    """A file shows regularly that an open run is alive, and nothing while the tester is idle."""
    file = io.StringIO()
    reporter = Reporter(Console(file=file, width=200))
    for seconds in range(0, 1000, 10):
        reporter.report(replace(status(run()), at=NOW.wall + seconds))
    open_lines = len(file.getvalue().splitlines())
    for seconds in range(1000, 3000, 10):
        reporter.report(replace(status(SUCCEEDED, phase=Phase.IDLE), at=NOW.wall + seconds))

    assert open_lines == 4
    assert len(file.getvalue().splitlines()) == 4 + 2


def test_a_terminal_that_cannot_be_rewritten_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = io.StringIO()
    reporter = Reporter(Console(file=file, force_terminal=True, width=80))
    reporter.start()
    reporter.report(status(run()))
    reporter.stop()

    assert file.getvalue().splitlines() == ["run 1 · 1.14.2 (cccccccc) · bootstrapping 0s · P 1.2k"]


@pytest.mark.parametrize("waits_for_builds", [True, False], ids=["it continues", "it ends with its result"])
def test_a_terminal_keeps_one_line_and_removes_it(*, waits_for_builds: bool) -> None:
    file = io.StringIO()
    reporter = Reporter(Console(file=file, force_terminal=True, width=80), waits_for_builds=waits_for_builds)
    reporter.start()
    reporter.report(status(run()))
    reporter.report(status(SUCCEEDED, phase=Phase.IDLE, message="waiting for a new build"))
    reporter.stop()

    assert "succeeded" in file.getvalue()
    assert ("waiting for a new build" in file.getvalue()) is waits_for_builds
    assert file.getvalue().count("\n") <= 6
