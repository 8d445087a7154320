"""Sanitization of text from other programs, so that it is safe to show, log and store."""

from __future__ import annotations


def one_line(text: str, max_characters: int) -> str:
    """Return the text on one line of at most `max_characters`, with unprintable characters replaced."""
    shown = "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)
    return shown if len(shown) <= max_characters else shown[: max_characters - 1] + "…"


def printable(text: str) -> str:
    """Return the text with line breaks and tabs, and with all other unprintable characters replaced.

    Unprintable characters could control the terminal.
    """
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
