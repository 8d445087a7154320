"""The programs that render, and the objects that they render."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from chart import helm
from chart.helm import VALUES, Helm, JsonObject, ToolMissingError

_Found = TypeVar("_Found")


def _found(search: Callable[[], _Found]) -> _Found:
    """The program; where it cannot be had the test is skipped, but with CI set it fails."""
    try:
        return search()
    except ToolMissingError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def helm4() -> Helm:
    """The Helm that is current."""
    return _found(lambda: helm.helm("4"))


@pytest.fixture(scope="session")
def helm3() -> Helm:
    """The Helm before it."""
    return _found(lambda: helm.helm("3"))


@pytest.fixture(scope="session")
def actionlint() -> Path:
    """The linter of workflows."""
    return _found(helm.actionlint)


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """kubectl, which holds kustomize."""
    return _found(helm.kubectl)


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
