"""The values of the monitor's own metrics."""

from __future__ import annotations

from monitor.engine.activity import Activity, OwnFamily


def so_far(activity: Activity, family: OwnFamily) -> dict[tuple[str, ...], float]:
    """Return the values of a metric, by their labels in the order of the family."""
    return {
        tuple(sample.labels[label] for label in family.labels): sample.value
        for metric in activity.registry.collect()
        for sample in metric.samples
        if sample.name == family.name
    }
