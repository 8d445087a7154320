"""Answers of hostile or broken registries, and a part of the error that reports each."""

from __future__ import annotations

import gzip
import socket
import time
from dataclasses import dataclass

from support.fake_registry import Asked, Instead, sending

_DRIP_SECONDS = 0.015
_WRONG = "sha256:" + "0" * 64
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Misbehaviour:
    """The answer of a misbehaving registry, and a part of the monitor's error message."""

    instead: Instead
    says: str
    name: str


def dripping(head: bytes, forever: bytes) -> Instead:
    """Return a handler that sends the head, and then a few bytes at a time without end."""

    def instead(_asked: Asked, client: socket.socket) -> bool:
        client.sendall(head)
        while True:
            client.sendall(forever)
            time.sleep(_DRIP_SECONDS)

    return instead


def flooding(head: bytes, piece: bytes) -> Instead:
    """Return a handler that sends the head, and then as much data as the client accepts, up to 100 MiB."""

    def instead(_asked: Asked, client: socket.socket) -> bool:
        client.sendall(head)
        for _ in range(100 * 2**20 // len(piece)):
            client.sendall(piece)
        return True

    return instead


def only_for(method: str, instead: Instead) -> Instead:
    """Return a handler that misbehaves for one HTTP method only."""
    return lambda asked, client: asked.method == method and instead(asked, client)


def packed(packing: str, body: bytes) -> Instead:
    """Return a handler that answers with this `Content-Encoding`."""
    head = f"Content-Encoding: {packing}\r\nContent-Length: {len(body)}\r\n\r\n"
    return sending(OK + head.encode() + body)


_MANY = b"X-Filler: " + b"x" * 1000 + b"\r\n"

MISBEHAVIOURS = (
    Misbehaviour(dripping(b"", b"H"), "request to http", name="a status line that drips"),
    Misbehaviour(dripping(OK, b"X-A: b\r\n"), "request to http", name="headers that drip"),
    Misbehaviour(dripping(OK + b"X: ", b"y"), "request to http", name="one header that drips"),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Content-Length: 99999\r\n\r\n", b"{")),
        "no response within",
        name="a body that drips",
    ),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")),
        "no response within",
        name="chunks that drip",
    ),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0")),
        "request to http",
        name="the size of a chunk that drips",
    ),
    Misbehaviour(
        only_for("GET", flooding(OK + b"Content-Length: 104857600\r\n\r\n", b"x" * 2**16)),
        "too large",
        name="100 MB that are announced",
    ),
    Misbehaviour(
        only_for("GET", flooding(OK + b"Connection: close\r\n\r\n", b"x" * 2**16)), "too large", name="100 MB"
    ),
    Misbehaviour(
        only_for(
            "GET",
            flooding(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 2**16 + b"\r\n"),
        ),
        "too large",
        name="100 MB in chunks",
    ),
    Misbehaviour(
        only_for("GET", packed("gzip", gzip.compress(b" " * 2**20) * 100)),
        "unsupported Content-Encoding 'gzip'",
        name="100 MB in a small gzip",
    ),
    Misbehaviour(
        only_for("GET", packed("gzip", b"{}")), "unsupported Content-Encoding 'gzip'", name="no gzip"
    ),
    Misbehaviour(
        only_for("GET", packed("br", b"{}")), "unsupported Content-Encoding 'br'", name="an unknown packing"
    ),
    Misbehaviour(flooding(OK, _MANY), "request to http", name="headers without end"),
    Misbehaviour(flooding(OK + b"X: ", b"x" * 2**16), "request to http", name="a header without end"),
    Misbehaviour(
        flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "request to http", name="interim answers without end"
    ),
    Misbehaviour(sending(b""), "closed connection without response", name="nothing at all"),
    Misbehaviour(sending(b"SSH-2.0-server\r\n"), "request to http", name="another protocol"),
    Misbehaviour(sending(b"HTTP/1.1 ABC\r\n\r\n"), "request to http", name="no status"),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest sha256\r\n\r\n"), "is not JSON", name="headers without colons"
    ),
    Misbehaviour(
        only_for("GET", sending(OK + b"Content-Length: -5\r\n\r\n{}")),
        "does not match the digest",
        name="less than nothing",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: latest\r\n\r\n"),
        "'latest', which is not a digest",
        name="no digest",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: sha256:" + b"A" * 64 + b"\r\n\r\n"),
        "which is not a digest",
        name="a digest in capitals",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: \x1b[2J\x00\r\n\r\n"),
        "which is not a digest",
        name="what steers a terminal",
    ),
    Misbehaviour(
        only_for("HEAD", sending(OK + f"Docker-Content-Digest: {_WRONG}\r\n\r\n".encode())),
        "not found",
        name="a digest of nothing",
    ),
    Misbehaviour(
        only_for("GET", sending(OK + b'Content-Length: 14\r\n\r\n{"config": {}}')),
        "its content does not match the digest",
        name="content of another digest",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"),
        "limits the request rate (429)",
        name="429 without end",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        "offers neither Basic nor Bearer",
        name="no challenge",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"),
        "check that user's permissions",
        name="401 without end",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nLocation: /v2/\r\nContent-Length: 0\r\n\r\n"),
        "redirects too often",
        name="redirects without end",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nContent-Length: 0\r\n\r\n"),
        "redirects too often",
        name="a redirect to nowhere",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
        "sent a URL that is not valid",
        name="a redirect to a file",
    ),
)
