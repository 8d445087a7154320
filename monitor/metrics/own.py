"""The metrics of the monitor itself: what it did since it started, and which monitor it is."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor import __version__
from monitor.activity import Activities

OwnSamples = Callable[[Activities], Iterable[tuple[tuple[str, ...], float]]]


@dataclass(frozen=True, slots=True)
class OwnFamily:
    """A metric of the monitor; `of_tester`: its series carry the labels of the tester."""

    name: str
    text: str
    samples: OwnSamples
    labels: tuple[str, ...]
    of_tester: bool = True


OWN_FAMILIES = (
    OwnFamily(
        "bootstrap_monitor_image_checks_total",
        "Looks for a newer build, by who was asked (registry, pod or file) and result.",
        lambda activities: activities.image_checks.items(),
        ("source", "result"),
    ),
    OwnFamily(
        "bootstrap_monitor_task_last_success_timestamp_seconds",
        "When a task of the monitor last went well, in seconds since the Unix epoch.",
        lambda activities: [((task,), success.wall) for task, success in activities.tasks.items()],
        ("task",),
    ),
    OwnFamily(
        "bootstrap_monitor_task_duration_seconds",
        "How long a task of the monitor took when it last went well, in seconds.",
        lambda activities: [((task,), success.seconds) for task, success in activities.tasks.items()],
        ("task",),
    ),
    OwnFamily(
        "bootstrap_monitor_errors_total",
        "Errors of the monitor itself, by the operation that failed.",
        lambda activities: [((operation,), number) for operation, number in activities.errors.items()],
        ("operation",),
    ),
    OwnFamily(
        "bootstrap_monitor_build_info",
        "The monitor's own version, and that of its Python; always 1.",
        lambda _: [((__version__, platform.python_version()), 1)],
        ("version", "python"),
        of_tester=False,
    ),
)
