"""The states that lines of a node's logs show."""

from __future__ import annotations

from monitor.avalanchego.node_log import LogState
from monitor.domain.observations import ChainLog, NodeLog


def state_of(text: str) -> LogState:
    """Return the state that complete log lines show."""
    state = LogState()
    state.add(text)
    return state


def chain_log_of(text: str, changed_at: float) -> ChainLog | None:
    """Return the state of a chain; estimated times are relative to `changed_at`."""
    return state_of(text).chain_log(changed_at)


def node_log_of(text: str) -> NodeLog:
    """Return the state of a node."""
    return state_of(text).node_log()
