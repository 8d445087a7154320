"""The panel of the testers' regressions, with their magnitudes."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.links import to_commit, to_comparison, to_tester_of_row
from dashboards.panels import About, AnyPanel
from dashboards.queries import largest, of_newest_success, on_tester, series
from dashboards.states import VERDICTS, State, label_mapping, value_mapping
from dashboards.tables import COLOURED_CELL, Column, merged
from monitor.domain.regression import Measure

MEASURES: Mapping[str, State] = {
    Measure.DURATION: State("duration", "text"),
    Measure.DISK_USAGE: State("disk usage", "text"),
    Measure.BLOCK_TIME: State("time per block", "text"),
    Measure.LEAF_TIME: State("time per leaf", "text"),
}
_UNITS = {Measure.DURATION: "seconds", Measure.DISK_USAGE: "bytes", Measure.BLOCK_TIME: "seconds"}
_COMMITS = ("commit_good", "commit_bad")


def regressions() -> AnyPanel:
    """Return a table of the measures that became worse."""
    found = largest("regression_info", "measure", "verdict", *_COMMITS)
    return merged(
        About(
            "Regressions",
            "Measures that became worse, and the commits between which they did. Confirmed: several runs agree, so "
            "review the changes. Suspected: the newest run was over its limit, so wait for the next one. The newest "
            "success and the limit are shown relative to the usual value, the baseline.",
            24,
            7,
            none="no regression",
        ),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=170),
        Column("Measure", label="measure", mappings=value_mapping(MEASURES), width=120),
        Column("Verdict", label="verdict", mappings=label_mapping(VERDICTS), cell=COLOURED_CELL, width=100),
        Column(expr=found),
        Column("Over usual", _of_regressed(newest_against_usual()), unit="percentunit", width=90),
        Column("Allowed", _of_regressed(limit_against_usual()), unit="percentunit", width=80),
        Column("Last good commit", label="commit_good", links=[to_commit()]),
        Column("First bad commit", label="commit_bad", links=[to_commit(), to_comparison()]),
        Column("Namespace", label="namespace", width=100),
        Column("Cluster", label="cluster", width=80),
        sort_by="Verdict",
    )


def newest_against_usual() -> str:
    """Return an expression: how much more the newest success needed than usual, as a ratio, by measure.

    The time per block of a success is not exported.
    """
    duration = of_newest_success("result_duration_seconds")
    newest = {Measure.DURATION: duration, Measure.DISK_USAGE: largest("last_disk_usage_bytes")}
    return _by_measure({measure: _against_usual(expr, measure) for measure, expr in newest.items()})


def limit_against_usual() -> str:
    """Return an expression: how much more than usual the limit allows, as a ratio, by measure."""
    limits = {measure: largest(f"{measure}_limit_{unit}") for measure, unit in _UNITS.items()}
    return _by_measure({measure: _against_usual(expr, measure) for measure, expr in limits.items()})


def _against_usual(expr: str, measure: Measure) -> str:
    return f"{expr} / {on_tester()} {largest(f'{measure}_baseline_{_UNITS[measure]}')} - 1"


def _by_measure(exprs: Mapping[Measure, str]) -> str:
    return " or ".join(
        f'label_replace({expr}, "measure", "{measure}", "", "")' for measure, expr in exprs.items()
    )


def _of_regressed(expr: str) -> str:
    return f"({expr}) and {on_tester('measure')} {series('regression_info')}"
