"""Progress of a bootstrap, and detection of chains without progress.

Counters start again at 0 with every process of the node. For display, the monitor adds them up over
processes.

*Progress* is a rise within the current process: of a counter of the chain, or of the disk usage of a chain
that syncs its state. A new log line that shows progress counts too. A *position* is a counter's highest value
in any one process. Only the crash limit requires a position that was never reached before, because a
restarted node may count only the remaining work.

Each chain has its own stall timer. A chain is at work if its last log line in this process, or its counters,
show unfinished work. P is at work until the process shows another chain. A chain that waits for the others
only keeps up with the network, which is not progress. If no signal of a chain's stage can be read, its
progress is unknown and its timer is paused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.domain.bounds import MAX_SUM
from monitor.domain.observations import ChainActivity, NodeLog
from monitor.domain.signals import COUNTERS, GROWTH_BYTES, SIGNALS
from monitor.domain.tracking import ChainWatch, Count, Counts, RunTracking

_WORKING_ALONE = frozenset({ChainActivity.COMPACTING, ChainActivity.EXECUTING})
_WORKING = _WORKING_ALONE | {ChainActivity.SYNCING_STATE}
_THROUGH = frozenset({ChainActivity.WAITING, ChainActivity.DONE})
# Only the log shows these stages. Each consists of one operation, which ends with the next line of the log.
_SEEN_BY_LOG = frozenset({ChainActivity.COMPACTING, ChainActivity.TRANSITIONING})
# A chain whose last block is at most this old has the whole history.
_CAUGHT_UP_SECONDS = 600.0
# A kill loses the counts since the last poll, so the sums over processes are not exact.
_CERTAIN_RATIO = 0.95
_TO_DO = (
    ("blocks_fetched", "blocks_accepted"),
    ("vertices_fetched", "vertices_accepted"),
    ("transactions_fetched", "transactions_accepted"),
)

Chains = Mapping[str, ChainWatch]
Counters = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Poll:
    """Signals of the chains in one poll.

    `now_wall` is the time of the poll in Unix seconds. `answers` is whether the node answered. `counters` are
    the counters of its metrics page. `log` is limited to the current process. `new_process` is whether that
    process was not observed before. `usage_bytes` is the last measured disk usage (`None`: unknown).
    """

    now_wall: float
    answers: bool
    counters: Counters
    log: NodeLog
    new_process: bool = False
    usage_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """Progress of a run as of one poll.

    `progressed` is whether a chain at work made progress. `reached` is whether it reached a position that no
    process of the run had reached before. `known` is whether a lack of progress could be observed.

    `idle_seconds` is how long `stalled_chain` (empty: the node as a whole) has made no progress. `working`
    are the chains with work left. `usage_mark_bytes` is the disk usage from which growth is measured.
    """

    chains: Chains
    working: frozenset[str]
    progressed: bool
    reached: bool
    known: bool
    idle_seconds: float
    stalled_chain: str
    usage_mark_bytes: int | None


def added_up(counts: Counts, counters: Counters, *, new_process: bool = False) -> Counts:
    """Return the counts, by (chain, signal), after one more reading of the node's counters."""
    known = {key: _ended(key[1], count) if new_process else count for key, count in counts.items()}
    return {**known, **{key: _next(key[1], known.get(key), value) for key, value in counters.items()}}


def movement(tracking: RunTracking, before: Counts, after: Counts, poll: Poll, seconds: float) -> Movement:
    """Return the progress of a run as of one poll.

    Args:
        tracking: the tracking of the run after the previous poll.
        before: the counts after the previous poll.
        after: the counts after this poll.
        poll: the signals read in this poll.
        seconds: the observed time between the two polls; 0 while the timers of the run are paused.
    """
    names = {name for name, _ in after} | poll.log.chains.keys() | tracking.chains.keys()
    heard = {name: _heard(tracking.chains.get(name), name, poll) for name in names}
    through = {name for name in names if _is_through(name, heard, after, poll)}
    # When all chains wait, any may still progress. P is left out, because it keeps up with the network.
    working = frozenset(names - through or names - {"P"} or names)
    rising = {
        name
        for name in working
        if _rises(name, before, after) or _says_progress(tracking.chains.get(name), heard[name])
    }
    mark, usage = tracking.usage_mark_bytes, poll.usage_bytes
    grown = mark is not None and usage is not None and usage >= mark + GROWTH_BYTES
    growing = {name for name in working if grown and _may_grow(heard[name])}
    chains, timed = dict(heard), set[str]()
    for name in working:
        watch = heard[name]
        if name in rising or _is_visible(name, watch, poll):
            watch = replace(watch, visible=True)
        at_work = len(working) == 1 or watch.log is not None or _is_unfinished(name, after)
        idle_seconds = watch.idle_seconds
        if working <= through or (at_work and watch.visible and _is_readable(name, poll)):
            timed.add(name)
            idle_seconds += seconds
        chains[name] = replace(watch, idle_seconds=0.0 if name in rising | growing else idle_seconds)
    known, stalled, idle = _stall(tracking, chains, working, timed, through, poll, seconds)
    return Movement(
        chains=chains,
        working=working,
        progressed=bool(rising or growing),
        reached=any(_reaches(name, before, after) for name in working),
        known=known or bool(rising or growing),
        idle_seconds=idle,
        stalled_chain=stalled,
        # Compaction shrinks a database. Growth back to the earlier size is not progress.
        usage_mark_bytes=usage if usage is not None and (mark is None or grown or poll.new_process) else mark,
    )


def works(move: Movement, *, without_peers: bool = False) -> bool:
    """Return whether the log of a chain at work shows that it compacts, executes or syncs its state.

    In these stages a chain may show no progress for a long time. A state sync does not count if
    `without_peers`, because it needs peers.
    """
    stages = _WORKING_ALONE if without_peers else _WORKING
    logs = (move.chains[name].log for name in move.working)
    return any(log.activity in stages for log in logs if log is not None)


def _stall(
    tracking: RunTracking,
    chains: Chains,
    working: frozenset[str],
    timed: set[str],
    through: set[str],
    poll: Poll,
    seconds: float,
) -> tuple[bool, str, float]:
    """Return whether progress is known, the chain that has been idle longest, and for how many seconds."""
    if not timed:
        # The progress of a node that answers is hidden. A node that does not answer makes no progress.
        return (False, "", 0.0) if poll.answers else (True, "", tracking.idle_seconds + seconds)
    idle_seconds = {name: chains[name].idle_seconds for name in timed}
    if working <= through:
        return True, "", min(idle_seconds.values())
    slowest = max(sorted(idle_seconds), key=lambda name: idle_seconds[name])
    return True, slowest, idle_seconds[slowest]


def _heard(watch: ChainWatch | None, name: str, poll: Poll) -> ChainWatch:
    """Return the watch of a chain with the state of its log in this poll.

    Lines that have left the log stay known for the rest of the process.
    """
    watch, log = watch or ChainWatch(), poll.log.chains.get(name)
    if poll.new_process:
        watch = ChainWatch(idle_seconds=watch.idle_seconds)
    if _has_counters(name, poll) or log is not None:
        watch = replace(watch, seen=True)
    if log is None:
        return watch
    if watch.log is None:
        return replace(watch, log=log, visible=False)
    kept = replace(
        log,
        progress=log.progress or watch.log.progress,
        summary=log.summary or watch.log.summary,
        skipped=log.skipped or (watch.log.skipped and not log.summary),
        transitioned=log.transitioned or watch.log.transitioned,
    )
    return replace(watch, log=kept, visible=watch.visible and log.activity is watch.log.activity)


def _is_through(name: str, chains: Chains, counts: Counts, poll: Poll) -> bool:
    """Return whether a chain waits for the others, or has no work left."""
    if name == "P" and any(watch.seen for other, watch in chains.items() if other != name):
        return True
    log = chains[name].log
    if log is not None:
        return log.activity in _THROUGH
    reached = counts.get((name, "chain_time"))
    has_newest_block = reached is not None and poll.now_wall - reached.last <= _CAUGHT_UP_SECONDS
    return has_newest_block or _keeps_up(name, counts)


def _keeps_up(name: str, counts: Counts) -> bool:
    """Return whether a chain has executed exactly the items that it fetched in this process.

    A chain that waits fetches and executes round by round. A chain with work left has fetched more. A chain
    that was restarted during execution has fetched less.
    """
    none = Count()
    pairs = [(counts.get((name, one), none).last, counts.get((name, two), none).last) for one, two in _TO_DO]
    return pairs[0][0] > 0 and all(fetched == accepted for fetched, accepted in pairs)


def _has_counters(name: str, poll: Poll) -> bool:
    return any(chain == name for chain, _ in poll.counters)


def _is_readable(name: str, poll: Poll) -> bool:
    """Return whether this poll would show progress of a chain.

    A node that does not answer makes no progress itself, so its chains count as readable.
    """
    return not poll.answers or name in poll.log.chains or _has_counters(name, poll)


def _is_visible(name: str, watch: ChainWatch, poll: Poll) -> bool:
    """Return whether a reading would show progress of a chain in its current stage."""
    if watch.log is None:
        return False
    stage, transitioned = watch.log.activity, watch.log.transitioned
    return stage in _SEEN_BY_LOG or any(
        (name, counter.signal) in poll.counters
        for counter in COUNTERS
        if stage in counter.stages
        and counter.visible_at_zero
        and not (transitioned and stage is ChainActivity.SYNCING_STATE)
    )


def _is_unfinished(name: str, counts: Counts) -> bool:
    """Return whether a chain's counters show work that was started but not finished."""
    none = Count()
    synced = any(counts.get((name, signal), none).last > 0 for signal in ("leaves_synced", "sync_responses"))
    if synced and counts.get((name, "blocks_fetched"), none).last == 0:
        return True
    pairs = ((counts.get((name, one), none), counts.get((name, two), none)) for one, two in _TO_DO)
    return any(
        fetched.last > accepted.last or fetched.value * _CERTAIN_RATIO > accepted.value
        for fetched, accepted in pairs
    )


def _rises(name: str, before: Counts, after: Counts) -> bool:
    return any(
        count.last > known.last and (count.before == known.before or _outlives(signal))
        for (chain, signal), count in after.items()
        if chain == name and signal in SIGNALS
        for known in (before.get((chain, signal), Count()),)
    )


def _reaches(name: str, before: Counts, after: Counts) -> bool:
    return any(
        count.maximum > (before[chain, signal].maximum if (chain, signal) in before else 0.0)
        for (chain, signal), count in after.items()
        if chain == name and signal in SIGNALS
    )


def _says_progress(watch: ChainWatch | None, heard: ChainWatch) -> bool:
    known = watch.log.progress if watch is not None and watch.log is not None else ""
    return heard.log is not None and heard.log.progress not in {"", known}


def _may_grow(watch: ChainWatch) -> bool:
    return watch.log is None or watch.log.activity is ChainActivity.SYNCING_STATE


def _outlives(signal: str) -> bool:
    return signal in SIGNALS and SIGNALS[signal].outlives_process


def _ended(signal: str, count: Count) -> Count:
    """Return the count of a signal after the node's process has ended."""
    if _outlives(signal):
        return count
    return Count(before=min(count.before + count.last, MAX_SUM), last=0.0, maximum=count.maximum)


def _next(signal: str, count: Count | None, value: float) -> Count:
    count = count or Count()
    restarted = value < count.last and not _outlives(signal)
    before = min(count.before + count.last, MAX_SUM) if restarted else count.before
    return Count(before=before, last=value, maximum=max(count.maximum, value))
