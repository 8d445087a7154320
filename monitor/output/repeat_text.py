"""Texts about builds that run again: confirmations, flaky builds, and builds that fail after a success."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.domain.build_results import BuildResults
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


def withdrawn_text(status: Status) -> str:
    """Return that the newest run clears its build of the suspicion that the run before raised; empty if not."""
    if len(status.results) < 2:  # noqa: PLR2004 - a run and the one before
        return ""
    newest, before = status.results[:2]
    own, suspected = (status.verdicts.get(run.number, {}) for run in (newest, before))
    worse = [measure for measure, judged in suspected.items() if judged.is_worse]
    if not worse or not newest.build.same(before.build) or any(each.is_worse for each in own.values()):
        return ""
    if not own.keys() >= set(worse):
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
    return f"flaky: {text}" if results.verdict == "flaky" else f"{text}; its newest two succeeded"
