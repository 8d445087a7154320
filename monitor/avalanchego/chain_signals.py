"""The metrics and log messages of AvalancheGo that show the activity and the progress of a chain.

`METRIC_PATTERNS` lists the metrics, and `MESSAGES` lists the messages of the chains' logs.  To support a name
of a new release, add one line here.  `domain.signals` defines the meaning of each counter.
`docs/how-it-works.md` shows both tables.

Sources: AvalancheGo 1.14.2 and 1.15.0, `snow/engine/snowman/{bootstrap,syncer}`,
`snow/engine/avalanche/bootstrap`, `graft/evm/sync`, `vms/transitionvm`; metrics pages and logs of real nodes
of both versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.observations import ChainActivity
from monitor.domain.signals import COMPACTING, DONE, EXECUTING, FETCHING, SYNCING, TRANSITIONING, WAITING

METRIC_PATTERNS: Mapping[str, str] = {
    "blocks_fetched": "avalanche_snowman_bs_fetched",
    "blocks_accepted": "avalanche_snowman_bs_accepted",
    "vertices_fetched": "avalanche_avalanche_bs_fetched_vts",
    "vertices_accepted": "avalanche_avalanche_bs_accepted_vts",
    "transactions_fetched": "avalanche_avalanche_bs_fetched_txs",
    "transactions_accepted": "avalanche_avalanche_bs_accepted_txs",
    "chain_time": "avalanche_proposervm_last_accepted_timestamp",
    "height_executed": "avalanche_[a-z0-9_]{1,40}_last_executed_height",
    # These metrics disappear once a chain has transitioned to SAE and the node has restarted.
    "leaves_synced": "avalanche_[a-z0-9_]{1,40}(?:_state_sync_total_leafs|_sync_state_trie_leaves_received)",
    "sync_responses": "avalanche_[a-z0-9_]{1,40}_sync_[a-z_]{1,40}_(?:received|succeeded)",
}
"""A regular expression for each signal that matches the full names of its metrics."""

# The number of blocks that SAE has accepted but not yet executed.
QUEUED_BLOCKS = "avalanche_[a-z0-9_]{1,40}_execution_queue_blocks"


class Meaning(StrEnum):
    """The meaning of a log line, in addition to the stage that it names."""

    STAGE = "the stage"
    PROGRESS = "progress"
    NEW_PROCESS = "a new process"
    SUMMARY = "a state sync begins"
    SKIPPED = "the state sync is skipped"
    TRANSITION = "a transition to SAE"
    RETURN = "the stage before continues"
    ENDS_STAGE = "the stage ends, unless it was interrupted"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a chain's log.

    `stage` is the activity of the chain after this message, or `None` if the message names none.  If
    `field` is set, the meaning applies only to lines with that field.
    """

    stage: ChainActivity | None
    meaning: Meaning = Meaning.STAGE
    field: str = ""


PROGRESS = Meaning.PROGRESS
# Keys are complete messages without their fields.
MESSAGES: Mapping[str, Message] = {
    "initializing consensus engine": Message(None, Meaning.NEW_PROCESS),
    "checking for transition marker": Message(None, Meaning.NEW_PROCESS),
    "starting to fetch blocks": Message(FETCHING),
    "fetching blocks": Message(FETCHING, PROGRESS),
    "starting bootstrap": Message(FETCHING),
    "fetched vertices": Message(FETCHING, PROGRESS),
    "compacting database before executing blocks...": Message(COMPACTING),
    "compacting database after executing blocks...": Message(COMPACTING),
    "executing transactions": Message(EXECUTING),
    "executing vertices": Message(EXECUTING),
    "executing operations": Message(EXECUTING, PROGRESS),
    "executing blocks": Message(EXECUTING, PROGRESS, "numExecuted"),
    "executed blocks": Message(WAITING, Meaning.ENDS_STAGE),
    "waiting for the remaining chains in this subnet to finish syncing": Message(WAITING),
    "starting consensus": Message(DONE),
    # State sync of Coreth and Subnet-EVM.
    "starting state sync": Message(SYNCING),
    "skipping state sync": Message(None, Meaning.SKIPPED),
    "accepted state summary": Message(SYNCING, Meaning.SUMMARY),
    "state sync started": Message(SYNCING),
    "starting syncer": Message(SYNCING),
    "fetching blocks from peer": Message(SYNCING, PROGRESS),
    "fetched blocks from peer": Message(SYNCING, PROGRESS),
    "state sync: syncing account trie": Message(SYNCING, PROGRESS),
    "state sync: syncing storage tries": Message(SYNCING, PROGRESS),
    "completed successfully": Message(SYNCING, PROGRESS),
    "all syncers completed successfully": Message(SYNCING, PROGRESS),
    "state sync completed, notifying engine": Message(SYNCING, PROGRESS),
    # State sync of SAE.
    "syncing blocks": Message(SYNCING),
    "finished syncing blocks": Message(SYNCING, PROGRESS),
    "wiping snapshot before syncing state": Message(SYNCING),
    "starting code sync": Message(SYNCING),
    "finished code sync": Message(SYNCING, PROGRESS),
    "syncing account trie": Message(SYNCING, PROGRESS),
    "syncing storage tries": Message(SYNCING, PROGRESS),
    "syncing cross-chain state": Message(SYNCING),
    "finished syncing cross-chain state": Message(SYNCING, PROGRESS),
    # The transition from Coreth to SAE: during block execution or before a state sync.
    "transitioning eagerly to state sync as the post-transition chain": Message(TRANSITIONING),
    "transitioning VMs": Message(TRANSITIONING),
    "shutting down pre-transition VM": Message(TRANSITIONING),
    "initializing post-transition VM": Message(TRANSITIONING, Meaning.TRANSITION),
    "transition finished successfully": Message(None, Meaning.RETURN),
}
NODE_STARTS = "initializing node"
NEWER_PEER = "peer attempting to connect with newer version. You may want to update your client"
