"""Command-line options of the test suite, the choice of a brief run, and the Hypothesis profiles."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings
from support.cells import BRIEF, DOCUMENT, OPTION, brief

# The duration of an example depends on the load of the machine.
settings.register_profile("project", deadline=None)
settings.register_profile("brief", deadline=None, max_examples=20)
# No brief test is about a power failure, so its files may be in memory: each ledger syncs its writes.
MEMORY, MIN_MEMORY_BYTES = Path("/dev/shm"), 2**30  # noqa: S108 - pytest creates its own folder there


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register `--kubeconfig`, `--registry`, `--all-cells` and `--brief`.

    The first two name a cluster to test on. The tests change that cluster and never use another one.
    `--all-cells` runs a whole matrix, and writes the suite's section of docs/reliability.md. `--brief` leaves
    out what `make test-all` adds: tests marked `slow`, most examples of property tests, and all but a minute
    of the crash and fault suites.
    """
    group = parser.getgroup("kubernetes")
    group.addoption("--kubeconfig", default="", help="kubeconfig of a cluster that the tests may damage")
    group.addoption("--registry", default="", help="plain HTTP registry, HOST:PORT, that its nodes pull from")
    parser.addoption(OPTION, action="store_true", help=f"run every cell, and write {DOCUMENT.name}")
    parser.addoption(BRIEF, action="store_true", help="leave out what `make test-all` adds")


def pytest_configure(config: pytest.Config) -> None:
    """Select the number of examples of the property tests, and the file system of temporary folders."""
    settings.load_profile("brief" if brief(config) else "project")
    if brief(config) and _suits_tests(MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the slow tests in a brief run."""
    if brief(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)


def pytest_collection_finish() -> None:
    """Exclude the collected tests, a million objects, from every later garbage collection."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add the reasons of skipped tests to the file that `NOT_RUN` names, for the last line of `make test`."""
    if path := os.environ.get("NOT_RUN"):
        reasons = [str(report.longrepr[-1]) for report in terminalreporter.getreports("skipped")]
        with Path(path).open("a") as file:
            file.writelines(reason.removeprefix("Skipped: ") + "\n" for reason in reasons)


def _suits_tests(path: Path) -> bool:
    """Return whether a file system has the space for temporary folders, and runs programs."""
    if not path.is_dir():
        return False
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize > MIN_MEMORY_BYTES and not status.f_flag & os.ST_NOEXEC
