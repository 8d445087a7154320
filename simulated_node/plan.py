"""The plan of a bootstrap: the stages of each chain, with their place on the chain's timeline (seconds)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from simulated_node.options import Simulation

FETCHED, ACCEPTED = "avalanche_snowman_bs_fetched", "avalanche_snowman_bs_accepted"
DAG = "avalanche_avalanche_bs_"
EVM = "avalanche_evm_eth_"
LEAVES, SYNCED_BLOCKS = EVM + "sync_state_trie_leaves_received", EVM + "sync_blocks_received"
TOTAL_LEAVES = EVM + "state_sync_total_leafs"
SUMMARY_BLOCKS = 256
TRANSITION_SECONDS = 13.6  # of a real node
X_SHARE = 0.5  # the share of C's time that X takes, so that X finishes first


@dataclass(frozen=True)
class Work:
    """A part of a chain's bootstrap.

    `size` names the amount of work. `weight` is the duration relative to the chain's other parts.
    `counters` are the metrics that count the work.
    """

    activity: str
    size: str
    weight: float
    counters: tuple[str, ...] = ()


def _blocks(size: str) -> tuple[Work, Work]:
    return Work("fetching", size, 1, (FETCHED,)), Work("executing", size, 1, (ACCEPTED,))


BLOCKS, TAIL = _blocks("blocks"), _blocks("tail")
X_WORK = (
    Work("fetching vertices", "blocks", 1, (DAG + "fetched_vts", DAG + "fetched_txs")),
    Work("executing vertices", "blocks", 1, (DAG + "accepted_vts", DAG + "accepted_txs")),
    *BLOCKS,
)
CORETH_SYNC = (
    Work("coreth blocks", "summary", 0.5, (SYNCED_BLOCKS,)),
    Work("coreth accounts", "accounts", 4, (TOTAL_LEAVES, LEAVES)),
    Work("coreth storage", "storage", 3.5, (TOTAL_LEAVES, LEAVES)),
)
# No metric counts a state sync in SAE.
SAE_SYNC = (
    Work("sae blocks", "summary", 0.5),
    Work("sae accounts", "accounts", 4),
    Work("sae storage", "storage", 3),
    Work("sae cross-chain", "none", 0.5),
)
TRANSITION = Work("transition", "none", 0)
TRANSITION_MIDWAY = (
    BLOCKS[0],
    Work("executing before", "before", 7 / 8, (ACCEPTED,)),
    TRANSITION,
    Work("executing after", "after", 1 / 8, (ACCEPTED,)),
)
# C's bootstrap by sync mode and transition.
C_WORK = {
    ("full-sync", "none"): BLOCKS,
    ("state-sync", "none"): CORETH_SYNC + TAIL,
    ("full-sync", "blocks"): TRANSITION_MIDWAY,
    ("state-sync", "blocks"): TRANSITION_MIDWAY,
    ("full-sync", "eager"): TRANSITION_MIDWAY,
    ("state-sync", "eager"): (TRANSITION, *SAE_SYNC, *TAIL),
}


@dataclass(frozen=True)
class Stage:
    """A part of a chain's bootstrap on its timeline, during which `counters` increase by `amount`."""

    chain: str
    activity: str
    counters: tuple[str, ...]
    amount: int
    begins: float
    ends: float

    def done(self, position: float) -> int:
        """Return how much of `amount` is done at a position on the timeline (seconds)."""
        length = self.ends - self.begins
        share = (position - self.begins) / length if length else 1.0
        return int(min(1.0, max(0.0, share)) * self.amount)


def plan_of(sync_mode: str, simulation: Simulation) -> tuple[Stage, ...]:
    """Return the stages of all chains: P first, then X and C in parallel."""
    total, compacting = simulation.bootstrap_seconds, simulation.compact_seconds
    p_ends = total if sync_mode == "only-p" else total * simulation.p_share
    fetching, executing = _stages("P", BLOCKS, simulation, 0, p_ends)
    plan = [fetching]
    if compacting:
        plan.append(Stage("P", "compacting", (), 0, fetching.ends, fetching.ends + compacting))
    begins, ends = executing.begins + compacting, p_ends + compacting
    plan.append(replace(executing, begins=begins, ends=ends))
    if sync_mode != "only-p":
        c_work = C_WORK[sync_mode, simulation.transition]
        plan += _stages("X", X_WORK, simulation, ends, (total - p_ends) * X_SHARE)
        plan += _stages("C", c_work, simulation, ends, total - p_ends)
    return tuple(plan)


def _stages(
    chain: str, works: Sequence[Work], simulation: Simulation, begins: float, seconds: float
) -> list[Stage]:
    """Return a chain's stages, with durations by weight; a transition has a fixed duration."""
    blocks, leaves = simulation.blocks, simulation.leaves
    sizes = {"none": 0, "summary": SUMMARY_BLOCKS, "blocks": blocks, "tail": simulation.tail_blocks or blocks}
    sizes |= {"accounts": leaves * 3 // 5, "storage": leaves - leaves * 3 // 5}
    sizes |= {"before": blocks * 7 // 8, "after": blocks - blocks * 7 // 8}
    fixed = min(simulation.scaled(TRANSITION_SECONDS), seconds / 4) if TRANSITION in works else 0
    unit = (seconds - fixed) / sum(work.weight for work in works)
    stages, at = [], 0.0
    for work in works:
        until = at + (work.weight * unit or fixed) if work is not works[-1] else seconds
        stages.append(
            Stage(chain, work.activity, work.counters, sizes[work.size], begins + at, begins + until)
        )
        at = until
    return stages
