"""Tests of the text for builds, durations and actions."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from support.builders import build, full_status, run

from monitor.domain.build import Versions
from monitor.domain.chains import in_order
from monitor.domain.duration import duration_text
from monitor.domain.tracking import RunTracking
from monitor.engine.activity import Activity
from monitor.errors import Cause
from monitor.output.format import ACTIONS, age_text, build_text, version_text
from monitor.output.metrics import StatusCollector
from monitor.output.status_text import status_lines
from monitor.output.web.chart import chart_of
from monitor.output.web.summary import tiles_of


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ("avalanchego/1.14.2", "1.14.2"),
        ("avalanche-go/1.14.2-rc.1/x", "1.14.2-rc.1/x"),
        ("1.14.2", "1.14.2"),
        ("", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_only_the_name_of_the_client_is_left_out_of_a_version(reported: str, shown: str) -> None:
    of = replace(build(), versions=Versions(reported, "", 0, "c" * 40, ""))
    assert (version_text(of), build_text(of)) == (shown, f"{shown} (cccccccc)")


def test_a_build_of_unknown_version_is_named_by_its_digest() -> None:
    of = replace(build(), versions=None)
    assert (version_text(of), build_text(of)) == ("", f"sha256:{'a' * 12}")


def test_chains_are_in_one_order() -> None:
    assert in_order({"A1", "C", "z", "X", "P"}) == ["P", "X", "C", "A1", "z"]


def test_an_open_run_takes_the_same_in_each_output() -> None:
    """The duration of an open run is equal in each output.

    The pod was replaced while the node was healthy, and the new node is not healthy yet.
    """
    tracking = RunTracking(active_seconds=5000.0, replaced_healthy_seconds=600.0)
    shown = full_status(run=run(number=6, tracking=tracking))
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: shown, Activity()))
    taken = duration_text(4400.0)

    samples = [
        line for line in generate_latest(registry).decode().splitlines() if "run_active_seconds{" in line
    ]
    assert [line.rpartition(" ")[2] for line in samples] == ["4400.0"]
    assert tiles_of(shown)[0].value == taken
    assert f"active    {taken} · node restarts 0" in list(status_lines(shown))
    drawn = chart_of(shown)
    assert drawn is not None
    assert [mark.title for mark in drawn.marks if f", {taken}, " in mark.title]


@pytest.mark.parametrize(
    "cause",
    [
        Cause.CONTAINER_NOT_STARTED,
        Cause.NODE_CRASHING,
        Cause.CONFIGURATION_INVALID,
        Cause.VOLUME_HELD,
        Cause.VOLUME_UNUSABLE,
        Cause.OTHER,
    ],
    ids=str,
)
def test_what_to_do_is_true_for_a_tester_without_kubernetes(cause: Cause) -> None:
    """Advice about a problem also applies to `local`, which has no pod."""
    assert not re.search("kubectl|monitor check", re.sub(r"In Kubernetes, [^.]*\.", "", ACTIONS[cause]))


@pytest.mark.parametrize("state", ["an open run fails", "an ended run does not change"])
def test_the_action_for_a_crashing_node_applies_with_and_without_an_open_run(state: str) -> None:
    assert state in ACTIONS[Cause.NODE_CRASHING].lower()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-5, "just now", id="by a clock that was set back"),
        pytest.param(59, "just now", id="seconds"),
        pytest.param(60, "1 min ago", id="a minute"),
        pytest.param(3599, "59 min ago", id="minutes"),
        pytest.param(2 * 86400 - 1, "47 h ago", id="hours"),
        pytest.param(2 * 86400, "2 days ago", id="days"),
    ],
)
def test_how_long_ago_something_was(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
