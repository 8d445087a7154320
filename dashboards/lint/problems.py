"""The result of a lint rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """The broken rule, the panel, variable or annotation (empty: the dashboard), and a description."""

    rule: str
    where: str
    text: str
