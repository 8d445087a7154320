"""A client for the HTTP API of a node: health, identity and metrics.

The node may be starting, busy or broken, and another program may listen on its port.  A reading therefore
takes bounded time and memory, and raises no exception.  Missing parts are `None`.  If all parts are missing,
the reading is `NodeSilent`.  If the port is closed, it is `NodeDown`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from monitor.avalanchego.node_metrics import metrics_of, wanted_lines
from monitor.bounded_http import BoundedConnection, Bounds, HttpResponse
from monitor.domain.json_text import json_object, json_text
from monitor.domain.observations import (
    HealthReport,
    NodeAnswering,
    NodeDown,
    NodeIdentity,
    NodeReading,
    NodeSilent,
)
from monitor.domain.sanitize import one_line
from monitor.errors import ConfigurationError

_HEALTH_BYTES = 1 << 20
_METRICS_BYTES = 8 << 20
_METRICS_PATH = "/ext/metrics"
# The timeouts in one reading: one each for health, readiness and metrics, and one for both identity calls.
_CALLS = 4
_NOTHING = NodeAnswering(health=None, bootstrapped=None, identity=None, metrics=None)

_NAME_CHARACTERS = 100
# Errors of chain and network checks without a network (avalanchego snow/networking, network).
_ISOLATED = re.compile(r"not connected to (enough stake|a minimum of)")


class NodeClient:
    """A client for one node, with one persistent connection.  Not safe for concurrent use."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        """Create a client for the node at `url`, such as `http://127.0.0.1:9650`.

        Raises:
            ConfigurationError: `url` does not have that form.
        """
        self._timeout_seconds = timeout_seconds
        self._connection = BoundedConnection(*address_of(url))
        self._identity: NodeIdentity | None = None
        self._identity_of: float | None = None

    def read(self) -> NodeReading:
        """Read health, readiness, identity and metrics once, within four timeouts; raise no exception."""
        ends_at = time.monotonic() + _CALLS * self._timeout_seconds
        try:
            return self._read(ends_at)
        except ConnectionRefusedError as error:
            self._identity = None
            return NodeDown(str(error))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _read(self, ends_at: float) -> NodeReading:
        problems: list[str] = []

        def ask(method: str, path: str, limit_bytes: int, rpc: str = "") -> HttpResponse | None:
            body = _rpc_body(rpc) if rpc else None
            try:
                return self._ask(method, path, body, limit_bytes, ends_at)
            except ConnectionRefusedError as error:
                raise ConnectionRefusedError(f"{self._where()} refuses connections") from error
            except (HTTPException, OSError, ValueError) as error:
                problems.append(f"{path}: {error}")
                return None

        health = ask("GET", "/ext/health", _HEALTH_BYTES)
        readiness = ask("GET", "/ext/health/readiness", _HEALTH_BYTES)
        page = ask("GET", _METRICS_PATH, _METRICS_BYTES)
        metrics = metrics_of(page)
        if health is readiness is page is None:
            return NodeSilent(f"{self._where()} does not respond: {problems[0]}")
        started_at = metrics.process_started_at if metrics else None
        if self._identity is None or started_at is None or started_at != self._identity_of:
            version = ask("POST", "/ext/info", _HEALTH_BYTES, rpc="info.getNodeVersion")
            network = ask("POST", "/ext/info", _HEALTH_BYTES, rpc="info.getNetworkID")
            self._identity, self._identity_of = _identity(version, network), started_at
        answering = NodeAnswering(_health(health), _bootstrapped(readiness), self._identity, metrics)
        if answering == _NOTHING:
            return NodeSilent(f"{self._where()} responds, but not like an AvalancheGo node")
        return answering

    def _ask(
        self, method: str, path: str, body: bytes | None, limit_bytes: int, ends_at: float
    ) -> HttpResponse:
        bounds = Bounds(min(time.monotonic() + self._timeout_seconds, ends_at), limit_bytes)
        headers = {"Content-Type": "application/json"} if body else {}
        # A complete metrics page would increase the process's memory by half a MiB permanently.
        kept = wanted_lines if path == _METRICS_PATH else b"".join
        return self._connection.ask(method, path, bounds, headers, body, kept)

    def _where(self) -> str:
        return f"{self._connection.host}:{self._connection.port}"


def address_of(url: str) -> tuple[str, int]:
    """Return the host and port of a node's URL.

    Raises:
        ConfigurationError: the URL does not have the form http://HOST:PORT.
    """
    wrong = ConfigurationError(f"the node's address is {url!r}: expected http://HOST:PORT")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme != "http" or not host or not host.isprintable() or " " in host:
        raise wrong
    return host, port or 80


# ---- Answers --------------------------------------------------------------------------------------------


def _rpc_body(method: str) -> bytes:
    return json_text({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}).encode()


def _json_object(answer: HttpResponse | None, *statuses: int) -> Mapping[str, Any] | None:
    if answer is None or answer.status not in statuses:
        return None
    try:
        return json_object(answer.body)
    except ValueError:
        return None


def _health(answer: HttpResponse | None) -> HealthReport | None:
    report = _json_object(answer, 200, 503)
    if report is None or not isinstance(report.get("healthy"), bool):
        return None
    checks = report.get("checks")
    if not isinstance(checks, dict) or not all(isinstance(check, dict) for check in checks.values()):
        return None
    moments = [moment for check in checks.values() if (moment := _moment(check.get("timestamp")))]
    errors = {
        one_line(name, _NAME_CHARACTERS): str(check["error"])
        for name, check in checks.items()
        if check.get("error") is not None
    }
    oldest = min(moments)[-1] if moments else ""
    return HealthReport(
        healthy=report["healthy"],
        oldest_check=oldest,
        failing_checks=tuple(sorted(errors)),
        isolated=bool(errors) and all(_ISOLATED.search(error) for error in errors.values()),
    )


def _moment(stamp: object) -> tuple[datetime, str, str] | None:
    """Return a sort key for a timestamp, with the timestamp last; `None` if it is malformed.

    The key has the text because a `datetime` has microseconds only.
    """
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment, stamp.rstrip("Z"), stamp)


def _bootstrapped(answer: HttpResponse | None) -> bool | None:
    healthy = (_json_object(answer, 200, 503) or {}).get("healthy")
    return healthy if isinstance(healthy, bool) else None


def _identity(version: HttpResponse | None, network: HttpResponse | None) -> NodeIdentity | None:
    versions = (_json_object(version, 200) or {}).get("result")
    networks = (_json_object(network, 200) or {}).get("result")
    if not isinstance(versions, dict) or not isinstance(networks, dict):
        return None
    name, commit, number = versions.get("version"), versions.get("gitCommit"), networks.get("networkID")
    if not isinstance(name, str) or not isinstance(commit, str):
        return None
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{1,10}", number):
        return None
    return NodeIdentity(network_id=int(number), version=name, commit=commit)
