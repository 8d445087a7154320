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
                "What the node's data takes, beside the whole volume and what the last success took. Data that "
                "passes the last success by far is a bigger build, or a run that does not end.",
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
                    "How much of the volume is free. If it stays under 10 %, the run fails as disk_full.",
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
        return aggregated("sum", f"increase({series(metric)}[$__rate_interval])", *labels)

    return [
        over_time(
            About(
                "Age of what is known",
                "How long ago each task of the monitor, and the look for a newer build, last went well. A line that "
                "climbs is a task that fails: what it reads is shown as it last was.",
                8,
                7,
                unit="s",
            ),
            Line(age(largest("task_last_success_timestamp_seconds", "task")), "{{task}}"),
            Line(checked, "look for a build"),
        ),
        over_time(
            About(
                "Looks for a newer build",
                "By where it was looked for and the result. Errors only: no new build will be found.",
                8,
                7,
                unit="short",
            ),
            Line(increase("image_checks_total", "source", "result"), "{{source}}: {{result}}"),
        ),
        over_time(
            About(
                "Errors and interventions",
                "Errors by operation; pins that somebody put back; ledgers that were begun anew. A few errors are a "
                "bad moment of the network, many are worth the monitor's log.",
                8,
                7,
                unit="short",
            ),
            Line(increase("errors_total", "operation"), "{{operation}}"),
            Line(increase("pin_reverts_total"), "pin put back"),
            Line(increase("ledger_recoveries_total"), "ledger begun anew"),
        ),
    ]
