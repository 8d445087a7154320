"""Counters that show the progress of a chain, and the meaning of each counter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.observations import ChainActivity

FETCHING, COMPACTING, EXECUTING = (
    ChainActivity.FETCHING,
    ChainActivity.COMPACTING,
    ChainActivity.EXECUTING,
)
SYNCING, TRANSITIONING = ChainActivity.SYNCING_STATE, ChainActivity.TRANSITIONING
WAITING, DONE = ChainActivity.WAITING, ChainActivity.DONE

# The state sync of a chain of hundreds of gigabytes writes more than this in minutes. Other chains, which
# keep up with the network, write about 10 MiB an hour. That must not count as state sync.
GROWTH_BYTES = 256 << 20


class Merge(StrEnum):
    """Way to merge several series of one signal."""

    HIGHEST = "highest"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Counter:
    """Metric families that rise while a chain works.

    `stages` are the stages in which the counter rises. `visible_at_zero` is whether its series exist from the
    start of the stage, so that a zero is a measurement. `outlives_process` is whether a restarted node
    continues from the last value instead of 0.
    """

    signal: str
    stages: frozenset[ChainActivity]
    merge: Merge = Merge.HIGHEST
    visible_at_zero: bool = True
    outlives_process: bool = False


COUNTERS = (
    Counter("blocks_fetched", frozenset({FETCHING})),
    Counter("blocks_accepted", frozenset({EXECUTING})),
    Counter("vertices_fetched", frozenset({FETCHING})),
    Counter("vertices_accepted", frozenset({EXECUTING})),
    Counter("transactions_fetched", frozenset({FETCHING})),
    Counter("transactions_accepted", frozenset({EXECUTING})),
    Counter(
        "chain_time",
        frozenset({EXECUTING}),
        visible_at_zero=False,
        outlives_process=True,
    ),
    Counter(
        "height_executed",
        frozenset({EXECUTING}),
        visible_at_zero=False,
        outlives_process=True,
    ),
    Counter(
        "leaves_synced",
        frozenset({SYNCING}),
        visible_at_zero=False,
    ),
    Counter(
        "sync_responses",
        frozenset({SYNCING}),
        Merge.SUM,
    ),
)
SIGNALS: Mapping[str, Counter] = {counter.signal: counter for counter in COUNTERS}
