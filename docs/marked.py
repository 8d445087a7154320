"""Documents that are written by hand but for what stands between two marks."""

from __future__ import annotations


def marked(name: str, document: str, begin: str, end: str, made: str) -> str:
    """The document of that name with what is made in the place of what it has between the marks.

    Raises:
        ValueError: it has no such place.
    """
    before, found, rest = document.partition(begin)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise ValueError(
            f"{name} lacks the lines {begin.strip()} and {end.strip()}, between which belongs what is made"
        )
    return f"{before}{begin}{made}{end}{after}"
