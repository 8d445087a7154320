"""Tests that text from other programs becomes one bounded line without terminal control sequences."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import OLD, REPOSITORY, altered, build, history_file

from monitor.domain.build import Build, Versions
from monitor.domain.json_text import json_text
from monitor.domain.sanitize import one_line, printable
from monitor.k8s.objects import annotated_versions
from monitor.k8s.version_pod_manifest import parse_versions
from monitor.ledger import export
from monitor.ledger.codecs import build_reading, read_build

FORGED = "avalanchego/1.14.2\nrun 7 of a build that does not exist succeeded\x1b[2J"
SHOWN = "avalanchego/1.14.2 run 7 of a build that does not exist succeeded\ufffd[2J"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("avalanchego/1.14.2", "avalanchego/1.14.2", id="as people write it"),
        pytest.param("a\nb\r\nc\u2028d\te", "a b  c d e", id="line breaks"),
        pytest.param("\x1b[2J\x00\u202e", "\ufffd[2J\ufffd\ufffd", id="what steers a terminal"),
        pytest.param("\ud800", "\ufffd", id="half a surrogate pair"),
        pytest.param("x" * 11, "x" * 9 + "…", id="too long"),
    ],
)
def test_foreign_text_is_one_line_that_can_be_shown_and_stored(text: str, shown: str) -> None:
    most = 10 if text.startswith("x") else 100
    assert one_line(text, most) == shown
    assert one_line(shown, most) == shown


@given(st.text())
@settings(deadline=None)
def test_whatever_it_is(text: str) -> None:
    assert one_line(text, 50).isprintable()
    assert len(one_line(text, 50)) <= 50
    assert all(each.isprintable() or each in "\n\t" for each in printable(text))


def the_annotation(text: str) -> Versions | None:
    return annotated_versions(text, "image")


def the_new_build(text: str) -> Versions | None:
    digest = build().digests
    found = read_build({"image": f"{REPOSITORY}@{OLD}", "digests": sorted(digest), "versions": text})
    return found.versions if found else None


def a_history(text: str) -> Versions | None:
    content = altered(history_file(), f"UPDATE runs SET versions = '{text}'")  # noqa: S608 - holds no quote
    with closing(export.read_history(content, "file")) as history:
        return history.runs(-1)[0].build.versions


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(Versions.parse, id="what a build prints"),
        pytest.param(parse_versions, id="the log of a version pod"),
        pytest.param(the_annotation, id="the annotation"),
        pytest.param(the_new_build, id="the ledger"),
        pytest.param(a_history, id="a history"),
    ],
)
def test_no_version_forges_a_line(read: Callable[[str], Versions | None]) -> None:
    names = ("application", "database", "commit", "go")
    found = read(json_text(dict.fromkeys(names, FORGED) | {"rpcchainvm": 45}))

    assert found == Versions(SHOWN, SHOWN, 45, SHOWN, SHOWN)


def test_versions_that_went_through_the_ledger_are_the_same() -> None:
    found = Versions.parse(json_text({"application": FORGED * 10}))
    kept = Build(build().image, build().digests, found)

    assert len(found.application) == 100
    assert read_build(build_reading(kept)) == kept
