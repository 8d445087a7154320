"""Tests of Kubernetes Events about decisions: which records are announced, the text, and the type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.builders import NEW, OLD, build, ended, run, workload

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
from monitor.decide.events import Announcement, announcements_of, verdict_announcements
from monitor.domain.regression import Success
from monitor.domain.run import AttemptCause, Outcome, Reason

IMAGE, NEW_IMAGE = build().image, build(NEW).image
POD = workload(build())


def end_of(outcome: Outcome, reason: Reason | None = None, message: str = "") -> EndRun:
    """Return a record that ends run 1."""
    return EndRun(run(), outcome, reason, message, 10.0, 20.0, 30, 40)


def announced(*records: Record) -> list[Announcement]:
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
            end_of(Outcome.SUCCEEDED),
            Announcement("BootstrapSucceeded", f"Run 1 of {IMAGE} succeeded"),
            id="success",
        ),
        *(
            pytest.param(
                end_of(Outcome.FAILED, reason, "so it went"),
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
def test_each_of_these_records_is_announced(record: Record, expected: Announcement) -> None:
    assert announced(record) == [expected]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(BeginClearing(POD, "clearing"), id="clearing begins"),
        pytest.param(ResumeRun(replace(run(), outcome=Outcome.SUCCEEDED), POD), id="a finished run is kept"),
        pytest.param(end_of(Outcome.SUPERSEDED), id="superseded"),
        pytest.param(RecordIntervention(Intervention.PIN, "pod-1", IMAGE), id="a pin"),
        pytest.param(RecordIntervention(Intervention.RECREATE_STRAY, "pod-1"), id="a stray pod"),
        pytest.param(IssueToken("token"), id="a token, which is nobody else's"),
    ],
)
def test_other_records_are_not_announced(record: Record) -> None:
    assert announced(record) == []


def test_all_records_are_announced_in_their_order() -> None:
    records = (
        RecordIntervention(Intervention.PIN_REVERT, "pod-1", "node:latest"),
        RecordIntervention(Intervention.PIN, "pod-1", IMAGE),
        RecordAttempt(build(NEW), AttemptCause.NEW_BUILD, "pod-1"),
    )

    assert [announcement.reason for announcement in announced(*records)] == ["PinReverted", "NewBuildFound"]


def test_actions_alone_are_not_announced() -> None:
    actions = (LookUpNewest(), Pin(build()), Recreate(unchanged=True))
    decision: InitDecision = Decision("rule", "message", actions=actions)

    assert list(announcements_of(decision)) == []


def test_reasons_are_words_as_kubernetes_has_them() -> None:
    """An Event's reason is in CamelCase with at most 128 characters, as Kubernetes requires.

    The cause of a failure is in the message.
    """
    everything = announced(
        BeginRun(POD),
        ResumeRun(run(), POD),
        end_of(Outcome.SUCCEEDED),
        end_of(Outcome.FAILED, Reason.STALLED),
        RecordAttempt(build(), AttemptCause.RETRY, "pod-1"),
        RecordAttempt(build(), AttemptCause.NEW_BUILD, "pod-1"),
        RecordIntervention(Intervention.PIN_REVERT, "pod-1"),
    )

    assert len({announcement.reason for announcement in everything}) == 7
    assert all(
        announcement.reason.isalpha() and announcement.reason[0].isupper() for announcement in everything
    )
    assert [announcement.reason for announcement in everything if announcement.warning] == [
        "BootstrapFailed",
        "PinReverted",
    ]


GOOD_COMMIT, BAD_COMMIT = "a" * 40, "b" * 40
GIB = 2**30


def success(
    number: int, seconds: float, commit: str = GOOD_COMMIT, size_bytes: int = GIB, blocks: float = 0.0
) -> Success:
    """Return a success with a duration, a disk usage and a commit of its build."""
    of = build(NEW, commit) if commit == BAD_COMMIT else build(OLD, commit)
    done = ended(
        number, build=of, duration_seconds=seconds, wall_seconds=seconds, disk_usage_bytes=size_bytes
    )
    return Success(done, blocks_accepted=blocks)


USUAL = [success(number, 5.0) for number in range(1, 11)]
SLOW = success(11, 6.6, BAD_COMMIT)
# The baseline grows by half of the assumed 0.5 % a run.
LIMITS = "usually 5.1s (limit 5.7s)"


@pytest.mark.parametrize(
    ("successes", "expected"),
    [
        pytest.param(USUAL, [], id="as usual"),
        pytest.param(
            [*USUAL, SLOW],
            [
                Announcement(
                    "BootstrapRegressed",
                    f"Run 11 took 6.6s, {LIMITS}: suspected; commits aaaaaaaa..bbbbbbbb",
                    warning=True,
                )
            ],
            id="suspected",
        ),
        pytest.param(
            [*USUAL, SLOW, success(12, 6.7, BAD_COMMIT)],
            [
                Announcement(
                    "BootstrapRegressed",
                    f"Run 12 took 6.7s, {LIMITS}: confirmed; commits aaaaaaaa..bbbbbbbb",
                    warning=True,
                )
            ],
            id="confirmed",
        ),
        pytest.param(
            [*USUAL, SLOW, success(12, 6.7, BAD_COMMIT), success(13, 6.7, BAD_COMMIT)],
            [],
            id="still confirmed",
        ),
        pytest.param(
            [*USUAL, SLOW, success(12, 5.0)],
            [Announcement("BootstrapRegressionCleared", f"Run 12 took 5s, {LIMITS}: no longer suspected")],
            id="cleared",
        ),
        pytest.param(
            [*USUAL, success(11, 6.6)],
            [Announcement("BootstrapRegressed", f"Run 11 took 6.6s, {LIMITS}: suspected", warning=True)],
            id="the same build became slower",
        ),
        pytest.param(
            [*USUAL, success(11, 6.6, "")],
            [Announcement("BootstrapRegressed", f"Run 11 took 6.6s, {LIMITS}: suspected", warning=True)],
            id="no commit is known",
        ),
        pytest.param(
            [*USUAL, success(11, 5.0, BAD_COMMIT, 2 * GIB)],
            [
                Announcement(
                    "BootstrapRegressed",
                    "Run 11 used 2.0 GiB, usually 1.0 GiB (limit 1.1 GiB): suspected; "
                    "commits aaaaaaaa..bbbbbbbb",
                    warning=True,
                )
            ],
            id="disk usage",
        ),
        pytest.param(
            [
                *(success(number, 5.0, blocks=500) for number in range(1, 11)),
                success(11, 5.0, BAD_COMMIT, blocks=250),
            ],
            [
                Announcement(
                    "BootstrapRegressed",
                    "Run 11 took 20 ms per block, usually 10.2 ms (limit 11.5 ms): suspected; "
                    "commits aaaaaaaa..bbbbbbbb",
                    warning=True,
                )
            ],
            id="time per block",
        ),
    ],
)
def test_changed_verdicts_are_announced(
    successes: Sequence[Success], expected: Sequence[Announcement]
) -> None:
    assert list(verdict_announcements(successes)) == expected
