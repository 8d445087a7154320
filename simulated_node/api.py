"""The node's HTTP API: health, metrics, and JSON-RPC calls for its versions and its network.

`http.server` would take a third of the time that a node takes to start.
"""

import json
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from simulated_node.metrics import metrics_page
from simulated_node.node import Node
from simulated_node.options import DATABASE_VERSION, DIALECTS
from simulated_node.settings import network_number

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_NOT_FOUND = "404 Not Found", _TEXT, "404 page not found\n"
# The status, the content type and the text of a response.
Response = tuple[str, str, str]


class Server(ThreadingTCPServer):
    """The API server; like the real node, it listens when it is created and responds when it serves."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, node: Node) -> None:
        self.node = node
        super().__init__((node.settings.http_host, node.settings.http_port), _Handler)


class _Handler(StreamRequestHandler):
    """The handler of one connection, which stays open until the client closes it."""

    wbufsize = -1  # buffered, so that headers and body are sent together
    server: Server

    def handle(self) -> None:
        while request := self.rfile.readline().decode("latin-1").split():
            body_bytes = 0
            while header := self.rfile.readline().strip().lower():
                if header.startswith(b"content-length:"):
                    body_bytes = int(header.partition(b":")[2])
            body = self.rfile.read(body_bytes)
            status, kind, text = respond(self.server.node, request[0], request[1], body)
            head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}"
            self.wfile.write(f"{head}\r\n\r\n{text}".encode())
            self.wfile.flush()


def respond(node: Node, method: str, path: str, body: bytes) -> Response:
    """Return the response to a request; its text is ASCII."""
    checks = {"/ext/health": node.health, "/ext/health/readiness": node.readiness}
    if method == "POST":
        return (
            ("200 OK", f"{_JSON}; charset=utf-8", _called(node, body)) if path == "/ext/info" else _NOT_FOUND
        )
    if path in checks:
        answer = checks[path].answer()
        return "200 OK" if answer["healthy"] else "503 Service Unavailable", _JSON, _compact(answer)
    if path == "/ext/metrics":
        return "200 OK", "text/plain; version=0.0.4; charset=utf-8", metrics_page(node)
    return _NOT_FOUND


def _called(node: Node, body: bytes) -> str:
    """Return the response to a JSON-RPC call."""
    request = json.loads(body)
    version, simulation = node.simulation.application, node.simulation
    results = {
        "info.getNetworkID": {
            "networkID": str(simulation.reported_network_id or network_number(node.settings.network_id))
        },
        "info.getNodeVersion": {
            "version": version,
            "databaseVersion": DATABASE_VERSION,
            "rpcProtocolVersion": str(DIALECTS[simulation.dialect].rpc),
            "gitCommit": simulation.commit,
            "vmVersions": {"avm": version, "evm": "v" + version.rpartition("/")[2], "platform": version},
        },
    }
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
    if (method := request["method"]) in results:
        return _compact(answer | {"result": results[method]})
    error = {"code": -32000, "message": f'rpc: can\'t find method "{method}"', "data": None}
    return _compact(answer | {"error": error})


def _compact(value: object) -> str:
    """Format a value as Go's JSON encoder does."""
    return json.dumps(value, separators=(",", ":")) + "\n"
