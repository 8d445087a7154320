"""The programs that render, and the objects that they render."""

from __future__ import annotations

from pathlib import Path

import pytest
from chart import helm
from chart.helm import VALUES, Helm, JsonObject
from support.provisioned import required


@pytest.fixture(scope="session")
def helm4() -> Helm:
    """The Helm that is current."""
    with required():
        return helm.helm("4")


@pytest.fixture(scope="session")
def helm3() -> Helm:
    """The Helm before it."""
    with required():
        return helm.helm("3")


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """The linter of workflows."""
    with required():
        return helm.actionlint()


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """kubectl, which holds kustomize."""
    with required():
        return helm.kubectl()


@pytest.fixture(scope="session", params=VALUES, ids=lambda path: path.stem)
def rendered(request: pytest.FixtureRequest, helm4: Helm) -> list[JsonObject]:
    """The objects of each values file."""
    path: Path = request.param
    return helm4.render(path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for programs to be built."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))
