"""Annotations for events: a run started, a run ended, a new build waits.

Grafana makes an annotation of each series of a range query. With `value_for_time`, the value is the time of
the annotation, however often the value is repeated. The start and the end of a run are therefore exact, also
for a time before Prometheus scraped the tester. Without `value_for_time`, consecutive points above 0 form one
region, so a new build is shown for as long as it waits.

`changes()` would show neither: it is late by a scrape, ignores the first value of a series, and loses the
labels that identify the run.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery

from dashboards.queries import (
    aggregated,
    largest,
    milliseconds,
    series,
)
from dashboards.variables import DATASOURCE

# A run lasts hours to weeks, so a query that repeats one value needs no smaller step.
_STEP = "5m"
_IN_RANGE = ">= $__from"


def events() -> list[AnnotationQuery]:
    """Return the annotations of both dashboards."""
    return [_run_started(), _run_ended(), _build_waits()]


def _run_started() -> AnnotationQuery:
    started = milliseconds(largest("run_start_timestamp_seconds", "run", "build"))
    return _annotation("Run started", f"{started} {_IN_RANGE}", "blue", value_for_time=True).text_format(
        "{{tester}} started run {{run}} of {{build}}"
    )


def _run_ended() -> AnnotationQuery:
    ended = milliseconds(largest("result_end_timestamp_seconds", "run", "build", "outcome", "reason"))
    # A missing label would be shown as its own name.
    end = f'label_join({ended} {_IN_RANGE}, "end", " ", "outcome", "reason")'
    return _annotation("Run ended", end, "purple", value_for_time=True).text_format(
        "{{tester}}: run {{run}} of {{build}} {{end}}"
    )


def _build_waits() -> AnnotationQuery:
    expr = aggregated("group", series("new_build_info"), "build")
    return _annotation("New build", expr, "green", value_for_time=False).text_format(
        "{{tester}} found {{build}}, which is not tested yet"
    )


def _annotation(name: str, expr: str, color: str, *, value_for_time: bool) -> AnnotationQuery:
    return (
        AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color(color)
        .expr(expr)
        .step(_STEP)
        .title_format(name)
        .tag_keys("tester,build,outcome,reason")
        .use_value_for_time(value_for_time)
    )
