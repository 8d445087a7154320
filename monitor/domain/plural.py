"""Counts with their noun."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return a count and its noun, such as `1 run` or `2 runs`; the noun takes an `s`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
