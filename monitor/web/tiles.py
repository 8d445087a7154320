"""The figures that matter most, at the top of the page."""

from __future__ import annotations

from monitor.durations import duration_text
from monitor.model import Health, Phase
from monitor.regression import Measure, Regression
from monitor.texts import active_seconds, regression_sentence, size_text
from monitor.view import Status
from monitor.web.elements import UNKNOWN, bar, length, size, text, time


def tiles(status: Status) -> str:
    """The figures that matter most."""
    shown = "".join(
        f'<div class="tile"><dt>{term}</dt><dd class="value {tone}">{value}</dd>'
        + "".join(f"<dd>{html}</dd>" for html in details if html)
        + "</div>"
        for term, tone, value, details in (_elapsed(status), _end(status), _disk(status), _health(status))
    )
    return f'<dl class="tiles">{shown}</dl>'


_HEALTHS = {Health.HEALTHY: ("good", "✓"), Health.UNHEALTHY: ("bad", "✗")}
# It is not up then, and nothing is amiss with that.
_BEFORE_THE_NODE = frozenset({Phase.DISCOVERING, Phase.CLEARING, Phase.STARTING})
_Tile = tuple[str, str, str, tuple[str, ...]]


def _elapsed(status: Status) -> _Tile:
    """How long the run is active, against what is usual."""
    run, judged = status.run, status.regressions.get(Measure.DURATION)
    if run is None or run.started_at is None:
        return "Active", "", UNKNOWN, ()
    seconds = active_seconds(run)
    term = "Active" if run.open else "Took"
    if judged is None or judged.limit is None:
        return term, "", length(seconds), ("no baseline yet" if judged else "",)
    limit = judged.limit
    usual = regression_sentence(Measure.DURATION, Regression(judged.verdict, judged.samples, limit))
    whole = max(seconds, limit.limit * 1.15)
    over = seconds > limit.limit
    drawn = bar(
        f"{duration_text(seconds)}, {usual}",
        [("part bad" if over else "part", seconds / whole)],
        [limit.baseline / whole, limit.limit / whole],
    )
    return term, "bad" if over else "", length(seconds), (drawn, text(usual))


def _end(status: Status) -> _Tile:
    """When the run ends or did end."""
    run = status.run
    if run is None or not run.open:
        ended_at = run.ended_at if run else None
        since = UNKNOWN if ended_at is None else f"{length(max(0, status.at - ended_at))} ago"
        return "Ended", "", since, (time(ended_at) if ended_at else "",)
    if status.phase is Phase.SOAKING and run.bookkeeping.healthy:
        healthy_at = run.bookkeeping.healthy.since_wall
        return "Healthy for", "good", length(max(0, status.at - healthy_at)), (f"since {time(healthy_at)}",)
    chains = status.progress.chains.values() if status.progress else ()
    end_at = max((chain.end_at for chain in chains if chain.end_at is not None), default=None)
    if end_at is None:
        return "Expected end", "", UNKNOWN, ("the node's log does not say yet",)
    rest = f"in {length(end_at - status.at)}" if end_at > status.at else "due"
    return "Expected end", "", rest, (time(end_at), "of this stage, by the node's log")


def _disk(status: Status) -> _Tile:
    volume = status.volume
    if volume is None:
        return "Disk", "", UNKNOWN, ("not measured yet",)
    used = volume.usage_bytes or 0
    free = f"{size_text(volume.available_bytes)} of {size_text(volume.size_bytes)} free"
    whole = max(1, volume.size_bytes)
    others = volume.size_bytes - volume.available_bytes - used
    drawn = bar(
        f"node's data {size_text(used)}, {free}", [("part", used / whole), ("others", others / whole)]
    )
    return "Disk", "", size(volume.usage_bytes) or UNKNOWN, (drawn, free)


def _health(status: Status) -> _Tile:
    """The node as it was seen last.  Until it has bootstrapped it is not healthy, and nothing is amiss with that."""
    node, run = status.node, status.run
    if node is None:
        return "Node", "", UNKNOWN, ("not seen yet",)
    restarts = run.bookkeeping.node_restarts if run else 0
    details = (
        f"{_counted(restarts, 'restart')} in this run",
        "" if node.peers is None else _counted(node.peers, "peer"),
    )
    underway = run is not None and run.open and not node.bootstrapped
    if not node.up:
        return "Node", "" if status.phase in _BEFORE_THE_NODE else "bad", "✗ down", details
    if node.health is Health.UNHEALTHY and underway:
        return "Node", "", "not healthy yet", details
    tone, mark = _HEALTHS.get(node.health, ("", "?"))
    return "Node", tone, f"{mark} {node.health}", details


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
