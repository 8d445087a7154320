"""Tests of the web server over real sockets: its responses, and that no client can delay it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.builders import COMMIT, NEW, NOW, VERDICTS, build, ended, full_status, workload
from support.certificates import self_signed
from support.served import HOST, Shown, serving

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.domain.run import AttemptCause, Evidence, Outcome, Reason, Run
from monitor.domain.status import Status
from monitor.engine.activity import Activity
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.flags import parse
from monitor.ledger import open_ledger
from monitor.ledger.status import status_of
from monitor.output.metrics import StatusCollector
from monitor.output.status_json import history_json, status_json
from monitor.output.web import Certificate, Limits, Site, WebServer
from monitor.output.web.server import origin_form
from monitor.settings import LocalSettings, WaitSettings, WebSettings

PATHS = ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/status", "/api/v1/history")
PATIENT_OF_FOUR = Limits(connections=4, answers=2)
QUICK = Limits(silence_seconds=0.3, deadline_seconds=0.8, connections=4)


@pytest.fixture
def tester() -> Shown:
    return Shown()


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """Start a server that the tests share and do not change."""
    with serving(Shown().site()) as server:
        yield server


def ask(
    server: WebServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(HOST, server.port, timeout=5)
    try:
        connection.request(
            method, path, body, {key.replace("_", "-"): value for key, value in headers.items()}
        )
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def reply(server: WebServer, sent: bytes) -> bytes:
    """Send the bytes, and return the whole response."""
    with socket.create_connection((HOST, server.port), timeout=5) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_answers_without_a_mention_of_python(server: WebServer, path: str) -> None:
    response, body = ask(server, path)
    assert response.status == 200
    assert body.endswith(b"\n")
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Server"] == "bootstrap-monitor"


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_head_has_the_headers_of_get_and_no_body(server: WebServer, path: str) -> None:
    whole, _ = ask(server, path)
    head, body = ask(server, path, "HEAD")
    assert body == b""
    assert head.status == whole.status
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    assert int(head.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/nothing"])
def test_another_method_is_refused(server: WebServer, method: str, path: str) -> None:
    response, body = ask(server, path, method, b"x" * 50_000)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    assert body == b"read-only: GET, HEAD\n"


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/api", "/api/v1/status/1", "/%2e%2e/etc", "/<b>"])
def test_an_unknown_path_is_one_line(server: WebServer, path: str) -> None:
    response, body = ask(server, path)
    assert (response.status, body) == (404, b"not found; / lists the paths\n")


@pytest.mark.parametrize("query", ["?", "?x=1", "?name[]=&name", "?a=/b?c", "?%zz"])
@pytest.mark.parametrize("path", PATHS)
def test_a_query_is_accepted(server: WebServer, path: str, query: str) -> None:
    response, _ = ask(server, path + query)
    assert response.status == 200


@pytest.mark.parametrize(
    ("sent", "first_line"),
    [
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/x\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/2.0\r\n\r\n", b"HTTP/1.1 505 HTTP Version Not Supported"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 Request-URI Too Long"),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
        (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"GET // HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK"),
    ],
    ids=["no_http", "no_version", "http_2", "long", "negative", "no_number", "old", "slashes", "pipelined"],
)
def test_odd_requests(server: WebServer, sent: bytes, first_line: bytes) -> None:
    answer = reply(server, sent)
    assert answer.partition(b"\r\n")[0] == first_line
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"Traceback" not in answer
    assert ask(server, "/")[0].status == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("application/openmetrics-text;version=newest", "text/plain"),
    ],
)
def test_metrics_come_in_the_format_that_is_asked_for(
    server: WebServer, accept: str, content_type: str
) -> None:
    response, body = ask(server, "/metrics", Accept=accept)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(content_type)
    assert body.endswith(b"# EOF\n") == ("openmetrics" in content_type)


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("http://monitor.example:9641/-/ready", "/-/ready"),
        ("HTTP://monitor.example/metrics?name[]=up", "/metrics?name[]=up"),
        ("https://[::1]:9641/api/v1/status", "/api/v1/status"),
        ("http://monitor.example", "/"),
        ("http://monitor.example?a=http://b/", "/?a=http://b/"),
    ],
)
def test_a_whole_url_as_the_target_is_answered_as_its_path(
    server: WebServer, target: str, origin: str
) -> None:
    """A full URL as the request target is answered like its path (RFC 9112, section 3.2.2).

    Clients of a proxy send such targets.
    """
    assert origin_form(target) == origin
    assert origin_form(origin) == origin
    answer = reply(server, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_metrics_are_compressed_where_that_is_accepted(server: WebServer) -> None:
    plain, body = ask(server, "/metrics", Accept_Encoding="identity")
    packed, less = ask(server, "/metrics", Accept_Encoding="deflate, gzip;q=0.9")
    assert plain.headers["Content-Encoding"] is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(less) == body
    assert len(less) < len(body)


@pytest.mark.parametrize("weight", ["0", "0.0", "0.000", " 0"])
def test_a_form_of_weight_zero_is_refused(server: WebServer, weight: str) -> None:
    """A form with weight zero is refused (RFC 9110, section 12.4.2)."""
    response, body = ask(
        server,
        "/metrics",
        Accept=f"application/openmetrics-text;version=1.0.0;q={weight}, text/plain",
        Accept_Encoding=f"gzip;q={weight}",
    )
    assert response.headers["Content-Encoding"] is None
    assert response.headers["Content-Type"].startswith("text/plain")
    assert not body.endswith(b"# EOF\n")


def test_metrics_can_be_asked_for_by_name(server: WebServer) -> None:
    _, body = ask(server, "/metrics?name[]=bootstrap_monitor_node_up&name[]=bootstrap_monitor_build_info")
    found = {family.name for family in parsed(body.decode())}
    assert found == {"bootstrap_monitor_node_up", "bootstrap_monitor_build_info"}


def test_the_api_is_the_status_as_json(server: WebServer, tester: Shown) -> None:
    """The API returns the Status and the history as JSON."""
    response, body = ask(server, "/api/v1/status")
    assert response.headers["Content-Type"] == "application/json"
    assert json.loads(body) == json.loads(json.dumps(status_json(tester.status)))
    _, body = ask(server, "/api/v1/history")
    expected = [history_json(run, VERDICTS.get(run.number, {}), cause) for run, cause in tester.history()]
    assert json.loads(body) == json.loads(json.dumps(expected))
    assert [each["verdict"] for each in expected] == ["confirmed", None, "insufficient_data"]
    assert [each["cause"] for each in expected] == ["confirm", None, None]
    assert expected[0]["regressions"]["duration"] == {
        "verdict": "confirmed",
        "baseline": 3600.0,
        "limit": 4000.0,
        "lastGoodRun": 2,
        "lastGoodCommit": COMMIT,
        "firstBadRun": 3,
        "firstBadCommit": "d" * 40,
        "compareUrl": f"https://github.com/ava-labs/avalanchego/compare/{COMMIT}...{'d' * 40}",
    }


@pytest.mark.parametrize(
    ("error", "code", "body"),
    [
        (TemporaryError("ledger: database is locked"), 503, b"ledger: database is locked\n"),
        (KeyError("secret"), 500, b"internal error; see the log of bootstrap-monitor\n"),
    ],
    ids=["expected", "fault"],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/history"])
def test_what_cannot_be_loaded_is_one_line(path: str, error: Exception, code: int, body: bytes) -> None:
    with serving(Shown(error=error).site()) as server:
        response, found = ask(server, path)
        assert (response.status, found) == (code, body)
        assert ask(server, "/-/healthy")[0].status == 200
        response, metrics = ask(server, "/metrics")
        assert response.status == 200
        assert b'bootstrap_monitor_errors_total{network="",operation="metrics"' in metrics


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_health_and_readiness_are_codes_that_probes_understand(*, good: bool) -> None:
    """The status codes of health and readiness match probes.

    A monitor that can answer is ready, and a monitor with a late task is unhealthy.
    """
    with serving(Shown(healthy=good).site()) as server:
        health, lines = ask(server, "/-/healthy")
        readiness, line = ask(server, "/-/ready")
    assert (health.status, readiness.status) == (200 if good else 503, 200)
    verdict = b"healthy" if good else b"not healthy: a task is late"
    assert lines == verdict + b"\ntick: ok, last done 3 s ago\n"
    assert line == b"ready\n"


@pytest.mark.parametrize("asked_for", [False, True], ids=["by default", "asked for"])
def test_the_log_tail_of_a_failed_node_is_served_only_on_request(tmp_path: Path, *, asked_for: bool) -> None:
    """The log tail is served only on request, because it may hold confidential data.

    Everyone who can read the volume can read it.
    """
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.record(NOW, "default", [BeginClearing(workload(build()), "")])
        ledger.record(NOW, "default", [BeginRun(workload(build()))])
        last = ledger.last()
        assert last is not None
        end = EndRun(last, Outcome.FAILED, Reason.CRASHED, "it crashed", None, None, None)
        ledger.record(NOW, "default", [end])
        ledger.keep_evidence(last.number, Evidence("a secret of the node", NOW.wall))

        def load() -> Status:
            return status_of(ledger.snapshot(21), NOW.wall)

        registry = CollectorRegistry()
        registry.register(StatusCollector(load, Activity()))
        site = Site(
            registry,
            load,
            lambda: [(run, None) for run in ledger.runs(100)],
            lambda: (True, []),
            ledger.evidence if asked_for else None,
        )
        with serving(site) as server:
            bodies = {path: ask(server, path)[1] for path in PATHS}

    assert [path for path, body in bodies.items() if b"secret" in body] == (["/"] if asked_for else [])
    assert b"it crashed" in bodies["/"]
    assert b"it crashed" in bodies["/api/v1/history"]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(None, b"because the build succeeded in run 1", id="by the history"),
        pytest.param(
            TemporaryError("the ledger is busy"),
            b"Caused by</dt><dd>unknown",
            id="without an answer of the ledger",
        ),
    ],
)
def test_the_page_attributes_failures_of_an_older_build_by_all_its_runs(
    error: Exception | None, cause: bytes
) -> None:
    crashed = [ended(number, Outcome.FAILED, reason=Reason.CRASHED) for number in (3, 2)]

    def runs() -> list[tuple[Run, AttemptCause | None]]:
        if error:
            raise error
        return [(each, None) for each in (*crashed, ended(1))]

    shown = full_status(results=(ended(4, build=build(NEW)), *crashed))
    site = Site(CollectorRegistry(), lambda: shown, runs, lambda: (True, []))
    with serving(site) as server:
        page = html.unescape(ask(server, "/")[1].decode()).encode()

    assert page.count(cause + b"</dd>") == len(crashed)


def test_the_page_may_use_its_own_style_and_script_and_nothing_else(server: WebServer) -> None:
    response, body = ask(server, "/")
    policy = dict(each.split(" ", 1) for each in response.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": hash_of(body, b"style"),
        "script-src": hash_of(body, b"script"),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert b" style=" not in body
    assert b"src=" not in body


def hash_of(body: bytes, tag: bytes) -> str:
    """Return the hash that allows the only element with this tag."""
    (content,) = re.findall(b"<%s[^>]*>(.*?)</%s>" % (tag, tag), body, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"], ids=["silent", "half_a_line", "half_a_head"]
)
def test_a_silent_client_holds_up_nobody_and_is_given_up(tester: Shown, sent: bytes) -> None:
    with serving(tester.site(), limits=QUICK) as server, ExitStack() as open_now:
        silent = [
            open_now.enter_context(socket.create_connection((HOST, server.port), timeout=5)) for _ in range(3)
        ]
        for client in silent:
            client.sendall(sent)
        began = time.monotonic()
        assert ask(server, "/")[0].status == 200
        assert time.monotonic() - began < 0.25
        assert [client.recv(1) for client in silent] == [b""] * 3
        assert 0.2 < time.monotonic() - began < 2


def test_a_client_that_drips_is_cut_at_the_deadline(tester: Shown) -> None:
    def drip(client: socket.socket) -> None:
        while True:
            client.sendall(b"G")
            time.sleep(0.05)

    with serving(tester.site(), limits=QUICK) as server:
        began = time.monotonic()
        with socket.create_connection((HOST, server.port)) as client, pytest.raises(ConnectionError):
            drip(client)
        assert 0.7 < time.monotonic() - began < 2


def test_at_the_limit_the_connection_that_waits_longest_makes_room(tester: Shown) -> None:
    with serving(tester.site(), limits=PATIENT_OF_FOUR) as server, ExitStack() as open_now:

        def opened() -> socket.socket:
            return open_now.enter_context(socket.create_connection((HOST, server.port), timeout=5))

        slow = [opened() for _ in range(PATIENT_OF_FOUR.connections)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nSlow: ")
        assert ask(server, "/")[0].status == 200
        assert slow[0].recv(65536) == b"", "closed without an answer that nobody asked for"
        slow[1].sendall(b"\r\n\r\n")
        assert slow[1].recv(15) == b"HTTP/1.1 200 OK", "the others are not closed"


def test_clients_of_one_address_do_not_close_the_connection_of_another(tester: Shown) -> None:
    with serving(tester.site(), limits=PATIENT_OF_FOUR) as server, ExitStack() as open_now:

        def opened(source: str) -> socket.socket:
            address = (HOST, server.port)
            client = socket.create_connection(address, timeout=5, source_address=(source, 0))
            client.sendall(b"GET / HTTP/1.1\r\n")
            return open_now.enter_context(client)

        scrape = opened("127.0.0.2")
        slow = [opened("127.0.0.3") for _ in range(3 * PATIENT_OF_FOUR.connections)]
        assert slow[0].recv(65536) == b"", "the first of the address with the most connections"
        scrape.sendall(b"\r\n")
        assert scrape.recv(15) == b"HTTP/1.1 200 OK", "the connection that has waited longest of all"


def test_pages_that_take_long_leave_room_for_probes(tester: Shown) -> None:
    """Slow pages leave capacity for probes; they are not closed, since no client causes the delay."""
    asked, released = threading.Semaphore(0), threading.Event()

    def load() -> Status:
        asked.release()
        assert released.wait(10)
        return tester.status

    slow = Site(CollectorRegistry(), load, tester.history, lambda: (True, []))
    with serving(slow, limits=PATIENT_OF_FOUR) as server:
        answers: list[int] = []
        waiting = [
            threading.Thread(target=lambda: answers.append(ask(server, "/")[0].status))
            for _ in range(PATIENT_OF_FOUR.answers)
        ]
        for thread in waiting:
            thread.start()
            assert asked.acquire(timeout=5)
        refused, body = ask(server, "/")
        assert (refused.status, body) == (503, b"too many requests at the same time: try again later\n")
        for _ in range(2 * PATIENT_OF_FOUR.connections):
            assert ask(server, "/-/healthy")[0].status == 200
        released.set()
        for thread in waiting:
            thread.join()
        assert answers == [200] * PATIENT_OF_FOUR.answers


def test_a_slow_answer_holds_up_nobody() -> None:
    tester, asked, released = Shown(), threading.Event(), threading.Event()

    def load() -> Status:
        asked.set()
        released.wait(5)
        return tester.status

    slow = Site(CollectorRegistry(), load, tester.history, lambda: (True, []))
    with serving(slow) as server:
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: answers.append(ask(server, "/")[0].status))
        waiting.start()
        assert asked.wait(5)
        assert ask(server, "/-/ready")[0].status == 200
        released.set()
        waiting.join()
        assert answers == [200]


def test_it_stops_immediately_with_connections_open(tester: Shown) -> None:
    server = WebServer((HOST, 0), tester.site())
    server.start()
    port = server.port
    with socket.create_connection((HOST, port), timeout=5) as silent:
        assert ask(server, "/")[0].status == 200
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1
        assert silent.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
    server.stop()


def test_it_may_be_stopped_unstarted_and_started_again(tester: Shown) -> None:
    server = WebServer((HOST, 0), tester.site())
    server.stop()
    for _ in range(2):
        server.start()
        assert ask(server, "/-/ready")[0].status == 200
        server.stop()


def test_an_address_in_use_is_one_line_that_says_what_to_do(server: WebServer, tester: Shown) -> None:
    second = WebServer((HOST, server.port), tester.site())
    with pytest.raises(MonitorError) as raised:
        second.start()
    assert str(raised.value) == (
        f"127.0.0.1:{server.port} is in use: "
        "stop the program that uses it, or set another --web-listen-address"
    )
    second.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_this_machines_is_one_line(tester: Shown, host: str) -> None:
    with pytest.raises(MonitorError, match=rf"{host}:9641 cannot be listened on \(.+\): set another --web"):
        WebServer((host, 9641), tester.site()).start()


@pytest.mark.parametrize(
    ("listen", "reached"),
    [(("", 0), ("127.0.0.1", "::1")), (("::1", 0), ("::1",)), (("localhost", 0), ("localhost",))],
    ids=["every", "ipv6", "name"],
)
def test_it_listens_on_the_set_address(
    tester: Shown, listen: tuple[str, int], reached: tuple[str, ...]
) -> None:
    if not socket.has_dualstack_ipv6():
        reached = tuple(host for host in reached if host != "::1")
    if not reached:
        pytest.skip("this machine has no IPv6")
    with serving(tester.site(), listen) as server:
        for host in reached:
            socket.create_connection((host, server.port), timeout=5).close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """Return a function that creates a certificate and its key for a name."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(name: str) -> tuple[Path, Path]:
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        self_signed(certificate, key, f"DNS:{name}")
        return certificate, key

    return make


def ask_encrypted(server: WebServer, name: str, certificate: Path) -> bytes:
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection((HOST, server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as client,
    ):
        client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_https_is_served_and_no_handshake_holds_up_another(
    tester: Shown, certificates: Callable[[str], tuple[Path, Path]]
) -> None:
    files = certificates("first")
    with (
        serving(tester.site(), certificate=Certificate(*files)) as server,
        socket.create_connection((HOST, server.port)) as silent,
    ):
        assert ask_encrypted(server, "first", files[0]).endswith(b"\r\n\r\nready\n")
        assert b"HTTP" not in reply(server, b"GET / HTTP/1.1\r\n\r\n")
        assert ask_encrypted(server, "first", files[0]).endswith(b"ready\n")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 1
        assert silent.fileno() > 0


def test_a_renewed_certificate_is_served_once_it_is_whole(
    tester: Shown, tmp_path: Path, certificates: Callable[[str], tuple[Path, Path]]
) -> None:
    old, new = certificates("old"), certificates("new")
    served = tmp_path / "tls.pem", tmp_path / "tls.key"

    def install(source: Path, target: Path) -> None:
        temporary = target.with_suffix(".next")
        temporary.write_bytes(source.read_bytes())
        os.replace(temporary, target)  # noqa: PTH105 - a renewal calls this function

    for source, target in zip(old, served, strict=True):
        install(source, target)
    with serving(tester.site(), certificate=Certificate(*served)) as server:
        assert ask_encrypted(server, "old", old[0]).endswith(b"ready\n")
        install(new[0], served[0])
        assert ask_encrypted(server, "old", old[0]).endswith(b"ready\n")
        served[1].unlink()
        assert ask_encrypted(server, "old", old[0]).endswith(b"ready\n")
        install(new[1], served[1])
        assert ask_encrypted(server, "new", new[0]).endswith(b"ready\n")


@pytest.mark.parametrize("fault", ["missing", "no_pem", "another_key"])
def test_a_certificate_that_cannot_be_used_is_one_line(
    fault: str, tmp_path: Path, certificates: Callable[[str], tuple[Path, Path]]
) -> None:
    certificate, key = certificates("first")
    if fault == "another_key":
        key = certificates("second")[1]
    else:
        key = tmp_path / "key.pem"
        if fault == "no_pem":
            key.write_text("no key")
    with pytest.raises(ConfigurationError) as raised:
        Certificate(certificate, key)
    assert str(raised.value).startswith(f"{certificate} and {key} cannot serve HTTPS (")
    assert "\n" not in str(raised.value)


def test_a_key_with_a_password_is_refused_without_asking_for_it(
    tmp_path: Path, certificates: Callable[[str], tuple[Path, Path]]
) -> None:
    certificate, key = certificates("first")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", str(key), "-out", str(locked)],
        check=True,
        capture_output=True,
    )
    with pytest.raises(ConfigurationError, match="the key must match the certificate and have no password"):
        Certificate(certificate, locked)


WAIT = ["--data-dir=/data", "--namespace=n", "--pod-name=p-0", "--node-container-name=node"]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(WaitSettings, WAIT), (LocalSettings, ["build"])],
    ids=["wait-for-completion", "local"],
)
@pytest.mark.parametrize(
    ("flags", "tls"),
    [
        ([], None),
        (["--web-tls-certificate=c.pem", "--web-tls-key=k.pem"], (Path("c.pem"), Path("k.pem"))),
        (["--web-tls-certificate=c.pem"], "(BOOTSTRAP_MONITOR_WEB_TLS_KEY) is not set: "),
        (["--web-tls-key=k.pem"], "(BOOTSTRAP_MONITOR_WEB_TLS_KEY) is 'k.pem': "),
    ],
    ids=["none", "both", "certificate", "key"],
)
def test_certificate_and_key_are_given_together(
    kind: type[WebSettings], arguments: list[str], flags: list[str], tls: object
) -> None:
    if not isinstance(tls, str):
        assert parse(kind, "command", [*arguments, *flags], {}).tls == tls
        return
    with pytest.raises(ConfigurationError) as raised:
        parse(kind, "command", [*arguments, *flags], {})
    assert (
        str(raised.value)
        == f"--web-tls-key {tls}--web-tls-certificate and --web-tls-key must be set together"
    )
