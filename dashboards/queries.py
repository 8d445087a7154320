"""How an expression chooses testers and survives a moved pod.

Every selector has the same matchers, one for each variable.  A variable that stands for "all" is `.*`, so a label
that is not there (`cluster` of a single Prometheus, `namespace` without Kubernetes) matches too.

Whatever a target brings along (`pod`, `instance`, `container`, `endpoint`, `job`) is aggregated away: a tester
whose pod moved stays one line.  Where two pods overlap for a moment, the greater value is shown.

A result carries the network and sync mode it was measured on.  In a row for each tester these must not make a
second row: such a row is by `TESTER` alone, and what it says of results is narrowed by `of_today`.

Nothing here is newer than Prometheus 2.42.
"""

from __future__ import annotations

from dashboards.states import OUTCOMES, Words

TESTER = ("cluster", "namespace", "tester")
CONFIGURATION = (*TESTER, "network", "sync_mode")
VARIABLES = ("cluster", "namespace", "network", "sync_mode", "tester")
# The series that every tester has once, and always.
PRESENCE = "consecutive_failures"

_MATCHERS = ", ".join(f'{each}=~"${each}"' for each in VARIABLES)
_SECONDS_TO_MILLISECONDS = 1000


def series(name: str, *matchers: str) -> str:
    """The chosen testers' series of a metric, named without its prefix."""
    return f"bootstrap_monitor_{name}{{{', '.join((_MATCHERS, *matchers))}}}"


def matcher(label: str, value: str) -> str:
    """A label that has just this value."""
    return f'{label}="{value}"'


def aggregated(operator: str, expr: str, *labels: str) -> str:
    """One series for each tester, or for each of its `labels`."""
    return f"{operator} by ({', '.join((*TESTER, *labels))}) ({expr})"


def largest(name: str, *labels: str) -> str:
    """The metric, one series for each tester, or for each of its `labels`."""
    return aggregated("max", series(name), *labels)


def on_tester(*labels: str) -> str:
    """The matching of two sides that were aggregated by tester and `labels`."""
    return f"on ({', '.join((*TESTER, *labels))})"


def of_today(expr: str) -> str:
    """What was measured on the network and in the mode that the tester has today."""
    return f"({expr}) and on ({', '.join(CONFIGURATION)}) {series(PRESENCE)}"


def numbered(words: Words) -> str:
    """Series with the number of each word that holds, 0 for the others."""
    return " or ".join(
        f"{number} * {series(words.metric, matcher(words.label, word))}"
        for word, number in words.numbers().items()
    )


def number_of(words: Words) -> str:
    """The number of the word that holds, for each tester."""
    return aggregated("max", numbered(words))


def run_progress() -> str:
    """Return an expression: 0 while the open run makes progress, 1 while it is stalled, 2 while that is unknown."""
    return aggregated("max", f"{series('run_stalled')} + 2 * {series('run_progress_unknown')}")


def milliseconds(expr: str) -> str:
    """Seconds as Grafana wants them for a point in time."""
    return f"{expr} * {_SECONDS_TO_MILLISECONDS}"


def age(expr: str) -> str:
    """Seconds since a point in time."""
    return f"time() - {expr}"


def named_by_build(expr: str) -> str:
    """Give series with `version` and `commit` the label `build`: the version, and the commit cut short."""
    joined = f'label_join({expr}, "build", " ", "version", "commit")'
    short = f'label_replace({joined}, "build", "$1 $2", "build", "(.*) (.{{0,8}}).*")'
    return f'label_replace({short}, "build", "unknown", "build", " ")'


def current_build() -> str:
    """The build of the current run, as the label `build`; one for each tester."""
    run = aggregated("group", series("run_info"), "run", "version", "commit")
    return newest(aggregated("group", named_by_build(run), "build"))


def of_results(metric: str, *labels: str) -> str:
    """A metric of the ended runs, with `labels` of `result_info`."""
    return _of(series("result_info"), metric, *labels)


def of_successes(metric: str, *labels: str) -> str:
    """The same of the runs that succeeded on the network and in the mode that the tester has today."""
    return _of(of_today(series("result_info", 'outcome="succeeded"')), metric, *labels)


def _of(results: str, metric: str, *labels: str) -> str:
    each = aggregated("group", results, "run", *labels)
    return f"{each} * {on_tester('run')} group_left () {largest(metric, 'run')}"


def newest(expr: str, *labels: str) -> str:
    """The one series with the greatest value of each tester, or of each of its `labels`: by time, the newest."""
    return f"topk by ({', '.join((*TESTER, *labels))}) (1, {expr})"


def by_newest_success(metric: str) -> str:
    """A metric of results, of the newest run that succeeded: one series, named by its build.

    It is evaluated at each point of the range, so over time it steps from run to run.
    """
    value = of_successes(metric, "version", "commit")
    last = newest(of_successes("result_end_timestamp_seconds"))
    return aggregated("max", named_by_build(f"({value}) and {on_tester('run')} {last}"), "build")


def outcomes_by_build() -> str:
    """The number of the newest outcome of each build, by `build` and `column`: the tester by its whole name."""
    builds = ("version", "commit")
    each = aggregated("max", numbered(OUTCOMES), "run", *builds)
    last = newest(of_results("result_end_timestamp_seconds", *builds), *builds)
    on_run = on_tester("run")
    return f"max by (build, column) ({_named_in_full(named_by_build(f'({each}) and {on_run} {last}'))})"


def _named_in_full(expr: str) -> str:
    """Give series the label `column`: cluster and namespace, where there are any, and tester."""
    joined = f'label_join({expr}, "column", " ", "cluster", "namespace", "tester")'
    return f'label_replace({joined}, "column", "$1", "column", " *(.*)")'
