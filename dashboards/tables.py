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
from grafana_foundation_sdk.models.common import (
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardRegexMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    RegexMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.panels import About, framed, now, thresholds

# A column with coloured cells leaves empty ones without a colour.
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
        base = [(None, "transparent")] if self.cell == COLOURED_CELL else []
        steps = self.steps or base
        properties = {
            # Without this unit, Grafana shows a label of digits only, such as some commits, as a number.
            "unit": "string" if self.label else self.unit,
            "custom.width": self.width,
            "mappings": list(self.mappings),
            # Without it, a number that is shown as a word would be at the right.
            "custom.align": "left" if self.mappings else "",
            "custom.cellOptions": self.cell,
            "links": list(self.links),
            "thresholds": thresholds(*steps).build() if steps else None,
            **self.more,
        }
        set_ = {name: value for name, value in properties.items() if value or name in self.more}
        # The panel's own text is for a table without rows.
        return [DynamicConfigValue(name, value) for name, value in {**set_, "noValue": ""}.items()]


def commit(title: str, label: str, *links: dict[str, object], width: int) -> Column:
    """Return a column with the first 8 digits of a commit; its links use the whole commit."""
    return Column(title, label=label, links=links, mappings=[shortened("^(.{8}).*$")], width=width)


def shortened(pattern: str) -> ValueMapping:
    """Return a mapping of a text to the first group of a pattern."""
    first = ValueMappingResult(text="$1", color="text", index=0)
    return RegexMap(options=DashboardRegexMapOptions(pattern=pattern, result=first))


def merged(
    about: About,
    *columns: Column,
    hidden: Sequence[str] = (),
    sort_by: str = "",
    descending: bool = False,
    above_zero: str = "",
) -> table.Panel:
    """Return a table with its columns in this order; labels that are `hidden` only join rows.

    With `above_zero`, only the rows in which that field is above 0 are shown.

    The first expression must have a result if another one has: Grafana names the values "Value #A", "Value #B"
    and so on, but "Value" if only one expression has a result.
    """
    exprs = [column.expr for column in columns if column.expr]
    panel = framed(table.Panel(), about, [now(expr) for expr in exprs]).thresholds(thresholds((None, "text")))
    letters = iter(ascii_uppercase)
    fields = {f"Value #{next(letters)}" if column.expr else column.label: column for column in columns}
    fields["Value"] = next(column for column in columns if column.expr)
    panel = panel.with_transformation(DataTransformerConfig("merge", options={}))
    if above_zero:
        panel = panel.with_transformation(_above_zero(above_zero))
    panel = panel.with_transformation(_organized(fields, hidden))
    for column in columns:
        if column.title:
            panel = panel.override_by_name(column.title, column.properties())
    if sort_by:
        panel = panel.sort_by([TableSortByFieldState().display_name(sort_by).desc(descending)])
    return panel


def matrix(
    about: About,
    expr: str,
    *,
    rows: Column,
    columns: str,
    values: str,
    mappings: list[ValueMapping],
) -> table.Panel:
    """Return a table of three labels: a row for each `rows`, a column for each `columns`, and `values` as cells.

    The columns are sorted by the values of the expression, greatest first.
    """
    options = {"rowField": rows.label, "columnField": columns, "valueField": values, "emptyValue": "empty"}
    newest_first = {"sort": [{"field": "Value", "desc": True}]}
    name = [DynamicConfigValue("displayName", rows.title), DynamicConfigValue("mappings", [])]
    plain = DynamicConfigValue("custom.cellOptions", {"type": "auto"})
    return (
        framed(table.Panel(), about, [now(expr)])
        .thresholds(thresholds((None, "transparent")))
        .unit("string")
        .min_width(130)
        .mappings(mappings)
        .cell_options(TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC))
        .with_transformation(DataTransformerConfig("sortBy", options=newest_first))
        .with_transformation(DataTransformerConfig("groupingToMatrix", options=options))
        .override_by_name(f"{rows.label}\\{columns}", [*name, plain, *rows.properties()])
        .sort_by([TableSortByFieldState().display_name(rows.title)])
    )


def _above_zero(name: str) -> DataTransformerConfig:
    condition = {"id": "greater", "options": {"value": 0}}
    filters = [{"fieldName": name, "config": condition}]
    return DataTransformerConfig(
        "filterByValue", options={"type": "include", "match": "all", "filters": filters}
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
