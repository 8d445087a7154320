"""Command-line options of the test suite, and the Hypothesis profile of the property tests."""

from __future__ import annotations

import pytest
from hypothesis import settings
from support.cells import DOCUMENT, OPTION

# The duration of an example depends on the load of the machine.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register `--kubeconfig`, `--registry` and `--all-cells`.

    The first two name a cluster to test on. The tests change that cluster and never use another one.
    `--all-cells` runs a whole matrix, and writes the suite's section of docs/reliability.md.
    """
    group = parser.getgroup("kubernetes")
    group.addoption("--kubeconfig", default="", help="kubeconfig of a cluster that the tests may damage")
    group.addoption("--registry", default="", help="plain HTTP registry, HOST:PORT, that its nodes pull from")
    parser.addoption(OPTION, action="store_true", help=f"run every cell, and write {DOCUMENT.name}")
