"""Renders the Status and the monitor's own activity for Prometheus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.domain.status import Status
from monitor.engine.activity import BUILD_INFO, OWN_FAMILIES, Activity, OwnFamily
from monitor.errors import MonitorError
from monitor.output.metrics.families import FAMILIES, Family

OPERATION = "metrics"
EVERY_FAMILY: tuple[Family | OwnFamily, ...] = (*FAMILIES, *OWN_FAMILIES)
COMMON_LABELS = ("tester", "network", "sync_mode")

_log = logging.getLogger(__name__)

_Identity = tuple[str, str, str]


class StatusCollector(Collector):
    """Loads the Status at each scrape and renders its families.

    If the Status cannot be loaded, the monitor's own metrics still appear, and one of them counts the error.
    A scrape that fails as a whole would look like a monitor that is down. If one family cannot be rendered,
    only its own series are missing.
    """

    def __init__(
        self, load: Callable[[], Status], activity: Activity, families: Iterable[Family] = FAMILIES
    ) -> None:
        self._load, self._activity, self._families = load, activity, tuple(families)
        self._identity: _Identity = ("", "", "")
        activity.expect(OPERATION)

    def describe(self) -> Iterable[Metric]:
        """Yield every family without samples; `?name[]=` finds the collector by their names."""
        every: tuple[Family | OwnFamily, ...] = (*self._families, *OWN_FAMILIES)
        yield from map(_metric, every)

    def collect(self) -> Iterable[Metric]:
        """Return the families that have samples."""
        metrics = [*self._of_status(), *self._own()]
        return [metric for metric in metrics if metric.samples]

    def _of_status(self) -> Iterator[Metric]:
        try:
            status = self._load()
        except MonitorError as error:
            self._activity.error(OPERATION)
            _log.warning("metrics: %s", error)
            return
        except Exception:  # noqa: BLE001 - logged and counted
            self._activity.error(OPERATION)
            _log.exception("metrics: the status could not be loaded")
            return
        self._identity = (status.tester, status.network, status.sync_mode)
        for family in self._families:
            try:
                yield _rendered(family, status)
            except Exception:  # noqa: BLE001 - logged and counted
                self._activity.error(OPERATION)
                _log.exception("metrics: %s could not be rendered", family.name)

    def _own(self) -> Iterator[Metric]:
        """Yield the monitor's own metrics, labelled with the tester of the last loaded Status."""
        for family in OWN_FAMILIES:
            metric = _metric(family)
            identity = () if family is BUILD_INFO else self._identity
            for labels, value in self._activity.values(family).items():
                _add(metric, (*identity, *labels), value)
            yield metric


def label_names(family: Family | OwnFamily) -> tuple[str, ...]:
    """Return all label names of the family's series."""
    if family is BUILD_INFO:
        return family.labels
    return (*COMMON_LABELS, *family.labels)


def _rendered(family: Family, status: Status) -> Metric:
    metric = _metric(family)
    for of, labels, value in family.samples(status):
        if value is not None:
            _add(metric, (status.tester, of.network, of.sync_mode, *labels), value)
    return metric


def _metric(family: Family | OwnFamily) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if family.name.endswith("_total") else GaugeMetricFamily
    return kind(family.name, family.text, labels=label_names(family))


def _add(metric: CounterMetricFamily | GaugeMetricFamily, labels: tuple[str, ...], value: float) -> None:
    metric.add_metric([_encodable(label) for label in labels], value)


def _encodable(label: str) -> str:
    # A version is whatever a program printed; an invalid character in it must not fail the whole scrape.
    return label.encode(errors="replace").decode()
