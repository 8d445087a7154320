"""What a node's answer about its health is worth: only reports that move speak of the node as it is now."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.instant import Instant
from monitor.domain.observations import Health, HealthReport, NodeAnswering, NodeDown, NodeReading, NodeSilent

# The node checks its health every 30 s (avalanchego `--health-check-frequency`); it may miss two.
STALE_AFTER_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """How the health report's time stamps moved; `advanced_boot_seconds` is `None` until they did once."""

    oldest_check: str
    advanced_boot_seconds: float | None = None


def freshness_of(previous: Freshness | None, report: HealthReport, now: Instant) -> Freshness:
    """What is known after one more report."""
    if previous is None:
        return Freshness(report.oldest_check)
    if report.oldest_check != previous.oldest_check:
        return Freshness(report.oldest_check, now.boot_seconds)
    return previous


def health_of(report: HealthReport, freshness: Freshness, now: Instant) -> Health:
    """What a report is worth: an answer that stopped moving says nothing of the node as it is now."""
    if freshness.advanced_boot_seconds is None:
        return Health.UNKNOWN
    if now.boot_seconds - freshness.advanced_boot_seconds > STALE_AFTER_SECONDS:
        return Health.STALE
    return Health.HEALTHY if report.healthy else Health.UNHEALTHY


class HealthFollower:
    """Follows the reports of one node; one that went away begins anew."""

    def __init__(self) -> None:
        self._freshness: Freshness | None = None

    def health(self, reading: NodeReading, now: Instant) -> Health:
        """The node's health, as far as this reading tells it."""
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
