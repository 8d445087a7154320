"""Renders the Status and the monitor's own activity for Prometheus."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor import __version__
from monitor.activity import Activities, Activity
from monitor.errors import MonitorError
from monitor.metrics.families import FAMILIES
from monitor.view import Status

OPERATION = "status"
_COMMON_LABELS = ("tester", "network", "sync_mode")

_log = logging.getLogger(__name__)

_Identity = tuple[str, str, str]


class StatusCollector(Collector):
    """Loads the Status at each scrape.

    Where it cannot be loaded, the monitor's own metrics still appear, and one of them says so: a scrape that
    fails as a whole would look like a monitor that is gone.
    """

    def __init__(self, load: Callable[[], Status], activity: Activity) -> None:
        self._load, self._activity = load, activity
        self._identity: _Identity = ("", "", "")
        activity.expect(OPERATION)

    def describe(self) -> Iterable[Metric]:
        """Every family, without samples; by it `?name[]=` finds the collector."""
        for family in FAMILIES:
            yield _metric(family.name, family.text, family.labels)
        yield from _own(Activities({}, {}, {}), self._identity)

    def collect(self) -> Iterable[Metric]:
        """The families that have samples."""
        metrics = [*self._of_status(), *_own(self._activity.so_far(), self._identity)]
        return [metric for metric in metrics if metric.samples]

    def _of_status(self) -> list[Metric]:
        try:
            status = self._load()
            metrics = [*_rendered(status)]
        except MonitorError as error:
            self._activity.error(OPERATION)
            _log.warning("metrics: %s", error)
        except Exception:  # noqa: BLE001 - it is logged and counted
            # Whatever it was, what the monitor knows of itself is shown all the same.
            self._activity.error(OPERATION)
            _log.exception("metrics: the status could not be shown")
        else:
            self._identity = (status.tester, status.network, status.sync_mode)
            return metrics
        return []


def _rendered(status: Status) -> Iterator[Metric]:
    for family in FAMILIES:
        metric = _metric(family.name, family.text, family.labels)
        for of, labels, value in family.samples(status):
            if value is not None:
                _add(metric, (status.tester, of.network, of.sync_mode), labels, value)
        yield metric


def _own(activities: Activities, identity: _Identity) -> Iterator[Metric]:
    """What the monitor did itself, for the tester that the last Status was of."""
    checks = _metric(
        "bootstrap_monitor_image_checks_total",
        "Looks for a newer build, by where it was looked for (source) and result.",
        ("source", "result"),
    )
    for key, number in activities.image_checks.items():
        _add(checks, identity, key, number)
    done = _metric(
        "bootstrap_monitor_task_last_success_timestamp_seconds",
        "When a task of the monitor last went well, in seconds since the Unix epoch.",
        ("task",),
    )
    took = _metric(
        "bootstrap_monitor_task_duration_seconds",
        "How long a task of the monitor took when it last went well, in seconds.",
        ("task",),
    )
    for task, success in activities.tasks.items():
        _add(done, identity, (task,), success.wall)
        _add(took, identity, (task,), success.seconds)
    errors = _metric(
        "bootstrap_monitor_errors_total",
        "Errors of the monitor itself, by the operation that failed.",
        ("operation",),
    )
    for operation, number in activities.errors.items():
        _add(errors, identity, (operation,), number)
    about = GaugeMetricFamily(
        "bootstrap_monitor_build_info",
        "The monitor's own version, and that of its Python; always 1.",
        labels=("version", "python"),
    )
    about.add_metric((__version__, platform.python_version()), 1)
    yield from (checks, done, took, errors, about)


def _metric(name: str, text: str, labels: tuple[str, ...]) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name, text, labels=(*_COMMON_LABELS, *labels))


def _add(
    metric: CounterMetricFamily | GaugeMetricFamily,
    identity: _Identity,
    labels: tuple[str, ...],
    value: float,
) -> None:
    # A version is whatever a program printed; half a character in it must not cost the whole scrape.
    metric.add_metric([each.encode(errors="replace").decode() for each in (*identity, *labels)], value)
