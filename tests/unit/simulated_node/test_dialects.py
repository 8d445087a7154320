"""Tests that the simulated node produces the dialects recorded from AvalancheGo 1.14 and 1.15."""

from __future__ import annotations

import base64
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from support.simulated_builds import SteppedNode

from simulated_node.metrics import CHAIN_TIME
from simulated_node.options import Simulation

DATA = Path(__file__).parents[2] / "data"
LINE = re.compile(r"^\[[^]]+\] (?P<level>[A-Z]+) <(?P<chain>\S+) Chain> (?P<source>\S+:\d+) (?P<content>.*)$")
# Each stage of a recording starts with one of these messages; the order of lines within a stage varies.
STAGES = {
    "checking for transition marker",
    "initializing consensus engine",
    "fetched blocks from peer",
    "all syncers completed successfully",
    "starting bootstrapper",
    "starting to fetch blocks",
    "executing blocks",
    "transitioning VMs",
    "initializing post-transition VM",
    "setting post-transition VM state",
    "executed blocks",
    "starting consensus",
}
SIGNALS = re.compile(
    r"avalanche_(snowman_bs_|snowman_bootstrap_finished|snowman_last_accepted_height|avalanche_bs_(fetched|accepted)"
    r"|network_peers|evm_eth_state_sync|evm_eth_sync_\w+_(requested|succeeded|failed|invalid_response|received)$"
    r"|evm_transition_sae_(last_(executed|settled)_height|execution_queue_blocks))"
)


def chain_configs(text: str) -> str:
    """Return the value of the flag that configures the chains."""
    encoded = base64.b64encode(text.encode()).decode()
    return base64.b64encode(json.dumps({"C": {"Config": encoded}}).encode()).decode()


FULL_SYNC: dict[str, Any] = {"chain_config_content": chain_configs('{"state-sync-enabled": false}')}
P_ONLY: dict[str, Any] = {"partial_sync_primary_network": True}
HOUR: dict[str, Any] = {"network_id": 12345, "simulate_bootstrap_seconds": 3600, "simulate_block_bytes": 0}


def stages(lines: list[str], chain: str = "C") -> list[list[str]]:
    """Return the stages of a log: each stage's messages, with sources and field names.

    Repeated lines are left out, because their number depends on how long a stage lasts.
    """
    all_stages: list[list[str]] = []
    for line in filter(None, map(LINE.match, lines)):
        if line["chain"] != chain or "trie_sync_stats" in line["source"] or '"eta"' in line["content"]:
            continue
        message, names, name = parts(line["content"])
        source = re.sub(r"@v[^/]+", "", line["source"])
        if message in STAGES or not all_stages:
            all_stages.append([])
        all_stages[-1].append(f"{line['level']} {source} {message} {name}{names}")
    return [sorted(set(stage)) for stage in all_stages]


def parts(content: str) -> tuple[str, list[str], str]:
    """Return a line's message, the names of its fields, and the value of `name`."""
    if content.endswith("}"):
        message, _, fields = content.partition(" {")
        return message, list(json.loads("{" + fields)), ""
    message, _, fields = re.sub(r" +(?=\w+=)", "\t", content, count=1).partition("\t")
    name = re.search(r'name="([^"]+)"', fields)
    return message, re.findall(r"(\w+)=", fields), name[1] if name else ""


def recorded(name: str) -> list[str]:
    """Return the lines of a recorded log."""
    return (DATA / name).read_text().splitlines()


class TestLogs:
    """Messages, sources and fields of the simulated logs, compared with the recordings stage by stage."""

    def test_a_state_sync_of_1_14(self, tmp_path: Path) -> None:
        node = SteppedNode(tmp_path, **HOUR)
        node.run(3700)

        assert stages(node.log("C")) == stages(recorded("nodes/C-state-sync-1.14.2.log"))
        assert stages(node.log("P"), "P") == stages(
            recorded("nodes/P-waits-during-state-sync-1.14.2.log"), "P"
        )

    def test_its_minute_lines(self, tmp_path: Path) -> None:
        node = SteppedNode(tmp_path, **HOUR)
        node.run(3700)

        lines = [line for line in node.log("C") if "trie_sync_stats" in line]
        (recording,) = recorded("nodes/C-state-sync-minute-line-1.14.2.log")
        accounts = next(line for line in lines if "account trie" in line)
        assert re.sub("ETA=.*", "", accounts.partition("INFO")[2]) == re.sub(
            "ETA=.*", "", recording.partition("INFO")[2]
        )
        storage = [re.search(r"storage tries +triesRemaining=(\d+) +ETA=(\S+)$", line) for line in lines]
        remaining = [int(match[1]) for match in storage if match]
        assert len(remaining) >= 10
        assert remaining == sorted(remaining, reverse=True)
        times = [line[7:12] for line in lines]
        assert len(set(times)) == len(times), "one a minute"

    def test_a_state_sync_that_is_killed_and_resumed(self, tmp_path: Path) -> None:
        flags = HOUR | {"simulate_dialect": "1.15"}
        first = SteppedNode(tmp_path, **flags)
        first.run(1440 + 400)
        second = SteppedNode(tmp_path, wall_seconds=first.wall() + 30, **flags)
        second.run(3000)

        assert stages(second.log("C")) == stages(
            recorded("nodes/C-state-sync-killed-and-resumed-1.15.0-fuji.log")
        )

    def test_a_transition_while_blocks_are_executed(self, tmp_path: Path) -> None:
        flags = HOUR | FULL_SYNC | {"simulate_dialect": "1.15", "simulate_transition": "blocks"}
        first = SteppedNode(tmp_path, **flags)
        first.run(3700)
        second = SteppedNode(tmp_path, wall_seconds=first.wall(), **flags)
        second.run(60)

        assert stages(second.log("C")) == stages(recorded("nodes/C-helicon-transition-1.15.0-fuji.log"))
        skipping = SteppedNode(tmp_path / "configured", **(flags | {"chain_config_content": ""}))
        skipping.run(3700)
        log = "\n".join(skipping.log("C"))
        assert 'skipping state sync {"reason": "no acceptable summaries found"}' in log
        assert "accepted state summary" not in log

    @pytest.mark.parametrize("chain", ["P", "X", "C"])
    def test_a_full_sync(self, tmp_path: Path, chain: str) -> None:
        """Only the C-Chain of the recorded network had blocks.

        The recording starts after the engine's line.
        """
        blocks = 40 if chain == "C" else 0
        node = SteppedNode(tmp_path, **(HOUR | FULL_SYNC), simulate_blocks=blocks)
        node.run(3700)

        mine = [line for line in node.log(chain) if "consensus engine" not in line]
        assert stages(mine, chain) == stages(recorded("chain-logs.txt"), chain)

    def test_an_eager_transition_syncs_state_in_sae(self, tmp_path: Path) -> None:
        """An eager transition syncs its state in SAE.

        These messages come from AvalancheGo's source; no recording of them exists.
        """
        flags = HOUR | {"simulate_dialect": "1.15", "simulate_transition": "eager"}
        node = SteppedNode(tmp_path, **flags)
        node.run(3700)

        messages = [parts(line["content"])[0] for line in filter(None, map(LINE.match, node.log("C")))]
        distinct = [message for message, _ in groupby(messages)]
        expected = (
            "transitioning eagerly to state sync as the post-transition chain",
            "transition finished successfully",
            "starting state sync",
            "accepted state summary",
            "syncing blocks",
            "finished syncing blocks",
            "wiping snapshot before syncing state",
            "starting code sync",
            "syncing account trie",
            "syncing storage tries",
            "finished code sync",
            "syncing cross-chain state",
            "finished syncing cross-chain state",
            "starting bootstrapper",
            "executed blocks",
            "starting consensus",
        )
        places = [distinct.index(message) for message in expected]
        assert places == sorted(places)

    def test_progress_lines_come_from_the_tenth_sample_on(self, tmp_path: Path) -> None:
        node = SteppedNode(tmp_path, **(HOUR | P_ONLY), simulate_blocks=180_000)
        node.run(3700, step_seconds=5)

        lines = [parts(line["content"])[0] for line in filter(None, map(LINE.match, node.log("P")))]
        fields_of_lines = [json.loads(line[line.index("{") :]) for line in node.log("P") if '"eta"' in line]
        fetching = [fields["numFetchedBlocks"] for fields in fields_of_lines if "numFetchedBlocks" in fields]
        executing = [fields["numExecuted"] for fields in fields_of_lines if "numExecuted" in fields]
        assert fetching[0] == 45_000
        assert executing[0] == pytest.approx(45 * 100, rel=0.1)
        assert "compacting database before executing blocks..." in lines
        assert [fields["pctComplete"] for fields in fields_of_lines][:1] == [25.0]

    def test_known_blocks_are_checkpoints(self, tmp_path: Path) -> None:
        for network, known in (("fuji", 99), ("12345", 0)):
            node = SteppedNode(tmp_path / network, **(HOUR | {"network_id": network}))
            node.run(1, 1)
            assert f'"numKnownBlocks": {known},' in node.log("P")[-1]

    def test_json(self, tmp_path: Path) -> None:
        """With `--log-format=json`, all lines are JSON except Coreth's, which have their own format."""
        node = SteppedNode(tmp_path, **HOUR, log_format="json")
        node.run(3700)

        lines = [json.loads(line) for line in node.log("P")]
        assert lines[0] == {
            "level": "info",
            "timestamp": "2026-09-21T14:13:30.000Z",
            "logger": "P Chain",
            "caller": "snowman/engine.go:98",
            "msg": "initializing consensus engine",
        }
        executed = next(line for line in lines if line["msg"] == "executed blocks")
        assert executed["duration"] == pytest.approx(720e9, rel=0.01)
        assert "logger" not in json.loads(node.log("main")[0])
        assert {line[0] for line in node.log("C")} == {"{", "["}

    @pytest.mark.parametrize("level", ["warn", "error", "off"])
    def test_a_level_above_info(self, tmp_path: Path, level: str) -> None:
        node = SteppedNode(tmp_path, **HOUR, log_level=level, log_dir=tmp_path / "elsewhere")
        node.run(3700)

        assert (node.log("P"), list(tmp_path.glob("logs"))) == ([], [])
        kept = (tmp_path / "elsewhere" / "C.log").read_text().splitlines()
        assert {line.split()[4].partition("@")[0] for line in kept} == {
            "github.com/ava-labs/avalanchego/graft/evm"
        }


def types(page: str) -> dict[str, str]:
    """Return the type of each metric family on a page."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def series(page: str) -> set[str]:
    """Return the series on a page without the process ID.

    Chain times other than the C-Chain's are left out: P and X may have had no block in the recorded
    process.
    """
    lines = [line.rpartition(" ")[0] for line in page.splitlines() if line and not line.startswith("#")]
    named = {re.sub(r'processID="\d+"', 'processID=""', line) for line in lines}
    return {line for line in named if not (line.startswith(CHAIN_TIME) and 'chain="C"' not in line)}


class TestMetrics:
    """Metric families, types and labels, compared with the recorded pages."""

    @pytest.mark.parametrize(
        ("page", "flags", "restarts"),
        [
            pytest.param("metrics-sync-1142", {}, [], id="state sync of 1.14"),
            pytest.param("metrics-sync-1150f", {"simulate_dialect": "1.15"}, [1900], id="killed and resumed"),
            pytest.param(
                "metrics-helicon-sync",
                {"simulate_dialect": "1.15", "simulate_transition": "blocks"},
                [],
                id="transition",
            ),
            pytest.param(
                "metrics-helicon-full",
                FULL_SYNC | {"simulate_dialect": "1.15", "simulate_transition": "blocks"},
                [3700],
                id="restarted after the transition",
            ),
            pytest.param("metrics-p-1150f", P_ONLY | {"simulate_dialect": "1.15"}, [1000], id="P alone"),
        ],
    )
    def test_a_page(self, tmp_path: Path, page: str, flags: dict[str, Any], restarts: list[int]) -> None:
        node = SteppedNode(tmp_path, **(HOUR | flags))
        for seconds in restarts:
            node.run(seconds)
            node = SteppedNode(tmp_path, wall_seconds=node.wall(), **(HOUR | flags))
        node.run(3700)

        mine, real = node.page(), (DATA / "nodes" / f"{page}.txt").read_text()
        assert types(mine).items() <= types(real).items()
        assert series(mine) <= series(real)
        of_interest = {line for line in series(real) if SIGNALS.match(line.partition("{")[0])}
        assert of_interest - series(mine) == set()

    def test_a_resumed_state_sync_counts_the_rest_only(self, tmp_path: Path) -> None:
        leaves = 'avalanche_evm_eth_state_sync_total_leafs{chain="C"}'
        first = SteppedNode(tmp_path, **HOUR)
        first.run(2200)
        second = SteppedNode(tmp_path, wall_seconds=first.wall(), **HOUR)
        second.run(1)
        first_count = second.metric(leaves)
        second.run(3700)

        counts = [first.metric(leaves), second.metric(leaves)]
        assert first_count is not None
        assert first_count <= 2
        assert None not in counts
        assert sum(filter(None, counts)) == Simulation().leaves
        assert min(filter(None, counts)) > 500

    def test_a_state_sync_in_sae_has_no_counter_and_begins_again(self, tmp_path: Path) -> None:
        flags = HOUR | {
            "simulate_dialect": "1.15",
            "simulate_transition": "eager",
            "simulate_block_bytes": 100,
        }
        first = SteppedNode(tmp_path, **flags)
        first.run(2500)
        assert "avalanche_evm_eth_sync_" in first.page()
        second = SteppedNode(tmp_path, wall_seconds=first.wall(), **flags)
        second.run(1)
        before, position = second.page(), second.node.bootstrap.position
        written = second.node.bootstrap.written_bytes
        second.run(600)

        assert position["X"] > 2400, "X continues where it was"
        assert "avalanche_evm_eth_" not in second.page()
        assert "avalanche_evm_transition_sae_execution_queue_blocks" in before
        chain_lines = [line for line in second.page().splitlines() if 'chain="C"' in line]
        assert chain_lines == [line for line in before.splitlines() if 'chain="C"' in line]
        assert second.node.bootstrap.written_bytes > written
        second.run(1500)
        assert second.metric('avalanche_snowman_bootstrap_finished{chain="C"}') == 0
        second.run(800)
        assert second.node.bootstrapped

    def test_counters_stand_still_during_a_transition(self, tmp_path: Path) -> None:
        flags = HOUR | FULL_SYNC | {"simulate_dialect": "1.15", "simulate_transition": "blocks"}
        node = SteppedNode(tmp_path, **flags)
        values = []
        while not node.node.bootstrapped:
            node.run(1, 1)
            values.append(node.metric('avalanche_snowman_bs_accepted{chain="C"}'))

        longest = max(len(list(same)) for value, same in groupby(values) if value)
        assert 12 <= longest <= 15

    def test_chains_that_wait_fetch_what_is_new(self, tmp_path: Path) -> None:
        node = SteppedNode(tmp_path, **HOUR, simulate_new_blocks_per_second=0.5)
        node.run(3000)
        names = {chain: f'avalanche_snowman_bs_fetched{{chain="{chain}"}}' for chain in "PX"}
        before = {chain: node.metric(name) for chain, name in names.items()}
        node.run(100, 1)

        for chain, name in names.items():
            assert (node.metric(name) or 0) - (before[chain] or 0) == pytest.approx(50, abs=5)


class TestStates:
    """API responses and metrics of a node in a given state."""

    def test_a_source_that_freezes(self, tmp_path: Path) -> None:
        flags: dict[str, Any] = {
            "simulate_source_frozen_at_share": 0.5,
            "simulate_source_frozen_seconds": 600,
        }
        node = SteppedNode(tmp_path, **HOUR, **flags)
        node.run(1800)
        states = []
        for _ in range(660):
            node.run(1, 1)
            states.append((node.metric("avalanche_network_peers"), node.node.bootstrap.position["C"]))

        stood = [peers for peers, position in states if position == 1800]
        assert len(stood) == pytest.approx(600, abs=3)
        assert [peers for peers, _ in groupby(stood)][:2] == [20, 0]
        assert stood.index(0) == pytest.approx(30, abs=2)
        assert states[-1][0] == 20
        assert states[-1][1] > 1800

    def test_the_health_of_p_alone(self, tmp_path: Path) -> None:
        node = SteppedNode(tmp_path, **(HOUR | P_ONLY))
        node.run(3700)

        mine = node.node.health.answer()["checks"]
        real = json.loads((DATA / "nodes" / "health-p-1150f.json").read_text())["checks"]
        assert {name: check.keys() for name, check in mine.items()} == {
            name: check.keys() for name, check in real.items()
        }
