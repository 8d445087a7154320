"""Tests of each form of `WWW-Authenticate`: the chosen scheme and its parameters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.fake_registry import NAME, FakeRegistry, basic, config, sending, serving

from monitor.registry import Registry, RegistryError, RegistryOptions

SCOPE = f"repository:{NAME}:pull"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as registry:
        registry.push_build(1)
        yield registry


def challenging(fake: FakeRegistry, *challenges: str) -> None:
    """Answer requests without `Authorization` with the challenges.

    `URL` in a challenge stands for the address of the token service.
    """
    lines = "".join(
        f"WWW-Authenticate: {challenge.replace('URL', f'{fake.url}/token')}\r\n" for challenge in challenges
    )
    refuse = sending(f"HTTP/1.1 401 No\r\n{lines}Content-Length: 0\r\n\r\n".encode())
    fake.instead = lambda asked, client: (
        asked.path != "/token" and not asked.authorization and refuse(asked, client)
    )


def looked_up(fake: FakeRegistry, folder: Path) -> str:
    """Return the digest of the tag, looked up with credentials."""
    options = RegistryOptions(config(folder, fake.address))
    with closing(Registry(fake.repository, "latest", options)) as registry:
        return registry.digest()


@pytest.mark.parametrize(
    ("challenges", "service", "scopes"),
    [
        pytest.param(['Bearer realm="URL"'], None, [SCOPE], id="a realm alone"),
        pytest.param(
            ['BEARER Realm="URL",service="the, registry",scope="a:b:pull,push c"'],
            "the, registry",
            ["a:b:pull,push", "c"],
            id="a registry's, in capitals, with commas in quotes",
        ),
        pytest.param(["Bearer realm = URL ,, service\t=\ty"], "y", [SCOPE], id="white space and no quotes"),
        pytest.param(
            [r'Bearer realm="URL", service="a \"b\" c"'], 'a "b" c', [SCOPE], id="quotes within quotes"
        ),
        pytest.param(["Basic realm=a", "Bearer realm=URL"], None, [SCOPE], id="two headers"),
        pytest.param(['Basic realm="a", Bearer realm=URL'], None, [SCOPE], id="two in one header"),
        pytest.param(
            ["Negotiate dG9rZW4=", "Bearer realm=URL", "Basic"], None, [SCOPE], id="one of three schemes"
        ),
        pytest.param(["Bearer realm=URL, service=, scope="], None, [SCOPE], id="empty parameters"),
        pytest.param(['Bearer realm=URL, service="x'], "x", [SCOPE], id="an open quote"),
    ],
)
def test_a_token_is_asked_for_as_the_challenge_wants_it(
    fake: FakeRegistry, tmp_path: Path, challenges: list[str], service: str | None, scopes: list[str]
) -> None:
    challenging(fake, *challenges)

    assert looked_up(fake, tmp_path) == fake.push_build(1)
    (asked,) = [request for request in fake.asked if request.path == "/token"]
    assert asked.authorization == basic()
    assert asked.query.get("service") == ([service] if service else None)
    assert asked.query["scope"] == scopes


@pytest.mark.parametrize("challenge", ["Basic", "BASIC Realm=a", 'basic realm="Bearer realm=URL"'])
def test_user_and_password_are_sent_where_they_are_wanted(
    fake: FakeRegistry, tmp_path: Path, challenge: str
) -> None:
    challenging(fake, challenge)

    assert looked_up(fake, tmp_path) == fake.push_build(1)
    assert [request.authorization for request in fake.asked] == ["", basic()]


@pytest.mark.parametrize(
    "challenge", ["", "=, Basic=", "Negotiate", "Digest realm=a", "BasicBearer", "," * 60_000], ids=range(6)
)
def test_an_unknown_authentication_scheme_is_reported(
    fake: FakeRegistry, tmp_path: Path, challenge: str
) -> None:
    challenging(fake, challenge)

    with pytest.raises(RegistryError, match="offers neither Basic nor Bearer"):
        looked_up(fake, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["Basic " * 10_000, 'a="' * 20_000, "a" + " " * 60_000 + "=", 'B r="' + "\\" * 60_000],
    ids=["words", "quotes", "spaces", "escapes"],
)
def test_a_long_one_takes_no_time(fake: FakeRegistry, tmp_path: Path, text: str) -> None:
    challenging(fake, text)
    began = time.process_time()
    with suppress(RegistryError):
        looked_up(fake, tmp_path)

    assert time.process_time() - began < 1
