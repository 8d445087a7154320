"""Tables whose columns come from several instant queries.

Grafana merges the results: rows that agree in all common labels become one row. All queries of a table must
therefore be grouped by the same labels. A query may add labels that do not distinguish rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMapping,
)

from dashboards.panels import About, framed, now, thresholds

COLOURED_CELL = {"type": "color-background", "mode": "basic"}
COLOURED_TEXT = {"type": "color-text"}
GAUGE = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the value of an expression, or a label of its result.

    Without a `title`, the value of the expression is hidden, and only its labels are shown.
    """

    title: str = ""
    expr: str = ""
    label: str = ""
    unit: str = ""
    width: int = 0
    mappings: Sequence[ValueMapping] = ()
    cell: dict[str, str] | None = None
    links: Sequence[dict[str, object]] = ()
    steps: Sequence[tuple[float | None, str]] = ()
    more: dict[str, object] = field(default_factory=dict)

    def properties(self) -> list[DynamicConfigValue]:
        """Return the properties in which this column differs from the table's defaults."""
        found = {
            "unit": self.unit,
            "custom.width": self.width,
            "mappings": list(self.mappings),
            "custom.cellOptions": self.cell,
            "links": list(self.links),
            "thresholds": thresholds(*self.steps).build() if self.steps else None,
            **self.more,
        }
        return [
            DynamicConfigValue(name, value) for name, value in found.items() if value or name in self.more
        ]


def merged(
    about: About, *columns: Column, hidden: Sequence[str] = (), sort_by: str = "", descending: bool = False
) -> table.Panel:
    """Return a table of at least two expressions, with its columns in this order.

    Labels that are `hidden` only join rows.
    """
    exprs = [column.expr for column in columns if column.expr]
    panel = framed(table.Panel(), about, [now(expr) for expr in exprs]).thresholds(thresholds((None, "text")))
    letters = iter(ascii_uppercase)
    fields = {f"Value #{next(letters)}" if column.expr else column.label: column for column in columns}
    panel = panel.with_transformation(DataTransformerConfig("merge", options={}))
    panel = panel.with_transformation(_organized(fields, hidden))
    for column in columns:
        if column.title and (properties := column.properties()):
            panel = panel.override_by_name(column.title, properties)
    if sort_by:
        panel = panel.sort_by([TableSortByFieldState().display_name(sort_by).desc(descending)])
    return panel


def matrix(about: About, expr: str, *, rows: str, columns: str, mappings: list[ValueMapping]) -> table.Panel:
    """Return a table with a row for each value of one label and a column for each value of another."""
    options = {"rowField": rows, "columnField": columns, "valueField": "Value", "emptyValue": "empty"}
    return (
        framed(table.Panel(), about, [now(expr)])
        .thresholds(thresholds((None, "text")))
        .mappings(mappings)
        .with_transformation(DataTransformerConfig("groupingToMatrix", options=options))
        .override_by_field_type("number", [DynamicConfigValue("custom.cellOptions", COLOURED_CELL)])
        .override_by_name(
            f"{rows}\\{columns}",
            [DynamicConfigValue("displayName", "Build"), DynamicConfigValue("unit", "string")],
        )
    )


def _organized(fields: dict[str, Column], hidden: Sequence[str]) -> DataTransformerConfig:
    untitled = [name for name, column in fields.items() if not column.title]
    return DataTransformerConfig(
        "organize",
        options={
            "excludeByName": dict.fromkeys(("Time", *hidden, *untitled), True),
            "indexByName": {name: index for index, name in enumerate(fields)},
            "renameByName": {name: column.title for name, column in fields.items() if column.title},
        },
    )
