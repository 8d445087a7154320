"""After a kill at any moment, the next start resumes the run.

Two builds are tested one after the other: once undisturbed, and then once for each crossing. The process
that reaches the crossing is killed with SIGKILL, and restarted as a kubelet does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from crashes.pod_life import PodLife, RepeatedLife
from support.cells import brief
from support.fake_api_server import serving
from support.fake_registry import serving as serving_registry

from monitor.avalanchego.details_file import FILE_NAME, read_details
from monitor.domain.run import AttemptCause

MAX_CONCURRENT = 8  # the scenarios mostly wait
# A process of a deleted pod may end before its last crossings, so a scenario may have fewer of them.
UNMET = 6
# The steps that the scenario must reach; otherwise the kills prove nothing.
STEPS = (
    "init: {} create pod",
    "wait-for-completion: {} create pod",
    "init: {} pin",
    "init: {} delete pod",
    "init: {} record BeginClearing",
    "init: {} clear",
    "init: {} rename",
    "init: {} remove",
    "init: {} record BeginRun",
    "init: {} record ResumeRun + RecordIntervention",
    "init: {} details",
    "init: {} replace",
    "wait-for-completion: {} record EndRun",
    "wait-for-completion: {} details",
    "wait-for-completion: {} replace",
    "wait-for-completion: {} record RecordAttempt",
    "wait-for-completion: {} pin",
    "wait-for-completion: {} delete pod",
)
# With --brief, the first crossing of each of these steps is fatal.
BRIEF_STEPS = (
    "init: after pin",
    "init: after record BeginClearing",
    "init: before clear",
    "init: after record BeginRun",
    "wait-for-completion: before record EndRun",
    "wait-for-completion: after record EndRun",
    "wait-for-completion: after create pod",
    "wait-for-completion: after record RecordAttempt",
    "wait-for-completion: after pin",
    "init: before remove",
)


Life = TypeVar("Life", bound=PodLife)


def lived(kind: type[Life], folder: Path, fatal: int, source: str) -> Life:
    """Run a scenario that is killed at one crossing, and check the conditions that always hold."""
    folder.mkdir()
    with serving() as api, serving_registry() as registry:
        life = kind(api, registry, folder, fatal, source)
        life.live()
    runs = sorted(life.watch.read_runs(), key=lambda run: run.number)[: life.results]
    story = life.details()
    assert [(run.build.image, run.outcome) for run in runs] == life.expected(), story
    assert len(runs) == life.results, story
    assert all(len(starts) == 1 for starts in life.watch.starts.values()), (life.watch.starts, story)
    assert all(len(results) == 1 for results in life.watch.results.values()), (life.watch.results, story)
    for run in runs:
        assert run.duration_seconds is not None, story
        assert run.wall_seconds is not None, story
        assert 0 < run.duration_seconds <= run.wall_seconds + 1, (run, story)
        assert run.tracking.node_restarts == 0, (run, story)
        assert not run.recovered, story
    details = read_details(life.data_dir / FILE_NAME)
    assert details is not None, story
    assert details.image == life.expected()[-1][0], story
    return life


@pytest.fixture(scope="module")
def crossings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the crossings of an undisturbed scenario in which the registry reports new builds."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed") / "life", "auto")


def repeated(folder: Path, fatal: int) -> RepeatedLife:
    """Run a scenario in which one build is confirmed and retested, and check why its runs started."""
    life = lived(RepeatedLife, folder, fatal, "registry")
    assert life.causes() == [None, AttemptCause.CONFIRM, AttemptCause.RETEST], life.details()
    return life


def undisturbed(folder: Path, source: str) -> list[str]:
    """Return the crossings of a scenario without a kill."""
    return lived(PodLife, folder, 0, source).crossings.read_text().splitlines()


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_met(crossings: list[str], step: str, side: str) -> None:
    assert any(each.startswith(step.format(side)) for each in crossings), "\n".join(crossings)


@pytest.mark.timeout(1800)
def test_a_kill_at_any_crossing_leaves_one_start_one_result_and_the_data(
    request: pytest.FixtureRequest, crossings: list[str], tmp_path: Path
) -> None:
    fatal: Sequence[int] = range(1, len(crossings) + 1)
    if brief(request.config):
        fatal = [crossings.index(step) + 1 for step in BRIEF_STEPS]
    wrong, killed = killed_at_each(fatal, tmp_path, functools.partial(lived, PodLife, source="auto"))
    assert not wrong, f"{len(wrong)} of {len(fatal)}\n" + "\n".join(wrong[:3])
    assert killed >= sum(number <= len(crossings) - UNMET for number in fatal)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_around_a_version_pod_changes_no_result(tmp_path: Path) -> None:
    """Later crossings are left out, because their number depends on the speed of the machine."""
    found = undisturbed(tmp_path / "undisturbed", "pod")
    until = next(number for number, each in enumerate(found, 1) if "record RecordAttempt" in each)
    around = [number for number, each in enumerate(found[:until], 1) if each.endswith(" pod")]
    assert {"init: before create pod", "wait-for-completion: after create pod"} <= {
        found[number - 1] for number in around
    }

    wrong, killed = killed_at_each(around, tmp_path, functools.partial(lived, PodLife, source="pod"))
    assert (wrong, killed) == ([], len(around)), f"{len(wrong)} of {len(around)}\n" + "\n".join(wrong[:3])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_around_the_decision_to_repeat_a_build_leaves_the_same(tmp_path: Path) -> None:
    """Other steps of a confirmation or a retest are those of any other run."""
    found = repeated(tmp_path / "undisturbed", 0).crossings.read_text().splitlines()
    around = [number for number, each in enumerate(found, 1) if each.endswith("record RecordAttempt")][:4]

    wrong, killed = killed_at_each(around, tmp_path, repeated)
    assert (wrong, killed) == ([], len(around)), f"{len(wrong)} of {len(around)}\n" + "\n".join(wrong[:3])


def killed_at_each(
    numbers: Iterable[int], folder: Path, scenario: Callable[[Path, int], PodLife]
) -> tuple[list[str], int]:
    """Kill one scenario at each crossing; return the failures, and the number of killed scenarios."""

    def killed_at(fatal: int) -> tuple[str, int]:
        try:
            life = scenario(folder / str(fatal), fatal)
        except AssertionError as error:
            return f"--- killed at crossing {fatal}\n{error}", 0
        ended_before = life.kills == 0 and len(life.crossings.read_text().splitlines()) < fatal
        if life.kills == 1 or ended_before:
            return "", life.kills
        return f"--- crossing {fatal} was met {life.kills} times\n{life.details()}", life.kills

    with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
        lives = [*pool.map(killed_at, numbers)]
    return [wrong for wrong, _ in lives if wrong], sum(kills for _, kills in lives)
