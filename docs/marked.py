"""Documents with a generated part between two marks."""

from __future__ import annotations


def marked(name: str, document: str, begin: str, end: str, made: str) -> str:
    """Return the document with the part between the marks replaced.

    Raises:
        ValueError: the document lacks a mark.
    """
    before, found, rest = document.partition(begin)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise ValueError(
            f"{name} lacks the lines {begin.strip()} and {end.strip()}, between which belongs what is made"
        )
    return f"{before}{begin}{made}{end}{after}"
