"""The panels of one tester's volume, and of the health of its monitor."""

from __future__ import annotations

from dashboards.panels import (
    About,
    AnyPanel,
    Line,
    over_time,
    with_line_at,
)
from dashboards.queries import (
    age,
    aggregated,
    largest,
    series,
)


def volume() -> list[AnyPanel]:
    """Return the panels of the volume, over time."""
    free = f"{largest('volume_available_bytes')} / {largest('volume_size_bytes')}"
    return [
        over_time(
            About(
                "Volume",
                "The size of the node's data, compared with the volume and with the last success. Data far above the "
                "last success is a build that stores more, or a run that does not end.",
                16,
                8,
                unit="bytes",
            ),
            Line(largest("disk_usage_bytes"), "node's data"),
            Line(largest("last_disk_usage_bytes"), "last success"),
            Line(largest("volume_size_bytes"), "volume"),
            Line(largest("volume_available_bytes"), "free"),
        ).min(0),
        with_line_at(
            over_time(
                About(
                    "Free space",
                    "The free share of the volume. If it stays below 10 %, the run fails as disk_full.",
                    8,
                    8,
                    unit="percentunit",
                ),
                Line(free, "free"),
            )
            .min(0)
            .max(1),
            (None, "red"),
            (0.1, "transparent"),
        ),
    ]


def monitor_itself() -> list[AnyPanel]:
    """Return the panels that show whether the monitor works, and so whether its values can be trusted."""
    checked = age(largest("last_image_check_success_timestamp_seconds"))

    def increase(metric: str, *labels: str) -> str:
        return aggregated("sum", f"increase({series(metric)}[1h])", *labels)

    return [
        over_time(
            About(
                "Time since last success of each task",
                "Time since each task of the monitor, and the build lookup, last succeeded. A rising line is a task "
                "that fails or hangs, so the values that it reads are outdated.",
                8,
                7,
                unit="s",
            ),
            Line(age(largest("task_last_success_timestamp_seconds", "operation")), "{{operation}}"),
            Line(checked, "build lookup"),
        ),
        over_time(
            About(
                "Build lookups",
                "Lookups of a newer build in the last hour, by source and result. Errors only: new builds are not "
                "found.",
                8,
                7,
                unit="short",
            ),
            Line(increase("image_checks_total", "source", "result"), "{{source}}: {{result}}"),
        ),
        over_time(
            About(
                "Errors and interventions",
                "Errors by operation, reverted pins, and recreated ledgers in the last hour. A few errors may be a "
                "short network outage. If there are many, check the log of the monitor.",
                8,
                7,
                unit="short",
            ),
            Line(increase("errors_total", "operation"), "{{operation}}"),
            Line(increase("pin_reverts_total"), "pin reverted"),
            Line(increase("ledger_recoveries_total"), "ledger recreated"),
        ),
    ]
