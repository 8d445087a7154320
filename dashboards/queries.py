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

from dashboards.states import UNANSWERED, Words

TESTER = ("cluster", "namespace", "tester")
CONFIGURATION = (*TESTER, "network", "sync_mode")
VARIABLES = ("cluster", "namespace", "network", "sync_mode", "tester")
# A series that every tester always has exactly once.
PRESENCE = "consecutive_failures"

MATCHERS = ", ".join(f'{each}=~"${each}"' for each in VARIABLES)
_SECONDS_TO_MILLISECONDS = 1000
_SECONDS_AN_HOUR = 3600
# A node may be down for shorter while its pod starts.
_WRONGLY_DOWN_SECONDS = 600
# Grafana's unit `h` would show 30 as "1.25 days".
HOURS = "suffix:h"


def series(name: str, *matchers: str) -> str:
    """Return a selector of the chosen testers' series; `name` is the metric without its prefix."""
    return _selector(f"bootstrap_monitor_{name}", *matchers)


def matcher(label: str, value: str) -> str:
    """Return a matcher of a label with one value."""
    return f'{label}="{value}"'


def matcher_of_names(label: str, pattern: str) -> str:
    """Return a matcher of a label whose value matches a regular expression."""
    return f'{label}=~"{pattern}"'


def _selector(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join((MATCHERS, *matchers))}}}"


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


def number_of(words: Words, *labels: str) -> str:
    """Return an expression of each tester's current word, as its number, by `labels` if there are any."""
    return aggregated("max", numbered(words), *labels)


def run_progress() -> str:
    """Return an expression: the open run's number in `PROGRESS`."""
    unknown, stalled = series("run_progress_unknown_seconds"), series("run_stalled_seconds")
    waits = f"{_blocked()} * 0 + 3"
    moves = f"{series('run_active_seconds')} * 0"
    return aggregated("max", f"{waits} or {unknown} * 0 + 2 or {stalled} * 0 + 1 or {moves}")


def run_pace() -> str:
    """Return an expression: the open run's number in `PACE`."""
    unknown, stalled = series("run_progress_unknown_seconds"), series("run_stalled_seconds")
    late, active = series("run_late_seconds"), series("run_active_seconds")
    problems = f"{_blocked()} * 0 + 4 or {unknown} * 0 + 3 or {stalled} * 0 + 2 or {late} * 0 + 1"
    return aggregated("max", f"{problems} or {active} * 0")


def node_process() -> str:
    """Return an expression: the number of the node's process in `UP`."""
    down = f"({series('run_node_down_seconds')} > {_WRONGLY_DOWN_SECONDS}) * 0 + 2"
    return aggregated("max", f"{down} or {series('node_up')}")


def node_health() -> str:
    """Return an expression: the number of the node's health in `HEALTHY`."""
    return aggregated(
        "max", f"{series('node_unhealthy_since_timestamp_seconds')} * 0 + 2 or {series('node_healthy')}"
    )


def run_end_estimate() -> str:
    """Return an expression of the end that the node estimates, in milliseconds; absent while it is blocked."""
    estimate = milliseconds(largest("run_eta_timestamp_seconds"))
    return f"{estimate} unless {on_tester()} {_blocked()}"


def attention() -> str:
    """Return an expression of each tester's number in `ATTENTION`, also of testers that do not answer."""
    last = aggregated("max", f"present_over_time({series('attention')}[$__range])")
    return f"{largest('attention')} or {last} * 0 + {UNANSWERED}"


def ok_of_all() -> str:
    """Return an expression with the label `text`: how many testers are ok, such as "7 of 8"."""
    ok = f"sum({largest('attention')} == bool 0)"
    seen = aggregated("group", f"present_over_time({series('attention')}[$__range])")
    both = f'count_values("ok", {ok}) * on () group_left (all) count_values("all", count({seen}))'
    return f'label_join({both}, "text", " of ", "ok", "all")'


def absent() -> str:
    """Return an expression of the testers that were scraped in the time range but are not now."""
    return f"(present_over_time({series(PRESENCE)}[$__range]) unless {on_tester()} {series(PRESENCE)})"


def firing_alerts() -> str:
    """Return an expression of the firing alerts: since when, in milliseconds.

    The labels are `alertname`, `severity`, `run` and `concerns`, the label of its subject.
    """
    of_project = matcher_of_names("alertname", "Bootstrap.+")
    since = milliseconds(_selector("ALERTS_FOR_STATE", of_project))
    firing = _selector("ALERTS", of_project, matcher("alertstate", "firing"))
    alerts = f"{since} and ignoring (alertstate) {firing}"
    named = f'label_join({alerts}, "concerns", "", "reason", "measure", "cause", "operation")'
    return aggregated("min", named, "alertname", "severity", "run", "concerns")


def phase_since() -> str:
    """Return an expression: since when each tester is in its phase, in milliseconds, with the label `phase`."""
    return milliseconds(newest(largest("phase_since_timestamp_seconds", "phase")))


def _blocked() -> str:
    return series("phase_since_timestamp_seconds", matcher("phase", "blocked"))


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


def hours(expr: str) -> str:
    """Return the expression in hours instead of seconds, for an axis with round values."""
    return f"{expr} / {_SECONDS_AN_HOUR}"


def age(expr: str) -> str:
    """Return an expression of the seconds since a point in time."""
    return f"time() - {expr}"


def current_build() -> str:
    """Return an expression of the current run's build as the label `build`, one series for each tester."""
    return newest(largest("run_info", "build"))


def new_build() -> str:
    """Return an expression of the build that waits for its test as the label `build`."""
    return newest(largest("new_build_info", "build"))


def renamed(label: str, new: str, expr: str) -> str:
    """Return the expression, aggregated by tester, with a label under a new name."""
    return aggregated("group", f'label_replace({expr}, "{new}", "$1", "{label}", "(.*)")', new)


def newest(expr: str, *labels: str) -> str:
    """Return an expression of the greatest series, such as the newest time, by tester and `labels`."""
    return f"topk by ({', '.join((*TESTER, *labels))}) (1, {expr})"


def newest_of_builds(builds: int) -> str:
    """Return an expression of the newest run of each of the newest builds: when it ended.

    The labels are `build`, `outcome`, and `name`, the full name of the tester.
    """
    end = "result_end_timestamp_seconds"
    last = newest(largest(end, "build", "outcome"), "build")
    chosen = series(end, 'build=~".*${build:regex}.*"')
    recent = f"topk({builds}, max by (build) ({chosen}))"
    return f'label_join({last} and on (build) {recent}, "name", " ", "tester", "namespace", "cluster")'


def excess() -> str:
    """Return an expression: by which share the newest success exceeds its baseline, by measure.

    The labels `newest`, `baseline` and `limit` are the values as texts.
    """
    of_measure = largest("last_success_excess_ratio", "measure", "newest", "baseline", "limit")
    return newest(of_measure, "measure")


def overdue() -> str:
    """Return an expression of the testers that have been trying to succeed for longer than their limit."""
    return f"{age(series('trying_since_timestamp_seconds'))} > {series('trying_limit_seconds')}"
