"""Make a network with a large history: thousands of C-Chain accounts, hundreds of P and C blocks.

With so many accounts, a state sync can be interrupted. The C-Chain needs an export before the summary that
a node syncs to: without an atomic transaction, a state sync never ends.

usage: python -m testbed.make_large_history AVALANCHEGO FOLDER

AVALANCHEGO is the folder that build-avalanchego made.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from eth_account import Account
from testbed.make_history import (
    BLOCK_SECONDS,
    FUNDED_KEY,
    NETWORK_ID,
    RECIPIENT,
    call,
    number,
    own_genesis,
    remove,
    running,
    source_environment,
)
from testbed.transactions import c_export, id_bytes, output_of, p_transfer

P_BLOCKS = 300
C_BLOCKS = 340
ACCOUNTS = 10_000
CONTRACTS = 4
SLOTS = 250
# With so few blocks per message, fetching them can be interrupted.
BLOCKS_A_MESSAGE = 5
# A state sync ends at the last block whose height is a multiple of this number.
SUMMARY_BLOCKS = 32
# The address of FUNDED_KEY on the P-Chain.
OWNER = bytes.fromhex("3cb7d3842e8cee6a0ebd09f1fe884f6861e1b29c")
P_ADDRESS = "P-custom18jma8ppw3nhx5r4ap8clazz0dps7rv5u9xde7p"
EXPORTED = 10**9
# A block soon after the previous one needs a high fee.
GAS_PRICE = 10**13
STEP_SECONDS = 0.01
ACTIVE, NEVER = "2020-12-05T05:00:00Z", "9999-12-01T00:00:00Z"
# Without Granite, the C-Chain does not wait 2 s between blocks.
UPGRADES = {
    **dict.fromkeys(
        [f"apricotPhase{each}Time" for each in ("1", "2", "3", "4", "5", "Pre6", "6", "Post6")], ACTIVE
    ),
    **dict.fromkeys([f"{each}Time" for each in ("banff", "cortina", "durango", "etna", "fortuna")], ACTIVE),
    **dict.fromkeys([f"{each}Time" for each in ("granite", "helicon")], NEVER),
    "apricotPhase4MinPChainHeight": 0,
    "cortinaXChainStopVertexID": "11111111111111111111111111111111LpoYY",
    "graniteEpochDuration": 30 * 10**9,
}


def main(avalanchego: Path, folder: Path) -> None:
    """Write FOLDER/data, FOLDER/genesis.json and FOLDER/network.json, as make_history.py does."""
    binary = avalanchego / "first" / "avalanchego"
    data, genesis = folder / "data", folder / "genesis.json"
    with tempfile.TemporaryDirectory() as scratch:
        identity = Path(scratch) / "identity"
        alone = {"AVAGO_NETWORK_ID": "local", "AVAGO_SYBIL_PROTECTION_ENABLED": "false"}
        with running(binary, identity, alone) as uri:
            node = call(uri, "/ext/info", "info.getNodeID")
        shutil.copytree(identity / "staking", data / "staking")
    own = own_genesis(json.loads((avalanchego / "genesis_local.json").read_text()), node)
    genesis.write_text(json.dumps(own | {"cChainGenesis": with_accounts(own["cChainGenesis"])}))
    environment = network_environment()
    source = source_environment() | {
        "AVAGO_CHAIN_CONFIG_CONTENT": chain_configuration({"state-sync-enabled": False}),
        "AVAGO_PROPOSERVM_MIN_BLOCK_DELAY": "0s",
        "AVAGO_BOOTSTRAP_ANCESTORS_MAX_CONTAINERS_SENT": str(BLOCKS_A_MESSAGE),
    }
    here = {"AVAGO_GENESIS_FILE": str(genesis)}
    with running(binary, data, environment | source | here) as uri, ThreadPoolExecutor() as pool:
        for made in (pool.submit(make_p_blocks, uri), pool.submit(make_c_blocks, uri)):
            made.result()
    for leftover in ("logs", "process.json"):
        remove(data / leftover)
    network = {
        "node_id": node["nodeID"],
        "p_blocks": P_BLOCKS,
        "c_blocks": C_BLOCKS,
        "leaves": ACCOUNTS + CONTRACTS * SLOTS,
        "environment": environment,
        "source_environment": source,
    }
    (folder / "network.json").write_text(json.dumps(network, indent=2) + "\n")


def with_accounts(c_genesis: str) -> str:
    """Return the C-Chain's genesis with accounts and contracts; each contract has a different storage."""
    genesis = json.loads(c_genesis)
    accounts = {f"{0xACC0 << 144 | each:040x}": {"balance": f"{each + 1:#x}"} for each in range(ACCOUNTS)}
    contracts = {
        f"{0xC0DE << 144 | each:040x}": {
            "balance": "0x1",
            "code": f"0x60{each:02x}00",
            "storage": {f"0x{slot:064x}": f"0x{each * SLOTS + slot + 1:064x}" for slot in range(SLOTS)},
        }
        for each in range(CONTRACTS)
    }
    genesis["alloc"] |= accounts | contracts
    return json.dumps(genesis)


def network_environment() -> dict[str, str]:
    """Return the environment variables of every node of the network, without AVAGO_GENESIS_FILE."""
    return {
        "AVAGO_NETWORK_ID": str(NETWORK_ID),
        "AVAGO_UPGRADE_FILE_CONTENT": base64.b64encode(json.dumps(UPGRADES).encode()).decode(),
        "AVAGO_SYBIL_PROTECTION_ENABLED": "true",
        "AVAGO_SNOW_SAMPLE_SIZE": "1",
        "AVAGO_SNOW_QUORUM_SIZE": "1",
    }


def chain_configuration(c_chain: dict[str, Any]) -> str:
    """Return the content of --chain-config-content, with the commit intervals and these C-Chain options."""
    options = {"commit-interval": SUMMARY_BLOCKS, "state-sync-commit-interval": SUMMARY_BLOCKS} | c_chain
    config = base64.b64encode(json.dumps(options).encode()).decode()
    return base64.b64encode(json.dumps({"C": {"Config": config, "Upgrade": None}}).encode()).decode()


def make_p_blocks(uri: str) -> None:
    """Send transfers one by one, so that each makes a block; each spends the output of the previous one."""
    asset = id_bytes(call(uri, "/ext/bc/P", "platform.getStakingAssetID", [{}])["assetID"])
    found = call(uri, "/ext/bc/P", "platform.getUTXOs", [{"addresses": [P_ADDRESS], "encoding": "hex"}])[
        "utxos"
    ]
    spent = max((each for text in found if (each := output_of(text))), key=lambda each: each.amount)
    for height in range(1, P_BLOCKS + 1):
        transaction, spent = p_transfer(NETWORK_ID, asset, OWNER, FUNDED_KEY, spent)
        call(uri, "/ext/bc/P", "platform.issueTx", [{"tx": transaction, "encoding": "hex"}])
        reached(lambda: int(call(uri, "/ext/bc/P", "platform.getHeight", [{}])["height"]), height, "P")


def make_c_blocks(uri: str) -> None:
    """Send an export and then transfers, one by one, so that each makes a block."""
    asset = id_bytes(call(uri, "/ext/bc/P", "platform.getStakingAssetID", [{}])["assetID"])
    chain = id_bytes(call(uri, "/ext/info", "info.getBlockchainID", [{"alias": "C"}])["blockchainID"])
    export = c_export(NETWORK_ID, chain, asset, OWNER, FUNDED_KEY, EXPORTED)
    call(uri, "/ext/bc/C/avax", "avax.issueTx", [{"tx": export, "encoding": "hex"}])
    account, chain_id = Account.from_key(FUNDED_KEY), number(call(uri, "/ext/bc/C/rpc", "eth_chainId"))
    for height in range(1, C_BLOCKS + 1):
        if height > 1:
            transfer = {
                "chainId": chain_id,
                "nonce": height - 1,
                "to": RECIPIENT,
                "value": height,
                "gas": 21_000,
            }
            signed = account.sign_transaction(transfer | {"gasPrice": GAS_PRICE})
            raw = "0x" + signed.raw_transaction.hex().removeprefix("0x")
            call(uri, "/ext/bc/C/rpc", "eth_sendRawTransaction", [raw])
        reached(lambda: number(call(uri, "/ext/bc/C/rpc", "eth_blockNumber")), height, "C")


def reached(height: Callable[[], int], expected: int, chain: str) -> None:
    """Wait until a chain has `expected` blocks."""
    deadline = time.monotonic() + BLOCK_SECONDS
    while height() < expected:
        if time.monotonic() > deadline:
            raise TimeoutError(f"block {expected} of {chain} is not there after {BLOCK_SECONDS} s")
        time.sleep(STEP_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
