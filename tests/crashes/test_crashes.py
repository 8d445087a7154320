"""A kill at any instant leaves the next start a plain resume.

Two builds are tested one after the other, once undisturbed and then once for each crossing: the process that comes
to it is killed with signal 9 right there, and started again as a kubelet does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crashes.pod_life import DIGESTS, REPOSITORY, PodLife
from fake_api_server import serving

from monitor.ledger.details import FILE_NAME, read_details
from monitor.model import Outcome

AT_ONCE = 4
# What a test that kills must have met; else it proves nothing.
STEPS = (
    "init: {} pin",
    "init: {} delete pod",
    "init: {} record BeginClearing",
    "init: {} clear",
    "init: {} rename",
    "init: {} remove",
    "init: {} record BeginRun",
    "init: {} record ResumeRun + RecordIntervention",
    "init: {} details",
    "wait-for-completion: {} record EndRun",
    "wait-for-completion: {} details",
    "wait-for-completion: {} record RecordAttempt",
    "wait-for-completion: {} pin",
    "wait-for-completion: {} delete pod",
)


def lived(folder: Path, fatal: int) -> PodLife:
    """A whole life, killed at one crossing; it is checked for what must be true of every life."""
    folder.mkdir()
    with serving() as api:
        life = PodLife(api, folder, fatal)
        life.live()
    runs = sorted(life.watch.look(), key=lambda run: run.number)
    told = life.told()
    images = [f"{REPOSITORY}@{digest}" for digest in DIGESTS]
    assert [run.build.image for run in runs] == images, told
    assert [run.outcome for run in runs] == [Outcome.SUCCEEDED, Outcome.SUCCEEDED], told
    assert all(len(starts) == 1 for starts in life.watch.starts.values()), (life.watch.starts, told)
    assert all(len(results) == 1 for results in life.watch.results.values()), (life.watch.results, told)
    for run in runs:
        assert run.duration_seconds is not None, told
        assert run.wall_seconds is not None, told
        assert 0 < run.duration_seconds <= run.wall_seconds + 1, (run, told)
        assert run.bookkeeping.node_restarts == 0, (run, told)
        assert not run.recovered, told
    details = read_details(life.data_dir / FILE_NAME)
    assert details is not None, told
    assert details.image == images[-1], told
    return life


@pytest.fixture(scope="module")
def crossings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The crossings of a life that nobody disturbs."""
    life = lived(tmp_path_factory.mktemp("undisturbed") / "life", 0)
    return life.crossings.read_text().splitlines()


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_met(crossings: list[str], step: str, side: str) -> None:
    assert any(each.startswith(step.format(side)) for each in crossings), "\n".join(crossings)


@pytest.mark.timeout(900)
def test_a_kill_at_any_crossing_leaves_one_start_one_result_and_the_data(
    crossings: list[str], tmp_path: Path
) -> None:
    """A life that goes quicker looks for builds less often, and may end before a late crossing."""

    def killed_at(fatal: int) -> tuple[int, str]:
        try:
            life = lived(tmp_path / str(fatal), fatal)
        except AssertionError as error:
            return 0, f"--- killed at crossing {fatal}\n{error}"
        ended_before = life.kills == 0 and len(life.crossings.read_text().splitlines()) < fatal
        if life.kills == 1 or ended_before:
            return life.kills, ""
        return life.kills, f"--- crossing {fatal} was met {life.kills} times\n{life.told()}"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        lives = [*pool.map(killed_at, range(1, len(crossings) + 1))]
    wrong = [what for _, what in lives if what]
    assert not wrong, f"{len(wrong)} of {len(crossings)}\n" + "\n".join(wrong[:3])
    assert sum(kills for kills, _ in lives) > len(crossings) / 2
