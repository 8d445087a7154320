"""Tests of the rules of `wait-for-completion`, in the order of the table in the design."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import (
    NEW,
    NOW,
    POLICY,
    answering,
    attempt,
    build,
    healthy_books,
    run,
    volume,
    wait_state,
    workload,
)

from monitor.decide.decisions import (
    EndRun,
    KeepLogTail,
    Pin,
    Record,
    RecordAttempt,
    RecordIntervention,
    Recreate,
    WaitAction,
)
from monitor.decide.state import WaitState
from monitor.decide.verdict_rules import DISK_MEASUREMENT_SECONDS
from monitor.decide.wait_rules import WAIT_RULES, decide_wait
from monitor.domain.observations import NodeDown, NodeIdentity, NodeSilent
from monitor.domain.run import Outcome, Reason
from monitor.domain.status import Phase
from monitor.domain.workload import SyncMode

DONE = run(outcome=Outcome.SUCCEEDED)
SOAKED = run(tracking=healthy_books(300.0))
RESTARTING = replace(POLICY, restart_on_new_build=True)
SETTLING = replace(RESTARTING, settled_lookups=3, returned_seconds=1800.0)
DOWN = NodeDown("refused")


def case(
    name: str,
    rule: str,
    phase: Phase | None,
    records: list[type[Record]],
    actions: list[type[WaitAction]],
    **state: object,
) -> object:
    return pytest.param(wait_state(**state), rule, phase, records, actions, id=name)


@pytest.mark.parametrize(
    ("state", "rule", "phase", "records", "actions"),
    [
        case(
            "0-pod-not-known",
            "run_belongs_to_other_pod",
            None,
            [],
            [],
            workload=None,
            last=SOAKED,
            volume=volume(),
        ),
        case(
            "0-held", "run_belongs_to_other_pod", None, [], [], held_by="pod-0", last=SOAKED, volume=volume()
        ),
        case("0-before-init", "run_belongs_to_other_pod", None, [], [], last=None, node=DOWN),
        case(
            "0-init-at-work",
            "run_belongs_to_other_pod",
            None,
            [],
            [],
            clearing=run(started_at=None),
            node=DOWN,
        ),
        case("0-unpinned", "run_belongs_to_other_pod", None, [], [], workload=workload(), node=DOWN),
        case(
            "0-init-was-skipped",
            "run_belongs_to_other_pod",
            Phase.STARTING,
            [RecordIntervention],
            [Recreate],
            last=run(build(NEW)),
        ),
        case(
            "0-init-was-skipped-other-network",
            "run_belongs_to_other_pod",
            Phase.STARTING,
            [RecordIntervention],
            [Recreate],
            last=run(network="mainnet"),
        ),
        case(
            "0-init-was-skipped-other-mode",
            "run_belongs_to_other_pod",
            Phase.STARTING,
            [RecordIntervention],
            [Recreate],
            last=run(sync_mode=SyncMode.C_CHAIN_STATE_SYNC),
        ),
        case(
            "0-recreated-lately",
            "run_belongs_to_other_pod",
            None,
            [],
            [],
            last=run(build(NEW)),
            seconds_since_stray_recreation=599.0,
        ),
        case(
            "0-recreated-long-ago",
            "run_belongs_to_other_pod",
            Phase.STARTING,
            [RecordIntervention],
            [Recreate],
            last=run(build(NEW)),
            seconds_since_stray_recreation=600.0,
        ),
        case(
            "0-attempt-of-the-same-build-in-a-new-pod-waits-for-init",
            "run_belongs_to_other_pod",
            None,
            [],
            [],
            last=DONE,
            attempt=attempt(build(), uid="pod-0"),
            node=DOWN,
        ),
        case(
            "1-network",
            "identity_mismatch",
            Phase.IDLE,
            [EndRun],
            [KeepLogTail],
            node=answering(identity=NodeIdentity(1, "", "")),
            last=SOAKED,
            volume=volume(),
        ),
        case(
            "1-commit",
            "identity_mismatch",
            Phase.IDLE,
            [EndRun],
            [KeepLogTail],
            node=answering(identity=NodeIdentity(5, "", "d" * 40)),
        ),
        case(
            "1-unknown-commit",
            "nothing_to_do",
            Phase.BOOTSTRAPPING,
            [],
            [],
            node=answering(identity=NodeIdentity(5, "", "")),
        ),
        case("1-no-identity", "nothing_to_do", Phase.BOOTSTRAPPING, [], [], node=answering(identity=None)),
        case(
            "1-finished-run-is-left-alone",
            "nothing_to_do",
            Phase.IDLE,
            [],
            [],
            node=answering(identity=NodeIdentity(1, "", "")),
            last=DONE,
        ),
        case("2-soaked", "node_is_healthy", Phase.IDLE, [EndRun], [], last=SOAKED, volume=volume()),
        case(
            "2-soaking",
            "nothing_to_do",
            Phase.SOAKING,
            [],
            [],
            last=run(tracking=healthy_books(299.0)),
            volume=volume(),
        ),
        case(
            "2-identity-not-agreed",
            "nothing_to_do",
            Phase.SOAKING,
            [],
            [],
            last=run(tracking=healthy_books(300.0, identity_agreed=False)),
            volume=volume(),
            node=NodeSilent("no answer"),
        ),
        case(
            "2-disk-not-measured", "nothing_to_do", Phase.SOAKING, [], [], last=SOAKED, volume=volume(301.0)
        ),
        case(
            "2-disk-measured-before-the-clock-was-set-back",
            "nothing_to_do",
            Phase.SOAKING,
            [],
            [],
            last=SOAKED,
            volume=replace(volume(), taken=replace(NOW, boot_seconds=NOW.boot_seconds - 301.0)),
        ),
        case("2-disk-never-measured", "nothing_to_do", Phase.SOAKING, [], [], last=SOAKED),
        case(
            "2-disk-given-up",
            "node_is_healthy",
            Phase.IDLE,
            [EndRun],
            [],
            last=run(tracking=healthy_books(300.0 + DISK_MEASUREMENT_SECONDS)),
        ),
        case(
            "9-new-build",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            last=DONE,
            newest=build(NEW),
        ),
        case(
            "9-judged", "nothing_to_do", Phase.IDLE, [], [], last=DONE, newest=build(NEW), newest_judged=True
        ),
        case("9-same", "nothing_to_do", Phase.IDLE, [], [], last=DONE, newest=build()),
        case(
            "9-same-is-not-retried-for-a-testbed-failure",
            "nothing_to_do",
            Phase.IDLE,
            [],
            [],
            last=run(outcome=Outcome.FAILED, reason=Reason.MISCONFIGURED),
            newest=build(),
        ),
        case("9-open-run-finishes", "nothing_to_do", Phase.BOOTSTRAPPING, [], [], newest=build(NEW)),
        case(
            "9-open-run-is-cut-short",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            newest=build(NEW),
            policy=RESTARTING,
        ),
        case(
            "9-tag-has-not-settled",
            "nothing_to_do",
            Phase.IDLE,
            [],
            [],
            last=DONE,
            newest=build(NEW),
            newest_lookups=2,
            policy=SETTLING,
        ),
        case(
            "9-tag-has-settled",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            newest=build(NEW),
            newest_lookups=3,
            policy=SETTLING,
        ),
        case(
            "9-superseded-minutes-ago",
            "nothing_to_do",
            Phase.BOOTSTRAPPING,
            [],
            [],
            newest=build(NEW),
            newest_lookups=9,
            newest_seconds=1799.0,
            superseded_seconds=1800.0,
            policy=SETTLING,
        ),
        case(
            "9-superseded-in-the-future-by-a-clock-that-was-set-back",
            "nothing_to_do",
            Phase.BOOTSTRAPPING,
            [],
            [],
            newest=build(NEW),
            newest_lookups=9,
            superseded_seconds=-100.0,
            policy=SETTLING,
        ),
        case(
            "9-superseded-and-shown-again-for-long",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            newest=build(NEW),
            newest_lookups=60,
            newest_seconds=1800.0,
            superseded_seconds=1800.0,
            policy=SETTLING,
        ),
        case(
            "9-superseded-days-ago",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            newest=build(NEW),
            newest_lookups=3,
            superseded_seconds=86401.0,
            policy=SETTLING,
        ),
        case(
            "9-superseded-minutes-ago-and-no-run-to-lose",
            "build_is_due",
            Phase.STARTING,
            [RecordAttempt],
            [Pin, Recreate],
            last=DONE,
            newest=build(NEW),
            newest_lookups=3,
            superseded_seconds=60.0,
            policy=SETTLING,
        ),
        case(
            "9-recorded-attempt-is-gone-on-with",
            "build_is_due",
            Phase.STARTING,
            [],
            [Pin, Recreate],
            last=DONE,
            attempt=attempt(build(NEW)),
        ),
        case("10-idle", "nothing_to_do", Phase.IDLE, [], [], last=DONE),
        case("10-bootstrapping", "nothing_to_do", Phase.BOOTSTRAPPING, [], []),
        case("10-starting", "nothing_to_do", Phase.STARTING, [], [], node=DOWN),
        case("10-silent", "nothing_to_do", Phase.STARTING, [], [], node=NodeSilent("no answer")),
    ],
)
def test_first_rule_that_matches(
    state: WaitState,
    rule: str,
    phase: Phase | None,
    records: list[type[Record]],
    actions: list[type[WaitAction]],
) -> None:
    decision = decide_wait(state)

    assert rule == decision.rule
    assert phase is decision.phase
    assert records == [type(each) for each in decision.records]
    assert actions == [type(each) for each in decision.actions]


def test_rules_stand_in_the_order_of_the_design() -> None:
    assert [rule.__name__ for rule in WAIT_RULES] == [
        "run_belongs_to_other_pod",
        "identity_mismatch",
        "node_is_healthy",
        "volume_is_full",
        "node_does_not_start",
        "node_is_misconfigured",
        "node_crashes",
        "node_stays_unhealthy",
        "build_is_outdated",
        "run_stalls",
        "run_is_overdue",
        "build_is_due",
        "nothing_to_do",
    ]


def test_success_counts_to_the_first_healthy_reading() -> None:
    (end,) = decide_wait(wait_state(last=SOAKED, volume=volume())).records

    assert isinstance(end, EndRun)
    assert end.outcome is Outcome.SUCCEEDED
    assert end.duration_seconds == 1234.0
    assert end.wall_seconds == 10_000 - 300
    assert end.disk_usage_bytes == 4096


def test_recovered_run_has_no_duration() -> None:
    """A recovered run has no duration, because its time before the loss of the ledger is unknown."""
    recovered = replace(SOAKED, recovered=True)
    (end,) = decide_wait(wait_state(last=recovered, volume=volume())).records

    assert isinstance(end, EndRun)
    assert end.outcome is Outcome.SUCCEEDED
    assert (end.duration_seconds, end.wall_seconds) == (None, None)


def test_failure_counts_to_now() -> None:
    last = run(tracking=healthy_books(1.0))
    node = answering(identity=NodeIdentity(1, "", ""))
    (end,) = decide_wait(wait_state(last=last, node=node)).records

    assert isinstance(end, EndRun)
    assert (end.outcome, end.reason) == (Outcome.FAILED, Reason.MISCONFIGURED)
    assert end.message == "the node is on network mainnet, but the run is on fuji"
    assert end.duration_seconds == 1600.0
    assert end.wall_seconds == 10_000


def test_attempt_of_the_same_build_recreates_although_nothing_changes() -> None:
    decision = decide_wait(wait_state(last=DONE, attempt=attempt(build())))

    assert decision.actions == (Pin(build()), Recreate(unchanged=True))


def test_attempt_records_who_decided_it() -> None:
    (record,) = decide_wait(wait_state(last=DONE, newest=build(NEW))).records

    assert isinstance(record, RecordAttempt)
    assert (record.build, record.uid) == (build(NEW), "pod-1")


def test_now_is_the_states() -> None:
    """The rules take the time from the state and read no clock."""
    later = replace(NOW, wall=NOW.wall + 5)
    node = answering(identity=NodeIdentity(1, "", ""))
    (end,) = decide_wait(wait_state(now=later, node=node)).records

    assert isinstance(end, EndRun)
    assert end.wall_seconds == 10_005
