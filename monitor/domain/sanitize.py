"""Text that others wrote, made safe to show, to log and to store."""

from __future__ import annotations


def one_line(text: str, max_characters: int) -> str:
    """Return text without line breaks and without what could not be shown or stored, bounded."""
    shown = "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text)
    return shown if len(shown) <= max_characters else shown[: max_characters - 1] + "…"


def printable(text: str) -> str:
    """Return text without what would steer the terminal; its line breaks stay."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)
