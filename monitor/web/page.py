"""The status page: made on the server, without scripts, readable in light and in dark."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from monitor.durations import duration_text
from monitor.model import Outcome, Run
from monitor.texts import (
    LATE,
    MARKS,
    MEASURES,
    build_text,
    chain_progress_text,
    regression_text,
    size_text,
    time_text,
)
from monitor.view import Status

RELOAD_SECONDS = 10
_UNKNOWN = "unknown"
_CHAINS = ("P", "X", "C")
_LINKS = ("/metrics", "/api/v1/status", "/api/v1/history", "/-/healthy", "/-/ready")
_STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --quiet: #5b6570; --line: #d7dce1; --paper: #fff;
  --good: #13702f; --bad: #b3261e; --card: #f5f7f9 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --quiet: #9aa5b1; --line: #363d45;
  --paper: #14171a; --good: #5fd07f; --bad: #ff8a80; --card: #1d2126 } }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.4rem }
h2 { margin: 1.8rem 0 .4rem; font-size: 1.05rem }
p { margin: .2rem 0 }
.quiet, th, dt, footer { color: var(--quiet) }
.phase { margin: 1rem 0; padding: .7rem 1rem; background: var(--card); border-left: 4px solid var(--quiet) }
.succeeded { color: var(--good) } .failed { color: var(--bad) } .superseded { color: var(--quiet) }
.columns { display: grid; gap: 0 2.5rem; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)) }
dl { display: grid; grid-template-columns: 8.5rem 1fr; margin: 0 } dd { margin: 0 }
.wide { overflow-x: auto }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; white-space: nowrap; overflow-wrap: normal }
th { font-weight: 600 } .number { text-align: right }
td .quiet, td.image { white-space: normal; overflow-wrap: anywhere }
td .quiet { display: block; max-width: 18rem } td.image { min-width: 18rem; font-size: .85rem }
footer { margin-top: 2rem; font-size: .9rem } a { color: inherit }
"""
# The page may use this style and nothing else, whatever might slip into it.
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(status: Status) -> str:
    """The status as a page of HTML."""
    title = escape(f"{status.tester or 'bootstrap-monitor'}: {status.phase or 'not started'}")
    about = " · ".join(filter(None, (status.network, status.sync_mode, f"testbed {status.testbed or '?'}")))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{RELOAD_SECONDS}">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{escape(status.tester or "bootstrap-monitor")}</h1>
<p class="quiet">{escape(about)}</p>
</header>
<main>
{_phase(status)}
<div class="columns">
<section><h2>Run</h2>{_run(status)}</section>
<section><h2>Node</h2>{_node(status)}<h2>Volume</h2>{_volume(status)}</section>
</div>
{_compared(status)}<section><h2>Results</h2>{_results(status)}</section>
</main>
<footer>
<p>As of {_time(status.at)}; reloads every {RELOAD_SECONDS} s.</p>
<p>{" · ".join(f'<a href="{link}">{link}</a>' for link in _LINKS)}</p>
</footer>
</body>
</html>
"""


def _phase(status: Status) -> str:
    notice = f"<p>{escape(status.notice)}</p>" if status.notice else ""
    phase = status.phase or "not started"
    message = "" if status.message == phase else escape(status.message)
    return f'<div class="phase"><p><strong>{escape(phase)}</strong> {message}</p>{notice}</div>'


def _run(status: Status) -> str:
    run = status.run
    if run is None:
        return '<p class="quiet">None has started yet.</p>'
    active = run.duration_seconds if run.duration_seconds is not None else run.bookkeeping.active_seconds
    rows = [
        ("Number", escape(str(run.number))),
        ("State", _outcome(run)),
        *([("Why", escape(run.message))] if run.outcome is Outcome.FAILED else []),
        ("Build", escape(build_text(run.build))),
        ("Image", escape(run.build.image)),
        ("Commit", escape(run.build.commit or _UNKNOWN)),
        ("Started", _time(run.started_at)),
        ("Active", escape(duration_text(active))),
        ("Node restarts", str(run.bookkeeping.node_restarts)),
        *((f"Chain {chain}", escape(text)) for chain, text in _progress(status)),
    ]
    if status.progress and status.progress.stalled:
        rows.append(("Stalled", f"no progress since {_time(run.bookkeeping.progress_at or run.started_at)}"))
    if status.new_build:
        rows.append(("Next build", escape(f"{build_text(status.new_build)} {status.new_build.image}")))
    return _pairs(rows)


def _progress(status: Status) -> Iterable[tuple[str, str]]:
    logs = status.progress.chains if status.progress else {}
    for chain in _CHAINS:
        if text := chain_progress_text(chain, status.counts, logs):
            yield chain, text


def _node(status: Status) -> str:
    node = status.node
    if node is None:
        return '<p class="quiet">Not seen yet.</p>'
    bootstrapped = {True: "yes", False: "no", None: _UNKNOWN}[node.bootstrapped]
    rows = [
        ("Process", "up" if node.up else "down"),
        ("Health", escape(node.health)),
        ("Bootstrapped", bootstrapped),
        ("Peers", _UNKNOWN if node.peers is None else f"{node.peers:,}"),
        ("Seen", _time(node.seen_at)),
    ]
    if node.failing_checks:
        rows.append(("Failing checks", escape(", ".join(node.failing_checks))))
    return _pairs(rows)


def _volume(status: Status) -> str:
    volume = status.volume
    if volume is None:
        return '<p class="quiet">Not measured yet.</p>'
    return _pairs(
        [
            ("Node's data", _size(volume.usage_bytes) or _UNKNOWN),
            ("Free", f"{size_text(volume.available_bytes)} of {size_text(volume.size_bytes)}"),
            ("Measured", _time(volume.measured_at)),
        ]
    )


def _compared(status: Status) -> str:
    if not status.regressions:
        return ""
    rows = [
        (MEASURES[measure].capitalize(), escape(regression_text(measure, regression)))
        for measure, regression in status.regressions.items()
    ]
    if status.baseline_begins:
        rows.append(("Marked", f"baselines are of run {status.baseline_begins} and those after it"))
    if status.late:
        rows.append(("Late", LATE))
    return f"<section><h2>Compared with the runs before</h2>{_pairs(rows)}</section>"


def _results(status: Status) -> str:
    if not status.results:
        return '<p class="quiet">No run has ended yet.</p>'
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("Run", "Outcome", "Version", "Commit", "Image")
    )
    numbers = ("Duration", "Wall", "Disk", "Ended")
    heads += "".join(f'<th scope="col" class="number">{name}</th>' for name in numbers)
    rows = "\n".join(_result(run) for run in status.results)
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )


def _result(run: Run) -> str:
    build = run.build
    said = f' <span class="quiet">{escape(run.message)}</span>' if run.outcome is Outcome.FAILED else ""
    numbers = (_length(run.duration_seconds), _length(run.wall_seconds), _size(run.disk_usage_bytes))
    cells = "".join(f'<td class="number">{text}</td>' for text in (*numbers, _time(run.ended_at)))
    return (
        f"<tr><td>{run.number}</td><td>{_outcome(run)}{said}</td><td>{escape(build.version or _UNKNOWN)}</td>"
        f'<td title="{escape(build.commit)}">{escape(build.commit[:8] or _UNKNOWN)}</td>'
        f'<td class="image">{escape(build.image)}</td>{cells}</tr>'
    )


def _outcome(run: Run) -> str:
    if run.outcome is None:
        return "open"
    text = f"{MARKS[run.outcome]} {run.outcome}" + (f": {run.reason}" if run.reason else "")
    return f'<span class="{run.outcome}">{escape(text)}</span>'


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Terms, and HTML that tells of each."""
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{html}</dd>" for term, html in rows) + "</dl>"


def _time(unix_seconds: float | None) -> str:
    text = escape(time_text(unix_seconds))
    return f'<time datetime="{text.replace(" ", "T")}">{text}</time>' if text else _UNKNOWN


def _length(seconds: float | None) -> str:
    return "" if seconds is None else escape(duration_text(seconds))


def _size(size_bytes: float | None) -> str:
    return "" if size_bytes is None else escape(size_text(size_bytes))
