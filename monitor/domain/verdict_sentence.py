"""Verdict on one measure of a run, as a sentence that every output has."""

from __future__ import annotations

from monitor.domain.baseline import MIN_VALUES
from monitor.domain.duration import duration_text
from monitor.domain.regression import Measure, RunVerdict
from monitor.domain.size import size_text

_PER = {Measure.BLOCK_TIME: " per block", Measure.LEAF_TIME: " per leaf"}


def measure_text(measure: Measure, value: float) -> str:
    """Return the value of a measure in its unit."""
    match measure:
        case Measure.DURATION:
            return duration_text(value)
        case Measure.DISK_USAGE:
            return size_text(value)
        case Measure.BLOCK_TIME | Measure.LEAF_TIME:
            return _short_text(value)


def _short_text(seconds: float) -> str:
    """Return a duration of less than a few seconds with three digits."""
    factor, unit = next((each for each in ((1, "s"), (1e3, "ms")) if seconds * each[0] >= 1), (1e6, "µs"))
    return f"{seconds * factor:.3g} {unit}"


def too_few_text(compared: int) -> str:
    """Return how many comparable runs there are, of those up to the first verdict."""
    return f"not enough runs yet ({compared} of {MIN_VALUES})"


def judged_text(measure: Measure, judged: RunVerdict) -> str:
    """Return the value of a run and with what it was compared, such as `6.6s, usually 5s (limit 5.7s)`."""
    if judged.limit is None:
        return too_few_text(judged.position)
    value, usual, limit = (
        measure_text(measure, number) for number in (judged.value, judged.limit.baseline, judged.limit.limit)
    )
    return f"{value}{_PER.get(measure, '')}, usually {usual} (limit {limit})"


def result_text(measure: Measure, judged: RunVerdict) -> str:
    """Return what a run took or used and with what it was compared, to follow the name of the run."""
    did = "used" if measure is Measure.DISK_USAGE else "took"
    return f"{did} {judged_text(measure, judged)}"
