"""What a person sees on a terminal: one line of progress, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from monitor.durations import duration_text
from monitor.model import Evidence, Outcome, Phase, Run
from monitor.texts import (
    LATE,
    MARKS,
    MEASURES,
    SILENT_SECONDS,
    build_text,
    chain_progress_text,
    count_text,
    minute_text,
    printable,
    regression_text,
    size_text,
    time_text,
)
from monitor.view import Status

_COLORS = {Outcome.SUCCEEDED: "green", Outcome.FAILED: "red", Outcome.SUPERSEDED: "dim"}


def progress_text(status: Status) -> str:
    """Where the tester is, on one line."""
    run = status.run
    phase = status.phase.value if status.phase else Phase.STARTING.value
    if run is None or status.phase in {Phase.DISCOVERING, Phase.CLEARING}:
        return printable(f"{phase}: {status.message}") if status.message else phase
    active = f" {duration_text(run.bookkeeping.active_seconds)}" if run.open else ""
    parts = [f"run {run.number}", build_text(run.build), f"{phase}{active}"]
    if status.volume and status.volume.usage_bytes is not None:
        parts.append(f"disk {size_text(status.volume.usage_bytes)}")
    # Last, so that a narrow terminal cuts these.
    chains = [
        f"{chain} {count_text(status.counts[chain, 'blocks_accepted'].value)}"
        for chain in ("P", "X", "C")
        if run.open and (chain, "blocks_accepted") in status.counts
    ]
    parts += [" ".join(chains)] if chains else []
    return printable(" · ".join(parts))


def result_text(run: Run) -> Text:
    """How a run ended, on one line."""
    if run.outcome is None:
        return Text(f"run {run.number} is open")
    parts = [f"{MARKS[run.outcome]} run {run.number} {run.outcome}", build_text(run.build)]
    if run.duration_seconds is not None:
        parts.append(duration_text(run.duration_seconds))
    if run.disk_usage_bytes is not None:
        parts.append(f"disk {size_text(run.disk_usage_bytes)}")
    if run.outcome is Outcome.FAILED:
        parts.append(run.message)
    return Text(printable(" · ".join(parts)), style=_COLORS[run.outcome])


def history_table(runs: Sequence[Run]) -> Table:
    """The runs, one a row; the network and mode that all have in common are the title."""
    tested = {f"{run.network} · {run.sync_mode}" for run in runs}
    title = tested.pop() if len(tested) == 1 else ""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", title=title, title_justify="left")
    for name in ("RUN", "OUTCOME", "BUILD", *(() if title else ("TESTED",)), "STARTED (UTC)"):
        table.add_column(name, no_wrap=name in {"RUN", "OUTCOME", "BUILD"})
    for name in ("DURATION", "WALL", "DISK"):
        table.add_column(name, justify="right", no_wrap=True)
    for run in runs:
        outcome = run.outcome.value if run.outcome else "open"
        if run.reason:
            outcome = f"{outcome}: {run.reason}"
        table.add_row(
            str(run.number),
            Text(outcome, style=_COLORS[run.outcome] if run.outcome else ""),
            Text(printable(build_text(run.build))),
            *(() if title else (f"{run.network} · {run.sync_mode}",)),
            minute_text(run.started_at),
            _duration(run),
            duration_text(run.wall_seconds) if run.wall_seconds is not None else "",
            size_text(run.disk_usage_bytes) if run.disk_usage_bytes is not None else "",
        )
    return table


def _duration(run: Run) -> str:
    """What is judged; of an open run, how long it is active so far."""
    seconds = run.bookkeeping.active_seconds if run.open else run.duration_seconds
    return duration_text(seconds) if seconds is not None else ""


def status_lines(status: Status) -> Iterable[str]:
    """The status as lines for a person."""
    yield f"tester    {status.tester} · {status.network} · {status.sync_mode} · testbed {status.testbed}"
    phase = status.phase.value if status.phase else "not started"
    yield f"phase     {phase}" + (f": {status.message}" if status.message not in {"", phase} else "")
    if status.tick_at is not None and status.at - status.tick_at > SILENT_SECONDS:
        yield f"monitor   silent since {time_text(status.tick_at)}: what follows is as old"
    if status.notice:
        yield f"notice    {status.notice}"
    if status.run:
        run = status.run
        state = f"{run.outcome}{f': {run.reason}' if run.reason else ''}" if run.outcome else "open"
        started = time_text(run.started_at)
        yield f"run       {run.number} of {build_text(run.build)} · {state} · started {started}"
        yield f"image     {run.build.image}"
        active = run.duration_seconds if run.duration_seconds is not None else run.bookkeeping.active_seconds
        yield f"active    {duration_text(active)} · node restarts {run.bookkeeping.node_restarts}"
    yield from _chain_lines(status)
    if status.node:
        node = status.node
        failing = f": {', '.join(node.failing_checks)}" if node.failing_checks else ""
        peers = f" · {node.peers} peers" if node.peers is not None else ""
        up = "up" if node.up else "down"
        yield f"node      {up} · {node.health}{failing}{peers} · seen {time_text(node.seen_at)}"
    if status.volume:
        volume = status.volume
        used = size_text(volume.usage_bytes) if volume.usage_bytes is not None else "unknown"
        free = f"{size_text(volume.available_bytes)} of {size_text(volume.size_bytes)} free"
        yield f"disk      {used} · {free} · measured {time_text(volume.measured_at)}"
    if status.baseline_begins:
        yield f"baseline  marked: of run {status.baseline_begins} and those after it"
    for measure, regression in status.regressions.items():
        yield f"baseline  {MEASURES[measure]}: {regression_text(measure, regression)}"
    if status.late:
        yield f"late      {LATE}"
    if status.new_build:
        yield f"new build {status.new_build.version} {status.new_build.image}"


def _chain_lines(status: Status) -> Iterable[str]:
    logs = status.progress.chains if status.progress else {}
    counted = {chain for chain, signal in status.counts if signal.startswith("blocks_")}
    for chain in sorted(counted | set(logs)):
        yield f"chain {chain}   {chain_progress_text(chain, status.counts, logs, executed='accepted')}"
    if status.progress and status.progress.stalled and status.run:
        since = time_text(status.run.bookkeeping.progress_at) or "the run's start"
        yield f"stalled   no progress since {since}"


def run_lines(run: Run, evidence: Evidence | None) -> Iterable[str]:
    """All there is to say of one run, with the end of its node's log where it failed."""
    outcome = run.outcome.value if run.outcome else "open"
    yield f"run       {run.number} · {outcome}{f': {run.reason}' if run.reason else ''}"
    yield f"image     {run.build.image}"
    yield f"version   {run.build.version or 'unknown'} · commit {run.build.commit or 'unknown'}"
    yield f"tested    {run.network} · {run.sync_mode} · testbed {run.testbed}"
    yield f"started   {time_text(run.started_at)}"
    if run.ended_at is not None:
        yield f"ended     {time_text(run.ended_at)}"
    if run.duration_seconds is not None:
        yield f"duration  {duration_text(run.duration_seconds)} active"
    if run.wall_seconds is not None:
        yield f"wall      {duration_text(run.wall_seconds)}"
    if run.disk_usage_bytes is not None:
        yield f"disk      {size_text(run.disk_usage_bytes)}"
    yield f"restarts  {run.bookkeeping.node_restarts}"
    if run.message:
        yield f"message   {run.message}"
    if evidence is not None:
        yield f"evidence  the node's last words, taken {time_text(evidence.taken_at)}:"
        yield evidence.text.rstrip("\n")


class Reporter:
    """Keeps one line of progress current on a terminal; elsewhere prints a line when something changed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live("", console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        )
        self._reported: set[int] = set()
        self._said: object = None

    def start(self) -> None:
        """Begin the line."""
        if self._live:
            self._live.start()

    def stop(self) -> None:
        """Remove the line."""
        if self._live:
            self._live.stop()

    def report(self, status: Status) -> None:
        """Show a status."""
        if self._live:
            self._live.update(Text(progress_text(status), no_wrap=True, overflow="ellipsis"))
        for run in reversed(status.results):
            if run.number not in self._reported:
                self._reported.add(run.number)
                self._console.print(result_text(run))
        if self._live:
            return
        changed = (status.phase, status.run.number if status.run else 0)
        if changed != self._said:
            self._said = changed
            self._console.print(progress_text(status), soft_wrap=True, markup=False)
