"""The panel of the testers' regressions, with their magnitudes."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.links import to_commit, to_comparison, to_tester_of_row
from dashboards.panels import About, AnyPanel
from dashboards.queries import excess, largest, on_tester, series
from dashboards.states import VERDICTS, State, label_mapping, value_mapping
from dashboards.tables import COLOURED_CELL, Column, commit, merged
from monitor.domain.regression import Measure

MEASURES: Mapping[str, State] = {
    Measure.DURATION: State("duration", "text"),
    Measure.DISK_USAGE: State("disk usage", "text"),
    Measure.BLOCK_TIME: State("time per block", "text"),
    Measure.LEAF_TIME: State("time per leaf", "text"),
}
_COMMITS = ("commit_good", "commit_bad")


def regressions() -> AnyPanel:
    """Return a table of the measures that became worse."""
    found = largest("regression_info", "measure", "verdict", *_COMMITS)
    return merged(
        About(
            "Regressions",
            "Measures that became worse, and the commits between which they did. Confirmed: several runs agree, so "
            "review the changes. Suspected: the newest run was over its limit, so wait for the next one. Usual is the "
            "baseline.",
            24,
            7,
            none="no regression",
        ),
        Column("Tester", label="tester", links=[to_tester_of_row()], width=170),
        Column("Measure", label="measure", mappings=value_mapping(MEASURES), width=120),
        Column("Verdict", label="verdict", mappings=label_mapping(VERDICTS), cell=COLOURED_CELL, width=100),
        Column(expr=found),
        *magnitudes(_of_regressed(excess())),
        commit("Last good commit", "commit_good", to_commit(), width=130),
        commit("First bad commit", "commit_bad", to_commit(), to_comparison(), width=130),
        Column("Namespace", label="namespace", width=100),
        Column("Cluster", label="cluster", width=80),
        sort_by="Verdict",
    )


def magnitudes(expr: str) -> list[Column]:
    """Return the columns with the newest value of a measure, and what it is compared with."""
    return [
        Column("Over usual", expr, unit="percentunit", width=90),
        Column("Newest", label="newest", width=85),
        Column("Usual", label="baseline", width=85),
        Column("Limit", label="limit", width=85),
    ]


def _of_regressed(expr: str) -> str:
    return f"{expr} and {on_tester('measure')} {series('regression_info')}"
