"""The most important figures, at the top of the page: their texts and tones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.domain.duration import duration_text
from monitor.domain.regression import Measure, Regression
from monitor.domain.run import Run
from monitor.domain.size import size_text
from monitor.domain.status import Phase, Status
from monitor.output.format import PROGRESS_UNKNOWN, active_seconds, regression_sentence

BEFORE_THE_NODE = frozenset({Phase.DISCOVERING, Phase.CLEARING, Phase.STARTING})
"""Phases in which a node that is down is not an error."""
_UNKNOWN = "unknown"


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
    run = status.run
    return (*((_elapsed(status, run), _end(status, run)) if run and run.open else ()), _disk(status))


def bar_of(label: str, shares: Iterable[tuple[str, float]], marks: Iterable[float] = ()) -> Bar:
    """Return a bar of adjacent parts, each (class, fraction of the whole); parts are cut off at 1."""
    parts, begin = [], 0.0
    for kind, share in shares:
        width = min(max(share, 0.0), 1.0 - begin)
        parts.append((kind, begin, width))
        begin += width
    return Bar(label, tuple(parts), tuple(at for at in marks if at <= 1))


def _elapsed(status: Status, run: Run) -> Tile:
    """Return how long an open run has been active, compared with the baseline."""
    judged = status.regressions.get(Measure.DURATION)
    seconds = active_seconds(run)
    value = duration_text(seconds)
    if judged is None or judged.limit is None:
        details = (regression_sentence(Measure.DURATION, judged),) if judged else ()
        return Tile("Active", value, details=details)
    limit = judged.limit
    usual = regression_sentence(Measure.DURATION, Regression(judged.verdict, judged.samples, limit))
    whole = max(seconds, limit.limit * 1.15)
    over = seconds > limit.limit
    bar = bar_of(
        f"{duration_text(seconds)}, {usual}",
        [("part bad" if over else "part", seconds / whole)],
        [limit.baseline / whole, limit.limit / whole],
    )
    return Tile("Active", value, "bad" if over else "", bar, details=(usual,))


def _end(status: Status, run: Run) -> Tile:
    """Return when the stage of an open run ends, or since when its node has been healthy."""
    if status.phase is Phase.SOAKING and run.tracking.healthy:
        healthy_at = run.tracking.healthy.since_wall
        value = duration_text(max(0, status.at - healthy_at))
        return Tile("Healthy for", value, "good", at=healthy_at, at_label="since ")
    progress = status.progress
    if progress is not None and not progress.predicts_end:
        state = "stalled" if progress.stalled else PROGRESS_UNKNOWN
        return Tile("Expected end", _UNKNOWN, details=(state,))
    chains = progress.chains.values() if progress else ()
    end_at = max((chain.end_at for chain in chains if chain.end_at is not None), default=None)
    if end_at is None:
        return Tile("Expected end", _UNKNOWN, details=("no estimate in the node's log yet",))
    rest = f"in {duration_text(end_at - status.at)}" if end_at > status.at else "due"
    return Tile("Expected end", rest, at=end_at, details=("of this stage, as estimated in the node's log",))


def _disk(status: Status) -> Tile:
    """Return how much of the volume is in use."""
    volume = status.volume
    if volume is None or volume.size_bytes <= 0:
        return Tile("Disk", _UNKNOWN, details=("not measured yet",))
    whole = volume.size_bytes
    share = 1 - volume.available_bytes / whole
    free = f"{size_text(volume.available_bytes)} of {size_text(whole)} free"
    bar = bar_of(f"{share:.0%} used, {free}", [("part", share)])
    return Tile("Disk used", f"{share:.0%}", bar=bar, details=(free,))
