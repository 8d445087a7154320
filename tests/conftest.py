"""The options of the tests that need a Kubernetes."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kubeconfig` and `--registry` name a cluster to test on; no other one is ever taken, as it is changed."""
    group = parser.getgroup("kubernetes")
    group.addoption("--kubeconfig", default="", help="kubeconfig of a cluster that the tests may damage")
    group.addoption("--registry", default="", help="plain HTTP registry, HOST:PORT, that its nodes pull from")
