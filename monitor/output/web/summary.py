"""The most important figures, at the top of the page: their texts and tones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.domain.duration import duration_text
from monitor.domain.observations import Health
from monitor.domain.regression import Measure, Regression
from monitor.domain.status import Phase, Status
from monitor.output.format import active_seconds, regression_sentence, size_text

_UNKNOWN = "unknown"
_HEALTHS = {Health.HEALTHY: ("good", "✓"), Health.UNHEALTHY: ("bad", "✗")}
# In these phases a node that is down is not an error.
_BEFORE_THE_NODE = frozenset({Phase.DISCOVERING, Phase.CLEARING, Phase.STARTING})


@dataclass(frozen=True, slots=True)
class Bar:
    """Parts of a whole, each (class, begin, width), and marks, as fractions of 1; `label` describes them."""

    label: str
    parts: tuple[tuple[str, float, float], ...]
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure: its term, value and tone (`good`, `bad` or none); below it a bar, a Unix time and texts."""

    term: str
    value: str
    tone: str = ""
    bar: Bar | None = None
    at: float | None = None
    at_label: str = ""
    details: tuple[str, ...] = ()


def tiles_of(status: Status) -> tuple[Tile, ...]:
    """Return the tiles in the order in which they are shown."""
    return _elapsed(status), _end(status), _disk(status), _health(status)


def bar_of(label: str, shares: Iterable[tuple[str, float]], marks: Iterable[float] = ()) -> Bar:
    """Return a bar of adjacent parts, each (class, fraction of the whole); parts are cut off at 1."""
    parts, begin = [], 0.0
    for kind, share in shares:
        width = min(max(share, 0.0), 1.0 - begin)
        parts.append((kind, begin, width))
        begin += width
    return Bar(label, tuple(parts), tuple(at for at in marks if at <= 1))


def _elapsed(status: Status) -> Tile:
    """Return how long the run has been active, compared with the baseline."""
    run, judged = status.run, status.regressions.get(Measure.DURATION)
    if run is None or run.started_at is None:
        return Tile("Active", _UNKNOWN)
    seconds = active_seconds(run)
    term, value = "Active" if run.open else "Took", duration_text(seconds)
    if judged is None or judged.limit is None:
        return Tile(term, value, details=("no baseline yet",) if judged else ())
    limit = judged.limit
    usual = regression_sentence(Measure.DURATION, Regression(judged.verdict, judged.samples, limit))
    whole = max(seconds, limit.limit * 1.15)
    over = seconds > limit.limit
    bar = bar_of(
        f"{duration_text(seconds)}, {usual}",
        [("part bad" if over else "part", seconds / whole)],
        [limit.baseline / whole, limit.limit / whole],
    )
    return Tile(term, value, "bad" if over else "", bar, details=(usual,))


def _end(status: Status) -> Tile:
    """Return when the run ends or ended."""
    run = status.run
    if run is None or not run.open:
        if run is None or run.ended_at is None:
            return Tile("Ended", _UNKNOWN)
        return Tile("Ended", f"{duration_text(max(0, status.at - run.ended_at))} ago", at=run.ended_at)
    if status.phase is Phase.SOAKING and run.tracking.healthy:
        healthy_at = run.tracking.healthy.since_wall
        value = duration_text(max(0, status.at - healthy_at))
        return Tile("Healthy for", value, "good", at=healthy_at, at_label="since ")
    chains = status.progress.chains.values() if status.progress else ()
    end_at = max((chain.end_at for chain in chains if chain.end_at is not None), default=None)
    if end_at is None:
        return Tile("Expected end", _UNKNOWN, details=("no estimate in the node's log yet",))
    rest = f"in {duration_text(end_at - status.at)}" if end_at > status.at else "due"
    return Tile("Expected end", rest, at=end_at, details=("of this stage, as estimated in the node's log",))


def _disk(status: Status) -> Tile:
    """Return how much of the volume the node's data uses."""
    volume = status.volume
    if volume is None:
        return Tile("Disk", _UNKNOWN, details=("not measured yet",))
    used = volume.usage_bytes or 0
    free = f"{size_text(volume.available_bytes)} of {size_text(volume.size_bytes)} free"
    whole = max(1, volume.size_bytes)
    others = volume.size_bytes - volume.available_bytes - used
    bar = bar_of(
        f"node's data {size_text(used)}, {free}", [("part", used / whole), ("others", others / whole)]
    )
    value = _UNKNOWN if volume.usage_bytes is None else size_text(volume.usage_bytes)
    return Tile("Disk", value, bar=bar, details=(free,))


def _health(status: Status) -> Tile:
    """Return the node's last health. A node that has not bootstrapped is unhealthy, which is not an error."""
    node, run = status.node, status.run
    if node is None:
        return Tile("Node", _UNKNOWN, details=("not polled yet",))
    restarts = _counted(run.tracking.node_restarts if run else 0, "restart")
    details = (f"{restarts} in this run", *(() if node.peers is None else (_counted(node.peers, "peer"),)))
    if not node.up:
        return Tile("Node", "✗ down", "" if status.phase in _BEFORE_THE_NODE else "bad", details=details)
    if node.health is Health.UNHEALTHY and run is not None and run.open and not node.bootstrapped:
        return Tile("Node", "not healthy yet", details=details)
    tone, mark = _HEALTHS.get(node.health, ("", "?"))
    return Tile("Node", f"{mark} {node.health}", tone, details=details)


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
