"""Tests of the address of a repository, and of the addresses that its registry must not redirect to."""

from __future__ import annotations

import pytest

from monitor.registry import RegistryError
from monitor.registry.repository import Place, is_private, is_this_machine


@pytest.mark.parametrize(
    ("repository", "host", "url", "name"),
    [
        ("ubuntu", "docker.io", "https://registry-1.docker.io", "library/ubuntu"),
        ("avaplatform/avalanchego", "docker.io", "https://registry-1.docker.io", "avaplatform/avalanchego"),
        ("docker.io/ubuntu", "docker.io", "https://registry-1.docker.io", "library/ubuntu"),
        ("index.docker.io/a/b", "docker.io", "https://registry-1.docker.io", "a/b"),
        ("ghcr.io/a/b/c", "ghcr.io", "https://ghcr.io", "a/b/c"),
        ("GHCR.io/a", "ghcr.io", "https://ghcr.io", "a"),
        ("registry.example:443/a", "registry.example", "https://registry.example", "a"),
        ("registry:5000/a/b", "registry:5000", "https://registry:5000", "a/b"),
        ("10.0.0.1:5000/a", "10.0.0.1:5000", "https://10.0.0.1:5000", "a"),
        ("localhost/a", "localhost", "http://localhost", "a"),
        ("localhost:5000/a", "localhost:5000", "http://localhost:5000", "a"),
        ("127.0.0.2:5000/a", "127.0.0.2:5000", "http://127.0.0.2:5000", "a"),
        ("[::1]:5000/a", "[::1]:5000", "http://[::1]:5000", "a"),
    ],
)
def test_a_repository_is_asked_for_at_its_registry(repository: str, host: str, url: str, name: str) -> None:
    place = Place.of(repository)

    assert (place.host, place.url, place.name) == (host, url, name)


@pytest.mark.parametrize(
    ("repository", "plain_http", "local_plain_http", "scheme", "takes_credentials"),
    [
        pytest.param("registry:5000/a", True, True, "http", False, id="another machine, as named"),
        pytest.param("registry:5000/a", False, True, "https", True, id="another machine"),
        pytest.param("localhost:5000/a", False, True, "http", True, id="this machine"),
        pytest.param("localhost:5000/a", False, False, "https", True, id="this machine with an authority"),
        pytest.param("docker.io/a", True, True, "https", True, id="never Docker Hub"),
    ],
)
def test_plain_http(
    repository: str,
    plain_http: bool,  # noqa: FBT001 - a test parameter
    local_plain_http: bool,  # noqa: FBT001 - a test parameter
    scheme: str,
    takes_credentials: bool,  # noqa: FBT001 - the expected value
) -> None:
    place = Place.of(repository, plain_http=plain_http, local_plain_http=local_plain_http)

    assert (place.url.partition(":")[0], is_private(place.url)) == (scheme, takes_credentials)


REGISTRY, PLAIN, LOCAL = (
    Place.of("registry.example/a"),
    Place.of("registry.example:5000/a", plain_http=True),
    Place.of("localhost:5000/a"),
)


@pytest.mark.parametrize(
    ("place", "address", "expected"),
    [
        (REGISTRY, "/token", "https://registry.example/token"),
        (REGISTRY, "other", "https://registry.example/v2/other"),
        (REGISTRY, "https://auth.example/t?a=b", "https://auth.example/t?a=b"),
        (REGISTRY, "https://10.1.2.3/t", "https://10.1.2.3/t"),
        (REGISTRY, "http://registry.example/t", None),
        (REGISTRY, "https://user:secret@auth.example/t", None),
        (REGISTRY, "https://auth.example:99999/t", None),
        (REGISTRY, "https://auth.example/\n", "https://auth.example/"),
        (REGISTRY, "https://auth.example/a b", None),
        (REGISTRY, "https:///t", "https://registry.example/t"),
        (REGISTRY, "ftp://auth.example/t", None),
        (PLAIN, "http://registry.example:5001/t", "http://registry.example:5001/t"),
        (PLAIN, "ftp://registry.example/t", None),
        (LOCAL, "http://127.0.0.1:5001/t", "http://127.0.0.1:5001/t"),
    ],
)
def test_where_a_registry_may_send_one(place: Place, address: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(RegistryError, match=f"registry {place.host} sent a URL"):
            place.target(address, f"{place.url}/v2/")
    else:
        assert place.target(address, f"{place.url}/v2/") == expected


INTERNAL = (
    "127.0.0.1",
    "127.9.9.9",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",  # noqa: S104 - only compared
    "::",
    "169.254.169.254",
    "fe80::1%eth0",
)
EXTERNAL = ("10.0.0.1", "fd00::1", "192.0.2.1")


@pytest.mark.parametrize(
    ("place", "url", "allowed"),
    [
        pytest.param(REGISTRY, "https://registry.example/v2/", INTERNAL + EXTERNAL, id="its own host"),
        pytest.param(REGISTRY, "https://registry.example:99/", INTERNAL + EXTERNAL, id="another port of it"),
        pytest.param(REGISTRY, "https://auth.example/t", EXTERNAL, id="a host that it names"),
        pytest.param(REGISTRY, "https://127.0.0.1/t", EXTERNAL, id="this machine"),
        pytest.param(REGISTRY, "https://localhost/t", EXTERNAL, id="this machine by its name"),
        pytest.param(REGISTRY, "https://127.1/t", EXTERNAL, id="this machine in another spelling"),
        pytest.param(
            REGISTRY, "https://\uff11\uff12\uff17.0.0.1/t", EXTERNAL, id="this machine in full-width digits"
        ),
        pytest.param(PLAIN, "http://auth.example/t", EXTERNAL, id="over plain HTTP"),
        pytest.param(PLAIN, "http://127.0.0.1/t", (), id="this machine over plain HTTP"),
        pytest.param(LOCAL, "http://localhost:5000/v2/", INTERNAL[:4], id="plain HTTP unasked"),
        pytest.param(LOCAL, "http://127.0.0.1:5001/t", INTERNAL[:4], id="its token service"),
        pytest.param(
            LOCAL, "https://auth.example/t", INTERNAL + EXTERNAL, id="from this machine to any other"
        ),
    ],
)
def test_where_a_request_may_connect_to(place: Place, url: str, allowed: tuple[str, ...]) -> None:
    refusals = {address: place.refusal(url, address) for address in INTERNAL + EXTERNAL}

    assert tuple(address for address, refusal in refusals.items() if not refusal) == allowed
    assert all(refusal.startswith(f"{address} is ") for address, refusal in refusals.items() if refusal)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://registry.example/token", True),
        ("https://registry.example:443/token", True),
        ("https://REGISTRY.example/token", True),
        ("https://registry.example:444/token", False),
        ("http://registry.example/token", False),
        ("https://registry.example.attacker.example/", False),
        ("https://auth.registry.example/", False),
    ],
)
def test_what_is_its_own(url: str, own: bool) -> None:  # noqa: FBT001 - the expected value
    assert REGISTRY.is_own(url) is own


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_this_machine(host: str, expected: bool) -> None:  # noqa: FBT001 - the expected value
    assert is_this_machine(host) is expected
