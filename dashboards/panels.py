"""Builds panels; every panel has a title, a description that interprets it, a size and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import stat, statetimeline, statushistory, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    ScaleDistributionConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, Row, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyDataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    ScaleDistribution,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMapping,
)
from grafana_foundation_sdk.models.dashboard import Panel as BuiltPanel
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.queries import TESTER
from dashboards.states import GREY
from dashboards.variables import DATASOURCE

# Names each series by its tester; a missing label leaves only a space.
BY_TESTER = " ".join(f"{{{{{label}}}}}" for label in reversed(TESTER))

AnyPanel = Builder[BuiltPanel]


class _Panel(Protocol):
    """The methods of every kind of panel."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def datasource(self, datasource: DataSourceRef) -> Self: ...
    def span(self, w: int) -> Self: ...
    def height(self, h: int) -> Self: ...
    def unit(self, unit: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def with_target(self, target: Builder[AnyDataquery]) -> Self: ...


P = TypeVar("P", bound=_Panel)


@dataclass(frozen=True, slots=True)
class About:
    """The common settings of a panel: `unit` is Grafana's name of it, `none` the text without data."""

    title: str
    conclusion: str
    width: int
    height: int
    unit: str = "none"
    none: str = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """An expression over time, and the name of its series."""

    expr: str
    name: str = BY_TESTER


def framed(panel: P, about: About, targets: Sequence[Dataquery]) -> P:
    """Return a panel with the common settings; its targets are named A, B, C and so on."""
    panel = (
        panel.title(about.title)
        .description(about.conclusion)
        .datasource(DATASOURCE)
        .span(about.width)
        .height(about.height)
        .unit(about.unit)
        .no_value(about.none)
    )
    for letter, target in zip(ascii_uppercase, targets, strict=False):
        panel = panel.with_target(target.ref_id(letter))
    return panel


def folded(title: str, panels: Sequence[AnyPanel]) -> Row:
    """Return a folded row of panels."""
    row = Row(title)
    for panel in panels:
        row = row.with_panel(panel)
    return row


def now(expr: str, name: str = "") -> Dataquery:
    """Return a query of an expression at the end of the range, as a table."""
    query = Dataquery().expr(expr).datasource(DATASOURCE).instant().format(PromQueryFormat.TABLE)
    return query.legend_format(name) if name else query


def thresholds(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    """Return thresholds with a colour from each value on; the first one starts at `None`."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in steps])
    )


def number(about: About, expr: str, colors: ThresholdsConfig | None = None) -> stat.Panel:
    """Return a panel with one current figure, coloured by its value."""
    target = Dataquery().expr(expr).datasource(DATASOURCE).instant().legend_format(BY_TESTER)
    return (
        framed(stat.Panel(), about, [target])
        .thresholds(colors or thresholds((None, "text")))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


def word(about: About, expr: str, mappings: list[ValueMapping], *, label: str = "") -> stat.Panel:
    """Return a panel with one current state, as its text and colour: the value, or a label if it is given."""
    panel = number(about, expr).mappings(mappings).color_mode(BigValueColorMode.BACKGROUND)
    if not label:
        return panel
    of_label = ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^{label}$/")
    return panel.targets([now(expr).ref_id("A")]).reduce_options(of_label)


def name(about: About, expr: str, label: str) -> stat.Panel:
    """Return a panel with the current value of a label."""
    target = Dataquery().expr(expr).datasource(DATASOURCE).instant().legend_format(f"{{{{{label}}}}}")
    return (
        framed(stat.Panel(), about, [target])
        .thresholds(thresholds((None, "text")))
        .color_mode(BigValueColorMode.NONE)
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.NAME)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )


def over_time(about: About, *lines: Line) -> timeseries.Panel:
    """Return a panel with values over time."""
    return (
        framed(timeseries.Panel(), about, [_range(line) for line in lines])
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
        .line_width(2)
        .show_points(VisibilityMode.AUTO)
        .legend(_legend(beside=any(line.name == BY_TESTER for line in lines)))
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )


def steps(about: About, *lines: Line) -> timeseries.Panel:
    """Return a panel with values that are constant until the next one."""
    return over_time(about, *lines).line_interpolation(LineInterpolation.STEP_AFTER)


def with_line_at(panel: timeseries.Panel, *steps_: tuple[float | None, str]) -> timeseries.Panel:
    """Return the panel with a line at each threshold."""
    return panel.thresholds(thresholds(*steps_)).thresholds_style(
        GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    )


def with_band(panel: timeseries.Panel, lower: str, upper: str) -> timeseries.Panel:
    """Return the panel with a filled area between two lines, which are thin: grey below, red above."""

    def thin(color: str) -> list[DynamicConfigValue]:
        return [
            DynamicConfigValue("custom.lineWidth", 1),
            DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color}),
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
        ]

    filled = [DynamicConfigValue("custom.fillBelowTo", lower), DynamicConfigValue("custom.fillOpacity", 15)]
    return panel.override_by_name(lower, thin(GREY)).override_by_name(upper, [*thin("red"), *filled])


def logarithmic(panel: timeseries.Panel) -> timeseries.Panel:
    """Return the panel with a logarithmic axis, on which one spike does not flatten the rest."""
    return panel.scale_distribution(ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10))


def timeline(about: About, *lines: Line) -> statetimeline.Panel:
    """Return a panel with states over time, one bar for each series; equal neighbours are merged."""
    return (
        framed(statetimeline.Panel(), about, [_range(line) for line in lines])
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(75)
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds((None, "text")))
        .legend(_legend())
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
    )


def history(about: About, *lines: Line) -> statushistory.Panel:
    """Return a panel with states over time, one cell for each interval."""
    return (
        framed(statushistory.Panel(), about, [_range(line) for line in lines])
        .show_value(VisibilityMode.NEVER)
        .row_height(0.8)
        .max_data_points(60)
        .color_scheme(FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds((None, "text")))
        .legend(_legend())
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.SINGLE))
    )


def _range(line: Line) -> Dataquery:
    return Dataquery().expr(line.expr).datasource(DATASOURCE).range().legend_format(line.name)


def _legend(*, beside: bool = False) -> VizLegendOptions:
    # A legend below a panel shows three lines of testers only.
    return (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.RIGHT if beside else LegendPlacement.BOTTOM)
        .show_legend(True)
    )
