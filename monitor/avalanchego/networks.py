"""Canonical names of Avalanche networks.

`1`, `network-1` and `mainnet` are one network (avalanchego `utils/constants/network_ids.go`).
"""

from __future__ import annotations

import re

from monitor.domain.network_names import NETWORK_NAMES, network_name
from monitor.errors import ConfigurationError

C_CHAIN_IDS = {
    "mainnet": "2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5",
    "fuji": "yH8D7ThNJkxmtkuv2jgBa4P1Rn3Qpr4pPr7QYNfcdoS6k6HWp",
}
"""The blockchain ID of the C-Chain by canonical network name; other networks derive it from their genesis."""

_IDENTIFIERS = {name: identifier for identifier, name in NETWORK_NAMES.items()} | {"testnet": 5}
_NUMBER = re.compile(r"(?:network-)?0*([0-9]{1,10})")
_MAX_IDENTIFIER = 2**32 - 1


def canonical_network(text: str, where: str) -> str:
    """Return the canonical name of a network given by name or ID.

    Raises:
        ConfigurationError: the text is neither a known name nor an ID; the message names its source, `where`.
    """
    lowered = text.strip().lower()
    if lowered in _IDENTIFIERS:
        return network_name(_IDENTIFIERS[lowered])
    match = _NUMBER.fullmatch(lowered)
    if match is None or int(match[1]) > _MAX_IDENTIFIER:
        known = ", ".join(sorted(_IDENTIFIERS))
        raise ConfigurationError(
            f"{where} is {text!r}, which is not a network: use one of {known}, or network-<ID>"
        )
    return network_name(int(match[1]))
