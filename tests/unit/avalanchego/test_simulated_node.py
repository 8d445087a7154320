"""Tests that the simulated node's responses have the recorded shapes and its faults follow its flags."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from support.simulated_builds import PATIENCE_SECONDS, eventually, free_port, write_build

from monitor.avalanchego import simulated_node
from monitor.avalanchego.node_api import NodeClient
from monitor.avalanchego.simulated_node import (
    SettingError,
    Simulation,
    go_duration,
    go_number,
    go_time,
    network_id_of,
    plan_of,
    seconds_of,
    settings_of,
    simulation_of,
    state_sync_enabled,
)
from monitor.domain.observations import NodeAnswering, NodeDown, NodeIdentity, NodeSilent

DATA = Path(__file__).parents[2] / "data"
PROGRAM = Path(simulated_node.__file__)
# Recorded for the C-Chain only, which was the only chain with an accepted block; the metric has this form for
# all chains.
RECORDED_OF_C = {simulated_node.CHAIN_TIME}


@dataclass
class Running:
    """A simulated node that runs as a program."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The base URL of the node's HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None, host: str = "") -> tuple[int, str, str]:
        """Return the status, the content type and the text of a response."""
        headers = {"Host": host} if host else {}
        encoded = None if body is None else json.dumps(body).encode()
        answer = urllib3.request(method, self.url + path, headers=headers, body=encoded, retries=False)
        return answer.status, answer.headers["Content-Type"], answer.data.decode()

    def get(self, path: str) -> Any:
        """Return the JSON document at a path."""
        return json.loads(self.ask("GET", path)[2])

    def call(self, method: str, **parameters: str) -> Any:
        """Return the response to a JSON-RPC call."""
        path = "/ext/health" if method.startswith("health") else "/ext/info"
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        return json.loads(self.ask("POST", path, body)[2])

    def reading(self) -> NodeAnswering:
        """Return the monitor's reading of the node."""
        with closing(NodeClient(self.url)) as client:
            found = client.read()
        assert isinstance(found, NodeAnswering), found
        return found

    def counters(self) -> Mapping[tuple[str, str], float]:
        """Return the node's counters by chain and signal."""
        metrics = self.reading().metrics
        assert metrics is not None
        return metrics.counters

    def wait_bootstrapped(self) -> None:
        """Wait until the node has bootstrapped and its health checks show it."""
        eventually(lambda: self.reading().bootstrapped is True, "it is bootstrapped")

    def stop(self) -> tuple[int, list[str]]:
        """Send SIGTERM, and return the exit code and the output."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, list[str]]:
        """Wait until the node exits, and return the exit code and the output."""
        out, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, out.splitlines()


def command(folder: Path, port: int, *flags: str) -> list[str]:
    """Return the command line of the node."""
    words = (f"--data-dir={folder}", "--network-id=fuji", f"--http-port={port}")
    return [sys.executable, str(PROGRAM), *words, "--health-check-frequency=20ms", *flags]


@contextmanager
def running(folder: Path, *flags: str, answering: bool = True) -> Iterator[Running]:
    """Run the node on a port that it chooses, or on a port of the test if the node does not listen."""
    process_file = folder / "process.json"
    process_file.unlink(missing_ok=True)
    port = 0 if answering else free_port()
    with subprocess.Popen(
        command(folder, port, *flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            if answering:
                eventually(lambda: process_file.exists() and process_file.stat().st_size > 0, "it listens")
                context = json.loads(process_file.read_text())
                assert context["pid"] == process.pid
                port = int(context["uri"].rpartition(":")[2])
            yield Running(process, folder, port)
        finally:
            process.kill()


def shape(value: Any) -> Any:
    """Return the names and types of a JSON value."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def recorded(name: str) -> Any:
    """Return a recorded response; if the file has several lines, the first one."""
    text = (DATA / name).read_text()
    return json.loads(text.splitlines()[0] if text.startswith('{"jsonrpc') else text)


@pytest.fixture(scope="module")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start a node and wait until it has bootstrapped."""
    flags = ("--simulate-bootstrap-seconds=0.2", "--simulate-blocks=50")
    with running(tmp_path_factory.mktemp("node"), *flags) as node:
        node.wait_bootstrapped()
        eventually(lambda: node.ask("GET", "/ext/health")[0] == 200, "it is healthy")
        yield node


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start a node that is still bootstrapping and runs its health checks only once."""
    flags = ("--simulate-bootstrap-seconds=600", "--health-check-frequency=1h")
    with running(tmp_path_factory.mktemp("node"), *flags) as node:
        yield node


class TestShapes:
    """Shapes of the responses, compared with those recorded from the real node."""

    @pytest.mark.parametrize(
        ("ask", "name"),
        [
            pytest.param(lambda node: node.get("/ext/health"), "health-200.json", id="health"),
            pytest.param(lambda node: node.get("/ext/health/health"), "health-200.json", id="health by name"),
            pytest.param(
                lambda node: node.get("/ext/health/readiness"), "readiness-200.json", id="readiness"
            ),
            pytest.param(
                lambda node: node.call("info.getNodeVersion"), "info.getNodeVersion.json", id="version"
            ),
            pytest.param(lambda node: node.call("info.getNodeID"), "info.getNodeID.json", id="node ID"),
            pytest.param(
                lambda node: node.call("info.isBootstrapped", chain="C"),
                "info.isBootstrapped.json",
                id="bootstrapped",
            ),
        ],
    )
    def test_an_answer(self, bootstrapped: Running, ask: Callable[[Running], Any], name: str) -> None:
        assert shape(ask(bootstrapped)) == shape(recorded(name))

    def test_health_by_json_rpc(self, bootstrapped: Running) -> None:
        """The recorded node had lost its peers, so its check `network` had failed."""
        mine, real = bootstrapped.call("health.health"), recorded("health.health-rpc.json")

        for answer in (mine, real):
            assert "connectedPeers" in answer["result"]["checks"].pop("network")["message"]
        assert shape(mine) == shape(real)

    def test_readiness_before_the_first_check(self, starting: Running) -> None:
        status, kind, text = starting.ask("GET", "/ext/health/readiness")

        assert (status, kind, json.loads(text)) == (503, "application/json", recorded("readiness-503.json"))

    def test_health_before_the_first_check(self, starting: Running) -> None:
        """At the start, P and `bootstrapped` report that they have not run yet, and X and C are missing."""
        real = recorded("health-503-starting.json")
        status, _, text = starting.ask("GET", "/ext/health")
        mine = json.loads(text)

        assert (status, mine.keys(), mine["healthy"]) == (503, real.keys(), False)
        assert real["checks"].keys() - mine["checks"].keys() == {"X", "C"}
        assert mine["checks"].keys() - real["checks"].keys() == set()
        for name in ("P", "bootstrapped"):
            assert mine["checks"][name] == real["checks"][name]
        for name in ("bls", "database", "diskspace", "router"):
            assert shape(mine["checks"][name]) == shape(real["checks"][name])

    @pytest.mark.parametrize("node", ["starting", "bootstrapped"])
    def test_each_metric(self, request: pytest.FixtureRequest, node: str) -> None:
        """Each metric has the type and the series of a recorded page."""
        status, kind, mine = request.getfixturevalue(node).ask("GET", "/ext/metrics")
        names = ("metrics-starting", "metrics-bootstrapped", "nodes/metrics-sync-1142")
        real = "".join((DATA / f"{name}.txt").read_text() for name in names)

        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        ours = types(mine)
        assert len(ours) >= 8
        assert ours.items() <= types(real).items()
        told = {
            re.sub(r'chain="[PX]"', 'chain="C"', each) if each.partition("{")[0] in RECORDED_OF_C else each
            for each in series(mine)
        }
        assert told <= series(real)

    def test_unknown_calls_and_paths(self, bootstrapped: Running) -> None:
        assert bootstrapped.call("info.nonsense") == {
            "jsonrpc": "2.0",
            "error": {"code": -32000, "message": 'rpc: can\'t find method "info.nonsense"', "data": None},
            "id": 1,
        }
        refused = bootstrapped.call("info.isBootstrapped", chain="Q")["error"]["message"]
        assert refused == "there is no chain with alias/ID 'Q'"
        assert bootstrapped.ask("GET", "/nowhere")[::2] == (404, "404 page not found\n")
        assert bootstrapped.ask("POST", "/nowhere", {})[::2] == (404, "404 page not found\n")
        assert bootstrapped.ask("GET", "/ext/health", host="evil.example")[0] == 403
        assert bootstrapped.ask("GET", "/ext/health", host="localhost:9650")[0] == 200

    def test_the_monitor_understands_all_of_it(self, bootstrapped: Running, starting: Running) -> None:
        done, begun = bootstrapped.reading(), starting.reading()

        assert done.identity == NodeIdentity(5, "avalanchego/1.14.2", simulated_node.COMMIT)
        assert (done.bootstrapped, begun.bootstrapped) == (True, False)
        assert done.health is not None
        assert begun.health is not None
        assert (done.health.healthy, done.health.failing_checks) == (True, ())
        assert (begun.health.healthy, set(begun.health.failing_checks)) == (False, {"P", "bootstrapped"})
        assert done.metrics is not None
        assert done.metrics.peers == 20
        assert done.metrics.process_started_at is not None
        assert abs(done.metrics.process_started_at - time.time()) < PATIENCE_SECONDS * 10
        assert {chain for chain, _ in done.metrics.counters} == {"P", "X", "C"}
        assert done.metrics.counters["C", "blocks_accepted"] == 50
        assert {chain for chain, _ in starting.counters()} == {"P"}


def types(page: str) -> dict[str, str]:
    """Return the type of each metric on a page."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def series(page: str) -> set[str]:
    """Return the series on a page without the process ID."""
    lines = [line.rpartition(" ")[0] for line in page.splitlines() if line and not line.startswith("#")]
    return {re.sub(r'processID="\d+"', 'processID=""', line) for line in lines}


class TestVersions:
    """The output of `--version-json`."""

    def printed(self, *words: str) -> Any:
        """Return the JSON that a command prints."""
        done = subprocess.run([*words, "--version-json"], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return json.loads(done.stdout)

    def test_it_has_the_recorded_shape(self) -> None:
        printed = self.printed(sys.executable, str(PROGRAM))

        assert shape(printed) == shape(recorded("version.json"))
        assert printed == recorded("version.json") | {"commit": simulated_node.COMMIT}

    def test_a_build_carries_its_commit_and_its_behaviour(self, tmp_path: Path) -> None:
        """A build's own file holds its commit and its behavior; a flag overrides both."""
        executable = tmp_path / "avalanchego"
        write_build(executable, "d" * 40, version="avalanchego/1.15.0", exit_at_start=True)

        found = self.printed(str(executable))
        assert (found["application"], found["commit"]) == ("avalanchego/1.15.0", "d" * 40)
        assert self.printed(str(executable), "--simulate-commit=e")["commit"] == "e"
        started = subprocess.run([executable], capture_output=True, text=True, check=False)
        assert (started.returncode, started.stdout) == (1, "couldn't start node: simulated\n")


class TestOptions:
    """The order of precedence of file, environment and flags; an invalid option is reported in one line."""

    def test_the_stronger_wins(self) -> None:
        environment = {"SIMULATE_BLOCKS": "7", "SIMULATE_PEERS": "3", "HOME": "/"}
        flags = {"simulate-blocks": "8", "simulate-hang-at-share": "0.5", "simulate-forget": "true", "x": "y"}

        found = simulation_of(flags, environment)
        assert (found.blocks, found.peers, found.hang_at_share, found.forget) == (8, 3, 0.5, True)
        assert simulation_of({}, {}) == Simulation()

    @pytest.mark.parametrize(
        ("flag", "said"),
        [
            pytest.param(
                "--simulate-nonsense=1", "unknown simulation option: nonsense; --help lists all", id="unknown"
            ),
            pytest.param(
                "--simulate-blocks=many", "invalid literal for int() with base 10: 'many'", id="no number"
            ),
            pytest.param(
                "--simulate-bootstrap-seconds=x", "could not convert string to float: 'x'", id="no length"
            ),
            pytest.param(
                "--simulate-bootstrap-seconds=0",
                "bootstrap_seconds is 0.0: it must be longer than zero",
                id="no time at all",
            ),
            pytest.param(
                "--simulate-bootstrap-seconds=nan",
                "bootstrap_seconds is nan: it must be longer than zero",
                id="not a number",
            ),
            pytest.param("--simulate-forget=yes", 'invalid boolean "yes" for "forget"', id="no boolean"),
            pytest.param("--network-id=moon", "failed to parse network name: 'moon'", id="no network"),
            pytest.param("--health-check-frequency=1", 'time: invalid duration "1"', id="no duration"),
            pytest.param("--chain-config-content=%", "couldn't read chain configs: ", id="no chain configs"),
        ],
    )
    def test_a_mistake_is_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, said: str
    ) -> None:
        words = command(tmp_path, 0, flag)[2:]

        assert simulated_node.main(words, {}) == 1
        out, errors = capsys.readouterr()
        assert (out.count("\n"), errors) == (1, "")
        assert out.startswith(f"couldn't load node config: {said}")
        assert list(tmp_path.iterdir()) == []

    def test_help_has_a_line_for_each(self) -> None:
        done = subprocess.run([sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True)

        flags = re.findall(r"^  --simulate-([a-z-]+)=", done.stdout, re.MULTILINE)
        assert [name.replace("-", "_") for name in flags] == list(Simulation.__dataclass_fields__)

    def test_the_node_s_own_flags_win_over_its_variables(self) -> None:
        environment = {"AVAGO_NETWORK_ID": "mainnet", "AVAGO_DATA_DIR": "/data", "AVAGO_HTTP_PORT": "1"}

        found = settings_of({"network-id": "5", "public-ip": "x"}, environment)
        assert (found.network, found.network_id, found.http_address) == ("fuji", 5, ("127.0.0.1", 1))
        assert found.database == Path("/data/db/fuji/v1.4.5")
        assert found.unknown == ("public-ip",)

    @pytest.mark.parametrize(
        ("flags", "mode"),
        [
            pytest.param({}, "state-sync", id="by default"),
            pytest.param({"partial-sync-primary-network": "true"}, "only-p", id="P alone"),
            pytest.param({"chain-config-content": "off"}, "full-sync", id="state sync off"),
        ],
    )
    def test_the_sync_mode(self, flags: dict[str, str], mode: str) -> None:
        inner = base64.b64encode(b'{"state-sync-enabled": false}').decode()
        outer = base64.b64encode(json.dumps({"C": {"Config": inner}}).encode()).decode()
        given = {name: outer if value == "off" else value for name, value in flags.items()}

        assert settings_of(given, {}).sync_mode == mode

    @pytest.mark.parametrize("content", ["%", "bm8=", base64.b64encode(b'{"C": 1}').decode()], ids=repr)
    def test_chain_configs_that_are_none(self, content: str) -> None:
        with pytest.raises(SettingError, match=r"^couldn't read chain configs: "):
            state_sync_enabled(content)

    @pytest.mark.parametrize(
        ("text", "number"), [("fuji", 5), ("Mainnet", 1), ("network-7", 7), ("12345", 12345), ("testnet", 5)]
    )
    def test_the_network(self, text: str, number: int) -> None:
        assert network_id_of(text) == number


class TestPlan:
    """The order of the stages: P alone at first, then X and C in parallel."""

    def test_the_chains_of_each_mode(self) -> None:
        plans = {mode: plan_of(mode, Simulation()) for mode in ("only-p", "state-sync", "full-sync")}

        done = {mode: [(stage.chain, stage.activity) for stage in plan] for mode, plan in plans.items()}
        p = [("P", "fetching"), ("P", "executing")]
        dag = [("X", "fetching vertices"), ("X", "executing vertices")]
        x = [*dag, ("X", "fetching"), ("X", "executing")]
        c = [("C", "fetching"), ("C", "executing")]
        sync = [("C", f"coreth {part}") for part in ("blocks", "accounts", "storage")]
        assert done == {"only-p": p, "state-sync": [*p, *x, *sync, *c], "full-sync": [*p, *x, *c]}
        assert {max(stage.ends for stage in plan) for plan in plans.values()} == {10.0}

    def test_compacting_comes_on_top(self) -> None:
        plan = plan_of("only-p", Simulation(bootstrap_seconds=10, compact_seconds=4))

        assert [(stage.activity, stage.begins, stage.ends) for stage in plan] == [
            ("fetching", 0, 5.0),
            ("compacting", 5.0, 9.0),
            ("executing", 9.0, 14.0),
        ]


class TestGo:
    """Numbers, times and durations in Go's format."""

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0s"), (0.25, "250ms"), (1.5, "1.5s"), (90, "1m30s"), (3600, "1h0m0s"), (3661.5, "1h1m1.5s")],
    )
    def test_a_duration(self, seconds: float, text: str) -> None:
        assert (go_duration(seconds), seconds_of(text)) == (text, seconds)

    @pytest.mark.parametrize(
        ("value", "text"), [(0, "0"), (450560, "450560"), (0.5, "0.5"), (1795475917.18, "1.79547591718e+09")]
    )
    def test_a_number(self, value: float, text: str) -> None:
        assert go_number(value) == text

    @pytest.mark.parametrize(
        ("nanoseconds", "text"),
        [
            (0, "1970-01-01T00:00:00Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
        ],
    )
    def test_a_time(self, nanoseconds: int, text: str) -> None:
        assert go_time(nanoseconds) == text


QUICK = "--simulate-bootstrap-seconds=0.2"
SLOW = "--simulate-bootstrap-seconds=600"


class TestEnds:
    """Exit codes and last lines of the node's process."""

    @pytest.mark.parametrize(
        ("flags", "code", "last"),
        [
            pytest.param(
                ["--simulate-crash-after-seconds=0.05"],
                1,
                r"FATAL <P Chain> \S+ shutting down chain .*received an unexpected error",
                id="lives for so long",
            ),
            pytest.param(
                [QUICK, "--simulate-crash-at-share=0.3", "--simulate-blocks=100"],
                1,
                r"FATAL <P Chain> \S+ shutting down chain .*\(height=5[01]\) in bootstrapping",
                id="dies of a bad block",
            ),
            pytest.param(
                [QUICK, "--simulate-die-after-bootstrapped-seconds=0"],
                2,
                r"FATAL \S+ panicking .*simulated panic",
                id="panics after it bootstrapped",
            ),
            pytest.param(
                ["--http-port=TAKEN"], 1, "FATAL .* couldn't start node .*in use", id="its port is taken"
            ),
            pytest.param(
                ["--system-tracker-disk-required-available-space-percentage=101"],
                1,
                "FATAL .* low on disk space",
                id="too little space",
            ),
        ],
    )
    def test_by_itself(self, tmp_path: Path, flags: list[str], code: int, last: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            words = [word.replace("TAKEN", port) for word in flags]
            done = subprocess.run(
                command(tmp_path, 0, *words), capture_output=True, text=True, timeout=60, check=False
            )

        assert (done.returncode, done.stderr) == (code, "")
        assert re.search(last, done.stdout.splitlines()[-1])

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
    def test_by_a_signal(self, tmp_path: Path, number: signal.Signals) -> None:
        with running(tmp_path, SLOW) as node:
            node.process.send_signal(number)
            code, lines = node.ended()

        assert (code, lines[-1].endswith("finished node shutdown")) == (0, True)
        assert not (tmp_path / "process.json").exists()

    def test_a_bad_block_kills_each_process_where_it_lies(self, tmp_path: Path) -> None:
        call = command(tmp_path, 0, QUICK, "--simulate-crash-at-share=0.5")
        ends = [subprocess.run(call, capture_output=True, text=True, timeout=60, check=False) for _ in "12"]

        heights = [re.findall(r"height=(\d+)", end.stdout) for end in ends]
        assert [end.returncode for end in ends] == [1, 1]
        assert heights[0] == heights[1] != []


class TestProgress:
    """Progress, which is stored in the database and survives a restart; counters start at 0 again."""

    def test_it_hangs_where_it_is_told(self, tmp_path: Path) -> None:
        flags = ("--simulate-bootstrap-seconds=0.4", "--simulate-hang-at-share=0.5", "--simulate-blocks=100")
        with running(tmp_path, "--partial-sync-primary-network", *flags) as node:
            eventually(lambda: node.counters()["P", "blocks_fetched"] == 100, "it gets there")
            first = (node.counters()["P", "blocks_accepted"], node.reading().bootstrapped)
            state = json.loads(next(tmp_path.glob("db/**/simulated.json")).read_text())
            node.stop()
        with running(tmp_path, "--partial-sync-primary-network", *flags, "--simulate-hang-seconds=0") as node:
            node.wait_bootstrapped()
            second = node.counters()

        assert (first, state) == ((0, False), {"worked_seconds": {"P": 0.2}, "frozen_seconds": 0.0})
        assert (second["P", "blocks_fetched"], second["P", "blocks_accepted"]) == (0, 100)

    def test_one_that_forgets_begins_anew(self, tmp_path: Path) -> None:
        flags = ("--simulate-blocks=100", "--partial-sync-primary-network", QUICK)
        for flag in ("--simulate-forget=false", "--simulate-forget"):
            with running(tmp_path, *flags, flag) as node:
                node.wait_bootstrapped()
                counters = node.counters()
                node.stop()

            assert (counters["P", "blocks_fetched"], counters["P", "blocks_accepted"]) == (100, 100)

    def test_the_more_it_does_the_larger_its_database(self, tmp_path: Path) -> None:
        """The database grows with each fetched and each executed block."""
        flags = ("--simulate-blocks=100", "--simulate-block-bytes=1000", "--partial-sync-primary-network")
        with running(tmp_path, QUICK, *flags) as node:
            node.wait_bootstrapped()
            page = node.ask("GET", "/ext/metrics")[2]

        (path,) = tmp_path.glob("db/fuji/v1.4.5/000001.log")
        assert path.stat().st_size == 2 * 100 * 1000
        assert re.search(r"^avalanche_system_resources_num_disk_write_bytes\S+ 200000$", page, re.MULTILINE)

    def test_in_partial_sync_there_is_no_chain_but_p(self, tmp_path: Path) -> None:
        with running(tmp_path, QUICK, "--partial-sync-primary-network") as node:
            node.wait_bootstrapped()
            found = {c: node.call("info.isBootstrapped", chain=c)["result"]["isBootstrapped"] for c in "PXC"}
            checks = node.get("/ext/health")["checks"]

        assert found == {"P": True, "X": False, "C": False}
        assert ("validation" in checks, "X" in checks, "C" in checks) == (True, False, False)


class TestMisbehaviour:
    """Faults that the monitor must distinguish."""

    def test_a_closed_port_is_down(self, tmp_path: Path) -> None:
        with running(tmp_path, SLOW, "--simulate-listen-after-seconds=600", answering=False) as node:
            eventually((tmp_path / "logs" / "main.log").exists, "it runs")
            with closing(NodeClient(node.url)) as client:
                assert isinstance(client.read(), NodeDown)

    def test_a_port_that_nobody_serves_is_silent(self, tmp_path: Path) -> None:
        silent = "--simulate-answer-after-seconds=600"
        with (
            running(tmp_path, SLOW, silent, answering=False) as node,
            closing(NodeClient(node.url, 0.05)) as client,
        ):
            eventually(lambda: not isinstance(client.read(), NodeDown), "it listens")
            assert isinstance(client.read(), NodeSilent)

    def test_without_peers_there_is_no_progress(self, tmp_path: Path) -> None:
        with running(tmp_path, QUICK, "--simulate-no-peers-seconds=600") as node:
            eventually(lambda: "network" in failing(node), "a round of checks")
            reading = node.reading()

        assert reading.metrics is not None
        assert (reading.metrics.peers, set(reading.metrics.counters.values())) == (0, {0})
        assert failing_of(reading) == {"P", "bootstrapped", "network"}

    def test_a_check_fails_once_it_is_done(self, tmp_path: Path) -> None:
        with running(tmp_path, QUICK, "--simulate-failing-checks=database,extra") as node:
            node.wait_bootstrapped()
            eventually(lambda: "extra" in failing(node), "a round of checks after it is done")
            status = node.ask("GET", "/ext/health")[0]
            found, checks = failing(node), node.get("/ext/health")["checks"]

        assert (status, found) == (503, {"database", "extra"})
        assert checks["extra"]["error"] == "simulated failure"
        assert checks["extra"]["contiguousFailures"] >= 1

    def test_frozen_health_keeps_its_time_stamps(self, tmp_path: Path) -> None:
        """Frozen health keeps its timestamps while readiness is updated."""
        with running(tmp_path, QUICK, "--simulate-freeze-health-after-seconds=0") as node:
            node.wait_bootstrapped()
            first = node.get("/ext/health")
            seen = node.get("/ext/health/readiness")["checks"]["bootstrapped"]["timestamp"]
            eventually(
                lambda: node.get("/ext/health/readiness")["checks"]["bootstrapped"]["timestamp"] != seen,
                "another round of checks",
            )
            assert node.get("/ext/health") == first

        assert first["checks"]["bootstrapped"]["error"] == "not yet run"

    def test_it_may_be_on_another_network_than_it_was_told(self, tmp_path: Path) -> None:
        with running(tmp_path, SLOW, "--simulate-reported-network-id=1") as node:
            identity = node.reading().identity

        assert identity == NodeIdentity(1, "avalanchego/1.14.2", simulated_node.COMMIT)


def failing(node: Running) -> set[str]:
    """Return the health checks that fail."""
    return failing_of(node.reading())


def failing_of(reading: NodeAnswering) -> set[str]:
    """Return the health checks that fail in a reading."""
    return set(reading.health.failing_checks) if reading.health else set()
