"""Status and run as lines of plain text."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.domain.build_results import BuildResults
from monitor.domain.chains import chain_name, chain_text
from monitor.domain.duration import duration_text
from monitor.domain.instant import time_text
from monitor.domain.plural import plural
from monitor.domain.regression import RunVerdicts, left_out
from monitor.domain.run import Evidence, Outcome, Run
from monitor.domain.size import size_text
from monitor.domain.status import Phase, Status
from monitor.output.format import (
    ACTIONS,
    LATE,
    MEASURES,
    NOTHING_SHOWS_IT,
    PAUSED,
    SILENT_SECONDS,
    active_seconds,
    blocks_text,
    build_text,
    left_text,
    outcome_text,
    regression_text,
    stall_text,
    tested_text,
)
from monitor.output.repeat_text import cause_text, repeat_lines
from monitor.output.verdict_text import compared_lines


def status_lines(status: Status, *, is_left: bool = False) -> Iterable[str]:
    """Yield the status as lines of text; `is_left` is whether the monitor process is known to be gone."""
    about = (status.network, status.sync_mode, f"testbed {status.testbed}") if status.network else ()
    yield f"tester    {' · '.join((status.tester or 'none yet', *about))}"
    phase = status.phase.value if status.phase else "not started"
    message = status.message.removeprefix(f"{phase}; ")
    yield f"phase     {phase}" + (f": {message}" if message not in {"", phase} else "")
    yield from _silence_lines(status, is_left=is_left)
    if status.notice and status.notice not in {each.message for each in status.problems}:
        yield f"notice    {status.notice}"
    for each in status.problems:
        yield f"problem   {each.cause} since {time_text(each.since)}: {each.message}"
        yield f"          {ACTIONS[each.cause]}"
    yield from _asked_lines(status)
    if status.run:
        yield from _newest_run_lines(status, status.run)
    yield from _chain_lines(status)
    if status.node:
        node = status.node
        failing = f": {', '.join(node.failing_checks)}" if node.failing_checks else ""
        peers = f" · {plural(node.peers, 'peer')}" if node.peers is not None else ""
        up = "up" if node.up else "down"
        yield f"node      {up} · {node.health}{failing}{peers} · polled {time_text(node.seen_at)}"
    if status.volume:
        volume = status.volume
        used = size_text(volume.usage_bytes) if volume.usage_bytes is not None else "unknown"
        free = f"{size_text(volume.available_bytes)} of {size_text(volume.size_bytes)} free"
        yield f"disk      {used} · {free} · measured {time_text(volume.measured_at)}"
    if status.baseline_begins:
        yield f"baseline  marked: run {status.baseline_begins} and later runs"
    for measure, regression in status.regressions.items():
        yield f"baseline  {MEASURES[measure]}: {regression_text(measure, regression)}"
    if status.late:
        yield f"late      {LATE}"
    if status.new_build:
        yield f"new build {status.new_build.version} {status.new_build.image}"


def _newest_run_lines(status: Status, run: Run) -> Iterable[str]:
    started = time_text(run.started_at)
    yield f"run       {run.number} of {build_text(run.build)} · {outcome_text(run)} · started {started}"
    if status.pair:
        yield f"compared  {status.pair.progress_text}; run {run.number} is of {status.pair.name_of(run.build)}"
    if run.outcome is Outcome.FAILED:
        yield f"why       {run.message}"
    yield from (f"repeated  {text}" for text in repeat_lines(status))
    yield f"image     {run.build.image}"
    yield f"active    {duration_text(active_seconds(run))} · node restarts {run.tracking.node_restarts}"


def _silence_lines(status: Status, *, is_left: bool) -> Iterable[str]:
    """Yield a line if the monitor is not watching the node."""
    if status.tick_at is None:
        return
    if is_left:
        yield f"monitor   is not running: the values below are from {time_text(status.tick_at)}"
    elif status.at - status.tick_at > SILENT_SECONDS:
        yield f"monitor   silent since {time_text(status.tick_at)}: the values below are from that time"


def _asked_lines(status: Status) -> Iterable[str]:
    """Yield pending requests of an operator that the phase does not show."""
    if status.paused and status.phase is not Phase.PAUSED:
        yield f"paused    {PAUSED}"
    if status.requested:
        after = ": starts after resume at the earliest" if status.paused else ""
        yield f"rerun     of {build_text(status.requested)}, as requested{after}"


def _chain_lines(status: Status) -> Iterable[str]:
    logs = status.progress.chains if status.progress else {}
    counted = {
        chain
        for chain, signal in status.counts
        if signal in {"blocks_fetched", "blocks_accepted", "leaves_synced"}
    }
    predicts_end = status.progress is not None and status.progress.predicts_end
    for chain in sorted(counted | set(logs)):
        parts = [
            blocks_text(chain, status.counts),
            chain_text(logs[chain]) if chain in logs else "",
            left_text(logs[chain], status.at) if chain in logs and predicts_end else "",
        ]
        if any(parts):
            yield f"chain {chain_name(chain)}   {' · '.join(filter(None, parts))}"
    if status.progress and status.progress.unknown:
        yield f"progress  unknown: {NOTHING_SHOWS_IT}"
    if status.progress and status.progress.stalled and status.run:
        yield f"stalled   {stall_text(status.run)}"


def run_lines(
    run: Run,
    evidence: Evidence | None,
    verdicts: RunVerdicts | None = None,
    confirmed_run: int | None = None,
    results: BuildResults | None = None,
) -> Iterable[str]:
    """Yield all details of a run, with the verdicts on it, and the log tail of its node if the run failed.

    `confirmed_run` is the number of the run whose result this run confirms (`None`: of no run). `results` are
    those of the run's build.
    """
    yield f"run       {run.number} · {outcome_text(run)}"
    yield f"image     {run.build.image}"
    yield f"version   {run.build.version or 'unknown'} · commit {run.build.commit or 'unknown'}"
    yield f"tested    {tested_text(run)} · testbed {run.testbed}"
    if confirmed_run is not None:
        yield f"confirms  run {confirmed_run}"
    yield f"started   {time_text(run.started_at)}"
    if run.ended_at is not None:
        yield f"ended     {time_text(run.ended_at)}"
    if run.duration_seconds is not None:
        yield f"duration  {duration_text(run.duration_seconds)} active"
    if run.wall_seconds is not None:
        yield f"wall      {duration_text(run.wall_seconds)}"
    if run.disk_usage_bytes is not None:
        yield f"disk      {size_text(run.disk_usage_bytes)}"
    yield f"restarts  {run.tracking.node_restarts}"
    if reason := left_out(run):
        yield f"compared  with no other run: {reason}"
    yield from compared_lines(verdicts or {})
    if run.message and run.outcome is not Outcome.SUCCEEDED:
        yield f"message   {run.message}"
    if run.outcome is Outcome.FAILED:
        yield f"cause     {cause_text(run, (results,) if results else ())}"
    if evidence is not None:
        yield f"evidence  log tail of the node, saved {time_text(evidence.taken_at)}:"
        yield evidence.text.rstrip("\n")
