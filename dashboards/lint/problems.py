"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Which rule is broken, by which panel, variable or annotation (empty: by the dashboard), and how."""

    rule: str
    where: str
    text: str
