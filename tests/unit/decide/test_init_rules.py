"""Tests of the rules of `init`, in the order of the table in the design."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import DATA, NEW, OLD, POLICY, REPOSITORY, attempt, build, init_state, run, workload

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    ClearNodeData,
    Fail,
    InitAction,
    Intervention,
    IssueToken,
    LookUpNewest,
    Pin,
    Proceed,
    Record,
    RecordIntervention,
    Recreate,
    ResumeRun,
    WaitForLease,
)
from monitor.decide.init_rules import INIT_RULES, REVERT_BACK_OFF_SECONDS, decide_init
from monitor.decide.state import InitState
from monitor.domain.observations import NodeData
from monitor.domain.policy import Policy
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.status import Phase
from monitor.domain.workload import SyncMode

PINNED = workload(build())
ROLLING = workload()
OPEN = run()
SUCCEEDED = run(outcome=Outcome.SUCCEEDED)
FAILED = run(outcome=Outcome.FAILED, reason=Reason.CRASHED)
RECREATED: tuple[InitAction, ...] = (Pin(build()), Recreate(unchanged=False))
BEFORE = f"{REPOSITORY}@{OLD}"
RESTARTING = replace(POLICY, restart_on_new_build=True)


def case(
    name: str, rule: str, records: list[type[Record]], actions: list[type[InitAction]], **state: object
) -> object:
    return pytest.param(init_state(**state), rule, records, actions, id=name)


@pytest.mark.parametrize(
    ("state", "rule", "records", "actions"),
    [
        case("1-other-tag", "image_follows_nothing", [], [Fail], workload=workload(image=f"{REPOSITORY}:v1")),
        case("1-no-tag", "image_follows_nothing", [], [Fail], workload=workload(image=REPOSITORY)),
        case(
            "1a-third-revert-in-a-day",
            "pin_conflict",
            [RecordIntervention],
            [Fail],
            workload=ROLLING,
            last=OPEN,
            pinned_before=BEFORE,
            reverts_today=2,
        ),
        case(
            "1a-second-revert-is-set-right",
            "open_run_continues",
            [RecordIntervention],
            [Pin, Recreate],
            workload=ROLLING,
            last=OPEN,
            pinned_before=BEFORE,
            reverts_today=1,
        ),
        case(
            "2-open-run-keeps-its-build",
            "open_run_continues",
            [],
            [Pin, Recreate],
            workload=ROLLING,
            last=OPEN,
        ),
        case(
            "2-after-a-pod-that-was-pinned-to-another-repository",
            "open_run_continues",
            [],
            [Pin, Recreate],
            workload=ROLLING,
            last=OPEN,
            pinned_before=f"elsewhere/node@{OLD}",
            reverts_today=2,
        ),
        case(
            "2-with-restart-too",
            "open_run_continues",
            [],
            [Pin, Recreate],
            workload=ROLLING,
            last=OPEN,
            policy=RESTARTING,
        ),
        case(
            "2-not-another-repository",
            "build_unresolved",
            [],
            [LookUpNewest],
            workload=workload(image="elsewhere/node:latest"),
            last=OPEN,
        ),
        case(
            "2-not-another-network",
            "build_unresolved",
            [],
            [LookUpNewest],
            workload=workload(network="mainnet"),
            last=OPEN,
        ),
        case(
            "2-not-another-mode",
            "build_unresolved",
            [],
            [LookUpNewest],
            workload=workload(sync_mode=SyncMode.ONLY_P_CHAIN_FULL_SYNC),
            last=OPEN,
        ),
        case("3-looks-up", "build_unresolved", [], [LookUpNewest], workload=ROLLING),
        case(
            "3-pins-what-was-found",
            "build_unresolved",
            [],
            [Pin, Recreate],
            workload=ROLLING,
            newest=build(NEW),
            last=SUCCEEDED,
        ),
        case(
            "4-clears-on",
            "clearing_unfinished",
            [],
            [ClearNodeData],
            clearing=run(started_at=None),
            data=DATA,
        ),
        case(
            "4-starts", "clearing_unfinished", [BeginRun], [], clearing=run(started_at=None), last=SUCCEEDED
        ),
        case(
            "4-not-while-held",
            "volume_held",
            [],
            [WaitForLease],
            clearing=run(started_at=None),
            data=DATA,
            held_by="pod-0",
        ),
        case(
            "5-open",
            "run_resumes",
            [ResumeRun, RecordIntervention],
            [Proceed],
            last=OPEN,
            known=True,
            data=DATA,
        ),
        case(
            "5-succeeded",
            "run_resumes",
            [ResumeRun, RecordIntervention],
            [Proceed],
            last=SUCCEEDED,
            known=True,
            data=DATA,
        ),
        case(
            "5-failed",
            "run_resumes",
            [ResumeRun, RecordIntervention],
            [Proceed],
            last=FAILED,
            known=True,
            data=DATA,
        ),
        case(
            "5-attempt-of-another-build",
            "run_resumes",
            [ResumeRun, RecordIntervention],
            [Proceed],
            last=SUCCEEDED,
            attempt=attempt(build(NEW)),
            known=True,
        ),
        case(
            "5-held-by-another-resumes",
            "run_resumes",
            [ResumeRun, RecordIntervention],
            [Proceed],
            last=OPEN,
            held_by="pod-0",
        ),
        case("6-error-with-a-token", "data_unknown", [IssueToken], [Fail], data=DATA),
        case("6-the-same-token-again", "data_unknown", [], [Fail], data=DATA, issued_token="t0"),
        case("6-keep", "data_unknown", [AdoptRun], [], data=DATA, policy=replace(POLICY, adopt_keep=True)),
        case(
            "6-wrong-token",
            "data_unknown",
            [],
            [Fail],
            data=DATA,
            issued_token="t0",
            policy=replace(POLICY, adopt_clear_token="t1"),
        ),
        case(
            "6-right-token",
            "start_new_run",
            [BeginClearing],
            [ClearNodeData],
            data=DATA,
            issued_token="t0",
            policy=replace(POLICY, adopt_clear_token="t0"),
        ),
        case("7-empty-volume", "start_new_run", [BeginClearing], [ClearNodeData]),
        case(
            "7-another-build",
            "start_new_run",
            [BeginClearing],
            [ClearNodeData],
            last=run(build(NEW)),
            known=True,
        ),
        case(
            "7-another-network",
            "start_new_run",
            [BeginClearing],
            [ClearNodeData],
            last=run(network="mainnet"),
            known=True,
            data=DATA,
        ),
        case(
            "7-superseded-never-resumes",
            "start_new_run",
            [BeginClearing],
            [ClearNodeData],
            last=run(outcome=Outcome.SUPERSEDED),
            known=True,
        ),
        case(
            "7-attempt-of-the-same-build",
            "start_new_run",
            [BeginClearing],
            [ClearNodeData],
            last=SUCCEEDED,
            attempt=attempt(build()),
            known=True,
            data=DATA,
        ),
        case("7-not-while-held", "volume_held", [], [WaitForLease], held_by="pod-0"),
        case(
            "7-only-what-can-be-removed",
            "start_new_run",
            [],
            [Fail],
            data=NodeData("/data/avalanchego", DATA.state, "may not remove"),
            known=True,
        ),
    ],
)
def test_first_rule_that_matches(
    state: InitState, rule: str, records: list[type[Record]], actions: list[type[InitAction]]
) -> None:
    decision = decide_init(state)

    assert rule == decision.rule
    assert records == [type(each) for each in decision.records]
    assert actions == [type(each) for each in decision.actions]


def test_rules_stand_in_the_order_of_the_design() -> None:
    assert [rule.__name__ for rule in INIT_RULES] == [
        "image_follows_nothing",
        "pin_conflict",
        "open_run_continues",
        "build_unresolved",
        "clearing_unfinished",
        "run_resumes",
        "data_unknown",
        "start_new_run",
    ]


def test_an_unpinned_image_is_settled_before_anything_on_the_volume_is() -> None:
    """A clearing that was started waits until the build of this pod is known."""
    state = init_state(workload=ROLLING, clearing=run(started_at=None), data=DATA, last=OPEN)

    assert decide_init(state).actions == RECREATED


def test_judged_newest_build_leaves_the_last_one_in_place() -> None:
    state = init_state(workload=ROLLING, newest=build(NEW), newest_judged=True, last=SUCCEEDED)

    assert decide_init(state).actions == RECREATED


def test_judged_newest_build_is_run_where_nothing_else_was() -> None:
    other_network = run(network="mainnet", outcome=Outcome.SUCCEEDED)
    state = init_state(workload=ROLLING, newest=build(NEW), newest_judged=True, last=other_network)

    assert decide_init(state).actions[0] == Pin(build(NEW))


@pytest.mark.parametrize("policy", [POLICY, RESTARTING], ids=["finish", "restart"])
@pytest.mark.parametrize("last", [OPEN, SUCCEEDED], ids=["open", "ended"])
def test_the_newest_build_by_another_digest_of_it_is_the_last_runs_build(last: Run, policy: Policy) -> None:
    """The newest build counts as the last run's build if they share a digest.

    The tag names the index and the run names the platform. Pinned to the index, the pod would not match
    the run.
    """
    tag = replace(build(NEW), digests=frozenset({NEW, OLD}))
    state = init_state(workload=ROLLING, newest=tag, last=last, policy=policy)
    if not last.open:
        assert decide_init(state).rule == "build_unresolved"

    assert decide_init(state).actions == RECREATED


def test_versions_that_were_learned_since_are_pinned_with_the_last_runs_build() -> None:
    last = run(replace(build(), versions=None), outcome=Outcome.SUCCEEDED)

    assert decide_init(init_state(workload=ROLLING, newest=build(), last=last)).actions == RECREATED


def test_the_newest_build_is_pinned_as_found_where_the_last_run_was_another_test() -> None:
    tag = replace(build(NEW), digests=frozenset({NEW, OLD}))
    state = init_state(workload=ROLLING, newest=tag, last=run(network="mainnet"))

    assert decide_init(state).actions[0] == Pin(tag)


def test_a_run_starts_of_this_pods_build_whatever_the_clearing_was_for() -> None:
    state = init_state(clearing=run(build(NEW), started_at=None))

    assert decide_init(state).records == (BeginRun(PINNED),)


def test_digests_that_intersect_are_the_same_build() -> None:
    """The ledger may hold the digest of the index, and the pod that of the platform."""
    both = replace(build(NEW), digests=frozenset({NEW, OLD}))

    assert decide_init(init_state(last=run(both), known=True)).rule == "run_resumes"


def test_a_revert_is_recorded_by_pod_and_its_error_names_who_and_waits() -> None:
    state = init_state(
        workload=ROLLING, last=OPEN, pinned_before=BEFORE, reverts_today=2, reverter="argocd-controller"
    )
    decision = decide_init(state)
    (failure,) = decision.actions

    assert decision.phase is Phase.BLOCKED
    assert decision.records == (RecordIntervention(Intervention.PIN_REVERT, "pod-1", ROLLING.image),)
    assert isinstance(failure, Fail)
    assert "'argocd-controller'" in str(failure.error)
    assert failure.after_seconds == REVERT_BACK_OFF_SECONDS


@pytest.mark.parametrize(
    ("reverter", "by", "manager"),
    [
        pytest.param("argocd", " by 'argocd'", "'argocd'", id="known"),
        pytest.param("", "", "the tool that applies the StatefulSet", id="unknown"),
    ],
)
def test_error_for_a_reverted_image_names_the_client_to_configure(
    reverter: str, by: str, manager: str
) -> None:
    state = init_state(workload=ROLLING, pinned_before=BEFORE, reverts_today=2, reverter=reverter)

    assert decide_init(state).message == (
        f"the node's image was reverted to {ROLLING.image}{by} for the third time in 24 h; testing has stopped. "
        f"Configure {manager} to ignore the image of this container, then delete the pod."
    )


def test_error_for_an_image_that_follows_nothing_says_what_to_write() -> None:
    (failure,) = decide_init(init_state(workload=workload(image=f"{REPOSITORY}:v1"))).actions

    assert isinstance(failure, Fail)
    assert str(failure.error) == (
        "image registry.example:5000/node:v1 is neither pinned by digest nor has the tag 'latest': "
        "use registry.example:5000/node:latest, or set --rolling-tag"
    )
    assert failure.error.exit_code == 2


def test_error_for_unknown_data_offers_both_ways() -> None:
    (failure,) = decide_init(init_state(data=DATA)).actions

    assert isinstance(failure, Fail)
    assert str(failure.error) == (
        "/data/avalanchego contains a node's data without a ledger: set --adopt keep to keep it, "
        "or --adopt clear:fresh to delete it"
    )
