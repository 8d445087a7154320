"""Tests of a registry that lies, sends slowly, floods, or redirects elsewhere.

A lookup has bounded time and memory, ends with one line, and reveals no credentials.
"""

from __future__ import annotations

import logging
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.fake_registry import (
    NAME,
    Asked,
    FakeRegistry,
    Instead,
    basic,
    certificate,
    child,
    config,
    sending,
    serving,
)
from support.hostile_registry import MISBEHAVIOURS, OK, Misbehaviour, dripping, flooding, only_for

from monitor.errors import MonitorError
from monitor.registry import Registry, RegistryError, RegistryOptions, Timeouts
from monitor.registry.http import Transport

ANSWER_SECONDS, LOOKUP_SECONDS = 0.6, 2.0
# A lookup ends within its time; the rest is a margin for a busy machine.
BUDGET_SECONDS = LOOKUP_SECONDS + 2.0
TIMEOUTS = Timeouts(answer_seconds=ANSWER_SECONDS, lookup_seconds=LOOKUP_SECONDS)
BUDGET_BYTES = 24 << 20


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as registry:
        registry.push_build(1)
        yield registry


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """Serve another registry host by its name."""
    with serving(name="localhost") as registry:
        registry.push_build(2)
        yield registry


def reader(fake: FakeRegistry, folder: Path, auth_host: str = "") -> Registry:
    """Return a client with credentials for the registry."""
    options = RegistryOptions(config(folder, fake.address), auth_host=auth_host)
    return Registry(fake.repository, "latest", options, timeouts=TIMEOUTS, architecture="amd64")


@contextmanager
def within_bounds() -> Iterator[None]:
    """Check that the block stays within its limits of time and memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
    finally:
        seconds, (_, peak_bytes) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert seconds < BUDGET_SECONDS
    assert peak_bytes < BUDGET_BYTES


def failure(registry: Registry, caplog: pytest.LogCaptureFixture) -> str:
    """Return the only line with which a lookup fails, and check that nothing is logged."""
    caplog.set_level(logging.WARNING)
    with within_bounds(), pytest.raises(RegistryError) as caught:
        registry.digests(registry.digest())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert caplog.messages == []
    return str(caught.value)


LARGE = "too large"
SLOW = f"no response within {ANSWER_SECONDS:g} s"


@pytest.mark.parametrize("misbehaviour", MISBEHAVIOURS, ids=lambda each: each.name)
def test_a_registry_that_does_not_behave_costs_a_line(
    fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture, misbehaviour: Misbehaviour
) -> None:
    fake.instead = misbehaviour.instead
    registry = reader(fake, tmp_path)

    assert misbehaviour.says in failure(registry, caplog)
    assert len(fake.asked) <= 4
    fake.instead = lambda _asked, _client: False
    assert registry.digest() == fake.push_build(1), "once it behaves, it is read"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"[" * 100_000, "is not JSON", id="deep"),
        pytest.param(b"[]", "neither an image manifest nor an index", id="a list"),
        pytest.param(b"{}", "neither an image manifest nor an index", id="nothing in it"),
        pytest.param(b"\xff\xfe", "is not JSON", id="no text"),
    ],
)
def test_an_invalid_manifest_is_reported(
    fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes, says: str
) -> None:
    fake.says_digest = False
    fake.manifests["latest"] = ("application/vnd.oci.image.manifest.v1+json", body)
    registry = reader(fake, tmp_path)
    fake.manifests[registry.digest()] = fake.manifests["latest"]

    assert says in failure(registry, caplog)


def test_an_index_of_very_many_is_read_in_bounds(fake: FakeRegistry, tmp_path: Path) -> None:
    children = [child(f"sha256:{number:064x}") for number in range(5_000)]
    digest = fake.push_index(*children)
    with within_bounds():
        assert len(reader(fake, tmp_path).digests(digest)) < len(children)


RESOLVED = {
    "registry.invalid": "127.0.0.1",
    "inside.invalid": "127.0.0.1",
    "metadata.invalid": "169.254.169.254",
    "localhost": "192.0.2.1",
}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the system's resolver return the addresses in `RESOLVED`."""
    asked = socket.getaddrinfo

    def answer(host: str, *arguments: Any, **settings: Any) -> list[tuple[Any, ...]]:
        return asked(RESOLVED.get(host, host), *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@pytest.mark.usefixtures("resolved")
@pytest.mark.parametrize("by", ["redirect", "challenge"])
@pytest.mark.parametrize(
    "spelling",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0",
        "169.254.43518",
        "inside.invalid",
        "metadata.invalid",
    ],
)
def test_no_spelling_of_an_address_leads_inside(
    fake: FakeRegistry, caplog: pytest.LogCaptureFixture, spelling: str, by: str
) -> None:
    """No spelling of an internal address is accepted, nor a name that resolves to one.

    The address of the connection is what counts.
    """
    port = fake.address.rpartition(":")[2]
    target = f"http://{spelling}:{port}/token"
    head = (
        f"307 R\r\nLocation: {target}"
        if by == "redirect"
        else f'401 U\r\nWWW-Authenticate: Bearer realm="{target}"'
    )
    fake.instead = sending(f"HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n".encode())
    registry = Registry(
        f"registry.invalid:{port}/{NAME}",
        "latest",
        RegistryOptions(plain_http=True),
        timeouts=TIMEOUTS,
    )
    assert "is an internal address: a registry must not redirect the monitor there" in failure(
        registry, caplog
    )
    assert [each.path for each in fake.asked] == [f"/v2/{NAME}/manifests/latest"]


@pytest.mark.usefixtures("resolved")
def test_a_localhost_that_is_another_machine_gets_nothing_over_plain_http(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    options = RegistryOptions(config(tmp_path, "localhost:5000"))
    registry = Registry(f"localhost:5000/{NAME}", "latest", options, timeouts=TIMEOUTS)
    assert "192.0.2.1 is not an address of this machine" in failure(registry, caplog)


class TestElsewhere:
    """Requests to another host, which carry no credentials."""

    @pytest.mark.parametrize("wants", ["basic", "bearer"])
    def test_a_redirect_to_another_host_drops_them(
        self, fake: FakeRegistry, elsewhere: FakeRegistry, tmp_path: Path, wants: str
    ) -> None:
        fake.wants = wants
        registry = reader(fake, tmp_path)
        assert registry.digest()
        redirect = f"HTTP/1.1 307 No\r\nLocation: {elsewhere.url}/v2/{NAME}/manifests/latest\r\n\r\n"
        fake.instead = sending(redirect.encode())

        assert registry.digest() == elsewhere.push_build(2)
        assert fake.asked[-1].authorization, "they were sent to the registry itself"
        assert [each.authorization for each in elsewhere.asked] == [""]

    def test_a_redirect_to_another_port_drops_them(self, fake: FakeRegistry, tmp_path: Path) -> None:
        fake.wants = "basic"
        registry = reader(fake, tmp_path)
        registry.digest()
        with serving() as other:
            target = f"{other.url}/v2/{NAME}/manifests/latest"
            other.push_build(2)
            fake.instead = sending(f"HTTP/1.1 302 No\r\nLocation: {target}\r\n\r\n".encode())
            assert registry.digest()

            assert [each.authorization for each in other.asked] == [""]

    def test_a_redirect_within_the_registry_keeps_them(self, fake: FakeRegistry, tmp_path: Path) -> None:
        fake.wants = "basic"
        fake.manifests["moved"] = fake.manifests["latest"]

        def moved(asked: Asked, client: socket.socket) -> bool:
            if not asked.path.endswith("/latest"):
                return False
            return sending(b"HTTP/1.1 308 No\r\nLocation: moved\r\nContent-Length: 0\r\n\r\n")(asked, client)

        registry = reader(fake, tmp_path)
        digest = registry.digest()
        fake.instead = moved

        assert registry.digest() == digest
        assert fake.asked[-1].authorization == basic()

    def test_nobody_is_let_in_by_the_other_host(
        self, fake: FakeRegistry, elsewhere: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        elsewhere.wants = "basic"
        target = f"{elsewhere.url}/v2/{NAME}/manifests/latest"
        fake.instead = sending(f"HTTP/1.1 307 No\r\nLocation: {target}\r\n\r\n".encode())

        assert "requires credentials; credentials are not sent to another host" in failure(
            reader(fake, tmp_path), caplog
        )
        assert [each.authorization for each in elsewhere.asked] == [""]

    def test_a_token_service_elsewhere_gets_none(
        self, fake: FakeRegistry, elsewhere: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake.wants, fake.realm = "bearer", f"{elsewhere.url}/token"
        message = failure(reader(fake, tmp_path), caplog)

        assert f"is correct, set --registry-auth-host {elsewhere.address}" in message
        assert [each.authorization for each in elsewhere.asked] == [""]
        assert not any(basic() in each.authorization for each in fake.asked)

    def test_a_token_that_it_gives_to_anybody_is_taken(
        self, fake: FakeRegistry, elsewhere: FakeRegistry, tmp_path: Path
    ) -> None:
        fake.wants, fake.realm = "bearer", f"{elsewhere.url}/token"
        fake.tokens = elsewhere.tokens
        elsewhere.lets_anonymous_pull = True

        assert reader(fake, tmp_path).digest()
        assert [each.authorization for each in elsewhere.asked] == [""]

    def test_one_that_is_named_gets_them(
        self, fake: FakeRegistry, elsewhere: FakeRegistry, tmp_path: Path
    ) -> None:
        fake.wants, fake.realm = "bearer", f"{elsewhere.url}/token"
        fake.tokens = elsewhere.tokens

        assert reader(fake, tmp_path, auth_host=elsewhere.address).digest()
        assert [each.authorization for each in elsewhere.asked] == [basic()]

    def test_over_plain_http_one_that_is_named_gets_them_on_this_machine_only(
        self, fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Over plain HTTP, a named token host gets credentials only on this machine.

        A registry on this machine is not a reason to send credentials over the network.
        """
        with serving(name="registry.invalid") as elsewhere:
            port = elsewhere.address.rpartition(":")[2]
            fake.wants, fake.realm = "bearer", f"http://registry.invalid:{port}/token"
            proxied = Transport(
                environment={"HTTP_PROXY": f"http://127.0.0.1:{port}"}, timeout_seconds=ANSWER_SECONDS
            )
            options = RegistryOptions(config(tmp_path, fake.address), auth_host=f"registry.invalid:{port}")
            registry = Registry(fake.repository, "latest", options, timeouts=TIMEOUTS, transport=proxied)
            message = failure(registry, caplog)

            assert f"names the token service http://registry.invalid:{port}" in message
            assert "credentials are not sent over plain HTTP: the token service must use HTTPS" in message
            assert [each.authorization for each in elsewhere.asked] == [""]

    @pytest.mark.parametrize(
        "realm",
        ["", "token", "ftp://127.0.0.1/token", "http://user@127.0.0.1/", "http://[::1/", "http://a b/"],
    )
    def test_a_realm_that_is_not_an_address_is_reported(
        self, fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture, realm: str
    ) -> None:
        challenge = (
            f'HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="{realm}"\r\nContent-Length: 0\r\n\r\n'
        )
        fake.instead = sending(challenge.encode())

        assert f"registry {fake.address} sent a URL" in failure(reader(fake, tmp_path), caplog)

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            pytest.param(
                b"HTTP/1.1 302 No\r\nLocation: /t\r\nContent-Length: 0\r\n\r\n", "returned 302", id="redirect"
            ),
            pytest.param(
                b"HTTP/1.1 429 No\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", "returned 429", id="429"
            ),
            pytest.param(OK + b"Content-Length: 4\r\n\r\nnull", "returned no valid token", id="no object"),
            pytest.param(OK + b"Content-Length: 2\r\n\r\n{}", "returned no valid token", id="no token"),
            pytest.param(
                OK + b'Content-Length: 24\r\n\r\n{"token": "a\\r\\nHost: x"}',
                "returned no valid token",
                id="a token with a header",
            ),
            pytest.param(
                OK + b"Content-Length: 104857600\r\n\r\n", "request to http", id="less than announced"
            ),
        ],
    )
    def test_a_token_service_that_does_not_behave_costs_a_line(
        self,
        fake: FakeRegistry,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        answer: bytes,
        says: str,
    ) -> None:
        fake.wants = "bearer"
        fake.instead = lambda asked, client: asked.path == "/token" and sending(answer)(asked, client)

        assert says in failure(reader(fake, tmp_path), caplog)


class TestTls:
    def test_an_untrusted_authority_is_reported(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        right, wrong = certificate(tmp_path, "right"), certificate(tmp_path, "wrong")
        with serving(right) as fake:
            options = RegistryOptions(config(tmp_path, fake.address), ca=wrong[0])
            registry = Registry(fake.repository, "latest", options, timeouts=TIMEOUTS)
            message = failure(registry, caplog)

            assert "certificate verify failed" in message
            assert "check --registry-ca" in message
            assert fake.asked == []

    def test_a_handshake_that_never_comes_is_given_up(
        self, fake: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A TLS handshake that never completes is given up.

        One port answers with plain HTTP, and the other never answers.
        """
        trusted = certificate(tmp_path, "any")[0]
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for address in (fake.address, f"127.0.0.1:{silent.getsockname()[1]}"):
                options = RegistryOptions(ca=trusted)
                registry = Registry(f"{address}/{NAME}", "latest", options, timeouts=TIMEOUTS)
                assert f"request to https://{address} failed (" in failure(registry, caplog)

    @pytest.mark.parametrize(
        ("instead", "says"),
        [
            pytest.param(
                only_for("GET", dripping(OK + b"Content-Length: 99999\r\n\r\n", b"{")), SLOW, id="drip"
            ),
            pytest.param(
                only_for("GET", flooding(OK + b"Content-Length: 104857600\r\n\r\n", b"x" * 2**16)),
                LARGE,
                id="flood",
            ),
        ],
    )
    def test_the_bounds_hold_under_tls_too(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, instead: Instead, says: str
    ) -> None:
        files = certificate(tmp_path, "own")
        with serving(files) as fake:
            fake.push_build(1)
            fake.instead = instead
            options = RegistryOptions(ca=files[0])
            registry = Registry(fake.repository, "latest", options, timeouts=TIMEOUTS)

            assert says in failure(registry, caplog)


def test_an_unreachable_registry_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    names: dict[str, Callable[[str], bool]] = {
        address: lambda message: "Connection refused" in message,
        "registry.invalid": lambda message: "cannot resolve the host name" in message,
    }
    for host, expected in names.items():
        registry = Registry(f"{host}/{NAME}", "latest", RegistryOptions(), timeouts=TIMEOUTS)
        message = failure(registry, caplog)
        assert expected(message), message


def test_errors_are_this_programs() -> None:
    """A registry error is one of the monitor's errors, so that a job logs one line and retries."""
    assert issubclass(RegistryError, MonitorError)
