"""What the page says of the runs that ended: a table, and what was kept of each failure."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.foreign_text import printable
from monitor.model import Evidence, Outcome, Run
from monitor.texts import build_text, tested_text
from monitor.view import Status
from monitor.web.elements import (
    UNKNOWN,
    commit,
    image,
    length,
    outcome,
    pairs,
    size,
    text,
    time,
    version,
)

EVIDENCE_CHARACTERS = 8192
_NUMBERS = frozenset({"Duration", "Wall", "Disk", "Restarts"})


def results(status: Status) -> str:
    """The newest runs that ended, as a table."""
    if not status.results:
        return '<p class="quiet">No run has ended yet.</p>'
    tested = {tested_text(run) for run in status.results}
    rows = [_cells(run, told=len(tested) > 1) for run in status.results]
    heads = "".join(f'<th scope="col"{_class(name)}>{name}</th>' for name in rows[0])
    body = "\n".join(f"<tr>{_row(cells)}</tr>" for cells in rows)
    # What scrolls must be reached by the keyboard, and so have a name.
    return (
        '<div class="wide" id="results" role="region" aria-label="Table of runs" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cells(run: Run, *, told: bool) -> Mapping[str, str]:
    """What is said of a run, by column; a narrow screen shows the first ones before it is scrolled.

    What it tested is `told` where that is not the same for all.
    """
    ended = outcome(run)
    if run.outcome is Outcome.FAILED:
        ended = f'<a id="why-{run.number}" href="#evidence-{run.number}">{ended}</a>'
    return {
        "Run": str(run.number),
        "Outcome": ended,
        "Version": version(run.build),
        "Duration": length(run.duration_seconds),
        "Wall": length(run.wall_seconds),
        "Disk": size(run.disk_usage_bytes),
        "Restarts": str(run.bookkeeping.node_restarts),
        "Ended": time(run.ended_at),
        **({"Tested": text(tested_text(run))} if told else {}),
        "Commit": commit(run.build, f"commit-{run.number}"),
        "Image": image(run.build),
    }


def _row(cells: Mapping[str, str]) -> str:
    return "".join(
        f'<th scope="row">{html}</th>' if name == "Run" else f"<td{_class(name)}>{html}</td>"
        for name, html in cells.items()
    )


def _class(column: str) -> str:
    return ' class="number"' if column in _NUMBERS else ""


def failures(status: Status, evidence: Mapping[int, Evidence] | None) -> str:
    """Each failure among them with what was kept of it; `evidence` is `None` where it is not to be served."""
    failed = [run for run in status.results if run.outcome is Outcome.FAILED]
    if not failed:
        return '<p class="quiet">None among these runs.</p>'
    return "".join(_failure(run, evidence) for run in failed)


def _failure(run: Run, evidence: Mapping[int, Evidence] | None) -> str:
    blames = "the build" if run.judged else "the testbed; the build is not judged by it"
    rows = [
        ("Why", text(run.message)),
        ("Speaks of", blames),
        ("Commit", commit(run.build, f"failed-{run.number}")),
        ("Active", length(run.bookkeeping.active_seconds)),
        ("Node restarts", str(run.bookkeeping.node_restarts)),
        ("Last progress", time(run.bookkeeping.progress_at)),
        ("Ended", time(run.ended_at)),
    ]
    return (
        f'<details id="failure-{run.number}"><summary id="summary-{run.number}">'
        f"Run {run.number} {outcome(run)} · {text(build_text(run.build))}</summary>"
        f'<div class="evidence" id="evidence-{run.number}">{pairs(rows)}{_last_words(run, evidence)}</div></details>'
    )


def _last_words(run: Run, evidence: Mapping[int, Evidence] | None) -> str:
    """The end of the node's log, or where it can be read."""
    command = f"<code>bootstrap-monitor history --run {run.number}</code>"
    if evidence is None:
        return f'<p class="quiet">What the node said last is not shown here: {command} has it.</p>'
    if run.number not in evidence:
        return '<p class="quiet">Nothing that the node said was kept.</p>'
    kept = evidence[run.number]
    words = printable(kept.text[-EVIDENCE_CHARACTERS:].rstrip("\n")) or UNKNOWN
    return (
        f"<p>What the node said last, as of {time(kept.taken_at)} ({command} has all that was kept):</p>"
        f'<pre id="words-{run.number}" tabindex="0" role="region" '
        f'aria-label="What the node of run {run.number} said last">{text(words)}</pre>'
    )
