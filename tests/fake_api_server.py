"""An API server for tests: pods, their logs and StatefulSets in memory, behind the real protocol.

It keeps what a client must get right: the bearer header, resource versions and UID preconditions, the
strategic merge of a template's containers, `Status` objects for errors.  Faults are queued and answer the next
requests in their place.  Nothing runs: tests play kubelet and controllers through `on_create` and the objects.
"""

from __future__ import annotations

import copy
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens to one request: an answer of this status, a delay before it, or a broken connection."""

    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay_seconds: float = 0.0
    drop: bool = False
    after_serving: bool = False
    """The request is carried out first; only its answer is lost."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JsonObject | None


class FakeApiServer:
    """The server's state; `serving` runs it."""

    def __init__(self) -> None:
        self.url = ""
        self.token: str | None = "the-token"
        self.pods: dict[str, JsonObject] = {}
        self.stateful_sets: dict[str, JsonObject] = {}
        self.logs: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.on_create: Callable[[JsonObject], None] = lambda _pod: None
        self.before_patch: Callable[[JsonObject], None] = lambda _stateful_set: None
        self.deleted: list[str] = []
        self.reads_until_gone = 0
        self._versions = 100
        self._lock = threading.RLock()

    def made(self, method: str) -> list[Request]:
        """The requests of one method, in order."""
        return [each for each in self.requests if each.method == method]

    def add(self, kept: dict[str, JsonObject], found: JsonObject) -> JsonObject:
        """Keep an object as the server would, with a resource version."""
        kept[found["metadata"]["name"]] = found
        self.touch(found)
        return found

    def touch(self, found: JsonObject) -> None:
        """Somebody changed it."""
        self._versions += 1
        found["metadata"]["resourceVersion"] = str(self._versions)

    def serve(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Carry a request out."""
        with self._lock:
            if self.token and request.headers.get("authorization", "").lower() != f"bearer {self.token}":
                return _status(HTTPStatus.UNAUTHORIZED, "Unauthorized")
            parts = request.path.strip("/").split("/")
            kind, name, subresource = ([*parts[parts.index("namespaces") + 2 :], "", ""])[:3]
            match (request.method, kind, subresource):
                case ("GET", "pods", "log"):
                    return self._log(name, request)
                case ("GET", _, _):
                    return self._read(kind, name)
                case ("POST", "pods", _):
                    return self._create(request.body or {})
                case ("DELETE", "pods", _):
                    return self._delete(name, request.body or {})
                case ("PATCH", "statefulsets", _):
                    return self._patch(name, request)
        return _status(HTTPStatus.METHOD_NOT_ALLOWED, "the server does not allow this method")

    def _read(self, kind: str, name: str) -> tuple[int, dict[str, str], bytes]:
        found = (self.pods if kind == "pods" else self.stateful_sets).get(name)
        if found and "deletionTimestamp" in found["metadata"]:
            self.reads_until_gone -= 1
            if self.reads_until_gone < 0:
                del self.pods[name]
                found = None
        return _json(HTTPStatus.OK, found) if found else _missing(kind, name)

    def _log(self, name: str, request: Request) -> tuple[int, dict[str, str], bytes]:
        if name not in self.pods:
            return _missing("pods", name)
        text = self.logs.get(name, "").encode()[: int(request.query["limitBytes"])]
        return HTTPStatus.OK, {"Content-Type": "text/plain"}, text

    def _create(self, pod: JsonObject) -> tuple[int, dict[str, str], bytes]:
        name = pod["metadata"]["name"]
        if name in self.pods:
            return _status(HTTPStatus.CONFLICT, f'pods "{name}" already exists')
        pod["metadata"]["uid"] = f"uid-{self._versions}"
        pod["status"] = {"phase": "Pending"}
        self.add(self.pods, pod)
        self.on_create(pod)
        return _json(HTTPStatus.CREATED, pod)

    def _delete(self, name: str, options: JsonObject) -> tuple[int, dict[str, str], bytes]:
        pod = self.pods.get(name)
        if pod is None:
            return _missing("pods", name)
        wanted, uid = options.get("preconditions", {}).get("uid"), pod["metadata"]["uid"]
        if wanted and wanted != uid:
            return _status(HTTPStatus.CONFLICT, f"the UID in the precondition ({wanted}) is not {uid}")
        self.deleted.append(uid)
        if self.reads_until_gone:
            pod["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
        else:
            del self.pods[name]
        return _json(HTTPStatus.OK, pod)

    def _patch(self, name: str, request: Request) -> tuple[int, dict[str, str], bytes]:
        found = self.stateful_sets.get(name)
        if found is None:
            return _missing("statefulsets.apps", name)
        if request.headers.get("content-type") != "application/strategic-merge-patch+json":
            return _status(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not a strategic merge patch")
        self.before_patch(found)
        patch = request.body or {}
        if patch["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            return _status(
                HTTPStatus.CONFLICT, "the object has been modified; apply your changes to the latest"
            )
        before = copy.deepcopy(found["spec"])
        _merge_template(found["spec"]["template"], patch["spec"]["template"])
        if found["spec"] != before:
            found["metadata"]["generation"] += 1
        self.touch(found)
        return _json(HTTPStatus.OK, found)


def _merge_template(template: JsonObject, patch: JsonObject) -> None:
    annotations = template.setdefault("metadata", {}).setdefault("annotations", {})
    annotations.update(patch["metadata"]["annotations"])
    by_name = {each["name"]: each for each in template["spec"]["containers"]}
    for change in patch["spec"]["containers"]:
        by_name[change["name"]].update(change)


def _json(status: int, found: JsonObject) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(found).encode()


def _status(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    return _json(status, {"kind": "Status", "status": "Failure", "message": message, "code": int(status)})


def _missing(kind: str, name: str) -> tuple[int, dict[str, str], bytes]:
    return _status(HTTPStatus.NOT_FOUND, f'{kind} "{name}" not found')


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakeApiServer]:
    """Run a server on a free port of 127.0.0.1."""
    fake = FakeApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            split = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(
                self.command,
                split.path,
                dict(parse_qsl(split.query)),
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(raw) if raw else None,
            )
            fake.requests.append(request)
            fault = fake.faults.pop(0) if fake.faults else Fault()
            answer = fake.serve(request) if fault.after_serving or not fault.status else None
            if not fault.drop or fault.after_serving:
                time.sleep(fault.delay_seconds)
            if fault.drop:
                self._drop()
                return
            if fault.status:
                answer = _status(fault.status, fault.message)
            status, headers, body = answer or _status(HTTPStatus.INTERNAL_SERVER_ERROR, "no answer")
            self._answer(status, {**headers, **fault.headers}, body if fault.body is None else fault.body)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_request  # noqa: N815 (names that http.server wants)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _drop(self) -> None:
            # Linger zero: the client sees a reset, as when a load balancer gives up.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as it is overridden)
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that gave up is what some tests are about

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
