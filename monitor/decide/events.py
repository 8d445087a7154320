"""Announcements: the Kubernetes Events that the monitor sends about its decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from monitor.decide.decisions import (
    AdoptRun,
    BeginRun,
    EndRun,
    InitDecision,
    Intervention,
    RecordAttempt,
    RecordIntervention,
    ResumeRun,
    WaitDecision,
)
from monitor.domain.regression import Regression, Success, verdict_changes
from monitor.domain.run import AttemptCause, Outcome
from monitor.domain.verdict_sentence import result_text


@dataclass(frozen=True, slots=True)
class Announcement:
    """Kubernetes Event: its reason in CamelCase, its message, and whether it is a warning."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class DueAnnouncement:
    """Announcement that was recorded but not sent yet, with the time of its record in Unix seconds."""

    announcement: Announcement
    made_at: float


def announcements_of(decision: InitDecision | WaitDecision) -> Iterator[Announcement]:
    """Yield the announcements of a decision, in the order of its records."""
    for record in decision.records:
        match record:
            case BeginRun() | AdoptRun():
                yield Announcement("BootstrapStarted", f"A run of {record.workload.image} started")
            case ResumeRun(run=run) if run.open:
                yield Announcement("BootstrapResumed", f"Run {run.number} of {run.build.image} was resumed")
            case EndRun(outcome=Outcome.SUCCEEDED, run=run):
                yield Announcement("BootstrapSucceeded", f"Run {run.number} of {run.build.image} succeeded")
            case EndRun(outcome=Outcome.FAILED, run=run):
                yield Announcement(
                    "BootstrapFailed",
                    f"Run {run.number} of {run.build.image} failed ({record.reason}): {record.message}",
                    warning=True,
                )
            case RecordAttempt(cause=AttemptCause.NEW_BUILD):
                yield Announcement("NewBuildFound", f"Next build to bootstrap: {record.build.image}")
            case RecordAttempt():
                yield Announcement(
                    "BootstrapRepeated", f"Bootstrapping {record.build.image} again ({record.cause})"
                )
            case RecordIntervention(kind=Intervention.PIN_REVERT):
                yield Announcement(
                    "PinReverted", f"The node's image was reverted to {record.image}", warning=True
                )
            case _:
                pass


def verdict_announcements(successes: Sequence[Success]) -> Iterator[Announcement]:
    """Yield the announcements of the regression verdicts that the newest success changed.

    `successes` are those that it is compared with, oldest first, up to and including itself.
    """
    for change in verdict_changes(successes):
        text = f"Run {successes[-1].run.number} {result_text(change.measure, change.judged)}"
        if change.after.verdict.is_worse:
            message = f"{text}: {change.after.verdict}{_commits_text(change.after)}"
            yield Announcement("BootstrapRegressed", message, warning=True)
        else:
            message = f"{text}: no longer {change.before.verdict}"
            yield Announcement("BootstrapRegressionCleared", message)


def _commits_text(regression: Regression) -> str:
    """Return the commits between which the regression started; empty if one is unknown or both are equal."""
    good = regression.last_good.build.commit if regression.last_good else ""
    bad = regression.first_bad.build.commit if regression.first_bad else ""
    return f"; commits {good[:8]}..{bad[:8]}" if good and bad and good != bad else ""
