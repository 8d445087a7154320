"""How far a bootstrap has come, from counters that begin at 0 again with every process of the node.

For display they are added up over processes.  The highest value within one process is kept beside the sum:
work that is merely done again raises the sum, but no maximum.
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.model import Count, Counts


def added_up(counts: Counts, counters: Mapping[tuple[str, str], float]) -> Counts:
    """The counts after one more reading of the node's counters, by (chain, signal)."""
    return {**counts, **{key: _next(counts.get(key, Count()), value) for key, value in counters.items()}}


def _next(count: Count, value: float) -> Count:
    restarted = value < count.last
    before = count.before + count.last if restarted else count.before
    return Count(before=before, last=value, maximum=max(count.maximum, value))
