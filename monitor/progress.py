"""How far a bootstrap has come.

Counters begin at 0 again with every process of the node.  For display they are added up over processes.
*Progress* is judged by maxima: that a position is reached which was not reached before.  Work that is merely
done again raises a sum, but no maximum.  What counts as a position, of a chain that is at work:

- `chain_time`: the time of the last block that was executed; outlives the process.
- `blocks_stored`: how many blocks were fetched in all, by the chain's log; outlives the process.
- blocks, vertices, transactions and state-sync leaves, by the node's counters: the highest of one process.
- `blocks_fetched`, only where the log does not say `blocks_stored`: a counter rises with each block that is
  fetched again.

P is at work until X and C exist; then it only keeps up while it waits for them, which is no progress.
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import ChainActivity, ChainLog, Count, Counts, NodeLog

POSITIONS = frozenset({"chain_time", "blocks_stored"})
_COUNTERS = frozenset(
    {
        "blocks_accepted",
        "vertices_fetched",
        "vertices_accepted",
        "transactions_fetched",
        "transactions_accepted",
        "leaves_synced",
    }
)
_WORKING = frozenset({ChainActivity.COMPACTING, ChainActivity.EXECUTING, ChainActivity.SYNCING_STATE})
_THROUGH = frozenset({ChainActivity.WAITING, ChainActivity.DONE})


def added_up(counts: Counts, counters: Mapping[tuple[str, str], float]) -> Counts:
    """The counts after one more reading of the node's counters, by (chain, signal)."""
    return {**counts, **{key: _next(key[1], counts.get(key), value) for key, value in counters.items()}}


def stored_blocks(log: NodeLog) -> Mapping[tuple[str, str], float]:
    """The positions that the chains' logs tell, in the form of counters."""
    return {
        (name, "blocks_stored"): float(chain.blocks_stored)
        for name, chain in log.chains.items()
        if chain.blocks_stored is not None
    }


def chains_at_work(counts: Counts, log: NodeLog) -> frozenset[str]:
    """The chains that the run is at, by what was ever counted in it, without those that wait for the others.

    A process that was started again goes through P first, as far as P has come meanwhile; that is no work of
    a run that was past P.  A chain that waits keeps up with what is new, which is no work either.
    """
    chains = frozenset(chain for chain, _ in counts)
    chains = chains - {"P"} or chains
    through = {name for name, chain in log.chains.items() if chain.activity in _THROUGH}
    return chains - through or chains


def progressed(before: Counts, after: Counts, chains: frozenset[str]) -> bool:
    """Whether one of these chains reached a position that it had not reached."""
    return any(
        count.maximum > (before[key].maximum if key in before else 0.0)
        for key, count in after.items()
        if key[0] in chains and _counts_as_position(key, after)
    )


def works(log: NodeLog, chains: frozenset[str]) -> bool:
    """Whether one of these chains says that it compacts or executes, which may move no position for long."""
    said: list[ChainLog] = [log.chains[chain] for chain in chains if chain in log.chains]
    return any(chain.activity in _WORKING for chain in said)


def _counts_as_position(key: tuple[str, str], counts: Counts) -> bool:
    chain, signal = key
    if signal == "blocks_fetched":
        return (chain, "blocks_stored") not in counts
    return signal in _COUNTERS or signal in POSITIONS


def _next(signal: str, count: Count | None, value: float) -> Count:
    count = count or Count()
    restarted = value < count.last and signal not in POSITIONS
    before = count.before + count.last if restarted else count.before
    return Count(before=before, last=value, maximum=max(count.maximum, value))
