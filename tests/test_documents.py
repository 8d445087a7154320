"""The pages that say what the code says are as `make generate` writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import full_status
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

from docs.generate import METRICS, PREFIX, metrics_page
from monitor.activity import Activity
from monitor.metrics import EVERY_FAMILY, StatusCollector
from monitor.metrics.collector import COMMON_LABELS


@pytest.mark.parametrize(("path", "made"), [(METRICS, metrics_page)], ids=["metrics"])
def test_a_page_is_up_to_date(path: Path, made: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == made(), "make generate"


def test_the_page_of_metrics_names_each_metric_once() -> None:
    named = [
        line.split("`")[1] for line in METRICS.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"
    ]

    assert [f"bootstrap_monitor_{name}" for name in named] == [family.name for family in EVERY_FAMILY]
    assert len({*named}) == len(named)


def test_the_exposition_has_what_the_page_says_of_a_metric() -> None:
    """Every name and label of a full scrape is on the page; `test_metrics` has every family in one."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(full_status, Activity()))
    page = METRICS.read_text(encoding="utf-8")
    for metric in parsed(generate_latest(registry).decode()):
        for sample in metric.samples:
            row = next(
                (line for line in page.splitlines() if f"| `{sample.name.removeprefix(PREFIX)}` |" in line),
                "| | | none | |",
            )
            told = set(row.split("|")[3].replace("`", "").replace(",", " ").split())
            assert told == {*sample.labels} - {*COMMON_LABELS}, sample.name
