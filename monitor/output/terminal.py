"""Output on a terminal: a progress line, and tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor.decide.wait_rules import WAITING
from monitor.domain.build_results import BuildResults
from monitor.domain.chains import chain_name, chain_text, in_order
from monitor.domain.compared_pair import ComparedPair
from monitor.domain.duration import duration_text
from monitor.domain.instant import minute_text
from monitor.domain.observations import ChainActivity, ChainLog
from monitor.domain.regression import RunVerdicts
from monitor.domain.run import Outcome, Run
from monitor.domain.sanitize import printable
from monitor.domain.size import size_text
from monitor.domain.status import Phase, Status
from monitor.errors import OutputError
from monitor.output.format import (
    HISTORY_COMMAND,
    MARKS,
    PROGRESS_UNKNOWN,
    build_text,
    count_text,
    outcome_text,
    stall_text,
    tested_text,
)
from monitor.output.repeat_text import mixed_text, withdrawn_text
from monitor.output.streams import discard_output
from monitor.output.verdict_text import WORSE, is_bigger, is_slower, worse_lines

QUIET_SECONDS = 300.0  # regular lines show that the process is alive
# Columns to omit on a narrow terminal, in steps.
_LEFT_OUT = ((), ("WALL",), ("WALL", "STARTED (UTC)"), ("WALL", "STARTED (UTC)", "DISK"))
_UNBOUNDED = 10_000
_AT_WORK = frozenset(ChainActivity) - {ChainActivity.WAITING, ChainActivity.DONE}
# The message of clearing names a folder inside the tester's own.
_BEFORE_A_RUN: Mapping[Phase | None, str] = {
    Phase.DISCOVERING: "looking up the newest build",
    Phase.CLEARING: "clearing the node's data",
}
_NO_VERDICTS: Mapping[int, RunVerdicts] = {}
_COLORS = {Outcome.SUCCEEDED: "green", Outcome.FAILED: "red", Outcome.SUPERSEDED: "dim"}


def run_text(run: Run) -> str:
    """Return the number and the build of a run."""
    return f"run {run.number} · {build_text(run.build)}"


def progress_text(
    status: Status,
    named: Callable[[Run], str] = run_text,
    columns: float = math.inf,
) -> str:
    """Return the tester's progress on one line; the least important parts are omitted if space is short."""
    run = status.run
    phase = status.phase.value if status.phase else Phase.STARTING.value
    if status.phase in _BEFORE_A_RUN and not status.problems:
        return _BEFORE_A_RUN[status.phase]
    if run is not None and not run.open and status.phase is Phase.IDLE:
        # The message may also be the result, which has a line of its own.
        waits = status.pair is not None or status.message.startswith(WAITING)
        return printable(f"idle: {status.message if waits else WAITING}")
    if run is None or not run.open or status.phase in _BEFORE_A_RUN:
        return printable(f"{phase}: {status.message}") if status.message else phase
    active = duration_text(run.tracking.active_seconds)
    purpose = (f"confirming run {status.confirming.number}",) if status.confirming else ()
    state = " · ".join((f"{phase} {active}", *purpose, *_warnings(status, run)))
    chains = " · ".join(_progress_parts(status))
    used = status.volume.usage_bytes if status.volume else None
    disk = f"disk {size_text(used)}" if used is not None else ""
    name = named(run)
    texts = [
        printable(" · ".join(part for part in parts if part))
        for parts in (
            (name, state, chains, disk),
            (name.rpartition(" · ")[0], state, chains, disk),  # without the build
            (f"run {run.number}", state, chains),
        )
    ]
    return next((text for text in texts if len(text) <= columns), texts[-1])


def _warnings(status: Status, run: Run) -> Iterable[str]:
    """Yield what is wrong with an open run: whether it is stalled, and whether it is late."""
    if run.open and status.progress and status.progress.stalled:
        yield f"{WORSE} {stall_text(run)}"
    if run.open and status.late:
        yield f"{WORSE} late"


def _progress_parts(status: Status) -> Iterable[str]:
    """Yield the active chains with their count, stage, percentage and remaining time.

    If no chain is active, yield each chain's count.
    """
    logs = status.progress.chains if status.progress else {}
    at_work = {chain: log for chain, log in logs.items() if log.activity in _AT_WORK}
    for chain in in_order({chain for chain, _ in status.counts} | set(logs)):
        log = at_work.get(chain)
        counted = _count_text(status, chain, log)
        if log is not None:
            end_at = log.end_at if status.progress and status.progress.predicts_end else None
            left = "" if end_at is None else f" ({duration_text(max(0.0, end_at - status.at))} left)"
            yield f"{chain_name(chain)}{counted} {chain_text(log)}{left}"
        elif counted and not at_work:
            yield f"{chain_name(chain)}{counted}"
    if status.progress and status.progress.unknown:
        yield PROGRESS_UNKNOWN


def _count_text(status: Status, chain: str, log: ChainLog | None) -> str:
    """Return the count of a chain in its stage: blocks fetched or executed, or leaves of a state sync."""
    match log.activity if log else None:
        case ChainActivity.FETCHING:
            signal, unit = "blocks_fetched", ""
        case ChainActivity.SYNCING_STATE:
            signal, unit = "leaves_synced", " leaves"
        case _:
            signal, unit = "blocks_accepted", ""
    count = status.counts.get((chain, signal))
    if count is None or (signal == "leaves_synced" and not count.value):  # SAE counts no leaves
        return ""
    return f" {count_text(count.value)}{unit}"


def result_text(run: Run, named: Callable[[Run], str] = run_text) -> Text:
    """Return how a run ended, on one line."""
    if run.outcome is None:
        return Text(f"run {run.number} is open")
    head, _, tail = named(run).partition(" · ")
    parts = [f"{MARKS[run.outcome]} {head} {run.outcome}", *([tail] if tail else [])]
    if run.duration_seconds is not None:
        parts.append(duration_text(run.duration_seconds))
    if run.disk_usage_bytes is not None:
        parts.append(f"disk {size_text(run.disk_usage_bytes)}")
    if run.outcome is Outcome.FAILED:
        parts.append(run.message)
    return Text(printable(" · ".join(parts)), style=_COLORS[run.outcome])


def history_table(
    runs: Sequence[Run],
    columns: float = math.inf,
    verdicts: Mapping[int, RunVerdicts] = _NO_VERDICTS,
    pair: ComparedPair | None = None,
) -> Table:
    """Return a table with one row for each run; a mark shows which ones are slower or bigger than usual.

    If all runs have the same network and sync mode, the title shows them. Columns that do not fit are
    omitted. The builds of a `pair` have its names in front.
    """
    tables = (_history_table(runs, left_out, verdicts, pair) for left_out in _LEFT_OUT)
    measure = Console(width=_UNBOUNDED)
    fits = (table for table in tables if measure.measure(table).maximum <= columns)
    return next(fits, _history_table(runs, _LEFT_OUT[-1], verdicts, pair))


def history_notes(
    runs: Sequence[Run],
    verdicts: Mapping[int, RunVerdicts],
    builds: Iterable[BuildResults],
    pair: ComparedPair | None = None,
    command: str = HISTORY_COMMAND,
) -> Iterable[str]:
    """Yield what the marks in the table mean, how to see a comparison, and which builds succeed and fail.

    `builds` are the results of all runs, of which the table may show only some. `command` prints the table.
    """
    if pair is not None:
        yield printable(", ".join(f"{name} is {build.path}" for name, build in pair.builds.items()))
        counted = {number for build in pair.builds.values() for number in build.runs}
        other = [run.number for run in runs if run.outcome is Outcome.SUCCEEDED and run.number not in counted]
        if other:
            yield f"runs that are not counted: {', '.join(map(str, other))}; this command shows why:"
            yield f"  {command} --run {other[0]}"
    worse = {
        run.number: [verdict for verdict in verdicts.get(run.number, {}).values() if verdict.verdict.is_worse]
        for run in runs
    }
    numbers = [number for number, judged in worse.items() if judged]
    if numbers:
        # A run that repeats an earlier build has no last good run.
        with_commits = (
            number
            for number in numbers
            if any(verdict.regression and verdict.regression.last_good for verdict in worse[number])
        )
        yield f"{WORSE} over the usual limit; this command shows the limit and the commits:"
        yield f"  {command} --run {next(with_commits, numbers[0])}"
    shown = {run.number for run in runs}
    yield from filter(
        None, (mixed_text(results) for results in builds if any(run.number in shown for run in results.runs))
    )


def _history_table(
    runs: Sequence[Run],
    left_out: Sequence[str],
    verdicts: Mapping[int, RunVerdicts],
    pair: ComparedPair | None,
) -> Table:
    tested = {tested_text(run) for run in runs}
    title = tested.pop() if len(tested) == 1 else ""
    columns = ("RUN", "OUTCOME", "BUILD", "TESTED", "STARTED (UTC)", "DURATION", "WALL", "DISK")
    shown = [name for name in columns if name not in left_out and not (title and name == "TESTED")]
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", title=title, title_justify="left")
    for name in shown:
        table.add_column(
            name,
            justify="right" if name in {"DURATION", "WALL", "DISK"} else "left",
            no_wrap=name != "TESTED",
        )
    for run in runs:
        judged = verdicts.get(run.number, {})
        disk = size_text(run.disk_usage_bytes) if run.disk_usage_bytes is not None else ""
        names = filter(None, (pair.name_of(run.build) if pair else "", build_text(run.build)))
        cells: Mapping[str, str | Text] = {
            "RUN": str(run.number),
            "OUTCOME": Text(outcome_text(run), style=_COLORS[run.outcome] if run.outcome else ""),
            "BUILD": Text(printable(" ".join(names))),
            "TESTED": tested_text(run).replace(" (", "\n("),
            "STARTED (UTC)": minute_text(run.started_at),
            "DURATION": _marked(_duration(run), is_worse=is_slower(judged)),
            "WALL": duration_text(run.wall_seconds) if run.wall_seconds is not None else "",
            "DISK": _marked(disk, is_worse=is_bigger(judged)),
        }
        table.add_row(*(cells[name] for name in shown))
    return table


def _marked(text: str, *, is_worse: bool) -> Text:
    return Text(f"{WORSE} {text}", style="yellow") if is_worse else Text(text)


def _duration(run: Run) -> str:
    """Return the duration of an ended run, or the active time of an open run."""
    seconds = run.tracking.active_seconds if run.open else run.duration_seconds
    return duration_text(seconds) if seconds is not None else ""


class ResultPrinter:
    """Prints results on standard output, which scripts read, or on `messages` if that cannot be written.

    The exit code of a command with a verdict does not depend on its output.
    """

    def __init__(self, messages: Console) -> None:
        self._messages, self._results = messages, Console(highlight=False)
        # On one terminal, only the console of the progress line can print without disturbing it.
        if self._results.is_terminal and messages.is_terminal:
            self._results = messages

    def print(self, text: Text) -> None:
        """Print a line."""
        try:
            self._results.print(text, soft_wrap=True)
        except OutputError:
            discard_output()
            self._results = self._messages
            self._messages.print(text, soft_wrap=True)


class Reporter:
    """Updates one progress line on a terminal; elsewhere prints a line at each change and at intervals."""

    def __init__(
        self,
        console: Console,
        named: Callable[[Run], str] = run_text,
        after: float = -math.inf,
        results: ResultPrinter | None = None,
        *,
        waits_for_builds: bool = True,
    ) -> None:
        """Show results only of the runs with a number greater than `after`.

        Results are printed with `results`; by default, as everything else, on `console`. A tester that
        `waits_for_builds` is reported as idle; another one ends after its result.
        """
        self._console, self._named = console, named
        self._results, self._waits_for_builds = results, waits_for_builds
        rewritable = console.is_terminal and not console.is_dumb_terminal
        self._live = Live("", console=console, refresh_per_second=4, transient=True) if rewritable else None
        self._after = after
        self._reported: set[int] = set()
        self._shown: object = None
        self._shown_at = -math.inf

    @property
    def results_reported(self) -> int:
        """The number of results that were printed."""
        return len(self._reported)

    def start(self) -> None:
        """Start the progress line."""
        if self._live:
            self._live.start()

    def stop(self) -> None:
        """Remove the progress line."""
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line without disturbing the progress line."""
        self._console.print(text, soft_wrap=True, markup=False)

    def _result(self, text: Text) -> None:
        if self._results is None:
            self._console.print(text, soft_wrap=True)
        else:
            self._results.print(text)

    def report(self, status: Status, *, ends: bool = False) -> None:
        """Show a status, and the results of newly ended runs; if the tester `ends`, only the results."""
        ends = ends or (status.phase is Phase.IDLE and not self._waits_for_builds)
        if self._live:
            text = "" if ends else progress_text(status, self._named, self._console.width)
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"))
        for run in reversed(status.results):
            if run.number > self._after and run.number not in self._reported:
                self._result(result_text(run, self._named))
                for line in worse_lines(run, status.verdicts.get(run.number, {})):
                    self._result(Text(line, style="yellow"))
                if run is status.results[0] and (line := withdrawn_text(status)):
                    self._result(Text(line))
                self._reported.add(run.number)
        if self._live or ends:
            return
        warns = tuple(_warnings(status, status.run)) if status.run else ()
        changed = (status.phase, status.run.number if status.run else 0, len(warns))
        working = status.run is not None and status.run.open
        if changed != self._shown or (working and status.at - self._shown_at >= QUIET_SECONDS):
            self._shown, self._shown_at = changed, status.at
            self._console.print(progress_text(status, self._named), soft_wrap=True, markup=False)
