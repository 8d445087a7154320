"""Readings that jobs on other threads hand to the tick."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.decide.state import Standing
from monitor.domain.observations import VolumeReading


@dataclass(slots=True)
class LatestReadings:
    """Newest readings of the jobs.

    Each attribute has one writer, which replaces the whole value, so that no lock is needed.  `volume` and
    `newest` are `None` until their job has run; `newest` also while no build can be taken.  `at_rest` is
    whether the last complete tick had nothing to do.
    """

    volume: VolumeReading | None = None
    newest: Standing | None = None
    at_rest: bool = False
