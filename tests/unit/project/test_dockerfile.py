"""Tests of the Dockerfile that need no image; the end-to-end tests run the image."""

from __future__ import annotations

import re
import runpy
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[3]
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def pins(name: str) -> Mapping[str, tuple[str, frozenset[str]]]:
    """Return the versions and hashes in a requirements file by package."""
    found = re.findall(
        r"^([\w.-]+)==(\S+)((?: \\\n +--hash=\S+)+)", (PROJECT / name).read_text(), re.MULTILINE
    )
    return {package: (version, frozenset(hashes.split())) for package, version, hashes in found}


def test_the_image_has_the_dependencies_that_are_tested() -> None:
    image, tested = pins("requirements-image.txt"), pins("requirements.txt")
    assert {name: pin for name, pin in image.items() if tested.get(name) != pin} == {}


def test_the_image_has_every_dependency_but_the_kubernetes_client() -> None:
    named = re.search(r"\ndependencies = \[(.+?)\n\]", (PROJECT / "pyproject.toml").read_text(), re.DOTALL)
    assert named
    dependencies = set(re.findall(r'^ +"([\w-]+)', named[1], re.MULTILINE))
    assert dependencies <= set(pins("requirements-image.txt"))
    assert "kubernetes" not in pins("requirements-image.txt"), (
        "it takes 117 MiB, and no command in a pod uses it"
    )


def test_every_download_is_checked_by_its_hash() -> None:
    installs = re.findall(r"pip\S* .*?install (?:.*\\\n)*.*", DOCKERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)


def test_no_step_depends_on_the_architecture() -> None:
    assert re.findall(r"amd64|arm64|x86_64|aarch64|TARGETARCH", DOCKERFILE) == []


def test_all_that_is_copied_is_in_the_context() -> None:
    allowed = set(re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        path
        for line in re.findall(r"^COPY (?!--from)(.+)", DOCKERFILE, re.MULTILINE)
        for path in line.split()[:-1]
    }
    assert copied == allowed
    assert [path for path in copied if not (PROJECT / path).exists()] == []


def test_every_copied_file_makes_the_test_bed_rebuild_the_image() -> None:
    build = (PROJECT / "tests" / "testbed" / "build-images").read_text()
    parts = re.search(r"for part in Dockerfile \.dockerignore (.+); do", build)
    assert parts
    assert set(parts[1].split()) == set(
        re.findall(r"^!(\S+)", (PROJECT / ".dockerignore").read_text(), re.MULTILINE)
    )


LEFT_OUT = runpy.run_path(str(PROJECT / "deploy" / "image_root.py"))["LEFT_OUT"]


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__",
        "config-3.13-aarch64-linux-gnu",
        "dist-packages",
        "idlelib",
        "lib2to3",
        "test",
        "tests",
        "turtle.py",
        "_curses_panel.cpython-313-aarch64-linux-gnu.so",
        "_testcapi.cpython-311-x86_64-linux-gnu.so",
        "_xxtestfuzz.cpython-311-x86_64-linux-gnu.so",
        "readline.cpython-313-x86_64-linux-gnu.so",
        "xxlimited_35.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_what_nobody_needs_is_left_out(name: str) -> None:
    assert LEFT_OUT.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "asyncio",
        "crypt.py",
        "sqlite3",
        "unittest",
        "_sqlite3.cpython-313-x86_64-linux-gnu.so",
        "_ssl.cpython-313-x86_64-linux-gnu.so",
        "_ctypes.cpython-313-x86_64-linux-gnu.so",
        "resource.cpython-313-x86_64-linux-gnu.so",
    ],
)
def test_what_is_needed_is_kept(name: str) -> None:
    assert not LEFT_OUT.fullmatch(name)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("opt/bootstrap-monitor/lib/python3.13/site-packages/rich/console.py", "rich"),
        ("opt/bootstrap-monitor/lib/python3.13/site-packages/pydantic-2.1.dist-info/RECORD", "pydantic-2.1"),
        ("usr/local/lib/python3.13/json/__init__.py", "/usr/local/lib"),
        ("etc/passwd", "/etc"),
    ],
)
def test_the_table_of_sizes_names_parts(path: str, part: str, tmp_path: Path) -> None:
    module: dict[str, Any] = runpy.run_path(str(PROJECT / "deploy" / "image_size.py"))
    content, layer = tmp_path / "content", tmp_path / "layer.tar"
    content.write_bytes(b"12345")
    with tarfile.open(layer, "w") as archive:
        archive.add(content, path)

    assert module["sizes"](layer) == {part: 5}
