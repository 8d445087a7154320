"""The comparison of two builds, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

from rich.table import Table
from rich.text import Text

from monitor.domain.comparison import SMALLEST_RATIO, Comparison, Difference, spread
from monitor.domain.plural import plural
from monitor.domain.run import Run
from monitor.domain.sanitize import printable
from monitor.domain.size import size_text
from monitor.output.format import build_text

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Compared:
    """One build of a comparison: its name, its valid runs, and its failed runs."""

    name: str
    runs: Sequence[Run]
    failed: Sequence[Run] = ()

    @property
    def durations(self) -> list[float]:
        """The durations of the valid runs, in seconds."""
        return [run.duration_seconds for run in self.runs if run.duration_seconds is not None]


def comparison_table(builds: Sequence[Compared]) -> Table:
    """Return the measurements of each build; `comparison_text` compares their mean durations."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("", "BUILD", "RUNS", "MEAN", "SHORTEST", "LONGEST", "SPREAD", "DISK"):
        table.add_column(name, justify="left" if name in {"", "BUILD"} else "right", no_wrap=True)
    for build in builds:
        used = [run.disk_usage_bytes for run in build.runs if run.disk_usage_bytes is not None]
        table.add_row(
            build.name,
            Text(printable(build_text(build.runs[-1].build))),
            str(len(build.runs)),
            _exact_text(geometric_mean(build.durations)),
            _exact_text(min(build.durations)),
            _exact_text(max(build.durations)),
            f"±{100 * spread(build.durations):.1f} %",
            size_text(median(used)) if used else "",
        )
    return table


def comparison_text(comparison: Comparison) -> Text:
    """Return the verdict in a sentence, with its confidence interval."""
    longer = f"{abs(100 * (comparison.ratio - 1)):.1f} % {'longer' if comparison.ratio >= 1 else 'less time'}"
    interval = f"95 % interval {_percent(comparison.lowest)} to {_percent(comparison.highest)}"
    match comparison.difference:
        case Difference.NONE if comparison.chance_may_make_it:
            return Text(
                f"no real difference: NEW takes {longer} on average ({interval}), which may be chance"
            )
        case Difference.NONE:
            return Text(
                f"no relevant difference: NEW takes {longer} on average ({interval}); unlikely to be chance, but "
                f"less than {100 * (SMALLEST_RATIO - 1):.0f} % may come from the machine"
            )
        case Difference.SLOWER:
            return Text(f"NEW is slower: it takes {longer} on average ({interval})", style="red")
        case Difference.FASTER:
            return Text(f"NEW is faster: it takes {longer} on average ({interval})", style="green")


def failures_text(builds: Sequence[Compared]) -> Text:
    """Return how often each build failed, which the durations do not show."""
    failures = []
    for build in builds:
        reasons = ", ".join(sorted({run.reason for run in build.failed if run.reason}))
        of_all = f"{len(build.failed)} of {plural(len(build.runs) + len(build.failed), 'run')}"
        failures.append(f"{build.name} failed in {of_all}" + (f" ({reasons})" if reasons else ""))
    return Text(f"{', '.join(failures)}: failed runs are not compared", style="red")


def _exact_text(seconds: float) -> str:
    """Return a duration such as `1h02m07s` or `4.38s`; builds may differ by little."""
    if seconds < _MINUTE:
        return f"{seconds:.2f}s"
    hours, rest = divmod(round(seconds), 60 * _MINUTE)
    return (
        f"{hours}h{rest // _MINUTE:02}m{rest % _MINUTE:02}s"
        if hours
        else f"{rest // _MINUTE}m{rest % _MINUTE:02}s"
    )


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
