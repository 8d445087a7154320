"""Names of chains: their format, order and display."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from monitor.domain.observations import ChainLog

# Alias or blockchain ID of a chain, which is a label of its metrics and the name of its log file.
CHAIN_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

MAX_CHAINS = 16
PRIMARY_CHAINS = ("P", "X", "C")
_CHAIN_CHARACTERS = 12


def first_chains(names: Iterable[str], count: int = MAX_CHAINS) -> frozenset[str]:
    """Return at most `count` well-formed names, those of the Primary Network first.

    The node reports the names. Each becomes a label of metrics, a row of the ledger and the name of a file.
    """
    well_formed = (name for name in names if re.fullmatch(CHAIN_NAME, name))
    return frozenset(sorted(well_formed, key=lambda name: (name not in PRIMARY_CHAINS, name))[:count])


def chain_text(chain: ChainLog) -> str:
    """Return the stage of a chain, with the completed share if its log shows it."""
    doing = chain.activity.replace("_", " ")
    return doing if chain.ratio is None else f"{doing} {chain.ratio:.0%}"


def in_order(chains: Collection[str]) -> list[str]:
    """Return the chains in display order: P, X, C, then the others by name."""
    order = dict.fromkeys(PRIMARY_CHAINS) | dict.fromkeys(sorted(chains))
    return [chain for chain in order if chain in chains]


def chain_name(chain: str) -> str:
    """Return a chain's name for display, which shortens a blockchain ID."""
    return chain if len(chain) <= _CHAIN_CHARACTERS else f"{chain[: _CHAIN_CHARACTERS - 1]}…"
