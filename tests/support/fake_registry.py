"""A registry for tests, which serves the distribution API and its token service on real sockets.

It enforces the rules that a client must follow: accepted manifest types, tokens, and digests of contents.
`instead` replaces its answers with those of a broken registry.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.certificates import self_signed, server_context
from support.running_server import running

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAME = "ava/node"
USER, PASSWORD, IDENTITY = "user", "pass:word", "identity"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]]
    connection: int

    @property
    def authorization(self) -> str:
        """The value of the Authorization header: scheme and credentials."""
        return self.headers.get("authorization", "")


Instead = Callable[[Asked, socket.socket], bool]
"""Answers a request on the bare socket and returns `True`, or leaves it to the registry."""


def sending(text: bytes) -> Instead:
    """Return a handler that always sends this answer, after which the connection is closed."""

    def instead(_asked: Asked, client: socket.socket) -> bool:
        client.sendall(text)
        return True

    return instead


@dataclass
class FakeRegistry:
    """The state of a registry; `serving` serves it.

    `wants` is the required authentication: none, `basic` or `bearer`. `realm` is the token service that the
    challenge names; the registry's own by default.
    """

    address: str = ""
    scheme: str = "http"
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    wants: str = ""
    realm: str = ""
    scope: str = ""
    lets_anonymous_pull: bool = False
    token_fields: dict[str, Any] = field(default_factory=lambda: {"expires_in": 300})
    says_digest: bool = True
    answers_head: int | None = None
    """The status of every answer to HEAD; with `None`, HEAD is answered like GET."""
    instead: Instead = lambda _asked, _socket: False
    asked: list[Asked] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @property
    def repository(self) -> str:
        """The repository's name in image references."""
        return f"{self.address}/{NAME}"

    @property
    def url(self) -> str:
        """The address of the registry as a URL."""
        return f"{self.scheme}://{self.address}"

    def push(self, manifest: object, tag: str = "", media_type: str = MANIFEST) -> str:
        """Store a manifest, optionally under a tag, and return its digest."""
        body = json.dumps(manifest).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        for reference in filter(None, (digest, tag)):
            self.manifests[reference] = (media_type, body)
        return digest

    def push_build(self, number: int, tag: str = "latest") -> str:
        """Store a small image under a tag and return its digest."""
        return self.push({"schemaVersion": 2, "config": {"number": number}}, tag)

    def push_image(self, config: object, tag: str = "") -> str:
        """Store an image with this configuration, which names its platform; return its manifest's digest."""
        body = json.dumps(config).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.blobs[digest] = body
        return self.push({"schemaVersion": 2, "config": {"digest": digest}}, tag)

    def push_index(self, *children: dict[str, Any], tag: str = "latest") -> str:
        """Store an index under a tag and return its digest."""
        return self.push({"schemaVersion": 2, "manifests": list(children)}, tag, INDEX)

    def seen(self) -> list[str]:
        """Return the method and the path of every request."""
        return [f"{request.method} {request.path}" for request in self.asked]

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """Return the registry's answer to a request: status, headers and body."""
        if asked.path == "/token":
            return self._token(asked)
        refusal = self._refusal(asked)
        if refusal is not None:
            return refusal
        blob = self.blobs.get(asked.path.removeprefix(f"/v2/{NAME}/blobs/"))
        if blob is not None:
            return 200, {"Content-Type": "application/octet-stream"}, blob
        if asked.method == "HEAD" and self.answers_head is not None:
            return self.answers_head, {}, b""
        prefix = f"/v2/{NAME}/manifests/"
        manifest = (
            self.manifests.get(asked.path.removeprefix(prefix)) if asked.path.startswith(prefix) else None
        )
        if manifest is None or manifest[0] not in asked.headers.get("accept", ""):
            return 404, {}, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'
        media_type, body = manifest
        headers = {"Content-Type": media_type}
        if self.says_digest:
            headers["Docker-Content-Digest"] = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return 200, headers, body

    def _refusal(self, asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
        scheme, _, value = asked.authorization.partition(" ")
        allowed = {
            "": True,
            "basic": asked.authorization == basic(),
            "bearer": scheme == "Bearer" and value in self.tokens,
        }
        if allowed[self.wants]:
            return None
        challenge = 'Basic realm="here"'
        if self.wants == "bearer":
            realm = self.realm or f"{self.url}/token"
            challenge = f'Bearer realm="{realm}",service="the registry"'
            challenge += f',scope="{self.scope}"' if self.scope else ""
        return 401, {"WWW-Authenticate": challenge}, b""

    def _token(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        by_identity = asked.form.get("refresh_token") == [IDENTITY]
        if asked.authorization not in {basic(), ""} or (asked.method == "POST" and not by_identity):
            return 401, {}, b""
        if not (asked.authorization or by_identity or self.lets_anonymous_pull):
            return 401, {}, b""
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        key = "access_token" if by_identity else "token"
        return 200, {}, json.dumps({key: self.tokens[-1], **self.token_fields}).encode()


def basic(user: str = USER, password: str = PASSWORD) -> str:
    """Return an Authorization header with user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def config(folder: Path, *hosts: str, **entry: str) -> Path:
    """Write a Docker configuration with one entry for each host, and return its path."""
    path = folder / "config.json"
    kept = entry or {"auth": basic().removeprefix("Basic ")}
    path.write_text(json.dumps({"auths": dict.fromkeys(hosts, kept)}))
    return path


def child(digest: str, architecture: str = "amd64", **more: Any) -> dict[str, Any]:
    """Return the descriptor of a manifest in an index."""
    platform = {"os": "linux", "architecture": architecture}
    return {"mediaType": MANIFEST, "digest": digest, "size": 2, "platform": platform, **more}


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a self-signed certificate of 127.0.0.1 and registry.invalid; return its path and its key's."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    self_signed(made, key, "IP:127.0.0.1", "DNS:registry.invalid")
    return made, key


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeRegistry, host: str) -> None:
        self.fake, self.connections = fake, 0
        super().__init__((host, 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: some tests use clients that disconnect early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self._number = self.server.connections

    def handle_request(self) -> None:
        fake, split = self.server.fake, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        asked = Asked(
            self.command,
            split.path,
            parse_qs(split.query),
            {name.lower(): value for name, value in self.headers.items()},
            parse_qs(raw),
            self._number,
        )
        fake.asked.append(asked)
        with suppress(OSError):  # the client may disconnect early
            if fake.instead(asked, self.connection):
                self.close_connection = True
                return
            status, headers, body = fake.answer(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)
            self.wfile.flush()

    do_GET = do_HEAD = do_POST = handle_request  # noqa: N815 (names that http.server requires)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (overridden name)
        pass


@contextmanager
def serving(tls: tuple[Path, Path] | None = None, name: str = "127.0.0.1") -> Iterator[FakeRegistry]:
    """Serve a registry on a free port of 127.0.0.1, with `name` as the host in its address."""
    fake = FakeRegistry(scheme="https" if tls else "http")
    with _Server(fake, "127.0.0.1") as server:
        if tls:
            server.socket = server_context(*tls).wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        fake.address = f"{name}:{server.server_address[1]}"
        with running(server):
            yield fake
