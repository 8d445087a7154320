"""On one machine, a bad build ends with its reason, and the good build that replaces it succeeds.

The tests run the real `local` on the simulated node, with timeouts of seconds. Some run in parallel,
because they mostly wait.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.local_life import living, stopped
from support.simulated_builds import COMMITS, eventually, write_build

from monitor.domain.run import Outcome, Reason, Run

MAX_CONCURRENT = 3
LONG_SECONDS = 120.0
FLAGS = (
    "--crash-limit=2",
    "--stall-warning=500ms",
    "--stall-timeout=4s",
    "--unhealthy-timeout=1s",
    "--deadline=1m",
    "--disk-floor=0",
    "--node-timeout=500ms",
    "--no-confirm-regressions",
)
# On a busy machine, repeated restarts of a node take longer than the default stall timeout of these tests.
PATIENT = ("--stall-timeout=1m",)
GOOD: Mapping[str, float | str] = {"bootstrap_seconds": 0.5, "blocks": 50}


@dataclass(frozen=True)
class Case:
    """The behaviour of a build and the expected end of its run; `says` is part of the result's message."""

    behaviour: Mapping[str, float | str]
    reason: Reason | None
    says: str = ""
    flags: tuple[str, ...] = field(default=())


CASES = {
    "exits at start": Case({"exit_at_start": "true"}, Reason.CRASHED, "(exit code 1)", PATIENT),
    "crashes before it comes anywhere": Case(
        {"crash_after_seconds": 1, "forget": "true", "bootstrap_seconds": 30, "blocks": 10},
        Reason.CRASHED,
        "failed to verify block",
        PATIENT,
    ),
    "crashes, but comes further each time": Case(
        {"crash_after_seconds": 1.6, "bootstrap_seconds": 6, "blocks": 400}, None, flags=PATIENT
    ),
    "never listens": Case({"listen_after_seconds": "inf"}, Reason.STALLED, "no progress for"),
    "never answers": Case({"answer_after_seconds": "inf"}, Reason.STALLED, "no progress for"),
    "hangs half-way": Case(
        {"hang_at_share": 0.5, "bootstrap_seconds": 2}, Reason.STALLED, "no progress of chain "
    ),
    "compacts for as long": Case({"compact_seconds": 6, "bootstrap_seconds": 2}, None),
    # Blocks that are fetched again increase the counter as new blocks do.
    "fetches the same for ever": Case(
        {"refetch": "true", "bootstrap_seconds": 2, "blocks": 10},
        Reason.DEADLINE,
        "P fetching",
        ("--deadline=10s",),
    ),
    "stays unhealthy": Case(
        {**GOOD, "failing_checks": "router"}, Reason.UNHEALTHY, "unhealthy for 1s: router"
    ),
    "dies in the soak": Case(
        {**GOOD, "die_after_bootstrapped_seconds": 0.5}, Reason.CRASHED, "panicking", ("--soak=3s",)
    ),
    "is too slow": Case(
        {"bootstrap_seconds": 40}, Reason.DEADLINE, "not bootstrapped after 8s", ("--deadline=8s",)
    ),
    "is on another network": Case(
        {**GOOD, "reported_network_id": 1}, Reason.MISCONFIGURED, "the node is on network mainnet"
    ),
    "finds no peers for a while": Case({**GOOD, "no_peers_seconds": 6}, None),
}


def runs_of(case: Case, folder: Path) -> tuple[Run, Run]:
    """Return the run of the build, and the run of the good build that replaced it."""
    folder.mkdir()
    with living(folder) as tester:
        write_build(tester.build, COMMITS[0], **case.behaviour)
        process = tester.start(*FLAGS, *case.flags)
        eventually(lambda: bool(tester.runs()) and not tester.runs()[0].open, "a result", LONG_SECONDS)
        write_build(tester.build, COMMITS[1], **GOOD)
        eventually(
            lambda: len(tester.runs()) == 2 and not tester.runs()[0].open,
            "the good build's result",
            LONG_SECONDS,
        )
        stopped(process, signal.SIGTERM)
        second, first = tester.runs()
        return first, second


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[tuple[Run, Run]]]]:
    """Start the cases of the selected tests, some in parallel."""
    folder = tmp_path_factory.mktemp("local")
    names = dict.fromkeys(
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == Path(__file__)
    )
    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        yield {
            name: pool.submit(runs_of, CASES[name], folder / str(number)) for number, name in enumerate(names)
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", CASES)
def test_a_build_that(name: str, running: Mapping[str, Future[tuple[Run, Run]]]) -> None:
    case, (first, second) = CASES[name], running[name].result()

    assert (first.number, first.build.commit, second.build.commit) == (1, *COMMITS)
    assert (first.outcome, first.reason) == (
        Outcome.FAILED if case.reason else Outcome.SUCCEEDED,
        case.reason,
    ), first.message
    assert case.says in first.message
    assert (second.number, second.outcome) == (2, Outcome.SUCCEEDED), second.message


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["crashes, but comes further each time"])
def test_restarts_with_progress_between_are_not_a_crash_loop(
    name: str, running: Mapping[str, Future[tuple[Run, Run]]]
) -> None:
    first, _ = running[name].result()

    assert first.tracking.node_restarts > 2, "more often than the limit, without progress"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["finds no peers for a while"])
def test_time_without_peers_is_not_active(name: str, running: Mapping[str, Future[tuple[Run, Run]]]) -> None:
    first, _ = running[name].result()

    assert first.duration_seconds is not None
    assert first.wall_seconds is not None
    assert first.duration_seconds < 6 < first.wall_seconds
