"""The status page: whole as it comes from the server, kept current by a script where scripts may run."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from importlib.resources import files

from monitor.model import Evidence
from monitor.view import Status
from monitor.web import past, present
from monitor.web.chart import chart
from monitor.web.elements import text, time
from monitor.web.tiles import tiles

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 5
RELOAD_SECONDS = 30  # without scripts: it closes what is open
_LINKS = ("/metrics", "/api/v1/status", "/api/v1/history", "/-/healthy", "/-/ready")
_STYLE, _SCRIPT = ((files("monitor.web") / name).read_text() for name in ("page.css", "page.js"))


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


# The page may use this style and this script and ask its own server, and nothing else, whatever might slip into it.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(status: Status, evidence: Mapping[int, Evidence] | None = None) -> str:
    """The status as a page of HTML, with the evidence of its failed runs (`None`: it is not to be served)."""
    name = text(status.tester or "bootstrap-monitor")
    about = " · ".join(filter(None, (status.network, status.sync_mode, f"testbed {status.testbed or '?'}")))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<noscript><meta http-equiv="refresh" content="{RELOAD_SECONDS}"></noscript>
<title>{name}: {text(status.phase or present.NOT_STARTED)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<div><h1>{name}</h1><p class="quiet">{text(about)}</p></div>
<p class="quiet" id="as-of" data-part>As of {time(status.at)}</p>
</header>
<main>
<p id="lost" role="alert" hidden>bootstrap-monitor does not answer: all of this is as old as the time above.</p>
<div id="phase" role="status" data-part>{_made(present.phase, status)}</div>
<div id="tiles" data-part>{_made(tiles, status)}</div>
{_section("chains", "Progress by chain", _made(present.chains, status))}
<div class="columns">
{_section("run", "Run", _made(present.run, status))}
{_section("node", "Node", _made(present.node, status))}
{_section("volume", "Volume", _made(present.volume, status))}
{_section("builds", "New builds", _made(present.builds, status))}
{_section("compared", "Compared with the runs before", _made(present.compared, status))}
</div>
{_section("runs", "Newest runs", _made(chart, status) + _made(past.results, status))}
{_section("failures", "Failures", _made(lambda shown: past.failures(shown, evidence), status))}
</main>
<footer>
<label hidden><input type="checkbox" id="live" checked> refresh every {REFRESH_SECONDS} s</label>
<noscript>Reloads every {RELOAD_SECONDS} s.</noscript>
<ul>{"".join(f'<li><a href="{link}">{link}</a></li>' for link in _LINKS)}</ul>
</footer>
<script data-seconds="{REFRESH_SECONDS}">{_SCRIPT}</script>
</body>
</html>
"""


def _made(make: Callable[[Status], str], status: Status) -> str:
    """Return a part of the page; one that cannot be made costs no other."""
    try:
        return make(status)
    except Exception:  # noqa: BLE001 - it is logged, and the rest of the page does not hang on it
        _log.exception("a part of the status page cannot be made")
        return '<p class="warn">This part cannot be shown; the log of bootstrap-monitor says why.</p>'


def _section(name: str, title: str, html: str) -> str:
    """A part of the page that is refreshed by itself."""
    return (
        f'<section aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>'
        f'<div id="{name}" data-part>{html}</div></section>'
    )
