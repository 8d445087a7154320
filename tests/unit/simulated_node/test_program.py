"""Tests of the simulated node as a program: its responses have the recorded shapes, and its faults their effects."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from support.simulated_builds import TIMEOUT_SECONDS, eventually, free_port, write_build

from monitor.avalanchego.node_api import NodeClient
from monitor.domain.observations import NodeAnswering, NodeDown, NodeIdentity, NodeSilent
from simulated_node.__main__ import main
from simulated_node.flags import read_arguments
from simulated_node.go import SettingError, go_duration, seconds_of
from simulated_node.metrics import CHAIN_TIME
from simulated_node.options import COMMIT, Simulation, simulation_of
from simulated_node.settings import network_number, settings_of, state_sync_enabled

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data"
PROGRAM = [sys.executable, "-m", "simulated_node"]


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

    def request(self, method: str, path: str, body: object = None) -> tuple[int, str, str]:
        """Return the status, the content type and the text of a response."""
        encoded = None if body is None else json.dumps(body).encode()
        response = urllib3.request(method, self.url + path, body=encoded, retries=False)
        return response.status, response.headers["Content-Type"], response.data.decode()

    def get(self, path: str) -> Any:
        """Return the JSON document at a path."""
        return json.loads(self.request("GET", path)[2])

    def call(self, method: str) -> Any:
        """Return the response to a JSON-RPC call."""
        return json.loads(self.request("POST", "/ext/info", {"jsonrpc": "2.0", "id": 1, "method": method})[2])

    def reading(self) -> NodeAnswering:
        """Return the monitor's reading of the node."""
        with closing(NodeClient(self.url)) as client:
            reading = client.read()
        assert isinstance(reading, NodeAnswering), reading
        return reading

    def counters(self) -> Mapping[tuple[str, str], float]:
        """Return the node's counters by chain and signal."""
        metrics = self.reading().metrics
        assert metrics is not None
        return metrics.counters

    def failing(self) -> set[str]:
        """Return the health checks that fail."""
        health = self.reading().health
        return set(health.failing_checks) if health else set()

    def wait_bootstrapped(self) -> None:
        """Wait until the node has bootstrapped and its health checks show it."""
        eventually(lambda: self.reading().bootstrapped is True, "it is bootstrapped")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[str]]:
        """Send a signal, and return the exit code and the output."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, output.splitlines()


def command(folder: Path, port: int, *flags: str) -> list[str]:
    """Return the command line of the node."""
    words = (f"--data-dir={folder}", "--network-id=fuji", f"--http-port={port}")
    return [*PROGRAM, *words, "--health-check-frequency=20ms", *flags]


@contextmanager
def running(folder: Path, *flags: str, answering: bool = True) -> Iterator[Running]:
    """Run the node on a port that it chooses, or on a port of the test if the node does not listen."""
    process_file = folder / "process.json"
    process_file.unlink(missing_ok=True)
    port = 0 if answering else free_port()
    with subprocess.Popen(
        command(folder, port, *flags), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
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
        return {name: shape(child) for name, child in value.items()}
    if isinstance(value, list):
        return [shape(child) for child in value[:1]]
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
        eventually(lambda: node.request("GET", "/ext/health")[0] == 200, "it is healthy")
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
        ("path", "name"),
        [
            pytest.param("/ext/health", "health-200.json", id="health"),
            pytest.param("/ext/health/readiness", "readiness-200.json", id="readiness"),
        ],
    )
    def test_a_document(self, bootstrapped: Running, path: str, name: str) -> None:
        assert shape(bootstrapped.get(path)) == shape(recorded(name))

    def test_the_versions(self, bootstrapped: Running) -> None:
        assert shape(bootstrapped.call("info.getNodeVersion")) == shape(recorded("info.getNodeVersion.json"))

    def test_readiness_before_the_first_check(self, starting: Running) -> None:
        status, kind, text = starting.request("GET", "/ext/health/readiness")

        assert (status, kind, json.loads(text)) == (503, "application/json", recorded("readiness-503.json"))

    def test_health_before_the_first_check(self, starting: Running) -> None:
        """At the start, P and `bootstrapped` report that they have not run yet, and X and C are missing."""
        real = recorded("health-503-starting.json")
        status, _, text = starting.request("GET", "/ext/health")
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
        """Each metric has the type and the series of a recorded page.

        The recorded chain times are those of C, the only chain with a block.
        """
        status, kind, mine = request.getfixturevalue(node).request("GET", "/ext/metrics")
        names = ("metrics-starting", "metrics-bootstrapped", "nodes/metrics-sync-1142")
        real = "".join((DATA / f"{name}.txt").read_text() for name in names)

        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert len(types(mine)) >= 8
        assert types(mine).items() <= types(real).items()
        renamed = {
            re.sub(r'chain="[PX]"', 'chain="C"', name) if name.startswith(CHAIN_TIME) else name
            for name in series(mine)
        }
        assert renamed <= series(real)

    def test_unknown_calls_and_paths(self, bootstrapped: Running) -> None:
        assert bootstrapped.call("info.nonsense") == {
            "jsonrpc": "2.0",
            "error": {"code": -32000, "message": 'rpc: can\'t find method "info.nonsense"', "data": None},
            "id": 1,
        }
        assert bootstrapped.request("GET", "/nowhere")[::2] == (404, "404 page not found\n")
        assert bootstrapped.request("POST", "/nowhere", {})[::2] == (404, "404 page not found\n")

    def test_the_monitor_understands_all_of_it(self, bootstrapped: Running, starting: Running) -> None:
        done, before = bootstrapped.reading(), starting.reading()

        assert done.identity == NodeIdentity(5, "avalanchego/1.14.2", COMMIT)
        assert (done.bootstrapped, before.bootstrapped) == (True, False)
        assert done.health is not None
        assert before.health is not None
        assert (done.health.healthy, done.health.failing_checks) == (True, ())
        assert (before.health.healthy, set(before.health.failing_checks)) == (False, {"P", "bootstrapped"})
        assert done.metrics is not None
        assert done.metrics.peers == 20
        assert done.metrics.process_started_at is not None
        assert abs(done.metrics.process_started_at - time.time()) < TIMEOUT_SECONDS * 10
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


class TestBuilds:
    """Builds: single files with a commit and a behavior of their own."""

    def versions(self, *words: str | Path) -> Any:
        """Return the JSON that a command prints; it runs in a folder without the package."""
        done = subprocess.run([*words, "--version-json"], capture_output=True, text=True, check=True, cwd="/")
        assert done.stderr == ""
        return json.loads(done.stdout)

    def test_a_build_carries_its_commit_and_its_behaviour(self, tmp_path: Path) -> None:
        """A flag overrides both, and the versions have the recorded shape."""
        executable = tmp_path / "avalanchego"
        write_build(executable, "d" * 40, dialect="1.15", exit_at_start=True)

        versions = self.versions(executable)
        assert shape(versions) == shape(recorded("version.json"))
        expected = ("avalanchego/1.15.0", "d" * 40, 46)
        assert tuple(versions[name] for name in ("application", "commit", "rpcchainvm")) == expected
        assert self.versions(executable, "--simulate-commit=e")["commit"] == "e"
        started = subprocess.run([executable], capture_output=True, text=True, check=False)
        assert (started.returncode, started.stdout) == (1, "couldn't start node: simulated\n")

    def test_the_program_writes_one(self, tmp_path: Path) -> None:
        """Equal options produce equal bytes, independent of the writer."""
        executable, other = tmp_path / "avalanchego", tmp_path / "other"
        flags = ("--simulate-version=avalanchego/1.14.9", "--simulate-exit-at-start")
        subprocess.run([*PROGRAM, f"--write-build={executable}", *flags], check=True, cwd=ROOT)
        write_build(other, COMMIT, version="avalanchego/1.14.9", exit_at_start="true")

        assert self.versions(executable) == recorded("version.json") | {
            "application": "avalanchego/1.14.9",
            "commit": COMMIT,
        }
        assert executable.read_bytes() == other.read_bytes()

    def test_a_folder_that_is_missing_is_one_line(self, tmp_path: Path) -> None:
        executable = tmp_path / "none" / "avalanchego"
        written = subprocess.run(
            [*PROGRAM, f"--write-build={executable}"], capture_output=True, text=True, check=False, cwd=ROOT
        )

        line = f"couldn't write the build {executable}: No such file or directory\n"
        assert (written.returncode, written.stdout, written.stderr) == (1, line, "")

    def test_an_unknown_option_makes_no_build(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="unknown simulation option: --simulate-nonsense;"):
            write_build(tmp_path / "avalanchego", nonsense=1)
        assert list(tmp_path.iterdir()) == []


class TestOptions:
    """The order of precedence of build, environment and flags; an invalid option is reported in one line."""

    def test_precedence(self) -> None:
        carried = {"blocks": "6", "peers": "2", "leaves": "5"}
        environment = {"SIMULATE_BLOCKS": "7", "SIMULATE_PEERS": "3", "HOME": "/"}
        flags = {"simulate-blocks": "8", "simulate-hang-at-share": "0.5", "simulate-forget": "true", "x": "y"}

        simulation = simulation_of(flags, environment, carried)
        assert simulation == Simulation(blocks=8, peers=3, leaves=5, hang_at_share=0.5, forget=True)
        assert simulation_of({}, {}) == Simulation()

    @pytest.mark.parametrize(
        ("flag", "message"),
        [
            pytest.param(
                "--simulate-nonsense=1",
                "unknown simulation option: --simulate-nonsense; --help lists all",
                id="unknown",
            ),
            pytest.param(
                "--simulate-blocks=many", "--simulate-blocks is 'many': it must be a number", id="no number"
            ),
            pytest.param(
                "--simulate-bootstrap-seconds=0",
                "--simulate-bootstrap-seconds is 0.0: it must be longer than zero",
                id="no time at all",
            ),
            pytest.param(
                "--simulate-bootstrap-seconds=nan",
                "--simulate-bootstrap-seconds is nan: it must be longer than zero",
                id="not a number",
            ),
            pytest.param(
                "--simulate-forget=yes", 'invalid boolean "yes" for "--simulate-forget"', id="no boolean"
            ),
            pytest.param(
                "--simulate-dialect=1.13",
                "--simulate-dialect is 1.13: it must be one of 1.14, 1.15",
                id="no dialect",
            ),
            pytest.param(
                "--simulate-transition=eager",
                "--simulate-transition needs --simulate-dialect=1.15",
                id="transition of 1.14",
            ),
            pytest.param("--network-id=moon", "failed to parse network name: 'moon'", id="no network"),
            pytest.param("--health-check-frequency=1", 'time: invalid duration "1"', id="no duration"),
            pytest.param("--chain-config-content=%", "couldn't read chain configs: ", id="no chain configs"),
            pytest.param("--log-format=xml", "unknown format mode: xml", id="no log format"),
            pytest.param("--log-level=loud", 'unknown log level: "loud"', id="no log level"),
        ],
    )
    def test_a_mistake_is_one_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, message: str
    ) -> None:
        assert main([f"--data-dir={tmp_path}", flag], {}) == 1
        out, errors = capsys.readouterr()
        assert (out.count("\n"), errors) == (1, "")
        assert out.startswith(f"couldn't load node config: {message}")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            pytest.param(["--nope=1"], "unknown flag: --nope", id="unknown"),
            pytest.param(
                ["--nope", "--version-json"], "unknown flag: --nope", id="unknown, before a question"
            ),
            pytest.param(
                ["-network-id=fuji"], "unknown shorthand flag: 'n' in -network-id=fuji", id="one dash"
            ),
            pytest.param(["--http-port"], "flag needs an argument: --http-port", id="without its value"),
        ],
    )
    def test_a_wrong_flag_is_refused_as_avalanchego_does(
        self, capsys: pytest.CaptureFixture[str], words: list[str], error: str
    ) -> None:
        assert main(words, {}) == 1
        assert capsys.readouterr().out == f"couldn't configure flags: {error}\n"

    @pytest.mark.parametrize(
        ("words", "flags"),
        [
            pytest.param(
                ["--http-port=1", "--http-host", "::"], {"http-port": "1", "http-host": "::"}, id="values"
            ),
            pytest.param(
                ["--index-enabled", "false", "--tx-fee", "-1"],
                {"index-enabled": "true", "tx-fee": "-1"},
                id="a switch takes no separate value",
            ),
            pytest.param(["node", "-", "--", "--nope"], {}, id="other words"),
            pytest.param(["-h"], {"help": "true"}, id="help"),
            pytest.param(
                ["--simulate-forget", "--simulate-blocks", "2"],
                {"simulate-forget": "true", "simulate-blocks": "2"},
                id="of the simulation",
            ),
        ],
    )
    def test_flags_are_read_as_avalanchego_reads_them(
        self, words: list[str], flags: Mapping[str, str]
    ) -> None:
        assert read_arguments(words) == flags

    def test_help_has_a_line_for_each(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"], {}) == 0
        flags = re.findall(r"^  --simulate-([a-z-]+)=", capsys.readouterr().out, re.MULTILINE)
        assert [name.replace("-", "_") for name in flags] == list(Simulation.__dataclass_fields__)

    def test_the_node_s_own_flags_have_precedence_over_its_variables(self) -> None:
        environment = {"AVAGO_NETWORK_ID": "mainnet", "AVAGO_DATA_DIR": "/data", "AVAGO_HTTP_PORT": "1"}

        settings = settings_of({"network-id": "5", "public-ip": "x"}, environment)
        assert (settings.network, settings.http_port) == ("fuji", 1)
        assert settings.database == Path("/data/db/fuji/v1.4.5")

    @pytest.mark.parametrize("content", ["%", "bm8=", base64.b64encode(b'{"C": 1}').decode()], ids=repr)
    def test_chain_configs_that_are_none(self, content: str) -> None:
        with pytest.raises(SettingError, match=r"^couldn't read chain configs: "):
            state_sync_enabled(content)

    @pytest.mark.parametrize(
        ("text", "number"), [("fuji", 5), ("Mainnet", 1), ("network-7", 7), ("12345", 12345), ("testnet", 5)]
    )
    def test_the_network(self, text: str, number: int) -> None:
        assert network_number(text) == number

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0s"), (0.25, "250ms"), (1.5, "1.5s"), (90, "1m30s"), (3600, "1h0m0s"), (3661.5, "1h1m1.5s")],
    )
    def test_a_duration(self, seconds: float, text: str) -> None:
        assert (go_duration(seconds), seconds_of(text)) == (text, seconds)


QUICK = "--simulate-bootstrap-seconds=0.2"
SLOW = "--simulate-bootstrap-seconds=600"
ONLY_P = "--partial-sync-primary-network"


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
    def test_the_program_alone(self, tmp_path: Path, flags: list[str], code: int, last: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            words = command(tmp_path, 0, *(word.replace("TAKEN", port) for word in flags))
            done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

        assert (done.returncode, done.stderr) == (code, "")
        assert re.search(last, done.stdout.splitlines()[-1])

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
    def test_by_a_signal(self, tmp_path: Path, number: signal.Signals) -> None:
        with running(tmp_path, SLOW) as node:
            code, lines = node.stop(number)

        assert (code, lines[-1].endswith("finished node shutdown")) == (0, True)
        assert not (tmp_path / "process.json").exists()


class TestBehaviour:
    """Progress that survives a restart, while counters start at 0 again; and faults that the monitor distinguishes."""

    def test_it_hangs_at_its_share(self, tmp_path: Path) -> None:
        flags = ("--simulate-bootstrap-seconds=0.4", "--simulate-blocks=100", ONLY_P)
        with running(tmp_path, *flags, "--simulate-hang-at-share=0.5") as node:
            eventually(lambda: node.counters()["P", "blocks_fetched"] == 100, "it gets there")
            first = (node.counters()["P", "blocks_accepted"], node.reading().bootstrapped)
            state = json.loads(next(tmp_path.glob("db/**/simulated.json")).read_text())
            node.stop()
        with running(tmp_path, *flags) as node:
            node.wait_bootstrapped()
            second = node.counters()

        assert (first, state) == ((0, False), {"worked_seconds": {"P": 0.2}, "frozen_seconds": 0.0})
        assert (second["P", "blocks_fetched"], second["P", "blocks_accepted"]) == (0, 100)

    def test_one_that_forgets_starts_again(self, tmp_path: Path) -> None:
        for flag in ("--simulate-forget=false", "--simulate-forget"):
            with running(tmp_path, "--simulate-blocks=100", ONLY_P, QUICK, flag) as node:
                node.wait_bootstrapped()
                counters = node.counters()

            assert (counters["P", "blocks_fetched"], counters["P", "blocks_accepted"]) == (100, 100)

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
            eventually(lambda: "network" in node.failing(), "a round of checks")
            metrics, failing = node.reading().metrics, node.failing()

        assert metrics is not None
        assert (metrics.peers, set(metrics.counters.values())) == (0, {0})
        assert failing == {"P", "bootstrapped", "network"}

    def test_a_check_fails_once_it_is_done(self, tmp_path: Path) -> None:
        flags = (QUICK, "--simulate-failing-checks=database,extra", "--simulate-reported-network-id=1")
        with running(tmp_path, *flags) as node:
            node.wait_bootstrapped()
            eventually(lambda: "extra" in node.failing(), "a round of checks after it is done")
            status, failing, identity = (
                node.request("GET", "/ext/health")[0],
                node.failing(),
                node.reading().identity,
            )
            check = node.get("/ext/health")["checks"]["extra"]

        assert (status, failing) == (503, {"database", "extra"})
        assert (check["error"], check["contiguousFailures"] >= 1) == ("simulated failure", True)
        assert identity == NodeIdentity(1, "avalanchego/1.14.2", COMMIT)
