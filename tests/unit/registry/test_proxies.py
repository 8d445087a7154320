"""Tests of the proxy that is chosen for a host."""

from __future__ import annotations

import pytest
from support.fake_registry import basic

from monitor.errors import ConfigurationError
from monitor.registry.http import Proxy, proxy_for

URL = "https://registry.example:5000/v2/"
PROXY = "http://proxy.example:3128"
CHOSEN: Proxy = ("proxy.example", 3128, {})


@pytest.mark.parametrize(
    ("environment", "url", "expected"),
    [
        pytest.param({}, URL, None, id="none"),
        pytest.param({"HTTPS_PROXY": PROXY}, URL, CHOSEN, id="set"),
        pytest.param({"https_proxy": PROXY}, URL, CHOSEN, id="in small letters"),
        pytest.param({"HTTPS_PROXY": ""}, URL, None, id="empty"),
        pytest.param({"HTTP_PROXY": PROXY}, URL, None, id="for plain HTTP only"),
        pytest.param({"HTTP_PROXY": PROXY}, "http://registry.example/", CHOSEN, id="for plain HTTP"),
        pytest.param({"HTTPS_PROXY": "proxy.example:3128"}, URL, CHOSEN, id="without a protocol"),
        pytest.param({"HTTPS_PROXY": "http://proxy.example"}, URL, ("proxy.example", 80, {}), id="no port"),
        pytest.param({"HTTPS_PROXY": "http://[fd00::1]:1"}, URL, ("fd00::1", 1, {}), id="an address"),
        pytest.param(
            {"HTTPS_PROXY": "http://me:a%40b@proxy.example:3128"},
            URL,
            ("proxy.example", 3128, {"Proxy-Authorization": basic("me", "a@b")}),
            id="with a user",
        ),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://localhost:5000/", None, id="never this machine"),
        pytest.param({"HTTPS_PROXY": PROXY}, "https://127.0.0.1/", None, id="never this machine's address"),
    ],
)
def test_which_one(environment: dict[str, str], url: str, expected: Proxy | None) -> None:
    assert proxy_for(url, environment) == expected


@pytest.mark.parametrize(
    ("excluded", "url", "direct"),
    [
        ("", URL, False),
        ("*", URL, True),
        ("registry.example", URL, True),
        (" other.example , registry.example ", URL, True),
        ("REGISTRY.example", URL, True),
        ("example", URL, True),
        (".example", URL, True),
        ("try.example", URL, False),
        ("registry.example:5000", URL, True),
        ("registry.example:443", URL, False),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("fd00::1", "https://[fd00::1]/", True),
        ("example,10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("fd00::/8", "https://[fd00::1]/", True),
        ("10.0.0.0/99", "https://10.1.2.3/", False),
        ("other/path,10.0.0.0/8", "https://10.1.2.3/", True),
        ("*.example", URL, True),
        ("[fd00::1]", "https://[fd00::1]/", True),
        ("registry.example/a", URL, False),
        ("registry.example:a", URL, False),
    ],
)
def test_what_is_asked_directly(excluded: str, url: str, direct: bool) -> None:  # noqa: FBT001 - the expected value
    for name in ("NO_PROXY", "no_proxy"):
        assert (proxy_for(url, {"HTTPS_PROXY": PROXY, name: excluded}) is None) is direct


@pytest.mark.parametrize(
    "text", ["https://proxy.example", "socks5://proxy.example", "http://", "http://p:x", "://"]
)
def test_an_invalid_proxy_is_reported_without_its_password(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"HTTPS_PROXY must be http://\[USER"):
        proxy_for(URL, {"HTTPS_PROXY": text})
