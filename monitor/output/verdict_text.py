"""Regression verdicts of single runs as lines of text."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.avalanchego.source_links import compare_link
from monitor.domain.regression import Measure, Regression, RunVerdict, RunVerdicts, left_out
from monitor.domain.run import Run
from monitor.domain.sanitize import printable
from monitor.domain.verdict_sentence import judged_text, result_text, too_few_text
from monitor.output.format import MEASURES, build_text

WORSE = "⚠"
# The measures whose mark belongs to the duration of a run; the mark of the others belongs to its disk usage.
TIMES = (Measure.DURATION, Measure.BLOCK_TIME, Measure.LEAF_TIME)


def is_slower(verdicts: RunVerdicts) -> bool:
    """Return whether a run took longer than the runs before it allow, in all, per block or per leaf."""
    return any(verdicts[measure].verdict.is_worse for measure in TIMES if measure in verdicts)


def is_bigger(verdicts: RunVerdicts) -> bool:
    """Return whether a run used more disk than the runs before it allow."""
    return Measure.DISK_USAGE in verdicts and verdicts[Measure.DISK_USAGE].verdict.is_worse


def change_of(run: Run, verdicts: RunVerdicts) -> Regression | None:
    """Return the regression that began with a run, if the commits between which it began are known."""
    regressions = (judged.regression for judged in verdicts.values() if judged.regression is not None)
    for regression in regressions:
        first = regression.first_bad
        if first is not None and first.number == run.number and compare_link(regression):
            return regression
    return None


def not_compared_text(run: Run, verdicts: RunVerdicts) -> str:
    """Return why the duration of a success is not compared with earlier ones; empty if it is compared."""
    judged = verdicts.get(Measure.DURATION)
    if judged is None:
        return left_out(run) or "a restart of the node restarted its state sync"
    return too_few_text(judged.position) if judged.limit is None else ""


def worse_lines(run: Run, verdicts: RunVerdicts) -> Iterable[str]:
    """Yield the verdicts on a run that are worse than usual, with their builds, which are often the same."""
    shown: set[tuple[str, ...]] = set()
    for measure, judged in verdicts.items():
        if not judged.verdict.is_worse:
            continue
        text = f"{WORSE} run {run.number} {result_text(measure, judged)}"
        yield printable(_with_verdict(text, judged))
        origin = tuple(_origin_lines(measure, judged.regression)) if judged.regression else ()
        if origin not in shown:
            yield from origin
        shown.add(origin)


def compared_lines(verdicts: RunVerdicts) -> Iterable[str]:
    """Yield with what each measure of a run was compared, and the verdict with its builds."""
    for measure, judged in verdicts.items():
        yield f"compared  {MEASURES[measure]}: {_with_verdict(judged_text(measure, judged), judged)}"
        if judged.regression is not None:
            yield from (f"        {line}" for line in _origin_lines(measure, judged.regression))


def _with_verdict(text: str, judged: RunVerdict) -> str:
    """Return what a run was compared with, and the verdict unless there are too few runs."""
    if judged.limit is None:
        return text
    return f"{text}: {judged.verdict if judged.verdict.is_worse else 'as usual'}"


def _origin_lines(measure: Measure, regression: Regression) -> Iterable[str]:
    """Yield the builds between which a measure became worse, and the link to the changes between them."""
    good, bad = regression.last_good, regression.first_bad
    if bad is None:
        return
    worse = "bigger" if measure is Measure.DISK_USAGE else "slower"
    first = f"{worse} since run {bad.number} of {build_text(bad.build)}"
    yield printable(
        f"  {first}" + (f"; last good: run {good.number} of {build_text(good.build)}" if good else "")
    )
    if link := compare_link(regression):
        yield f"  {link}"
