"""The plan of a bootstrap: the stages of each chain, with their place on the chain's timeline (seconds)."""

from dataclasses import dataclass, replace

from simulated_node.options import Simulation
from simulated_node.tables import WORK, chain_of

FETCHED, ACCEPTED = "avalanche_snowman_bs_fetched", "avalanche_snowman_bs_accepted"
DAG = "avalanche_avalanche_bs_"
EVM = "avalanche_evm_eth_"
LEAVES, SYNCED_BLOCKS = EVM + "sync_state_trie_leaves_received", EVM + "sync_blocks_received"
TOTAL_LEAVES = EVM + "state_sync_total_leafs"
SUMMARY_BLOCKS = 256
TRANSITION_SECONDS = 13.6  # of a real node
X_SHARE = 0.5  # the share of C's time that X takes, so that X finishes first


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
    fetching, executing = _stages("P", sync_mode, simulation, 0, p_ends)
    plan = [fetching]
    if compacting:
        plan.append(Stage("P", "compacting", (), 0, fetching.ends, fetching.ends + compacting))
    begins, ends = executing.begins + compacting, p_ends + compacting
    plan.append(replace(executing, begins=begins, ends=ends))
    if sync_mode != "only-p":
        plan += _stages("X", sync_mode, simulation, ends, (total - p_ends) * X_SHARE)
        plan += _stages("C", sync_mode, simulation, ends, total - p_ends)
    return tuple(plan)


def _stages(chain: str, sync_mode: str, simulation: Simulation, begins: float, seconds: float) -> list[Stage]:
    """Return a chain's stages, with durations by weight; a transition has a fixed duration."""
    activities = chain_of(chain, sync_mode, simulation.transition)[0].split(", ")
    blocks, leaves = simulation.blocks, simulation.leaves
    sizes = {"none": 0, "summary": SUMMARY_BLOCKS, "blocks": blocks}
    sizes |= {"accounts": leaves * 3 // 5, "storage": leaves - leaves * 3 // 5}
    sizes |= {"before": blocks * 7 // 8, "after": blocks - blocks * 7 // 8}
    if any(WORK[activity].size == "summary" for activity in activities):
        sizes["blocks"] = simulation.tail_blocks or blocks
    fixed = min(simulation.scaled(TRANSITION_SECONDS), seconds / 4) if "transition" in activities else 0
    unit = (seconds - fixed) / sum(float(WORK[activity].weight) for activity in activities)
    stages, at = [], 0.0
    for activity in activities:
        work = WORK[activity]
        until = at + (float(work.weight) * unit or fixed) if activity != activities[-1] else seconds
        stages.append(
            Stage(
                chain, activity, tuple(work.counters.split()), sizes[work.size], begins + at, begins + until
            )
        )
        at = until
    return stages
