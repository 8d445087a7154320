"""The node's metrics page."""

import os
from collections.abc import Iterator, Mapping

from simulated_node.node import Node
from simulated_node.plan import ACCEPTED, EVM, FETCHED, LEAVES, SYNCED_BLOCKS, TOTAL_LEAVES
from simulated_node.story import block_time

SAE = "avalanche_evm_transition_sae_"
CHAIN_TIME = "avalanche_proposervm_last_accepted_timestamp"
_LEAVES_A_REQUEST, _BLOCKS_A_REQUEST = 64, 32

# A metric's name, its type, and its values by labels.
Family = tuple[str, str, Mapping[str, float]]


def metrics_page(node: Node) -> str:
    """Return the metrics page of a node."""
    lines = []
    for name, kind, samples in _families(node):
        lines += [f"# TYPE {name} {kind}"] if samples else []
        lines += [f"{name}{labels} {value}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _families(node: Node) -> Iterator[Family]:
    yield from _progress(node)
    if "C" in node.bootstrap.chains():
        yield from _state_sync(node)
        if node.bootstrap.past("C", "transition"):
            executed = node.bootstrap.height("C")
            values = {"last_executed_height": executed, "last_settled_height": max(0, executed - 3)}
            for name, value in (values | {"execution_queue_blocks": 0}).items():
                yield SAE + name, "gauge", {'{chain="C"}': value}
    yield "avalanche_health_checks_failing", "gauge", {'{check="health",tag="all"}': node.health.failing()}
    yield "avalanche_network_peers", "gauge", {"": node.peers()}
    yield "avalanche_process_process_start_time_seconds", "gauge", {"": node.started_at}
    yield "avalanche_process_process_resident_memory_bytes", "gauge", {"": node.allocated_bytes}
    written = {f'{{processID="{os.getpid()}"}}': node.bootstrap.written_bytes}
    yield "avalanche_system_resources_num_disk_write_bytes", "gauge", written


def _progress(node: Node) -> Iterator[Family]:
    """Yield the metrics of the chains' progress."""
    bootstrap, chains = node.bootstrap, node.bootstrap.chains()
    names = [FETCHED, ACCEPTED, *(name for stage in bootstrap.plan for name in stage.counters)]
    for name in dict.fromkeys(name for name in names if not name.startswith(EVM)):
        counting = [c for c in chains if any(name in stage.counters for stage in bootstrap.stages[c])]
        yield name, "counter", {f'{{chain="{c}"}}': bootstrap.counters.get((c, name), 0) for c in counting}
    reached = {
        f'{{block_type="{kind}",chain="{c}"}}': block_time(bootstrap.height(c))
        for c in chains
        for kind in ("inner", "proposervm")
        if bootstrap.counters.get((c, ACCEPTED))
    }
    yield CHAIN_TIME, "gauge", reached
    done = node.bootstrapped
    yield "avalanche_snowman_bootstrap_finished", "gauge", {f'{{chain="{c}"}}': float(done) for c in chains}
    heights = {f'{{chain="{c}"}}': bootstrap.height(c) for c in chains if done}
    yield "avalanche_snowman_last_accepted_height", "gauge", heights


def _state_sync(node: Node) -> Iterator[Family]:
    """Yield the metrics of Coreth's state sync.

    They stay until the process exits. A process that starts after C's transition has none.
    """
    bootstrap, chain = node.bootstrap, '{chain="C"}'
    began = bootstrap.began_at["C"]
    total, leaves, blocks = (
        bootstrap.counters.get(("C", name), 0) for name in (TOTAL_LEAVES, LEAVES, SYNCED_BLOCKS)
    )
    sync = [stage for stage in bootstrap.stages["C"] if stage.activity.startswith("coreth")]
    syncs = bool(sync) and began < sync[-1].ends
    if syncs:
        yield TOTAL_LEAVES, "counter", {chain: total}
        yield f"{EVM}state_sync_leafs_per_second", "gauge", {chain: 0}
        yield f"{EVM}state_sync_tries_segmented", "counter", {chain: 0}
    if any(stage.activity == "transition" and began >= stage.ends for stage in bootstrap.stages["C"]):
        return
    for kind, received, a_request in (
        ("state_trie_leaves", leaves, _LEAVES_A_REQUEST),
        ("atomic_trie_leaves", 3 if syncs else 0, _LEAVES_A_REQUEST),
        ("code", 0, 1),
        ("blocks", blocks, _BLOCKS_A_REQUEST),
    ):
        requests = -(-received // a_request)
        values = {"requested": requests, "succeeded": requests, "received": received}
        for name, value in (values | {"failed": 0, "invalid_response": 0}).items():
            yield f"{EVM}sync_{kind}_{name}", "counter", {chain: value}
