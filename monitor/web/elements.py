"""Pieces of the page.  Every text is escaped here: it may come from a node, an image or a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape as text

from monitor.durations import duration_text
from monitor.model import Build, Run
from monitor.regression import COMMIT, SOURCE_URL
from monitor.texts import MARKS, outcome_text, size_text, time_text, version_text

UNKNOWN = "unknown"

__all__ = [
    "UNKNOWN",
    "bar",
    "commit",
    "image",
    "length",
    "link",
    "outcome",
    "pairs",
    "size",
    "text",
    "time",
    "version",
]


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Terms, and HTML that tells of each."""
    return (
        '<dl class="pairs">'
        + "".join(f"<dt>{text(term)}</dt><dd>{html}</dd>" for term, html in rows)
        + "</dl>"
    )


def link(url: str, shown: str, key: str) -> str:
    """A link out of the page; `key` names it among all, so that the focus survives a refresh."""
    return f'<a id="{text(key)}" href="{text(url)}" rel="external noreferrer">{text(shown)}</a>'


def commit(build: Build, key: str) -> str:
    """The commit of a build; one that can be one is linked to its source."""
    found = build.commit
    if COMMIT.fullmatch(found):
        return f'<a id="{key}" href="{SOURCE_URL}/commit/{found}" rel="external noreferrer">{_cut(found)}</a>'
    return _cut(found) if found else UNKNOWN


def image(build: Build) -> str:
    """An image with its digest."""
    name, at, digest = build.image.rpartition("@")
    kind, colon, digits = digest.rpartition(":")
    return f'<code class="image">{text(name + at + kind + colon)}</code>{_cut(digits)}'


def _cut(long: str) -> str:
    """A long name of which the style shows the beginning only: selected and copied it is whole."""
    return f'<code class="cut" title="{text(long)}">{text(long)}</code>'


def version(build: Build) -> str:
    """The version without the client's name."""
    return text(version_text(build) or UNKNOWN)


def outcome(run: Run) -> str:
    """How a run ended, by a sign, words and color."""
    if run.outcome is None:
        return "open"
    return f'<span class="{run.outcome}">{text(f"{MARKS[run.outcome]} {outcome_text(run)}")}</span>'


def time(unix_seconds: float | None) -> str:
    """A moment, in UTC."""
    shown = time_text(unix_seconds)
    moment = shown.replace(" ", "T")
    return f'<time class="line" datetime="{moment}">{shown}</time>' if shown else UNKNOWN


def length(seconds: float | None) -> str:
    """A length of time; nothing where there is none."""
    return "" if seconds is None else text(duration_text(seconds))


def size(size_bytes: float | None) -> str:
    """A size; nothing where there is none."""
    return "" if size_bytes is None else text(size_text(size_bytes))


def bar(label: str, shares: Iterable[tuple[str, float]], marks: Iterable[float] = ()) -> str:
    """Parts of a whole, each of a class and a share of it, and marks on it; `label` says the same in words."""
    drawn, begin = "", 0.0
    for name, share in shares:
        width = min(max(share, 0.0), 1.0 - begin)
        drawn += f'<rect class="{name}" x="{begin:.2%}" width="{width:.2%}" height="100%"/>'
        begin += width
    drawn += "".join(
        f'<line class="mark" x1="{at:.2%}" x2="{at:.2%}" y1="0" y2="100%"/>' for at in marks if at <= 1
    )
    return f'<svg class="bar" role="img" aria-label="{text(label)}">{drawn}</svg>'
