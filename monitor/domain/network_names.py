"""Canonical names of Avalanche networks."""

from __future__ import annotations

NETWORK_NAMES = {
    1: "mainnet",
    2: "cascade",
    3: "denali",
    4: "everest",
    5: "fuji",
    10: "testing",
    12345: "local",
}


def network_name(identifier: int) -> str:
    """Return the canonical name of a network by its ID: `5` is `fuji`, `54321` is `network-54321`."""
    return NETWORK_NAMES.get(identifier, f"network-{identifier}")
