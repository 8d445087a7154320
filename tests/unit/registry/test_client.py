"""Tests of the registry client over real sockets: digests, authentication, proxies and CAs."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.fake_registry import (
    IDENTITY,
    INDEX,
    MANIFEST,
    NAME,
    FakeRegistry,
    basic,
    certificate,
    child,
    config,
    sending,
    serving,
)

from monitor.errors import ConfigurationError
from monitor.registry import AbsentError, Registry, RegistryError, RegistryOptions, Timeouts
from monitor.registry.http import Transport

D1, D2, D3, D4 = ("sha256:" + digit * 64 for digit in "1234")
TIMEOUTS = Timeouts(answer_seconds=2.0, lookup_seconds=5.0)
FORBIDDEN = sending(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
AMD64 = {"os": "linux", "architecture": "amd64"}
TAG, TOKEN = f"HEAD /v2/{NAME}/manifests/latest", "GET /token"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as registry:
        yield registry


def reader(fake: FakeRegistry, options: RegistryOptions | None = None, **settings: Any) -> Registry:
    """Return a client of the registry."""
    return Registry(
        fake.repository,
        "latest",
        options or RegistryOptions(),
        timeouts=TIMEOUTS,
        architecture="amd64",
        **settings,
    )


class TestDigest:
    def test_it_costs_one_head_each_time_and_one_connection_for_all(self, fake: FakeRegistry) -> None:
        registry, first = reader(fake), fake.push_build(1)
        assert registry.digest() == first
        second = fake.push_build(2)
        assert registry.digest() == second
        assert fake.seen() == [TAG, TAG]
        assert {request.connection for request in fake.asked} == {1}
        assert registry.image(second) == f"{fake.repository}@{second}"

    @pytest.mark.parametrize(
        "media_type",
        [
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ],
    )
    def test_every_type_of_manifest_is_accepted(self, fake: FakeRegistry, media_type: str) -> None:
        digest = fake.push({"config": {}}, "latest", media_type)

        assert reader(fake).digest() == digest

    @pytest.mark.parametrize(
        "change",
        [{"says_digest": False}, {"answers_head": 404}, {"answers_head": 405}, {"answers_head": 501}],
        ids=str,
    )
    def test_without_it_the_manifest_is_read_and_hashed(
        self, fake: FakeRegistry, change: dict[str, bool | int]
    ) -> None:
        for name, value in change.items():
            setattr(fake, name, value)
        digest = fake.push_build(1)

        assert reader(fake).digest() == digest
        assert fake.seen() == [TAG, TAG.replace("HEAD", "GET")]

    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
    def test_a_connection_that_the_registry_closed_is_opened_again(
        self, tmp_path: Path, *, tls: bool
    ) -> None:
        files = certificate(tmp_path, "own") if tls else None
        with serving(files) as fake:
            registry = reader(fake, RegistryOptions(ca=files[0] if files else None))
            digest = fake.push_build(1)
            head = f"HTTP/1.1 200 OK\r\nDocker-Content-Digest: {digest}\r\nContent-Length: 5\r\n\r\n"
            fake.instead = sending(head.encode())

            assert [registry.digest() for _ in range(3)] == [digest] * 3
            assert {request.connection for request in fake.asked} == {1, 2, 3}

    @pytest.mark.parametrize(
        ("status", "header", "after", "says"),
        [
            pytest.param(404, "", None, "latest not found: check the name and the tag", id="no such tag"),
            pytest.param(429, "Retry-After: 7", 7.0, "limits the request rate (429)", id="seconds to wait"),
            pytest.param(
                429,
                "Retry-After: Thu, 01 Jan 1970 00:02:00 GMT",
                20.0,
                "limits the request rate",
                id="a date to wait for",
            ),
            pytest.param(429, "Retry-After: soon", None, "limits the request rate", id="no time to wait for"),
            pytest.param(503, "Retry-After: 9999999", 3600.0, "returned 503 for", id="a week to wait"),
            pytest.param(403, "", None, "denies anonymous access to ava/node", id="forbidden"),
        ],
    )
    def test_a_refusal_is_one_line_that_says_when_to_come_again(
        self, fake: FakeRegistry, status: int, header: str, after: float | None, says: str
    ) -> None:
        text = f"HTTP/1.1 {status} No\r\n{header or 'X: y'}\r\nContent-Length: 0\r\n\r\n"
        fake.instead = sending(text.encode())
        with pytest.raises(RegistryError) as caught:
            reader(fake, wall_clock=lambda: 100.0).digest()

        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.after_seconds == after


class TestDigests:
    @pytest.mark.parametrize(
        ("children", "same"),
        [
            pytest.param([child(D1), child(D2, "arm64")], {D1}, id="those of this machine"),
            pytest.param([{"digest": D3}], {D3}, id="one without a platform"),
            pytest.param(
                [
                    {"digest": D3},
                    child(D2, annotations={"vnd.docker.reference.type": "attestation-manifest"}),
                ],
                {D3},
                id="one without a platform, and what is attested of it",
            ),
            pytest.param([child(D1), {"digest": D3}], {D1}, id="no other one without a platform"),
            pytest.param([{"digest": D2}, {"digest": D3}], set(), id="none of two without a platform"),
            pytest.param(
                [child(D1), {"digest": D3, "mediaType": MANIFEST, "artifactType": "application/spdx+json"}],
                {D1},
                id="no artifact",
            ),
            pytest.param(
                [{"digest": D3, "mediaType": MANIFEST, "artifactType": "application/spdx+json"}],
                set(),
                id="no artifact alone",
            ),
            pytest.param(
                [child(D1), child(D3, artifactType="application/spdx+json")],
                {D1},
                id="no artifact for this machine",
            ),
            pytest.param(
                [{"digest": D3, "mediaType": "application/spdx+json"}],
                set(),
                id="nothing of another media type",
            ),
            pytest.param([{"digest": D3, "mediaType": INDEX}], set(), id="no index in an index"),
            pytest.param(
                [{"digest": D3, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}],
                {D3},
                id="a manifest of Docker",
            ),
            pytest.param(
                [child(D1), child(D4, annotations={"vnd.docker.reference.type": "attestation-manifest"})],
                {D1},
                id="no attestation",
            ),
            pytest.param([child(D1, "unknown", platform={"os": "unknown"})], set(), id="no unknown platform"),
            pytest.param(
                [{"digest": "sha256:12"}, {"digest": 7}, "x", child(D1, platform=3)], set(), id="no nonsense"
            ),
        ],
    )
    def test_an_index_is_the_same_build_as_its_manifest_for_this_machine(
        self, fake: FakeRegistry, children: list[Any], same: set[str]
    ) -> None:
        digest = fake.push_index(*children)

        assert reader(fake).digests(digest) == {digest, *same}

    def test_a_plain_manifest_is_itself(self, fake: FakeRegistry) -> None:
        digest = fake.push_build(1)

        assert reader(fake).digests(digest) == {digest}
        assert fake.seen() == [f"GET /v2/{NAME}/manifests/{digest}"]


class TestWaysIn:
    @pytest.mark.parametrize(
        ("entry", "sent"),
        [
            pytest.param({}, [basic()], id="auth"),
            pytest.param({"username": "user", "password": "pass:word"}, [basic()], id="user and password"),
        ],
    )
    def test_by_user_and_password(
        self, fake: FakeRegistry, tmp_path: Path, entry: dict[str, str], sent: list[str]
    ) -> None:
        fake.wants, digest = "basic", fake.push_build(1)
        registry = reader(fake, RegistryOptions(config=config(tmp_path, fake.address, **entry)))

        assert (registry.digest(), registry.digest()) == (digest, digest)
        assert [request.authorization for request in fake.asked] == ["", *sent, *sent]

    @pytest.mark.parametrize(
        ("anonymous", "entry", "expected"),
        [
            pytest.param(True, None, (TOKEN, ""), id="anonymous"),
            pytest.param(False, {}, (TOKEN, basic()), id="user and password"),
            pytest.param(False, {"identitytoken": IDENTITY}, ("POST /token", ""), id="identity token"),
        ],
    )
    def test_by_a_token_that_is_kept(
        self,
        fake: FakeRegistry,
        tmp_path: Path,
        anonymous: bool,  # noqa: FBT001 - a test parameter
        entry: dict[str, str] | None,
        expected: tuple[str, str],
    ) -> None:
        fake.wants, fake.lets_anonymous_pull, digest = "bearer", anonymous, fake.push_build(1)
        options = RegistryOptions(None if entry is None else config(tmp_path, fake.address, **entry))
        registry = reader(fake, options)

        assert (registry.digest(), registry.digest()) == (digest, digest)
        assert fake.seen() == [TAG, expected[0], TAG, TAG]
        asked = fake.asked[1]
        assert asked.authorization == expected[1]
        wanted = asked.form or asked.query
        assert (wanted["scope"], wanted["service"]) == ([f"repository:{NAME}:pull"], ["the registry"])
        assert [request.authorization for request in fake.asked[2:]] == ["Bearer token-1"] * 2

    def test_a_refused_token_is_requested_again_once(self, fake: FakeRegistry, tmp_path: Path) -> None:
        """After a refusal of a valid token, a new token is requested once.

        Some registries refuse an old token with 403 and without a challenge.
        """
        fake.wants, digest = "bearer", fake.push_build(1)
        registry = reader(fake, RegistryOptions(config(tmp_path, fake.address)))
        registry.digest()
        fake.instead = lambda asked, client: (
            asked.authorization == "Bearer token-1" and FORBIDDEN(asked, client)
        )
        fake.asked.clear()

        assert registry.digest() == digest
        sent = [(f"{request.method} {request.path}", request.authorization) for request in fake.asked]
        assert sent == [(TAG, "Bearer token-1"), (TAG, ""), (TOKEN, basic()), (TAG, "Bearer token-2")]

    def test_what_is_refused_always_is_not_kept(self, fake: FakeRegistry, tmp_path: Path) -> None:
        fake.wants, _ = "bearer", fake.push_build(1)
        fake.instead = lambda asked, client: "Bearer" in asked.authorization and FORBIDDEN(asked, client)
        registry = reader(fake, RegistryOptions(config(tmp_path, fake.address)))
        for _ in range(2):
            with pytest.raises(RegistryError, match="check that user's permissions"):
                registry.digest()

        assert fake.seen() == [TAG, TOKEN, TAG] * 2

    def test_the_scope_is_the_registrys(self, fake: FakeRegistry) -> None:
        fake.wants, fake.lets_anonymous_pull, fake.scope = "bearer", True, "aws registry:catalog:*"
        fake.push_build(1)
        reader(fake).digest()

        assert fake.asked[1].query["scope"] == ["aws", "registry:catalog:*"]

    @pytest.mark.parametrize(
        ("fields", "good_seconds"),
        [
            pytest.param({"expires_in": 300}, 290, id="what it says"),
            pytest.param({}, 50, id="a minute, where it says nothing"),
            pytest.param({"expires_in": "soon"}, 50, id="a minute, where it says no number"),
            pytest.param({"expires_in": -5}, 50, id="a minute at least"),
            pytest.param({"expires_in": 10**400}, 3590, id="an hour at most"),
        ],
    )
    def test_a_token_is_used_for_as_long_as_it_is_good(
        self, fake: FakeRegistry, fields: dict[str, Any], good_seconds: float
    ) -> None:
        fake.wants, fake.lets_anonymous_pull, fake.token_fields = "bearer", True, fields
        fake.push_build(1)
        now = [1000.0]
        registry = reader(fake, clock=lambda: now[0])
        registry.digest()
        for seconds, tokens in ((good_seconds - 1, 1), (good_seconds, 2)):
            now[0] = 1000.0 + seconds
            registry.digest()
            assert len(fake.tokens) == tokens, f"after {seconds} s"

    def test_a_token_that_is_good_no_more_is_replaced(self, fake: FakeRegistry) -> None:
        fake.wants, fake.lets_anonymous_pull, digest = "bearer", True, fake.push_build(1)
        registry = reader(fake)
        registry.digest()
        fake.tokens[:] = ["revoked"]

        assert registry.digest() == digest

    def test_refused_credentials_are_read_again(self, fake: FakeRegistry, tmp_path: Path) -> None:
        fake.wants, digest = "basic", fake.push_build(1)
        registry = reader(
            fake, RegistryOptions(config(tmp_path, fake.address, username="user", password="old"))
        )
        with pytest.raises(RegistryError, match="for the user in --registry-config: check that user's"):
            registry.digest()
        config(tmp_path, fake.address)

        assert registry.digest() == digest

    @pytest.mark.parametrize("wants", ["basic", "bearer"])
    def test_without_credentials_the_error_names_the_setting(self, fake: FakeRegistry, wants: str) -> None:
        fake.wants = wants
        fake.push_build(1)
        with pytest.raises(
            RegistryError, match=f"denies anonymous access to {NAME}: set credentials in --registry-config"
        ):
            reader(fake).digest()

    def test_an_identity_token_is_not_a_password(self, fake: FakeRegistry, tmp_path: Path) -> None:
        fake.wants = "basic"
        options = RegistryOptions(config(tmp_path, fake.address, identitytoken=IDENTITY))
        with pytest.raises(RegistryError, match="requires a user and password"):
            reader(fake, options).digest()


class Proxy(ThreadingHTTPServer):
    """A proxy that records its requests and credentials, and answers them.

    With a `challenge`, the proxy requires credentials. A tunnel leads to the address `leads_to`, if there
    is one.
    """

    daemon_threads = True

    def __init__(self, digest: str) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.digest, self.challenge = digest, ""
        self.authorizations: list[str | None] = []
        self.leads_to = ""
        super().__init__(("127.0.0.1", 0), _ProxyHandler)


class _ProxyHandler(BaseHTTPRequestHandler):
    server: Proxy

    def handle_request(self) -> None:
        self.server.asked.append((f"{self.command} {self.path}", self.headers.get("Proxy-Authorization")))
        self.server.authorizations.append(self.headers.get("Authorization"))
        if self.server.leads_to:
            self.send_response(200)
            self.end_headers()
            self._join(self.server.leads_to)
            return
        self.send_response(502 if self.command == "CONNECT" else 401 if self.server.challenge else 200)
        self.send_header("WWW-Authenticate", self.server.challenge)
        self.send_header("Docker-Content-Digest", self.server.digest)
        self.end_headers()

    def _join(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.close_connection = True
        with socket.create_connection((host, int(port))) as other:
            pairs = {self.connection: other, other: self.connection}
            while True:
                for readable in select.select(list(pairs), [], [])[0]:
                    sent = readable.recv(65536)
                    if not sent:
                        return
                    pairs[readable].sendall(sent)

    do_HEAD = do_GET = do_CONNECT = handle_request  # noqa: N815 - http.server defines the names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden method's name
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(D1) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestProxies:
    def registry(self, proxy: Proxy, *, plain_http: bool) -> Registry:
        url = f"http://me:pass%20word@127.0.0.1:{proxy.server_address[1]}"
        environment = {"HTTPS_PROXY": url, "http_proxy": url}
        transport = Transport(environment=environment, timeout_seconds=2.0)
        options = RegistryOptions(plain_http=plain_http)
        return Registry("registry.invalid/a/node", "latest", options, transport=transport)

    def test_plain_http_is_asked_of_the_proxy(self, proxy: Proxy) -> None:
        assert self.registry(proxy, plain_http=True).digest() == D1
        assert proxy.asked == [
            ("HEAD http://registry.invalid/v2/a/node/manifests/latest", basic("me", "pass word"))
        ]

    def test_https_goes_through_a_tunnel_of_it(self, proxy: Proxy) -> None:
        with pytest.raises(RegistryError, match=r"the proxy cannot connect: .*502"):
            self.registry(proxy, plain_http=False).digest()
        assert proxy.asked == [("CONNECT registry.invalid:443", basic("me", "pass word"))]

    def test_bounds_and_authorities_hold_at_the_end_of_a_tunnel(self, proxy: Proxy, tmp_path: Path) -> None:
        files = certificate(tmp_path, "own")
        with serving(files) as fake:
            proxy.leads_to, digest = fake.address, fake.push_build(1)
            environment = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"}
            for authority in (files[0], None):
                transport = Transport(ca=authority, environment=environment, timeout_seconds=1.0)
                registry = Registry(
                    f"registry.invalid/{NAME}", "latest", RegistryOptions(), transport=transport
                )
                if authority is None:
                    with pytest.raises(RegistryError, match="certificate verify failed"):
                        registry.digest()
                else:
                    assert (registry.digest(), registry.digest()) == (digest, digest)
                    fake.instead = sending(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20)
                    with pytest.raises(RegistryError, match=r"request to https?://.* failed"):
                        registry.digest()
                    fake.instead = lambda _asked, client: client.recv(1) == b"never"
                    with pytest.raises(RegistryError, match="no response within 1 s"):
                        registry.digest()
                registry.close()
            assert {target for target, _ in proxy.asked} == {"CONNECT registry.invalid:443"}

    def test_this_machine_is_asked_directly(self, fake: FakeRegistry, proxy: Proxy) -> None:
        digest = fake.push_build(1)
        url = f"http://127.0.0.1:{proxy.server_address[1]}"
        transport = Transport(environment={"HTTP_PROXY": url}, timeout_seconds=2.0)

        assert reader(fake, transport=transport).digest() == digest
        assert proxy.asked == []


class TestAuthorities:
    def test_a_registry_is_trusted_by_the_authority_that_is_given(self, tmp_path: Path) -> None:
        files = certificate(tmp_path, "own")
        with serving(files) as fake:
            fake.wants, digest = "bearer", fake.push_build(1)
            options = RegistryOptions(config(tmp_path, fake.address), ca=files[0])
            registry = reader(fake, options)

            assert (registry.digest(), registry.digest()) == (digest, digest)
            assert registry.digests(digest) == {digest}
            assert {request.connection for request in fake.asked} == {1}

    def test_an_authority_that_is_renewed_is_trusted_without_a_restart(self, tmp_path: Path) -> None:
        """A renewed CA is trusted without a restart.

        Like a mounted Secret, the file changes its content and keeps its name.
        """
        old, new = certificate(tmp_path, "old"), certificate(tmp_path, "new")
        authority = tmp_path / "ca.pem"
        authority.write_bytes(old[0].read_bytes())
        with serving(new) as fake:
            digest = fake.push_build(1)
            registry = reader(fake, RegistryOptions(ca=authority))
            with pytest.raises(RegistryError, match="check --registry-ca"):
                registry.digest()
            authority.write_bytes(new[0].read_bytes())

            assert registry.digest() == digest

    def test_a_file_that_holds_no_authority_is_named(self, tmp_path: Path, fake: FakeRegistry) -> None:
        wrong = tmp_path / "ca.pem"
        wrong.write_text("nothing")
        for path in (wrong, tmp_path / "missing.pem"):
            with pytest.raises(ConfigurationError, match=f"--registry-ca {path} is not a PEM file"):
                reader(fake, RegistryOptions(ca=path)).digest()
            with pytest.raises(ConfigurationError, match=f"--registry-ca {path} is not a PEM file"):
                RegistryOptions(ca=path).check()


@pytest.mark.parametrize(
    ("challenge", "requests"),
    [
        pytest.param("Basic", 1, id="for the registry"),
        pytest.param('Bearer realm="http://registry.invalid/token"', 2, id="for its token service"),
    ],
)
def test_over_plain_http_no_credentials_are_sent_to_another_machine(
    tmp_path: Path, proxy: Proxy, challenge: str, requests: int
) -> None:
    """Credentials are not sent to another machine over plain HTTP.

    The proxy represents a network that others can read.
    """
    proxy.challenge = challenge
    options = RegistryOptions(config(tmp_path, "registry.invalid"), plain_http=True)
    environment = {"HTTP_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"}
    registry = Registry(
        "registry.invalid/a/node", "latest", options, transport=Transport(environment=environment)
    )
    with pytest.raises(RegistryError, match=r"credentials (are|were) not sent"):
        registry.digest()
    assert proxy.authorizations == [None] * requests


class TestCheck:
    """`check`: whether the registry has a digest for this machine's platform; here the platform is amd64."""

    @pytest.mark.parametrize("config", [AMD64, {**AMD64, "variant": "v3"}], ids=["plain", "with a variant"])
    def test_an_image_for_this_platform_passes(self, fake: FakeRegistry, config: dict[str, str]) -> None:
        reader(fake).check(fake.push_image(config))

    def test_an_index_with_an_image_for_this_platform_passes(self, fake: FakeRegistry) -> None:
        reader(fake).check(fake.push_index(child(D1, "arm64"), child(D2), tag=""))

    @pytest.mark.parametrize(
        "config",
        [
            pytest.param({"os": "linux", "architecture": "arm64"}, id="another architecture"),
            pytest.param({"os": "windows", "architecture": "amd64"}, id="another system"),
            pytest.param({"os": "unknown", "architecture": "unknown"}, id="an attestation"),
        ],
    )
    def test_an_image_for_another_platform_is_absent(
        self, fake: FakeRegistry, config: dict[str, str]
    ) -> None:
        digest = fake.push_image(config)
        with pytest.raises(AbsentError) as caught:
            reader(fake).check(digest)

        assert str(caught.value) == f"{fake.repository}@{digest} has no image for linux/amd64"

    def test_an_index_for_other_platforms_is_absent(self, fake: FakeRegistry) -> None:
        digest = fake.push_index(child(D1, "arm64"), child(D2, "unknown"), tag="")
        with pytest.raises(AbsentError, match=r"has no image for linux/amd64$"):
            reader(fake).check(digest)

    def test_a_digest_that_is_not_there_is_absent_where_the_tag_is(self, fake: FakeRegistry) -> None:
        fake.push_build(1)
        with pytest.raises(AbsentError) as caught:
            reader(fake).check(D1)

        assert str(caught.value) == f"{fake.repository}@{D1} not found: check the name and the digest"

    def test_a_repository_that_shows_nothing_is_not_known(self, fake: FakeRegistry) -> None:
        """A repository without a visible tag is unknown.

        Some registries answer 404 for private repositories.
        """
        with pytest.raises(RegistryError) as caught:
            reader(fake).check(D1)

        assert not isinstance(caught.value, AbsentError)
        expected = (
            f"registry {fake.address} returns neither the digest nor the tag latest of {NAME}; "
            "the repository may be private: check the credentials"
        )
        assert str(caught.value) == expected

    @pytest.mark.parametrize(
        ("manifest", "error"),
        [
            pytest.param({"config": {"digest": D1}}, "its configuration cannot be read (404)", id="gone"),
            pytest.param(
                {"config": {"digest": "d"}}, "its manifest has no configuration digest", id="no digest"
            ),
            pytest.param({"config": []}, "its manifest has no configuration digest", id="no object"),
            pytest.param({}, "its manifest is neither an image manifest nor an index", id="no manifest"),
        ],
    )
    def test_an_unnamed_platform_is_unknown(
        self, fake: FakeRegistry, manifest: dict[str, Any], error: str
    ) -> None:
        fake.push_build(1)
        digest = fake.push(manifest)
        with pytest.raises(RegistryError) as caught:
            reader(fake).check(digest)

        assert not isinstance(caught.value, AbsentError)
        assert str(caught.value) == f"{fake.repository}@{digest}: {error}"

    @pytest.mark.parametrize(
        "config", [[], {"os": "linux"}, "linux"], ids=["list", "no architecture", "text"]
    )
    def test_a_configuration_that_is_none_is_not_known(self, fake: FakeRegistry, config: object) -> None:
        with pytest.raises(RegistryError, match=r"its configuration has no platform$") as caught:
            reader(fake).check(fake.push_image(config))

        assert not isinstance(caught.value, AbsentError)

    def test_a_registry_that_is_away_is_not_known(self, fake: FakeRegistry) -> None:
        fake.instead = sending(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(RegistryError, match="returned 503") as caught:
            reader(fake).check(D1)

        assert not isinstance(caught.value, AbsentError)
