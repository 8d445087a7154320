"""The variables of a dashboard: the data source, and the labels that identify a tester.

Each list is narrowed by the choices before it, and refreshed when the time range changes. A tester that was
removed can therefore still be chosen in a range in which it existed.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable, TextBoxVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.queries import PRESENCE, VARIABLES

DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# The address of the folder docs/runbooks; a viewer can change it.
RUNBOOKS_URL = "https://example.org/bootstrap-monitor/docs/runbooks"

_EVERYTHING = ".*"
_LABELS = {
    "cluster": ("Cluster", "Empty if Prometheus adds no such label."),
    "namespace": ("Namespace", "Empty for a tester outside Kubernetes."),
    "network": ("Network", "The network that the tester bootstraps."),
    "sync_mode": ("Sync mode", "The part of the chain history that the node processes."),
    "tester": ("Tester", "A node and its monitor that bootstrap one network in one sync mode."),
}


def variables(*, one_tester: bool) -> list[Builder[VariableModel]]:
    """Return all variables of a dashboard; with `one_tester`, exactly one tester can be chosen."""
    chosen = [_choice(label, VARIABLES[:index]) for index, label in enumerate(VARIABLES)]
    if one_tester:
        chosen[-1] = _query(VARIABLES[-1], VARIABLES[:-1]).multi(False).include_all(False)
        return [_datasource(), *chosen, _runbooks()]
    return [_datasource(), *chosen, _build(), _runbooks()]


def _datasource() -> DatasourceVariable:
    return (
        DatasourceVariable("datasource")
        .label("Data Source")
        .description("The Prometheus that scrapes the testers.")
        .type("prometheus")
        .current(VariableOption(selected=True, text="default", value="default"))
    )


def _choice(label: str, before: Sequence[str]) -> QueryVariable:
    return (
        _query(label, before)
        .multi(True)
        .include_all(True)
        .all_value(_EVERYTHING)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _query(label: str, before: Sequence[str]) -> QueryVariable:
    matchers = ", ".join(f'{each}=~"${each}"' for each in before)
    definition = f"label_values(bootstrap_monitor_{PRESENCE}{{{matchers}}}, {label})"
    shown, description = _LABELS[label]
    return (
        QueryVariable(label)
        .label(shown)
        .description(description)
        .datasource(DATASOURCE)
        .query({"query": definition, "refId": f"variable-{label}"})
        .definition(definition)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
    )


def _build() -> TextBoxVariable:
    return (
        TextBoxVariable("build")
        .label("Build")
        .description(
            "A part of a version or commit, to which Results by build is limited; empty for all builds."
        )
        .default_value("")
        .current(VariableOption(selected=True, text="", value=""))
    )


def _runbooks() -> TextBoxVariable:
    return (
        TextBoxVariable("runbooks")
        .label("Runbooks at")
        .description("The URL of the folder docs/runbooks, to which the links to runbooks point.")
        .default_value(RUNBOOKS_URL)
        .current(VariableOption(selected=True, text=RUNBOOKS_URL, value=RUNBOOKS_URL))
    )
