"""A fake of a bootstrapped node, and of the registry of its image, with little cost for the benchmark.

The metrics page is that of a real node, of 220 KB. Only the timestamps of the health checks change, as the
monitor expects.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.running_server import running

_ANSWERS = Path(__file__).parents[1] / "tests" / "data"
_STAMP = re.compile(rb'"timestamp": *"[^"]*"')


class StandingNode:
    """The node, or a registry, at one address; `on_poll` is called at every poll of its health."""

    def __init__(self, commit: str, digest: str) -> None:
        self.port = 0
        self.digest = digest
        self.on_poll: Callable[[], None] = lambda: None
        self._health = (_ANSWERS / "health-200.json").read_bytes()
        self._pages = {
            "/ext/health/readiness": (_ANSWERS / "readiness-200.json").read_bytes(),
            "/ext/metrics": (_ANSWERS / "metrics-bootstrapped.txt").read_bytes(),
        }
        version = {"version": "avalanchego/1.14.2", "gitCommit": commit}
        self._results = {"info.getNodeVersion": version, "info.getNetworkID": {"networkID": "5"}}

    def page(self, path: str) -> bytes | None:
        """Return the response to a GET."""
        if path != "/ext/health":
            return self._pages.get(path)
        self.on_poll()
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        return _STAMP.sub(f'"timestamp": "{stamp}"'.encode(), self._health)

    def result(self, method: str) -> bytes:
        """Return the response to a call of the API."""
        return json.dumps({"jsonrpc": "2.0", "id": 1, "result": self._results[method]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, node: StandingNode) -> None:
        self.node = node
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # Send headers and body in one packet, or else each response waits for the client's delayed
    # acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        body = self.server.node.page(self.path)
        self._answer(404 if body is None else 200, body or b"")

    def do_HEAD(self) -> None:
        self._answer(200, b"", **{"Docker-Content-Digest": self.server.node.digest})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(200, self.server.node.result(asked["method"]))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        pass


@contextmanager
def standing(commit: str, digest: str, tls: ssl.SSLContext | None = None) -> Iterator[StandingNode]:
    """Run a node on a free port of 127.0.0.1."""
    node = StandingNode(commit, digest)
    with _Server(node) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        node.port = int(server.server_address[1])
        with running(server):
            yield node
