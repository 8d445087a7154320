"""The response at each path, independent of the HTTP server."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

from monitor.domain.build_results import BuildResults, results_by_build
from monitor.domain.json_text import json_text
from monitor.domain.regression import RunVerdicts
from monitor.domain.run import AttemptCause, Evidence, Outcome, Run
from monitor.domain.status import Status
from monitor.errors import MonitorError, TemporaryError
from monitor.output.format import HISTORY_COMMAND
from monitor.output.status_json import history_json, status_json

PROBES = "/-/"
_TEXT = "text/plain; charset=utf-8"

# The fastest level: the highest takes nine times as long, and makes a metrics page 15 % smaller.
_GZIP_LEVEL = 1
_WEIGHT_ZERO = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)", re.IGNORECASE)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Response:
    """A response: status, content type, body, and headers besides the common ones."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: Mapping[str, str]


def line(status: HTTPStatus, text: str, **headers: str) -> Response:
    """Return a response of one or a few lines of text."""
    return Response(status, _TEXT, f"{text}\n".encode(errors="replace"), headers)


@dataclass(frozen=True, slots=True)
class Site:
    """The sources of the responses.

    `history` returns the newest runs, each with why it was started. `verdicts` returns the verdicts on the
    compared runs of the history, by number.
    `healthy` returns whether every task of the process runs on time, with a line for each. `evidence` returns
    the evidence of a failed run; `None` if evidence must not be served. `history_command` prints the tester's
    runs.
    """

    registry: CollectorRegistry
    load: Callable[[], Status]
    history: Callable[[], Sequence[tuple[Run, AttemptCause | None]]]
    healthy: Callable[[], tuple[bool, Sequence[str]]]
    evidence: Callable[[int], Evidence | None] | None = None
    verdicts: Callable[[], Mapping[int, RunVerdicts]] = dict
    history_command: str = HISTORY_COMMAND

    def answer(self, target: str, headers: Message) -> Response:
        """Answer a GET of a path with an optional query; an error becomes a response of one line."""
        path, _, query = target.partition("?")
        try:
            return self._answer(path, query, headers)
        except MonitorError as error:
            return line(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except Exception:  # noqa: BLE001 - logged; the client gets no details
            _log.exception("%s could not be answered", path)
            return line(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; see the log of bootstrap-monitor")

    def _answer(self, path: str, query: str, headers: Message) -> Response:
        answers: Mapping[str, Callable[[], Response]] = {
            "/": self._page,
            "/metrics": lambda: self._metrics(query, headers),
            f"{PROBES}healthy": self._health,
            f"{PROBES}ready": lambda: line(HTTPStatus.OK, "ready"),
            "/api/v1/status": lambda: _json(status_json(self.load())),
            "/api/v1/history": self._history,
        }
        if path not in answers:
            return line(HTTPStatus.NOT_FOUND, "not found; / lists the paths")
        return answers[path]()

    def _history(self) -> Response:
        verdicts = self.verdicts()
        return _json(
            [history_json(run, verdicts.get(run.number, {}), cause) for run, cause in self.history()]
        )

    def _page(self) -> Response:
        # Jinja2 needs memory, which a tester whose page nobody opens can save.
        from monitor.output.web.page import CONTENT_SECURITY_POLICY, page  # noqa: PLC0415

        status = self.load()
        html = page(status, *self._kept(status), self.history_command).encode(errors="replace")
        policy = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", html, policy)

    def _kept(
        self, status: Status
    ) -> tuple[Mapping[int, Evidence | None] | None, Sequence[BuildResults] | None]:
        """Return the evidence of the shown failed runs, and the results of their builds.

        If the ledger stops answering, runs are missing in the evidence, and the results may be `None`.
        """
        shown: dict[int, Evidence | None] = {}
        builds: Sequence[BuildResults] | None = None
        failed = [run for run in status.results if run.outcome is Outcome.FAILED]
        newest = status.build_results.runs
        with suppress(TemporaryError):
            needs_more = any(run.judges_build and run not in newest for run in failed)
            builds = results_by_build(run for run, _ in self.history()) if needs_more else ()
        with suppress(TemporaryError):
            for run in failed:
                if self.evidence:
                    shown[run.number] = self.evidence(run.number)
        return None if self.evidence is None else shown, builds

    def _health(self) -> Response:
        healthy, lines = self.healthy()
        verdict = "healthy" if healthy else "not healthy: a task is late"
        code = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return line(code, "\n".join((verdict, *lines)))

    def _metrics(self, query: str, headers: Message) -> Response:
        try:
            encode, content_type = choose_encoder(_wanted(headers.get("Accept", "")))
        except (TypeError, ValueError):  # not a valid version number
            encode, content_type = choose_encoder("")
        names = parse_qs(query).get("name[]")
        body = encode(self.registry.restricted_registry(names) if names else self.registry)
        if gzip_accepted(_wanted(headers.get("Accept-Encoding", ""))):
            return Response(
                HTTPStatus.OK, content_type, gzip.compress(body, _GZIP_LEVEL), {"Content-Encoding": "gzip"}
            )
        return Response(HTTPStatus.OK, content_type, body, {})


def _wanted(header: str) -> str:
    """Return an `Accept…` header without zero-weight values, which prometheus-client would choose too."""
    return ",".join(value for value in header.split(",") if not _WEIGHT_ZERO.search(value))


def _json(value: object) -> Response:
    return Response(HTTPStatus.OK, "application/json", json_text(value, indent=2).encode() + b"\n", {})
