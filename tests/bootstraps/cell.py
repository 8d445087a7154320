"""Runs one cell: a node bootstraps under a condition, and the monitor must record what happened."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from bootstraps.matrix import CONDITIONS, NODES, Condition, chain_of, stage_of
from bootstraps.nodes import Subject, subject
from bootstraps.watch import STEP_SECONDS, Watch
from support.local_life import living, stopped

from monitor.domain.observations import ChainActivity
from monitor.domain.run import Outcome
from monitor.domain.workload import SyncMode

MAX_SECONDS = 600.0
_BETWEEN_STEPS_SECONDS = 0.25
_STARTS_WARNED = 4
# In the cells that freeze the source for longer than the stall warning, the node must not fail.
FROZEN_TIMEOUT_SECONDS = 120
# Delays between polls of the monitor, of the test and of the node's health checks, on a busy machine.
TOLERANCE_SECONDS = 1.5
FLAGS = (
    *("--soak=1s", "--disk-floor=0", "--health-check-interval=250ms"),
    *("--image-check-interval=1s", "--disk-check-interval=1s"),
)
_ORDER = (
    ChainActivity.SYNCING_STATE,
    ChainActivity.FETCHING,
    ChainActivity.COMPACTING,
    ChainActivity.EXECUTING,
    ChainActivity.WAITING,
    ChainActivity.DONE,
)


def shown(mode_name: str, condition_name: str, node: str, folder: Path) -> str:
    """Run one cell; return a short description of the result."""
    mode, condition = SyncMode(mode_name), CONDITIONS[condition_name]
    folder.mkdir(parents=True)
    with living(folder) as tester, subject(node, mode, condition, tester) as made:
        watch = Watch(tester)
        process = tester.start(
            *_flags(node, condition, made), node=(*made.arguments, *_log_flags(condition_name, folder))
        )
        if condition.kills:
            _kill(watch, made, mode, condition)
        if condition.freezes:
            _freeze(watch, made, mode, node)
        _until(watch, lambda: watch.run is not None and not watch.run.open, "the run has ended")
        _, stderr = stopped(process, signal.SIGINT)
    _check(watch, mode, condition, node, stderr)
    frozen = "; shown as stalled while frozen" if condition.freezes else ""
    return f"succeeded; stages and duration correct{frozen}"


def _flags(node: str, condition: Condition, made: Subject) -> tuple[str, ...]:
    """Return the monitor's flags; a slow machine gets longer timeouts.

    Nothing shows progress while a node starts, or while its C-Chain computes the genesis, which takes as
    long.
    """
    each = NODES[node]
    warning_seconds = max(each.stall_warning_seconds, _STARTS_WARNED * made.start_seconds)
    timeout_seconds = warning_seconds * each.stall_timeout_seconds / each.stall_warning_seconds
    if condition.freezes:
        timeout_seconds += FROZEN_TIMEOUT_SECONDS
    return (*FLAGS, f"--stall-warning={warning_seconds:.0f}s", f"--stall-timeout={timeout_seconds:.0f}s")


def _log_flags(condition_name: str, folder: Path) -> tuple[str, ...]:
    match condition_name:
        case "no-logs":
            return (f"--log-dir={folder}/elsewhere",)
        case "json-logs":
            return ("--log-format=json",)
        case _:
            return ()


def _kill(watch: Watch, made: Subject, mode: SyncMode, condition: Condition) -> None:
    """Kill the node in the middle of the condition's stage."""
    stage = stage_of(mode, condition)
    chain, share, stepped_at = chain_of(mode, stage), 0.0, 0.0
    deadline = time.monotonic() + MAX_SECONDS
    while share <= condition.after:  # polled as fast as possible: some stages last less than a second
        if time.monotonic() > stepped_at + _BETWEEN_STEPS_SECONDS:
            watch.step()
            stepped_at = time.monotonic()
        share = made.share(chain, stage)
        assert time.monotonic() < deadline, f"{chain} did not reach {stage}; {_details(watch)}"
        assert watch.run is None or watch.run.outcome is None, _details(watch)
    watch.kill()
    assert share < condition.before, f"{chain} had done {share:.0%} of {stage} before it was killed"


def _freeze(watch: Watch, made: Subject, mode: SyncMode, node: str) -> None:
    """Freeze the source in the middle of the longest stage, until the run shows as stalled."""
    stage = stage_of(mode, CONDITIONS["source-frozen"])
    chain = chain_of(mode, stage)
    if NODES[node].dialect is None:
        _until(watch, lambda: made.share(chain, stage) > 0, f"{chain}: {stage}")
    made.freeze()
    _until(watch, lambda: watch.stalled_now, "the run shows as stalled")
    made.thaw()


def _until(watch: Watch, true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + MAX_SECONDS
    while not true():
        watch.step()
        assert time.monotonic() < deadline, f"not within {MAX_SECONDS:.0f} s: {what}; {_details(watch)}"
        assert watch.run is None or watch.run.outcome is not Outcome.FAILED, _details(watch)
        time.sleep(STEP_SECONDS)


def _check(watch: Watch, mode: SyncMode, condition: Condition, node: str, stderr: Sequence[str]) -> None:
    """Check the conditions that hold in every cell."""
    run, details = watch.run, "\n".join((_details(watch), *stderr[-10:]))
    assert run is not None, details
    assert (run.outcome, run.sync_mode) == (Outcome.SUCCEEDED, mode), details
    assert run.tracking.node_restarts == int(condition.kills), details
    assert run.duration_seconds is not None, details
    least, most = watch.active_seconds
    assert least - TOLERANCE_SECONDS <= run.duration_seconds <= most + TOLERANCE_SECONDS, details
    assert watch.stalled == condition.freezes, details
    for chain in ("P", "C"):
        places = [_ORDER.index(each) for each in watch.stages.get(chain, []) if each in _ORDER]
        steps_back = sum(after < before for before, after in pairwise(places))
        assert steps_back <= int(condition.kills), details
    if condition.readable:
        chain = chain_of(mode, stage_of(mode, condition))
        seen = watch.stages.get(chain, [])
        assert seen[-1:] == [ChainActivity.DONE], details
        assert stage_of(mode, condition) in seen or _is_short(node, chain, condition), details


def _is_short(node: str, chain: str, condition: Condition) -> bool:
    """Return whether the stage may start and end between two polls.

    A real node executes the P-Chain in 0.3 s.
    """
    return (NODES[node].dialect, chain, condition.stage) == (None, "P", ChainActivity.EXECUTING)


def _details(watch: Watch) -> str:
    """Describe the observations, for failure messages."""
    least, most = watch.active_seconds
    stages = "; ".join(f"{chain}: {', '.join(seen)}" for chain, seen in sorted(watch.stages.items()))
    return f"stages {stages}; active for {least:.1f} to {most:.1f} s; stalled: {watch.stalled}; {watch.run}"
