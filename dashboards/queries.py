"""Builds expressions that select testers and that work across a moved pod.

All selectors have identical matchers, one for each variable. The value of a variable for "all" is `.*`, so a
missing label matches too. Examples are `cluster` of a single Prometheus, and `namespace` without Kubernetes.

The labels of a target (`pod`, `instance`, `container`, `endpoint`, `job`) are aggregated away, so a tester
whose pod moved stays one line. While two pods overlap, the greater value is shown.

A result carries the network and sync mode of its run. In a table with one row for each tester, these must not
create a second row. Such a table is aggregated by `TESTER` only, and its results are filtered with
`of_today`.

All expressions work with Prometheus 2.42.
"""

from __future__ import annotations

from dashboards.states import OUTCOMES, Words

TESTER = ("cluster", "namespace", "tester")
CONFIGURATION = (*TESTER, "network", "sync_mode")
VARIABLES = ("cluster", "namespace", "network", "sync_mode", "tester")
# A series that every tester always has exactly once.
PRESENCE = "consecutive_failures"

_MATCHERS = ", ".join(f'{each}=~"${each}"' for each in VARIABLES)
_SECONDS_TO_MILLISECONDS = 1000


def series(name: str, *matchers: str) -> str:
    """Return a selector of the chosen testers' series; `name` is the metric without its prefix."""
    return f"bootstrap_monitor_{name}{{{', '.join((_MATCHERS, *matchers))}}}"


def matcher(label: str, value: str) -> str:
    """Return a matcher of a label with one value."""
    return f'{label}="{value}"'


def aggregated(operator: str, expr: str, *labels: str) -> str:
    """Return the expression aggregated by tester, and by `labels` if there are any."""
    return f"{operator} by ({', '.join((*TESTER, *labels))}) ({expr})"


def largest(name: str, *labels: str) -> str:
    """Return the metric's maximum by tester, and by `labels` if there are any."""
    return aggregated("max", series(name), *labels)


def on_tester(*labels: str) -> str:
    """Return the matching clause for two sides that were aggregated by tester and `labels`."""
    return f"on ({', '.join((*TESTER, *labels))})"


def of_today(expr: str) -> str:
    """Return the expression, limited to the tester's current network and sync mode."""
    return f"({expr}) and on ({', '.join(CONFIGURATION)}) {series(PRESENCE)}"


def numbered(words: Words) -> str:
    """Return an expression with the number of each current word, and 0 for the others."""
    return " or ".join(
        f"{number} * {series(words.metric, matcher(words.label, word))}"
        for word, number in words.numbers().items()
    )


def number_of(words: Words) -> str:
    """Return an expression of each tester's current word, as its number."""
    return aggregated("max", numbered(words))


def run_progress() -> str:
    """Return an expression: 0 while the open run makes progress, 1 while it is stalled, 2 while unknown."""
    unknown, stalled = series("run_progress_unknown_seconds"), series("run_stalled_seconds")
    return aggregated("max", f"{unknown} * 0 + 2 or {stalled} * 0 + 1 or {series('run_active_seconds')} * 0")


def run_lateness() -> str:
    """Return an expression: 1 if the open run is late, 0 if it is not; absent while it has no limit."""
    late, active = series("run_late_seconds"), series("run_active_seconds")
    limited = f"{active} * 0 and {on_tester()} {series('duration_limit_seconds')}"
    return aggregated("max", f"{late} * 0 + 1 or {limited}")


def or_none(expr: str) -> str:
    """Return the expression, which is aggregated by tester, with 0 for the testers that it leaves out."""
    return f"{expr} or {aggregated('max', series(PRESENCE))} * 0"


def milliseconds(expr: str) -> str:
    """Return the expression in milliseconds instead of seconds, as Grafana needs for a point in time."""
    return f"{expr} * {_SECONDS_TO_MILLISECONDS}"


def age(expr: str) -> str:
    """Return an expression of the seconds since a point in time."""
    return f"time() - {expr}"


def named_by_build(expr: str) -> str:
    """Return the expression with the label `build`: its `version`, and its `commit` cut to 8 digits."""
    joined = f'label_join({expr}, "build", " ", "version", "commit")'
    short = f'label_replace({joined}, "build", "$1 $2", "build", "(.*) (.{{0,8}}).*")'
    return f'label_replace({short}, "build", "unknown", "build", " ")'


def current_build() -> str:
    """Return an expression of the current run's build as the label `build`, one series for each tester."""
    run = aggregated("group", series("run_info"), "run", "version", "commit")
    return newest(aggregated("group", named_by_build(run), "build"))


def of_results(metric: str, *labels: str) -> str:
    """Return an expression of a metric of the ended runs, with `labels` of `result_info`."""
    return _of(series("result_info"), metric, *labels)


def of_successes(metric: str, *labels: str) -> str:
    """Return an expression of a metric of the successful runs.

    Only runs with the tester's current network and sync mode count.
    """
    return _of(of_today(series("result_info", 'outcome="succeeded"')), metric, *labels)


def _of(results: str, metric: str, *labels: str) -> str:
    each = aggregated("group", results, "run", *labels)
    return f"{each} * {on_tester('run')} group_left () {largest(metric, 'run')}"


def newest(expr: str, *labels: str) -> str:
    """Return an expression of the greatest series, such as the newest time, by tester and `labels`."""
    return f"topk by ({', '.join((*TESTER, *labels))}) (1, {expr})"


def by_newest_success(metric: str) -> str:
    """Return an expression of a metric of the newest successful run: one series, named by its build.

    The expression is evaluated at each point of the range, so over time it steps from run to run.
    """
    value = of_successes(metric, "version", "commit")
    last = newest(of_successes("result_end_timestamp_seconds"))
    return aggregated("max", named_by_build(f"({value}) and {on_tester('run')} {last}"), "build")


def outcomes_by_build() -> str:
    """Return an expression of the newest outcome of each build.

    The value is the number of the outcome. The labels are `build` and `column`, the full name of the tester.
    """
    builds = ("version", "commit")
    each = aggregated("max", numbered(OUTCOMES), "run", *builds)
    last = newest(of_results("result_end_timestamp_seconds", *builds), *builds)
    on_run = on_tester("run")
    return f"max by (build, column) ({_named_in_full(named_by_build(f'({each}) and {on_run} {last}'))})"


def _named_in_full(expr: str) -> str:
    """Return the expression with the label `column`: cluster and namespace, if any, and tester."""
    joined = f'label_join({expr}, "column", " ", "cluster", "namespace", "tester")'
    return f'label_replace({joined}, "column", "$1", "column", " *(.*)")'
