"""Freshness of the node's health reports: only reports that change describe the current node."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.instant import Instant
from monitor.domain.observations import Health, HealthReport, NodeAnswering, NodeDown, NodeReading, NodeSilent

# The node checks its health every 30 s (avalanchego `--health-check-frequency`). It may miss two checks.
STALE_AFTER_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """Freshness of the node's health reports.

    `advanced_boot_seconds` is when their timestamps last advanced, on the boot clock; `None` until they
    advance once.
    """

    oldest_check: str
    advanced_boot_seconds: float | None = None


def freshness_of(previous: Freshness | None, report: HealthReport, now: Instant) -> Freshness:
    """Return the freshness after one more report."""
    if previous is None:
        return Freshness(report.oldest_check)
    if report.oldest_check != previous.oldest_check:
        return Freshness(report.oldest_check, now.boot_seconds)
    return previous


def health_of(report: HealthReport, freshness: Freshness, now: Instant) -> Health:
    """Return the health that a report proves.

    A report whose timestamps have stopped advancing does not describe the current node.
    """
    if freshness.advanced_boot_seconds is None:
        return Health.UNKNOWN
    if now.boot_seconds - freshness.advanced_boot_seconds > STALE_AFTER_SECONDS:
        return Health.STALE
    return Health.HEALTHY if report.healthy else Health.UNHEALTHY


class HealthFollower:
    """Health of one node over successive reports; a node that went down starts without a history."""

    def __init__(self) -> None:
        self._freshness: Freshness | None = None

    def health(self, reading: NodeReading, now: Instant) -> Health:
        """Return the node's health, as far as this reading shows it."""
        match reading:
            case NodeDown():
                self._freshness = None
                return Health.UNKNOWN
            case NodeSilent() | NodeAnswering(health=None):
                return Health.UNKNOWN
            case NodeAnswering(health=report) if report is not None:
                self._freshness = freshness_of(self._freshness, report, now)
                return health_of(report, self._freshness, now)
        raise AssertionError("every reading is one of the above")
