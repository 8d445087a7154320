"""The status page: complete HTML from the server, which a script keeps current if scripts may run.

This module imports Jinja2, so `site` imports it at the first request. An `init`, and a sidecar whose page
nobody opens, do not load Jinja2.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor.avalanchego.source_links import COMMIT, SOURCE_URL, compare_link
from monitor.domain.build_results import BuildResults
from monitor.domain.chains import chain_name, chain_text, in_order
from monitor.domain.duration import duration_text
from monitor.domain.instant import time_text
from monitor.domain.regression import Measure, left_out
from monitor.domain.run import Evidence, Outcome
from monitor.domain.sanitize import printable
from monitor.domain.size import size_text
from monitor.domain.status import Phase, Status
from monitor.domain.verdict_sentence import measure_text
from monitor.output import format as formats
from monitor.output.repeat_text import cause_text, repeat_lines
from monitor.output.verdict_text import change_of
from monitor.output.web.chart import SLOWER, chart_of
from monitor.output.web.headline import DOTS, headline_of, is_silent
from monitor.output.web.summary import BEFORE_THE_NODE, bar_of, tiles_of

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 5
RELOAD_SECONDS = 30  # without scripts; a reload closes opened sections
EVIDENCE_CHARACTERS = 8192
_STYLE, _SCRIPT = (
    Markup((files("monitor.output.web") / name).read_text())  # noqa: S704 - part of the package
    for name in ("page.css", "page.js")
)


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


# The page may use this style, this script and its own icon and query its own server, and nothing else, even
# if other content is injected.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(
    status: Status,
    evidence: Mapping[int, Evidence | None] | None = None,
    builds: Sequence[BuildResults] | None = (),
    history_command: str = formats.HISTORY_COMMAND,
) -> str:
    """Return the status as HTML.

    `evidence` of its failed runs is `None` if it must not be served; it lacks a run if it is unknown. `builds`
    are the results of the builds of its failed runs; those of the newest build are part of the status. They
    are `None` if they are unknown. `history_command` prints the tester's runs.
    """
    values = {
        "status": status,
        "evidence": evidence,
        "builds": (status.build_results, *(builds or ())),
        "are_known": builds is not None,
        "history_command": history_command,
    }
    headline = headline_of(status)
    return _html("page", status=status, headline=headline, part=lambda name: _part(name, values)) + "\n"


def _part(name: str, values: Mapping[str, object]) -> Markup:
    """Return a part of the page; if it cannot be rendered, the other parts still are."""
    try:
        return _html(name, **values)
    except Exception:  # noqa: BLE001 - logged; the rest of the page does not depend on it
        _log.exception("a part of the status page cannot be rendered")
        return _html("failed")


def _html(template: str, **values: object) -> Markup:
    return Markup(TEMPLATES.get_template(f"{template}.html").render(values))  # noqa: S704 - escaped by Jinja2


def _percent(share: float, digits: int = 2) -> str:
    return f"{share:.{digits}%}"


TEMPLATES = Environment(
    loader=PackageLoader("monitor.output.web"),
    autoescape=True,  # texts may come from a node, an image or a cluster
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
TEMPLATES.filters |= {"percent": _percent, "tested_text": formats.tested_text}
TEMPLATES.globals |= {
    "BEFORE_THE_NODE": BEFORE_THE_NODE,
    "COMMIT": COMMIT,
    "EVIDENCE_CHARACTERS": EVIDENCE_CHARACTERS,
    "DOTS": DOTS,
    "Measure": Measure,
    "Outcome": Outcome,
    "Phase": Phase,
    "REFRESH_SECONDS": REFRESH_SECONDS,
    "RELOAD_SECONDS": RELOAD_SECONDS,
    "SCRIPT": _SCRIPT,
    "SLOWER": SLOWER,
    "SOURCE_URL": SOURCE_URL,
    "STYLE": _STYLE,
    "bar_of": bar_of,
    "cause_text": cause_text,
    "change_of": change_of,
    "chain_name": chain_name,
    "chain_text": chain_text,
    "chart_of": chart_of,
    "compare_link": compare_link,
    "duration_text": duration_text,
    "headline_of": headline_of,
    "in_order": in_order,
    "is_silent": is_silent,
    "left_out": left_out,
    "measure_text": measure_text,
    "printable": printable,
    "repeat_lines": repeat_lines,
    "formats": formats,
    "size_text": size_text,
    "tiles_of": tiles_of,
    "time_text": time_text,
}
