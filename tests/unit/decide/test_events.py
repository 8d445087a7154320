"""Tests of Kubernetes Events about decisions: which records are announced, the text, and the type."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import NEW, build, run, workload

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    Decision,
    EndRun,
    InitDecision,
    Intervention,
    IssueToken,
    LookUpNewest,
    Pin,
    Record,
    RecordAttempt,
    RecordIntervention,
    Recreate,
    ResumeRun,
)
from monitor.decide.events import Announcement, announcements_of
from monitor.domain.run import AttemptCause, Outcome, Reason

IMAGE, NEW_IMAGE = build().image, build(NEW).image
POD = workload(build())


def ended(outcome: Outcome, reason: Reason | None = None, message: str = "") -> EndRun:
    """Return a record that ends run 1."""
    return EndRun(run(), outcome, reason, message, 10.0, 20.0, 30, 40)


def told(*records: Record) -> list[Announcement]:
    """Return the announcements of a decision with these records."""
    decision: InitDecision = Decision("rule", "message", records=records)
    return list(announcements_of(decision))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            BeginRun(POD), Announcement("BootstrapStarted", f"A run of {IMAGE} started"), id="a run starts"
        ),
        pytest.param(
            AdoptRun(POD),
            Announcement("BootstrapStarted", f"A run of {IMAGE} started"),
            id="data is adopted as a run",
        ),
        pytest.param(
            ResumeRun(run(), POD),
            Announcement("BootstrapResumed", f"Run 1 of {IMAGE} was resumed"),
            id="an open run is resumed",
        ),
        pytest.param(
            ended(Outcome.SUCCEEDED),
            Announcement("BootstrapSucceeded", f"Run 1 of {IMAGE} succeeded"),
            id="success",
        ),
        *(
            pytest.param(
                ended(Outcome.FAILED, reason, "so it went"),
                Announcement(
                    "BootstrapFailed", f"Run 1 of {IMAGE} failed ({reason.value}): so it went", warning=True
                ),
                id=f"failure: {reason.value}",
            )
            for reason in Reason
        ),
        pytest.param(
            RecordAttempt(build(NEW), AttemptCause.NEW_BUILD, "pod-1"),
            Announcement("NewBuildFound", f"Next build to bootstrap: {NEW_IMAGE}"),
            id="a new build",
        ),
        pytest.param(
            RecordAttempt(build(), AttemptCause.REQUEST, "pod-1"),
            Announcement("BootstrapRepeated", f"Bootstrapping {IMAGE} again (request)"),
            id="a person asked for it",
        ),
        pytest.param(
            RecordAttempt(build(), AttemptCause.RETRY, "pod-1"),
            Announcement("BootstrapRepeated", f"Bootstrapping {IMAGE} again (retry)"),
            id="a retry",
        ),
        pytest.param(
            RecordIntervention(Intervention.PIN_REVERT, "pod-1", "node:latest"),
            Announcement("PinReverted", "The node's image was reverted to node:latest", warning=True),
            id="a pin was reverted",
        ),
    ],
)
def test_what_is_told(record: Record, expected: Announcement) -> None:
    assert told(record) == [expected]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(BeginClearing(POD, "clearing"), id="clearing begins"),
        pytest.param(ResumeRun(replace(run(), outcome=Outcome.SUCCEEDED), POD), id="a finished run is kept"),
        pytest.param(ended(Outcome.SUPERSEDED), id="superseded"),
        pytest.param(RecordIntervention(Intervention.PIN, "pod-1", IMAGE), id="a pin"),
        pytest.param(RecordIntervention(Intervention.RECREATE_STRAY, "pod-1"), id="a stray pod"),
        pytest.param(IssueToken("token"), id="a token, which is nobody else's"),
    ],
)
def test_what_is_not_told(record: Record) -> None:
    assert told(record) == []


def test_all_records_are_told_in_their_order() -> None:
    records = (
        RecordIntervention(Intervention.PIN_REVERT, "pod-1", "node:latest"),
        RecordIntervention(Intervention.PIN, "pod-1", IMAGE),
        RecordAttempt(build(NEW), AttemptCause.NEW_BUILD, "pod-1"),
    )

    assert [each.reason for each in told(*records)] == ["PinReverted", "NewBuildFound"]


def test_actions_alone_are_not_told() -> None:
    actions = (LookUpNewest(), Pin(build()), Recreate(unchanged=True))
    decision: InitDecision = Decision("rule", "message", actions=actions)

    assert list(announcements_of(decision)) == []


def test_reasons_are_words_as_kubernetes_has_them() -> None:
    """An Event's reason is in CamelCase with at most 128 characters, as Kubernetes requires.

    The cause of a failure is in the message.
    """
    everything = told(
        BeginRun(POD),
        ResumeRun(run(), POD),
        ended(Outcome.SUCCEEDED),
        ended(Outcome.FAILED, Reason.STALLED),
        RecordAttempt(build(), AttemptCause.RETRY, "pod-1"),
        RecordAttempt(build(), AttemptCause.NEW_BUILD, "pod-1"),
        RecordIntervention(Intervention.PIN_REVERT, "pod-1"),
    )

    assert len({each.reason for each in everything}) == 7
    assert all(each.reason.isalpha() and each.reason[0].isupper() for each in everything)
    assert [each.reason for each in everything if each.warning] == ["BootstrapFailed", "PinReverted"]
