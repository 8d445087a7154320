"""The programs that render the chart, and the rendered objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from chart import helm
from chart.helm import VALUES, Helm, JsonObject
from support.provisioned import required


@pytest.fixture(scope="session")
def helm4() -> Helm:
    """Return the current Helm."""
    with required():
        return helm.helm("4")


@pytest.fixture(scope="session")
def helm3() -> Helm:
    """Return the previous major version of Helm."""
    with required():
        return helm.helm("3")


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """Return the path of actionlint, the linter of workflows."""
    with required():
        return helm.actionlint()


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """Return the path of kubectl, which includes kustomize."""
    with required():
        return helm.kubectl()


@pytest.fixture(scope="session", params=VALUES, ids=lambda path: path.stem)
def rendered(request: pytest.FixtureRequest, helm4: Helm) -> list[JsonObject]:
    """Return the rendered objects of each values file."""
    path: Path = request.param
    return helm4.render(path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set a timeout for each test that includes the time to build the programs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))
