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
    Misbehaviour(dripping(b"", b"H"), "no answer", name="a status line that drips"),
    Misbehaviour(dripping(OK, b"X-A: b\r\n"), "no answer", name="headers that drip"),
    Misbehaviour(dripping(OK + b"X: ", b"y"), "no answer", name="one header that drips"),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Content-Length: 99999\r\n\r\n", b"{")),
        "nothing within",
        name="a body that drips",
    ),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")),
        "nothing within",
        name="chunks that drip",
    ),
    Misbehaviour(
        only_for("GET", dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0")),
        "no answer",
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
        only_for("GET", packed("gzip", gzip.compress(b" " * 100 * 2**20))),
        "too large",
        name="100 MB in a small gzip",
    ),
    Misbehaviour(only_for("GET", packed("gzip", b"{}")), "is not gzip", name="no gzip"),
    Misbehaviour(only_for("GET", packed("br", b"{}")), "packed as 'br'", name="an unknown packing"),
    Misbehaviour(flooding(OK, _MANY), "no answer", name="headers without end"),
    Misbehaviour(flooding(OK + b"X: ", b"x" * 2**16), "no answer", name="a header without end"),
    Misbehaviour(
        flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "no answer", name="interim answers without end"
    ),
    Misbehaviour(sending(b""), "closed connection without response", name="nothing at all"),
    Misbehaviour(sending(b"SSH-2.0-server\r\n"), "no answer", name="another protocol"),
    Misbehaviour(sending(b"HTTP/1.1 ABC\r\n\r\n"), "no answer", name="no status"),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest sha256\r\n\r\n"), "is no JSON", name="headers without colons"
    ),
    Misbehaviour(
        only_for("GET", sending(OK + b"Content-Length: -5\r\n\r\n{}")),
        "has not the digest",
        name="less than nothing",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: latest\r\n\r\n"),
        "'latest', which is no digest",
        name="no digest",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: sha256:" + b"A" * 64 + b"\r\n\r\n"),
        "which is no digest",
        name="a digest in capitals",
    ),
    Misbehaviour(
        sending(OK + b"Docker-Content-Digest: \x1b[2J\x00\r\n\r\n"),
        "which is no digest",
        name="what steers a terminal",
    ),
    Misbehaviour(
        only_for("HEAD", sending(OK + f"Docker-Content-Digest: {_WRONG}\r\n\r\n".encode())),
        "is not there",
        name="a digest of nothing",
    ),
    Misbehaviour(
        only_for("GET", sending(OK + b'Content-Length: 14\r\n\r\n{"config": {}}')),
        "its content has not the digest",
        name="content of another digest",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"), "too often (429)", name="429 without end"
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"),
        "not by a way that is known",
        name="no challenge",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"),
        "check that user's permissions",
        name="401 without end",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nLocation: /v2/\r\nContent-Length: 0\r\n\r\n"),
        "from address to address",
        name="redirects without end",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nContent-Length: 0\r\n\r\n"),
        "address to address",
        name="a redirect to nowhere",
    ),
    Misbehaviour(
        sending(b"HTTP/1.1 307 No\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
        "no address",
        name="a redirect to a file",
    ),
)
