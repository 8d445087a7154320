"""The options of the tests that need a Kubernetes, and the profile of those that try many examples."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--kubeconfig` and `--registry` name a cluster to test on; no other one is ever taken, as it is changed."""
    group = parser.getgroup("kubernetes")
    group.addoption("--kubeconfig", default="", help="kubeconfig of a cluster that the tests may damage")
    group.addoption("--registry", default="", help="plain HTTP registry, HOST:PORT, that its nodes pull from")
