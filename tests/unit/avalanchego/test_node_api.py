"""Tests of the node client over real sockets, with recorded and with malformed responses."""

from __future__ import annotations

import json
import socket
import time
import tracemalloc
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from monitor.avalanchego.node_api import NodeClient
from monitor.bounded_http import PIECE_BYTES
from monitor.domain.chains import MAX_CHAINS
from monitor.domain.observations import (
    HealthReport,
    NodeAnswering,
    NodeDown,
    NodeIdentity,
    NodeMetrics,
    NodeSilent,
)
from monitor.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = Path(__file__).parents[2] / "data"
TIMEOUT_SECONDS = 0.3
UNRUN = "0001-01-01T00:00:00Z"

Answer = tuple[int, bytes]


def fixture(name: str) -> bytes:
    """Return a response body recorded from a real node."""
    return (DATA / name).read_bytes()


def result(**values: str) -> bytes:
    """Return the body of a JSON-RPC response."""
    return json.dumps({"jsonrpc": "2.0", "result": values, "id": 1}).encode()


def bootstrapped_node() -> dict[str, Answer]:
    """Return the responses of a bootstrapped node, by path or method."""
    return {
        "/ext/health": (200, fixture("health-200.json")),
        "/ext/health/readiness": (200, fixture("readiness-200.json")),
        "/ext/metrics": (200, fixture("metrics-bootstrapped.txt")),
        "info.getNodeVersion": (200, fixture("info.getNodeVersion.json")),
        "info.getNetworkID": (200, result(networkID="54321")),
    }


@dataclass
class Canned:
    """A node with canned responses; `asked` lists the requests and `connections` counts the connections."""

    answers: dict[str, Answer]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    connections: int = 0


@contextmanager
def serving(answers: dict[str, Answer], port: int = 0) -> Iterator[Canned]:
    """Serve the responses over HTTP, and close all connections at the end as a process does when it exits."""
    canned = Canned(answers)
    connections: list[socket.socket] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def setup(self) -> None:
            canned.connections += 1
            connections.append(self.request)
            super().setup()

        def do_GET(self) -> None:
            self._answer(self.path)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(json.loads(body)["method"])

        def _answer(self, name: str) -> None:
            canned.asked.append(name)
            status, body = canned.answers.get(name, (404, b"404 page not found\n"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Discard the log message."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    canned.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield canned
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def odd_node(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen, and call `behave` with each connection after a request has arrived."""
    listener = socket.create_server(("127.0.0.1", 0))

    def converse(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            while connection.recv(65536):
                behave(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def unused_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_bootstrapped_node() -> None:
    """The client reads every part of a bootstrapped node's responses."""
    with serving(bootstrapped_node()) as node:
        reading = NodeClient(node.url).read()

    assert reading == NodeAnswering(
        health=HealthReport(healthy=True, oldest_check="2026-11-23T23:19:01.897822635Z"),
        bootstrapped=True,
        identity=NodeIdentity(network_id=54321, version="avalanchego/1.14.2", commit=""),
        metrics=NodeMetrics(
            process_started_at=1795475917.18,
            counters={
                ("C", "blocks_accepted"): 40,
                ("C", "blocks_fetched"): 40,
                ("C", "chain_time"): 1795475916,
                ("C", "leaves_synced"): 0,
                ("C", "sync_responses"): 0,
                ("P", "blocks_accepted"): 0,
                ("P", "blocks_fetched"): 0,
                ("X", "blocks_accepted"): 0,
                ("X", "blocks_fetched"): 0,
                ("X", "transactions_accepted"): 0,
                ("X", "transactions_fetched"): 0,
                ("X", "vertices_accepted"): 0,
                ("X", "vertices_fetched"): 0,
            },
            peers=1,
            disk_write_bytes=450560,
        ),
    )


def test_starting_node() -> None:
    """With status 503, a check that has not run yet is the oldest one and fails."""
    starting = {
        "/ext/health": (503, fixture("health-503-starting.json")),
        "/ext/health/readiness": (503, fixture("readiness-503.json")),
    }
    with serving(bootstrapped_node() | starting) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.bootstrapped is False
    failing = ("C", "P", "X", "bootstrapped", "futureupgrade", "network")
    assert reading.health == HealthReport(healthy=False, oldest_check=UNRUN, failing_checks=failing)


@pytest.mark.parametrize(
    ("stamps", "oldest"),
    [
        pytest.param(["01.8978Z", "01.89780561Z"], "01.8978Z", id="trailing zeros left out"),
        pytest.param(["01.5Z", "01Z"], "01Z", id="no fraction"),
        pytest.param(["01.000000002Z", "01.000000001Z"], "01.000000001Z", id="nanoseconds"),
        pytest.param(["01.5Z", "00+01:00", "02+00:00"], "00+01:00", id="other time zones"),
        pytest.param(["soon", "05Z"], "05Z", id="one unreadable"),
        pytest.param(["05", "06Z"], "06Z", id="one without a time zone"),
        pytest.param(["soon"], None, id="all unreadable"),
        pytest.param([], None, id="no checks"),
    ],
)
def test_oldest_check(stamps: list[str], oldest: str | None) -> None:
    """Timestamps are compared as times rather than as text. The oldest one is returned as it was sent."""
    minute = "2026-11-23T23:19:"
    checks = {str(n): {"timestamp": minute + stamp} for n, stamp in enumerate(stamps)}
    body = json.dumps({"checks": checks, "healthy": True}).encode()
    with serving({"/ext/health": (200, body)}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.health == HealthReport(healthy=True, oldest_check=minute + oldest if oldest else "")


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/ext/health", "health"),
        ("/ext/health/readiness", "bootstrapped"),
        ("/ext/metrics", "metrics"),
        ("info.getNodeVersion", "identity"),
        ("info.getNetworkID", "identity"),
    ],
)
def test_part_missing(path: str, part: str) -> None:
    """A part that is missing from the responses is `None`, and the client reads the other parts."""
    answers = bootstrapped_node()
    del answers[path]
    with serving(answers) as node:
        reading = NodeClient(node.url).read()

    absent = {name for name in NodeAnswering.__slots__ if getattr(reading, name) is None}
    assert absent == {part}


MALFORMED: list[Any] = [
    pytest.param("/ext/health", b"{", "health", id="half JSON"),
    pytest.param("/ext/health", b"[1]", "health", id="not an object"),
    pytest.param("/ext/health", b'{"checks": {}, "healthy": "true"}', "health", id="healthy is text"),
    pytest.param("/ext/health", b'{"checks": [], "healthy": true}', "health", id="checks are a list"),
    pytest.param("/ext/health", b'{"checks": {"P": 1}, "healthy": true}', "health", id="check is a number"),
    pytest.param("/ext/health", b"[" * 100_000, "health", id="deeply nested"),
    pytest.param("/ext/health", b"9" * 100_000, "health", id="endless number"),
    pytest.param("/ext/health", b" " * (1 << 20) + b"{}", "health", id="health over 1 MiB"),
    pytest.param("/ext/health/readiness", b'{"healthy": 1}', "bootstrapped", id="readiness is a number"),
    pytest.param("/ext/metrics", b"<html></html>", "metrics", id="metrics are HTML"),
    pytest.param("/ext/metrics", b"avalanche_network_peers NaN\n", "metrics", id="no peers but NaN"),
    pytest.param("/ext/metrics", b"avalanche_network_peers 1\n" * 400_000, "metrics", id="over 8 MiB"),
    pytest.param("info.getNetworkID", result(networkID="mainnet"), "identity", id="network is a name"),
    pytest.param("info.getNetworkID", result(networkID="9" * 5000), "identity", id="network is huge"),
    pytest.param("info.getNetworkID", b'{"result": {"networkID": 1}}', "identity", id="network is a number"),
    pytest.param("info.getNetworkID", b'{"error": {"code": -32000}}', "identity", id="error"),
    pytest.param("info.getNodeVersion", b'{"result": []}', "identity", id="versions are a list"),
    pytest.param("info.getNodeVersion", result(version="avalanchego/1"), "identity", id="no commit"),
]


@pytest.mark.parametrize(("path", "body", "part"), MALFORMED)
def test_part_malformed(path: str, body: bytes, part: str) -> None:
    """A malformed part is `None`, and the client reads the other parts."""
    with serving(bootstrapped_node() | {path: (200, body)}) as node:
        reading = NodeClient(node.url).read()

    absent = {name for name in NodeAnswering.__slots__ if getattr(reading, name) is None}
    assert absent == {part}


def test_malformed_metrics_lines() -> None:
    """The client skips malformed lines of the metrics page."""
    page = b"""
avalanche_snowman_bs_fetched{chain="P"} 4.157e+06
avalanche_snowman_bs_fetched{chain="X"} many
avalanche_snowman_bs_fetched{chain="C"} 1e999
avalanche_snowman_bs_fetched{chain="2q9e4r"} 5
avalanche_snowman_bs_fetched 6
avalanche_snowman_bs_accepted{chain="P"} -1
avalanche_snowman_bs_accepted{chain="X"}
avalanche_snowman_bs_accepted{chain="C"} 1-2
avalanche_snowman_bs_accepted_more{chain="C"} 7
avalanche_network_peers 3
\xff\xfe"""
    with serving({"/ext/metrics": (200, page)}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    counters = {("P", "blocks_fetched"): 4_157_000, ("2q9e4r", "blocks_fetched"): 5}
    expected = NodeMetrics(process_started_at=None, counters=counters, peers=3)
    assert reading.metrics == expected


@pytest.mark.parametrize(
    ("label", "is_read"),
    [
        pytest.param("2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5", True, id="a blockchain ID"),
        pytest.param("my-l1.test", True, id="an alias"),
        pytest.param("x" * 64, True, id="as long as a name may be"),
        pytest.param("x" * 65, False, id="too long"),
        pytest.param("../main", False, id="a path"),
        pytest.param("a b", False, id="a blank"),
        pytest.param("", False, id="empty"),
    ],
)
def test_the_names_of_chains(label: str, *, is_read: bool) -> None:
    page = f'avalanche_snowman_bs_fetched{{chain="{label}"}} 5\navalanche_network_peers 3\n'
    with serving({"/ext/metrics": (200, page.encode())}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.metrics is not None
    assert reading.metrics.counters == ({(label, "blocks_fetched"): 5} if is_read else {})


def test_the_number_of_chains_is_bounded() -> None:
    names = [*(f"l1-{number:02}" for number in range(40)), "P", "X", "C"]
    page = "".join(f'avalanche_snowman_bs_fetched{{chain="{name}"}} 5\n' for name in names)
    with serving({"/ext/metrics": (200, page.encode())}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.metrics is not None
    assert {chain for chain, _ in reading.metrics.counters} == {"P", "X", "C", *names[: MAX_CHAINS - 3]}


def recorded(name: str) -> NodeMetrics:
    """Return the metrics that the client reads from a recorded page."""
    page = (Path(__file__).parents[2] / "data" / "nodes" / name).read_bytes()
    with serving({"/ext/metrics": (200, page)}) as node:
        reading = NodeClient(node.url).read()
    assert isinstance(reading, NodeAnswering)
    assert reading.metrics is not None
    return reading.metrics


@pytest.mark.parametrize(
    ("name", "leaves", "responses", "queued"),
    [
        pytest.param("metrics-sync-1142.txt", 41026, 911, None, id="1.14.2 has synced its state"),
        pytest.param("metrics-sync-1150f.txt", 23817, 377, None, id="1.15.0 after a restart: the rest only"),
        pytest.param(
            "metrics-helicon-sync.txt", 0, 0, 0, id="1.15.0 in the process that made the transition"
        ),
        pytest.param("metrics-helicon-full.txt", None, None, 0, id="1.15.0 restarted after its transition"),
    ],
)
def test_what_a_recorded_page_shows_of_a_state_sync(
    name: str, leaves: float | None, responses: float | None, queued: float | None
) -> None:
    metrics = recorded(name)

    assert metrics.counters.get(("C", "leaves_synced")) == leaves
    assert metrics.counters.get(("C", "sync_responses")) == responses
    assert metrics.queued_blocks.get("C") == queued
    assert metrics.counters.get(("C", "height_executed")) == (None if queued is None else 410)


PAGE = 'avalanche_proposervm_last_accepted_timestamp{block_type="%s",chain="%s"} %s\n'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param(
            PAGE % ("inner", "C", "1.7e+09") + PAGE % ("proposervm", "C", "1.6e+09"),
            NodeMetrics(None, {("C", "chain_time"): 1.7e9}),
            id="chain time: the later kind of block",
        ),
        pytest.param(
            PAGE % ("inner", "P", "0") + PAGE % ("proposervm", "P", "1.6e+09"),
            NodeMetrics(None, {("P", "chain_time"): 1.6e9}),
            id="chain time: one kind has none yet",
        ),
        pytest.param(
            "avalanche_network_peers 1\n"
            'avalanche_system_resources_num_disk_write_bytes{processID="7"} 4.5e+06\n'
            'avalanche_system_resources_num_disk_write_bytes{processID="11140"} 500000\n',
            NodeMetrics(None, {}, 1, 5_000_000.0),
            id="bytes written: those of all its processes",
        ),
        pytest.param(
            "avalanche_network_peers 0\n", NodeMetrics(None, {}, 0, None), id="no peers is a number"
        ),
        pytest.param(
            'avalanche_evm_eth_state_sync_total_leafs{chain="C"} 12\n',
            NodeMetrics(None, {("C", "leaves_synced"): 12}),
            id="leaves of state sync",
        ),
    ],
)
def test_the_metrics_page_is_parsed(page: str, expected: NodeMetrics) -> None:
    with serving({"/ext/metrics": (200, page.encode())}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.metrics == expected


PEERS_LINE = "avalanche_network_peers 12345\n"


@pytest.mark.parametrize("ends", ["", "\n"], ids=["without an end", "with an end"])
@pytest.mark.parametrize("beyond", range(len(PEERS_LINE) + 1))
def test_a_line_that_comes_in_two_pieces_is_whole(beyond: int, ends: str) -> None:
    """A line is complete wherever the page is split, even if the last line has no line break."""
    filling = "#" * (PIECE_BYTES - len(PEERS_LINE) + beyond - 1) + "\n"
    page = filling + PEERS_LINE.rstrip("\n") + ends
    with serving({"/ext/metrics": (200, page.encode())}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.metrics == NodeMetrics(None, {}, 12345, None)


STAKE = "not connected to enough stake: connected to 6.505707%; required at least 80.000000%"
PEERS = "network layer is unhealthy reason: not connected to a minimum of 1 peer(s)"
DISK = "remaining available disk percentage (2) is below the warning threshold"


@pytest.mark.parametrize(
    ("errors", "isolated"),
    [
        pytest.param({"P": STAKE}, True, id="too little stake"),
        pytest.param({"network": PEERS}, True, id="no peers"),
        pytest.param({"P": STAKE, "C": STAKE, "network": PEERS}, True, id="both, of several chains"),
        pytest.param({"P": STAKE, "diskspace": DISK}, False, id="and something else"),
        pytest.param({"C": "block processing too long"}, False, id="something else alone"),
        pytest.param({"bootstrapped": "subnets not bootstrapped", "P": STAKE}, False, id="it bootstraps"),
        pytest.param({}, False, id="nothing fails"),
    ],
)
def test_a_node_that_only_lacks_the_network_says_so(errors: dict[str, str], *, isolated: bool) -> None:
    checks = {name: {"error": error} for name, error in errors.items()} | {"database": {"message": None}}
    body = json.dumps({"checks": checks, "healthy": not errors}).encode()
    with serving({"/ext/health": (503, body)}) as node:
        reading = NodeClient(node.url).read()

    assert isinstance(reading, NodeAnswering)
    assert reading.health is not None
    assert (reading.health.isolated, reading.health.failing_checks) == (isolated, tuple(sorted(errors)))


def test_identity_asked_once_per_process() -> None:
    """The client requests the identity again only for a new process, and uses one connection throughout."""
    with serving(bootstrapped_node()) as node:
        client = NodeClient(node.url)
        client.read()
        client.read()
        asked_at_first = node.asked.count("info.getNodeVersion")
        page = b"avalanche_process_process_start_time_seconds 1.8e+09\n"
        node.answers["/ext/metrics"] = (200, page)
        node.answers["info.getNetworkID"] = (200, result(networkID="5"))
        reading = client.read()

    assert asked_at_first == 1
    assert node.connections == 1
    assert isinstance(reading, NodeAnswering)
    assert reading.identity == NodeIdentity(network_id=5, version="avalanchego/1.14.2", commit="")


def test_identity_asked_again_while_unknown() -> None:
    """The client requests an unknown identity again."""
    answers = bootstrapped_node()
    network = answers.pop("info.getNetworkID")
    with serving(answers) as node:
        client = NodeClient(node.url)
        client.read()
        node.answers["info.getNetworkID"] = network
        reading = client.read()

    assert isinstance(reading, NodeAnswering)
    assert reading.identity is not None


def test_node_comes_and_goes() -> None:
    """A closed port is reported as `NodeDown`. The same client reads the node once the port is open again."""
    with serving(bootstrapped_node()) as node:
        client = NodeClient(node.url)
        there = client.read()
    port = int(node.url.rpartition(":")[2])
    gone = client.read()
    with serving(bootstrapped_node(), port) as again:
        back = client.read()

    assert isinstance(there, NodeAnswering)
    assert back == there
    assert "info.getNodeVersion" in again.asked
    assert gone == NodeDown(f"127.0.0.1:{port} refuses connections")


def test_never_accepting_node() -> None:
    """A port that accepts no connections is `NodeSilent`, like a node that is still initializing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        reading = NodeClient(url, TIMEOUT_SECONDS).read()

    assert isinstance(reading, NodeSilent)


def drip(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send a piece every 0.1 s, so that no read times out."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(0.1)
            connection.sendall(piece)

    return behave


def flood(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send data without end, as fast as possible."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece * (65536 // len(piece)))

    return behave


def once(answer: bytes) -> Callable[[socket.socket], None]:
    """Send the response, then close the connection."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HTML = b"<html><title>404</title></html>"


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(once(b""), id="hangs up"),
        pytest.param(once(b"SSH-2.0-OpenSSH_9.2\r\n"), id="another protocol"),
        pytest.param(once(b"\x00\xff\r\n" * 100), id="noise"),
        pytest.param(once(HEAD + b"Content-Length: %d\r\n\r\n" % len(HTML) + HTML), id="HTML"),
        pytest.param(once(HEAD + b"Content-Length: 99\r\n\r\n{"), id="shorter than it says"),
        pytest.param(once(HEAD + b"Content-Length: %d\r\n\r\n{" % 10**18), id="length without sense"),
        pytest.param(once(HEAD + b"Content-Length: 5, 7\r\n\r\n{}"), id="two lengths"),
        pytest.param(once(HEAD + b"Content-Length: x\r\n\r\n{}"), id="length is not a number"),
        pytest.param(once(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), id="redirect"),
        pytest.param(once(b"HTTP/1.1 999999 ?\r\n\r\n"), id="status without sense"),
        pytest.param(once(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"), id="packed"),
        pytest.param(once(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"), id="chunk size is not a number"),
        pytest.param(once(CHUNKED + b"f" * 30 + b"\r\n{}"), id="chunk without sense"),
        pytest.param(drip(b"", b"H"), id="drips the status"),
        pytest.param(drip(HEAD, b"a: b\r\n"), id="drips headers"),
        pytest.param(drip(HEAD + b"Content-Length: 1000\r\n\r\n", b" "), id="drips the body"),
        pytest.param(drip(CHUNKED, b"1\r\n \r\n"), id="drips chunks"),
        pytest.param(flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless continue"),
        pytest.param(flood(HEAD + b"a: ", b"b"), id="endless header"),
        pytest.param(flood(HEAD + b"\r\n", b" "), id="endless body"),
        pytest.param(flood(CHUNKED, b"1"), id="endless chunk size"),
        pytest.param(flood(CHUNKED, b"1\r\n \r\n"), id="endless chunks"),
    ],
)
def test_odd_node(behave: Callable[[socket.socket], None]) -> None:
    """Whatever listens on the port, a reading ends in time as `NodeSilent` and uses little memory."""
    with odd_node(behave) as url:
        tracemalloc.start()
        began = time.monotonic()
        try:
            reading = NodeClient(url, TIMEOUT_SECONDS).read()
            seconds = time.monotonic() - began
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert isinstance(reading, NodeSilent)
    assert seconds < 4 * TIMEOUT_SECONDS + 1
    assert peak_bytes < 48 << 20


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:9650",
        "https://localhost:9650",
        "http://",
        "http://[::1",
        "http://a b:9650",
        "http://a\x7f:9650",
        "http://a:99999",
    ],
)
def test_address_of_no_node(url: str) -> None:
    """A malformed node address is a configuration error."""
    with pytest.raises(ConfigurationError, match="the node's address"):
        NodeClient(url)


def test_name_that_cannot_be_looked_up() -> None:
    """A node whose name does not resolve is `NodeSilent`, because its process may still run."""
    reading = NodeClient(f"http://{'x' * 64}:9650", TIMEOUT_SECONDS).read()

    assert isinstance(reading, NodeSilent)


def test_closed_port() -> None:
    """A port on which nothing listens is `NodeDown`."""
    reading = NodeClient(f"http://127.0.0.1:{unused_port()}", TIMEOUT_SECONDS).read()

    assert isinstance(reading, NodeDown)
