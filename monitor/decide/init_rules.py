"""Rules of `init`, which settle before the node starts which build runs and whether its data is kept.

The rules never clear an open run in doubt. Only the last rule starts to clear data. The rules before it keep
the data, finish a clearing that was started earlier, or stop with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    ClearNodeData,
    Decision,
    Fail,
    InitDecision,
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
from monitor.decide.state import InitState
from monitor.domain.build import Build
from monitor.domain.image_reference import ImageReference
from monitor.domain.observations import DataState
from monitor.domain.run import Outcome, Run
from monitor.domain.status import Phase
from monitor.domain.workload import Workload
from monitor.errors import Cause, ConfigurationError, MonitorError

REVERTS_ALLOWED_PER_DAY = 2
REVERT_BACK_OFF_SECONDS = 600.0


def decide_init(state: InitState) -> InitDecision:
    """Return the decision of the first rule of `init` that matches; the last rule always does."""
    return next(decision for rule in INIT_RULES if (decision := rule(state)) is not None)


def image_follows_nothing(state: InitState) -> InitDecision | None:
    """Rule 1: fail if the image is neither pinned by digest nor on the rolling tag."""
    reference = ImageReference.parse(state.workload.image)
    if reference.pinned or reference.tag == state.policy.rolling_tag:
        return None
    return _failed(
        "image_follows_nothing",
        ConfigurationError(
            f"image {reference} is neither pinned by digest nor has the tag {state.policy.rolling_tag!r}: "
            f"use {reference.repository}:{state.policy.rolling_tag}, or set --rolling-tag"
        ),
    )


def pin_conflict(state: InitState) -> InitDecision | None:
    """Rule 1a: fail if something keeps reverting the image, since another pin would only restart the node."""
    if not _reverted(state) or state.reverts_today < REVERTS_ALLOWED_PER_DAY:
        return None
    by = f" by {state.reverter!r}" if state.reverter else ""
    manager = repr(state.reverter) if state.reverter else "the tool that applies the StatefulSet"
    message = (
        f"the node's image was reverted to {state.workload.image}{by} for the third time in 24 h; testing has stopped. "
        f"Configure {manager} to ignore the image of this container, then delete the pod."
    )
    return Decision(
        rule="pin_conflict",
        message=message,
        phase=Phase.BLOCKED,
        records=_revert(state),
        actions=(
            Fail(MonitorError(message, cause=Cause.IMAGE_REVERTED), after_seconds=REVERT_BACK_OFF_SECONDS),
        ),
    )


def open_run_continues(state: InitState) -> InitDecision | None:
    """Rule 2: if the image is not pinned and a run is open, pin the build of that run without a lookup."""
    last = state.last
    if state.workload.build is not None or last is None or not last.open:
        return None
    if not _same_test(last, state.workload):
        return None
    return _pinned(
        state, "open_run_continues", last.build, f"run {last.number} is open: pinning its build again"
    )


def build_unresolved(state: InitState) -> InitDecision | None:
    """Rule 3: for any other unpinned image, resolve the rolling tag; never run a judged build again.

    The build of the last run keeps the digest that the run has. A pod that is pinned to another digest of it,
    such as that of an index, does not show that both are one build.
    """
    if state.workload.build is not None:
        return None
    if state.newest is None:
        return Decision(
            rule="build_unresolved",
            message="looking up the newest build",
            phase=Phase.DISCOVERING,
            actions=(LookUpNewest(),),
        )
    last = state.last
    if last is not None and _same_test(last, state.workload):
        if state.newest.same(last.build):
            build = replace(last.build, versions=last.build.versions or state.newest.versions)
            return _pinned(state, "build_unresolved", build, "the newest build is the build of the last run")
        if state.newest_judged:
            message = "the newest build was judged: keeping the build of the last run"
            return _pinned(state, "build_unresolved", last.build, message)
    return _pinned(state, "build_unresolved", state.newest, f"the newest build is {state.newest.image}")


def clearing_unfinished(state: InitState) -> InitDecision | None:
    """Rule 4: finish a clearing that was started, then start a run of this pod's build."""
    if state.clearing is None:
        return None
    if state.data.state is DataState.ABSENT:
        return Decision(
            rule="clearing_unfinished",
            message=f"starting run {state.clearing.number} of {state.workload.image}",
            phase=Phase.STARTING,
            records=(BeginRun(state.workload),),
        )
    return _unless_held(state) or Decision(
        rule="clearing_unfinished",
        message=f"clearing {state.data.path} for run {state.clearing.number}",
        phase=Phase.CLEARING,
        actions=(ClearNodeData(),),
    )


def run_resumes(state: InitState) -> InitDecision | None:
    """Rule 5: keep the data and start the node if build, network and sync mode are those of the last run.

    The last run may be open or may have ended.
    """
    last = state.last
    if last is None or not last.is_of(state.workload) or last.outcome is Outcome.SUPERSEDED:
        return None
    if state.attempt is not None and state.attempt.build.same(last.build):
        return None
    return Decision(
        rule="run_resumes",
        message=f"resuming run {last.number} of {last.build.image}"
        if last.open
        else f"run {last.number} of {last.build.image} has {last.outcome}: waiting for a new build",
        phase=Phase.STARTING if last.open else Phase.IDLE,
        records=(
            ResumeRun(last, state.workload),
            RecordIntervention(Intervention.PIN, state.workload.uid, state.workload.image),
        ),
        actions=(Proceed(),),
    )


def data_unknown(state: InitState) -> InitDecision | None:
    """Rule 6: require an operator's decision if the volume has a node's data of unknown origin."""
    if state.known or state.data.state is DataState.ABSENT:
        return None
    token = state.issued_token
    if state.policy.adopt_keep:
        return Decision(
            rule="data_unknown",
            message=f"adopting the data in {state.data.path}",
            phase=Phase.STARTING,
            records=(AdoptRun(state.workload),),
        )
    if token and state.policy.adopt_clear_token == token:
        return None
    offered = token or state.fresh_token
    return Decision(
        rule="data_unknown",
        message="node data of unknown origin",
        records=() if token else (IssueToken(offered),),
        actions=(
            Fail(
                ConfigurationError(
                    f"{state.data.path} contains a node's data without a ledger: set --adopt keep to keep it, "
                    f"or --adopt clear:{offered} to delete it",
                    cause=Cause.DATA_UNKNOWN,
                )
            ),
        ),
    )


def start_new_run(state: InitState) -> InitDecision | None:
    """Rule 7: otherwise clear the volume for a new run, and record that first."""
    if state.data.obstacle is not None:
        return _failed("start_new_run", MonitorError(state.data.obstacle, cause=Cause.VOLUME_UNUSABLE))
    message = f"clearing {state.data.path} for a new run of {state.workload.image}{_what_changed(state)}"
    return _unless_held(state) or Decision(
        rule="start_new_run",
        message=message,
        phase=Phase.CLEARING,
        records=(BeginClearing(state.workload, message),),
        actions=(ClearNodeData(),),
    )


def _what_changed(state: InitState) -> str:
    """Return why an open run does not continue; empty if no run is open."""
    last, workload = state.last, state.workload
    if last is None or not last.open:
        return ""
    changes = [
        f"{name} changed from {was} to {now}"
        for name, was, now in (
            ("the network", last.network, workload.network),
            ("the sync mode", last.sync_mode, workload.sync_mode),
        )
        if was != now
    ]
    return f"; run {last.number} is superseded" + (f": {', '.join(changes)}" if changes else "")


InitRule = Callable[[InitState], InitDecision | None]

INIT_RULES: tuple[InitRule, ...] = (
    image_follows_nothing,  # 1
    pin_conflict,  # 1a
    open_run_continues,  # 2
    build_unresolved,  # 3
    clearing_unfinished,  # 4
    run_resumes,  # 5
    data_unknown,  # 6
    start_new_run,  # 7
)


def _same_test(run: Run, workload: Workload) -> bool:
    return (
        ImageReference.parse(run.build.image).repository == ImageReference.parse(workload.image).repository
        and run.network == workload.network
        and run.sync_mode is workload.sync_mode
    )


def _reverted(state: InitState) -> bool:
    """Return whether a pod on the rolling tag has replaced a pinned pod of the same repository."""
    if state.workload.build is not None or not state.pinned_before:
        return False
    before, now = ImageReference.parse(state.pinned_before), ImageReference.parse(state.workload.image)
    return before.repository == now.repository


def _revert(state: InitState) -> tuple[Record, ...]:
    if not _reverted(state):
        return ()
    return (RecordIntervention(Intervention.PIN_REVERT, state.workload.uid, state.workload.image),)


def _pinned(state: InitState, rule: str, build: Build, message: str) -> InitDecision:
    return Decision(
        rule=rule,
        message=message,
        phase=Phase.DISCOVERING,
        records=_revert(state),
        actions=(Pin(build), Recreate(unchanged=False)),
    )


def _unless_held(state: InitState) -> InitDecision | None:
    """Return a decision to wait if another pod may still run a node on the volume; otherwise `None`."""
    if state.held_by is None:
        return None
    return Decision(
        rule="volume_held",
        message=f"pod {state.held_by} held the lease on this volume: waiting for the lease to expire",
        actions=(WaitForLease(),),
    )


def _failed(rule: str, error: MonitorError) -> InitDecision:
    return Decision(rule=rule, message=str(error), actions=(Fail(error),))
