"""Tests that every spelling of a network ID resolves to one name."""

from __future__ import annotations

import pytest

from monitor.avalanchego.networks import canonical_network
from monitor.domain.network_names import network_name
from monitor.errors import ConfigurationError

KNOWN = "cascade, denali, everest, fuji, local, mainnet, testing, testnet"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("mainnet", "mainnet", id="mainnet by name"),
        pytest.param("1", "mainnet", id="mainnet by number"),
        pytest.param("network-1", "mainnet", id="mainnet by number with a prefix"),
        pytest.param("fuji", "fuji", id="fuji by name"),
        pytest.param("testnet", "fuji", id="fuji by its other name"),
        pytest.param("5", "fuji", id="fuji by number"),
        pytest.param("network-5", "fuji", id="fuji by number with a prefix"),
        pytest.param("cascade", "cascade", id="cascade by name"),
        pytest.param("2", "cascade", id="cascade by number"),
        pytest.param("denali", "denali", id="denali by name"),
        pytest.param("3", "denali", id="denali by number"),
        pytest.param("everest", "everest", id="everest by name"),
        pytest.param("4", "everest", id="everest by number"),
        pytest.param("testing", "testing", id="testing by name"),
        pytest.param("10", "testing", id="testing by number"),
        pytest.param("local", "local", id="local by name"),
        pytest.param("12345", "local", id="local by number"),
        pytest.param("54321", "network-54321", id="one without a name"),
        pytest.param("network-54321", "network-54321", id="one without a name, with a prefix"),
        pytest.param("FuJi", "fuji", id="in other letters"),
        pytest.param("Network-1337", "network-1337", id="prefix in other letters"),
        pytest.param(" fuji\n", "fuji", id="with space around"),
        pytest.param("005", "fuji", id="with zeros before"),
        pytest.param("0" * 5000 + "5", "fuji", id="with many zeros before"),
        pytest.param("0", "network-0", id="zero"),
        pytest.param("4294967295", "network-4294967295", id="the largest number"),
    ],
)
def test_a_network_has_one_name(text: str, name: str) -> None:
    assert canonical_network(text, "here") == name


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" ", id="a space"),
        pytest.param("fuyi", id="a typo"),
        pytest.param("-1", id="negative"),
        pytest.param("+5", id="with a sign"),
        pytest.param("5.0", id="a fraction"),
        pytest.param("0x5", id="hexadecimal"),
        pytest.param("1e3", id="with an exponent"),
        pytest.param("\N{ARABIC-INDIC DIGIT FIVE}", id="another script's digit"),
        pytest.param("network-", id="a prefix alone"),
        pytest.param("network-fuji", id="a name behind the prefix"),
        pytest.param("network-network-5", id="two prefixes"),
        pytest.param("network 5", id="a space for the dash"),
        pytest.param("4294967296", id="one more than the largest number"),
        pytest.param("9" * 5000, id="a number beyond all bounds"),
    ],
)
def test_an_invalid_network_is_refused_with_its_source(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        canonical_network(text, "AVAGO_NETWORK_ID")

    assert str(caught.value) == (
        f"AVAGO_NETWORK_ID is {text!r}, which is not a network: use one of {KNOWN}, or network-<ID>"
    )


@pytest.mark.parametrize(
    ("identifier", "name"),
    [(1, "mainnet"), (5, "fuji"), (12345, "local"), (6, "network-6"), (2**32 - 1, "network-4294967295")],
    ids=str,
)
def test_what_a_node_answers_has_the_same_name(identifier: int, name: str) -> None:
    assert network_name(identifier) == name
    assert canonical_network(network_name(identifier), "here") == name
