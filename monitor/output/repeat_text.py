"""Texts about builds that run again: confirmations, flaky builds, and builds that fail after a success."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitor.domain.baseline import Verdict
from monitor.domain.build_results import BuildResults, BuildVerdict
from monitor.domain.run import Run
from monitor.domain.sanitize import printable
from monitor.domain.status import Status
from monitor.output.format import build_text


def repeat_lines(status: Status) -> Iterable[str]:
    """Yield what the runs of the newest build show together; nothing if its first run was unsurprising."""
    if status.confirming:
        yield f"confirming run {status.confirming.number}: its build is bootstrapped once more"
    if text := withdrawn_text(status):
        yield text
    if text := mixed_text(status.build_results):
        yield text


def cause_text(run: Run, builds: Sequence[BuildResults], *, are_known: bool = True) -> str:
    """Return what a run's failure is attributed to; `builds` are the results of its build, and of any others.

    `are_known` is whether results are missing only for a run that does not judge its build.
    """
    if not run.is_conclusive:
        return "the testbed; inconclusive for the build"
    succeeded = next(filter(None, (results.success_before(run) for results in builds)), None)
    if succeeded is None:
        is_known = are_known or any(run in results.runs for results in builds)
        return "the build" if is_known else "unknown"
    return f"the network's history or the testbed, because the build succeeded in run {succeeded.number}"


def withdrawn_text(status: Status) -> str:
    """Return that the newest run clears its build of the suspicion that the run before raised; empty if not."""
    if len(status.results) < 2:  # noqa: PLR2004 - a run and the one before
        return ""
    newest, before = status.results[:2]
    own, earlier = (status.verdicts.get(run.number, {}) for run in (newest, before))
    suspected = {measure for measure, judged in earlier.items() if judged.verdict is Verdict.SUSPECTED}
    good = {measure for measure, judged in own.items() if judged.verdict is Verdict.NONE}
    if not suspected or not suspected <= good or not newest.repeats(before):
        return ""
    if any(regression.verdict.is_worse for regression in status.regressions.values()):
        return ""
    return f"run {newest.number} of the same build is within its limits: run {before.number} was an outlier"


def mixed_text(results: BuildResults) -> str:
    """Return how often a build failed that also succeeded, and what its newest runs mean; empty otherwise."""
    if not results.are_mixed:
        return ""
    name = printable(build_text(results.runs[0].build))
    if change := results.change:
        succeeded, failed = change
        return (
            f"{name} succeeded in run {succeeded.number} and fails since run {failed.number}: "
            "the network's history or the testbed changed, not the build"
        )
    text = f"{results.failures} of {len(results.runs)} runs of {name} failed because of the build"
    newest = "succeeded" if results.verdict is BuildVerdict.SUCCEEDED else "failed"
    return f"flaky: {text}" if results.verdict is BuildVerdict.FLAKY else f"{text}; its newest two {newest}"
