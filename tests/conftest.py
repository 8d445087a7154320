"""The options of tests that need a Kubernetes or are a matrix of cells, and the profile of those with examples."""

from __future__ import annotations

import pytest
from hypothesis import settings
from support.cells import DOCUMENT, OPTION

# How long an example takes says how busy the machine is.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kubeconfig` and `--registry` name a cluster to test on; no other one is ever taken, as it is changed.

    `--all-cells` runs a whole matrix, and writes the suite's section of docs/reliability.md.
    """
    group = parser.getgroup("kubernetes")
    group.addoption("--kubeconfig", default="", help="kubeconfig of a cluster that the tests may damage")
    group.addoption("--registry", default="", help="plain HTTP registry, HOST:PORT, that its nodes pull from")
    parser.addoption(OPTION, action="store_true", help=f"run every cell, and write {DOCUMENT.name}")
