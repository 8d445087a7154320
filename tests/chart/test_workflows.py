"""Two linters find nothing in the GitHub workflows, and further rules hold."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.helm import PROJECT

GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: (?:\./\.github/.*|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")


def workflow(path: Path) -> dict[str, Any]:
    """Return the content of a workflow; YAML 1.1 parses its key `on` as a boolean."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def jobs() -> list[Any]:
    """Return each job, with an ID for the test."""
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in workflow(path)["jobs"].items()
    ]


def complaint(*command: str | Path) -> str:
    """Return the report of a linter; empty if it finds nothing."""
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_there_is_something_to_check() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]


def test_actionlint_finds_nothing(actionlint: Path) -> None:
    complaints = complaint(actionlint, "-no-color", *WORKFLOWS)
    assert not complaints, complaints


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    complaints = complaint(zizmor, "--offline", "--persona=auditor", "--no-progress", "--color=never", GITHUB)
    assert not complaints, complaints


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_action_is_pinned_by_its_commit_and_says_its_version(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


def test_one_action_has_one_commit() -> None:
    pinned = {line for path in WORKFLOWS for line in re.findall(r"uses: (\S+@\S+)", path.read_text())}
    assert len({action.partition("@")[0] for action in pinned}) == len(pinned)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_permission_but_what_its_jobs_say(path: Path) -> None:
    assert workflow(path)["permissions"] == {}


@pytest.mark.parametrize("job", jobs())
def test_a_job_says_its_permissions_and_ends(job: dict[str, Any]) -> None:
    assert job["permissions"]
    if "uses" not in job:  # jobs that call another workflow have no timeout of their own
        assert job["timeout-minutes"] <= 120


@pytest.mark.parametrize("job", jobs())
def test_what_is_checked_out_leaves_no_credentials(job: dict[str, Any]) -> None:
    for step in job.get("steps", ()):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_every_python_that_is_supported_is_tested() -> None:
    tested = workflow(GITHUB / "workflows" / "ci.yml")["jobs"]["quick"]["strategy"]["matrix"]["python"]
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (PROJECT / "pyproject.toml").read_text())
    assert oldest
    assert tested[0] == oldest[1]


def test_the_image_that_is_released_says_where_it_is_from() -> None:
    steps = workflow(GITHUB / "workflows" / "release.yml")["jobs"]["image"]["steps"]
    build = next(step["with"] for step in steps if step.get("id") == "build")
    given = {line.partition("=")[0] for line in build["build-args"].splitlines()}
    assert given == set(re.findall(r"ARG (\w+)=unknown", (PROJECT / "Dockerfile").read_text()))
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["sbom"] is True
    assert build["provenance"] == "mode=max"


def test_nothing_is_released_that_was_not_tested() -> None:
    release = workflow(GITHUB / "workflows" / "release.yml")["jobs"]
    assert release["tests"]["uses"] == "./.github/workflows/ci.yml"

    def waits_for_tests(name: str) -> bool:
        needed = release[name].get("needs", [])
        names = [needed] if isinstance(needed, str) else needed
        return "tests" in names or any(map(waits_for_tests, names))

    assert all(waits_for_tests(name) for name in release if name != "tests")


def test_what_a_make_target_is_called_there_is_one() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    called = {target for line in re.findall(r"run: make (.+)", text) for target in line.split()}
    assert called
    assert called <= set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
