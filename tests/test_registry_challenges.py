"""The grammar of `WWW-Authenticate`."""

from __future__ import annotations

import time

import pytest

from monitor.registry.challenges import Challenge, challenges_of

BEARER = {"realm": "https://auth.example/token", "service": "registry", "scope": "repository:a/b:pull,push"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([""], [], id="empty"),
        pytest.param(["Basic"], [("basic", {})], id="a scheme alone"),
        pytest.param(['BASIC Realm="a"'], [("basic", {"realm": "a"})], id="capitals"),
        pytest.param(
            ['Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push"'],
            [("bearer", BEARER)],
            id="a registry's",
        ),
        pytest.param(
            ["Bearer realm = x ,, service\t=\ty"],
            [("bearer", {"realm": "x", "service": "y"})],
            id="white space",
        ),
        pytest.param(
            ['Basic realm="a, b=c", Bearer realm="d"'],
            [("basic", {"realm": "a, b=c"}), ("bearer", {"realm": "d"})],
            id="two in one header",
        ),
        pytest.param(
            ["Basic, Negotiate dG9rZW4=, Bearer realm=d"],
            [("basic", {}), ("negotiate", {}), ("bearer", {"realm": "d"})],
            id="schemes without parameters, and one with a token",
        ),
        pytest.param(
            ["Basic realm=a", "Bearer realm=b"],
            [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})],
            id="two headers",
        ),
        pytest.param(
            [r'Basic realm="a \"quoted\" b\\"'], [("basic", {"realm": 'a "quoted" b\\'})], id="quotes"
        ),
        pytest.param(['Basic realm="never closed'], [("basic", {})], id="an open quote ends it"),
        pytest.param(["Bearer realm=a; service=b"], [("bearer", {"realm": "a"})], id="what is wrong ends it"),
        pytest.param(["=, Basic"], [], id="a beginning that is none"),
        pytest.param(["Bearer realm=a, realm=b"], [("bearer", {"realm": "a"})], id="the first of two counts"),
    ],
)
def test_challenges(headers: list[str], expected: list[tuple[str, dict[str, str]]]) -> None:
    assert challenges_of(headers) == tuple(Challenge(*each) for each in expected)


@pytest.mark.parametrize("text", ["Basic " * 50_000, 'a="' * 50_000, "," * 500_000, 'B r="' + "\\" * 99_999])
def test_a_long_one_takes_no_time(text: str) -> None:
    began = time.monotonic()
    challenges_of([text])

    assert time.monotonic() - began < 1
