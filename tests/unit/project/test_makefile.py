"""Tests that `make help` lists every target, and that `make test-all` runs every suite."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
TESTS = PROJECT / "tests"
TEXT = (PROJECT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):", TEXT, re.MULTILINE)
RECIPES = dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", TEXT, re.MULTILINE))


def test_each_target_is_named_phony_and_explained() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", TEXT, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(TARGETS)
    assert set(re.findall(r"^([a-z-]+):.*?## \S", TEXT, re.MULTILINE)) == set(TARGETS)


def test_every_suite_is_run_by_make_test_all() -> None:
    suites = {f"tests/{path.relative_to(TESTS).parts[0]}" for path in TESTS.rglob("test_*.py")}
    run = {
        suite for target in reached("test-all") for suite in re.findall(r"tests/[a-z0-9]+", RECIPES[target])
    }
    assert suites <= run
    assert "tests" not in suites, "a test has a suite"


def reached(target: str) -> set[str]:
    """Return all targets that this target makes, directly or through other targets."""
    called = re.findall(r"\$\(MAKE\)(?: --jobs=\d)? (.+)", RECIPES[target])
    return {target}.union(*(reached(each) for line in called for each in line.split()))


@pytest.mark.parametrize(
    ("pip", "code", "output", "error"),
    [
        pytest.param("sleep 2.5", 0, r"setting up \S+, once \.{2,}\n", r"", id="dots while it installs"),
        pytest.param(
            "echo no space; exit 2", 2, r"setting up \S+, once \.*\n", r"no space\nmake.*", id="a failure"
        ),
    ],
)
def test_the_setup_shows_that_it_progresses(
    tmp_path: Path, pip: str, code: int, output: str, error: str
) -> None:
    (tmp_path / "bin").mkdir()
    for name, script in {"pip": pip, "python": "true"}.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    done = subprocess.run(
        ["make", f"VENV={tmp_path}", str(tmp_path / "demo")],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert re.fullmatch(output, done.stdout), done.stdout
    assert re.fullmatch(error, done.stderr, re.DOTALL), done.stderr
    assert (tmp_path / "demo").exists() == (code == 0)
