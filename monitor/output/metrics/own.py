"""The metrics of the monitor itself: its activity since it started, and its version."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.engine.activity import ERRORS, IMAGE_CHECKS, TASK_DURATION, TASK_LAST_SUCCESS

BUILD_INFO = "bootstrap_monitor_build_info"


@dataclass(frozen=True, slots=True)
class OwnFamily:
    """A metric of the monitor. If `of_tester` is set, its series carry the labels of the tester."""

    name: str
    text: str
    labels: tuple[str, ...]
    of_tester: bool = True


OWN_FAMILIES = (
    OwnFamily(
        IMAGE_CHECKS,
        "Lookups of a newer build, by source (registry, pod or file) and result.",
        ("source", "result"),
    ),
    OwnFamily(
        TASK_LAST_SUCCESS,
        "When a task of the monitor last succeeded, in seconds since the Unix epoch.",
        ("task",),
    ),
    OwnFamily(
        TASK_DURATION,
        "How long a task of the monitor took when it last succeeded, in seconds.",
        ("task",),
    ),
    OwnFamily(ERRORS, "Errors of the monitor itself, by the operation that failed.", ("operation",)),
    OwnFamily(
        BUILD_INFO,
        "The monitor's own version, and that of its Python; always 1.",
        ("version", "python"),
        of_tester=False,
    ),
)
