"""Upgrade, rollback and uninstallation of the release keep the volume, its history, and an open run."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chart.helm import CHART
from e2e.conftest import made
from e2e.installed import RELEASE, Release
from e2e.tester import DeployedTester
from testbed.bed import Bed, until

# The first committed version of the chart, stored here because a shallow clone has no history. To store
# another:
#
# git archive --prefix=bootstrap-monitor/ COMMIT:deploy/chart | gzip -n9 > tests/e2e/charts/COMMIT.tgz
EARLIER = Path(__file__).parent / "charts" / "98db761.tgz"


class Opened:
    """A tester with an open run."""

    def __init__(self, tester: DeployedTester, version: str) -> None:
        self.tester, self.version = tester, version
        self.release = Release(tester.bed, [tester.tester])
        self.opened: dict[str, object] = {}
        self.pinned = ""

    def check(self, uid: str) -> None:
        """Check that another pod resumed the open run, with its build and its data."""
        tester = self.tester
        tester.await_other_pod(uid)
        until(lambda: tester.image() == self.pinned, 120, "the open run's build is pinned", tester.details)
        resumed = tester.await_run(1, uid_other_than=uid)
        assert (resumed["outcome"], resumed["startedAt"]) == (None, self.opened["startedAt"]), (
            tester.details()
        )
        assert [each["run"] for each in tester.history()] == [1]
        assert tester.marked(), "nothing was cleared"


@pytest.fixture
def open_run(bed: Bed, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Yield a tester of the earlier chart, installed with one Helm, with an open run and a newer build."""
    with contextlib.ExitStack() as stack:
        tester = made(
            bed,
            stack,
            request.node.originalname.removeprefix("test_"),
            "avalanchego-simulated",
            node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "3600"},
        )
        tester.tester = replace(tester.tester, settings={})  # the earlier chart has fewer settings
        found = Opened(tester, request.param)
        found.release.helm("install", RELEASE, EARLIER, version=found.version)
        tester.await_run(1)
        tester.mark()
        found.opened, found.pinned = tester.history()[0], tester.image()
        assert not found.pinned.endswith(tester.push_variant({"COMMIT": "2" * 40}))
        yield found


def test_the_earlier_chart_is_another_one() -> None:
    """With equal templates, the upgrade would change nothing."""
    with tarfile.open(EARLIER) as archive:
        earlier = {
            each.name.partition("/")[2]: archive.extractfile(each).read()  # type: ignore[union-attr]
            for each in archive.getmembers()
            if each.isfile() and "/templates/" in each.name
        }
    assert earlier
    assert any((CHART / name).read_bytes() != content for name, content in earlier.items())


@pytest.mark.parametrize("open_run", ["4", "3"], indirect=True, ids=["Helm 4", "Helm 3"])
def test_an_upgrade_and_its_rollback_clear_nothing(open_run: Opened) -> None:
    tester, release = open_run.tester, open_run.release
    version = open_run.version
    uid = tester.uid()
    release.helm("upgrade", RELEASE, CHART, version=version, defaults={"podLabels": {"new": "label"}})
    assert tester.image() == open_run.pinned, "an upgrade takes what is pinned"
    open_run.check(uid)

    uid = tester.uid()
    force = ["--force-conflicts"] if version == "4" else []
    release.helm("rollback", RELEASE, "1", *force, version=version)
    open_run.check(uid)


@pytest.mark.parametrize("open_run", ["4"], indirect=True, ids=["Helm 4"])
def test_uninstalled_and_installed_again_it_continues(open_run: Opened) -> None:
    tester, release = open_run.tester, open_run.release
    uid = tester.uid()
    release.helm("uninstall", RELEASE)
    until(lambda: not tester.uid(), 60, "its pod is gone", tester.details)
    release.install()
    open_run.check(uid)
