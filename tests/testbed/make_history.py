"""Make a network with a history: its own genesis, one validator, and blocks on its C-Chain.

On the local network that AvalancheGo defines, a node has nothing to fetch. Here, a real node validates a
network alone and receives transfers until its C-Chain has enough blocks. A source node that starts with the
saved data has the whole history, so the tests do not wait for blocks.

usage: make_history.py AVALANCHEGO FOLDER

AVALANCHEGO is the folder that build-avalanchego made.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

NETWORK_ID = 54321
BLOCKS = 36
START_SECONDS = 120
BLOCK_SECONDS = 30
# The development key that AvalancheGo's local genesis funds; it is published with that genesis and has no
# value.
FUNDED_KEY = "0x56289e99c94b6912bfc12adc093c9b51124f0dc54ac7a766b2bc5ccf558d8027"
RECIPIENT = "0x000000000000000000000000000000000000dEaD"
Found = TypeVar("Found")
BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def main(avalanchego: Path, folder: Path) -> None:
    """Write FOLDER/data, the source node's data, and FOLDER/network.json, the network's description."""
    binary = avalanchego / "first" / "avalanchego"
    data = folder / "data"
    with tempfile.TemporaryDirectory() as scratch:
        identity = Path(scratch) / "identity"
        alone = {"AVAGO_NETWORK_ID": "local", "AVAGO_SYBIL_PROTECTION_ENABLED": "false"}
        with running(binary, identity, alone) as uri:
            node = call(uri, "/ext/info", "info.getNodeID")
        shutil.copytree(identity / "staking", data / "staking")
        genesis = json.dumps(own_genesis(json.loads((avalanchego / "genesis_local.json").read_text()), node))
        environment = network_environment(genesis)
        with running(binary, data, environment | source_environment()) as uri:
            make_blocks(uri)
    for leftover in ("logs", "process.json"):
        remove(data / leftover)
    network = {
        "node_id": node["nodeID"],
        "blocks": BLOCKS,
        "environment": environment,
        "source_environment": source_environment(),
    }
    (folder / "network.json").write_text(json.dumps(network, indent=2) + "\n")


def own_genesis(genesis: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return the local network's genesis as that of a custom network, with `node` as the only validator."""
    stakers = genesis["initialStakers"][:1]
    stakers[0] |= {"nodeID": node["nodeID"], "signer": node["nodePOP"]}
    genesis |= {"networkID": NETWORK_ID, "initialStakers": stakers, "startTime": int(time.time()) - 3600}
    return translated(genesis)  # type: ignore[no-any-return]


def translated(value: Any) -> Any:
    """Return `value` with every address of the local network converted to one of a custom network."""
    if isinstance(value, dict):
        return {name: translated(each) for name, each in value.items()}
    if isinstance(value, list):
        return [translated(each) for each in value]
    if isinstance(value, str) and value.startswith("X-local1"):
        return "X-" + bech32("custom", value.removeprefix("X-local1")[:-6])
    return value


def bech32(prefix: str, data: str) -> str:
    """Return an address with this prefix.

    `data` is already in the bech32 alphabet; only the checksum depends on the prefix.
    """
    values = [ord(each) >> 5 for each in prefix] + [0] + [ord(each) & 31 for each in prefix]
    values += [BECH32_ALPHABET.index(each) for each in data] + [0] * 6
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= generator if top >> bit & 1 else 0
    checksum ^= 1
    return f"{prefix}1{data}" + "".join(BECH32_ALPHABET[checksum >> 5 * (5 - each) & 31] for each in range(6))


def network_environment(genesis: str) -> dict[str, str]:
    """Return the environment variables of every node of the network."""
    return {
        "AVAGO_NETWORK_ID": str(NETWORK_ID),
        "AVAGO_GENESIS_FILE_CONTENT": base64.b64encode(genesis.encode()).decode(),
        "AVAGO_SYBIL_PROTECTION_ENABLED": "true",
        "AVAGO_SNOW_SAMPLE_SIZE": "1",
        "AVAGO_SNOW_QUORUM_SIZE": "1",
    }


def source_environment() -> dict[str, str]:
    """Return the validator's further environment variables: it has no nodes to bootstrap from."""
    return {"AVAGO_BOOTSTRAP_IPS": "", "AVAGO_BOOTSTRAP_IDS": ""}


@contextlib.contextmanager
def running(binary: Path, data: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run a node until the block ends; yield the address of its API once it has bootstrapped."""
    data.mkdir(exist_ok=True)
    own = {
        "AVAGO_DATA_DIR": str(data),
        "AVAGO_HTTP_PORT": "0",
        "AVAGO_STAKING_PORT": "0",
        "AVAGO_PUBLIC_IP": "127.0.0.1",
        "AVAGO_HEALTH_CHECK_FREQUENCY": "500ms",
        "AVAGO_FD_LIMIT": "8192",
        "AVAGO_SYSTEM_TRACKER_DISK_REQUIRED_AVAILABLE_SPACE_PERCENTAGE": "0",
        "AVAGO_SYSTEM_TRACKER_DISK_WARNING_AVAILABLE_SPACE_PERCENTAGE": "0",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AVAGO_")}
    with (data / "output").open("w+") as output:
        node = subprocess.Popen([binary], env=inherited | own | environment, stdout=output, stderr=output)
        try:
            yield until(
                lambda: ready_uri(node, data), START_SECONDS, f"the node is not ready; see {output.name}"
            )
        except Exception:
            output.seek(0)
            sys.stderr.writelines(line[:200].rstrip() + "\n" for line in output.readlines()[-20:])
            raise
        finally:
            node.terminate()
            node.wait(START_SECONDS)
    (data / "output").unlink()


def ready_uri(node: subprocess.Popen[bytes], data: Path) -> str | None:
    """Return the address of the node's API once it has bootstrapped; `None` before."""
    if node.poll() is not None:
        raise RuntimeError(f"the node has ended with {node.returncode}")
    try:
        uri: str = json.loads((data / "process.json").read_text())["uri"]
        # Check readiness: alone in its network, the node lacks peers and is never healthy.
        with urllib.request.urlopen(f"{uri}/ext/health/readiness", timeout=5):
            return uri
    except (OSError, ValueError):
        return None


def make_blocks(uri: str) -> None:
    """Send transfers one after the other; each produces a block."""
    from eth_account import Account  # noqa: PLC0415 - takes a second, and only a new network needs it

    account = Account.from_key(FUNDED_KEY)
    chain_id = number(call(uri, "/ext/bc/C/rpc", "eth_chainId"))
    for height in range(1, BLOCKS + 1):
        transfer = {
            "chainId": chain_id,
            "nonce": height - 1,
            "to": RECIPIENT,
            "value": height,
            "gas": 21_000,
            "gasPrice": 2 * number(call(uri, "/ext/bc/C/rpc", "eth_gasPrice")),
        }
        signed = account.sign_transaction(transfer)
        call(
            uri,
            "/ext/bc/C/rpc",
            "eth_sendRawTransaction",
            ["0x" + signed.raw_transaction.hex().removeprefix("0x")],
        )
        until(
            lambda height=height: number(call(uri, "/ext/bc/C/rpc", "eth_blockNumber")) >= height or None,  # type: ignore[misc]
            BLOCK_SECONDS,
            f"block {height} is not there",
        )


def call(uri: str, path: str, method: str, parameters: list[Any] | None = None) -> Any:
    """Return the result of a JSON-RPC call.

    Raises:
        RuntimeError: the node answers with an error.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters or []}).encode()
    request = urllib.request.Request(uri + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    if "result" not in answer:
        raise RuntimeError(f"{method}: {answer}")
    return answer["result"]


def number(text: str) -> int:
    """Parse a number in the format of Ethereum's API."""
    return int(text, 16)


def until(poll: Callable[[], Found | None], seconds: float, complaint: str) -> Found:
    """Return the first result of `poll` that is not `None`."""
    deadline = time.monotonic() + seconds
    while (found := poll()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{complaint} after {seconds} s")
        time.sleep(0.1)
    return found


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
