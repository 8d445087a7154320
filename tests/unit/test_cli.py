"""Tests of the program in its own process: its exit codes, and one line on standard error for any problem."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from support.builders import NOW, build, workload
from support.fake_api_server import FakeApiServer, kubeconfig, serving
from support.forked import run_forked
from support.tester_objects import add_tester, node_of, stateful_set

from monitor import __version__
from monitor.decide.decisions import BeginClearing, BeginRun
from monitor.ledger import open_ledger

ROOT = Path(__file__).parents[2]
COMMANDS = [
    *("init", "wait-for-completion", "check", "local", "demo", "status", "history"),
    *("rerun", "mark-baseline", "pause", "resume", "completion", "version"),
]
TIMEOUT_SECONDS = 60

Ended = subprocess.CompletedProcess[str]


def monitor(folder: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Ended:
    """Run the program with the folder as its home, and without settings from this environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return run_forked(arguments, folder, {**kept, "HOME": str(folder), **(environment or {})})


def complained(ended: Ended) -> tuple[int, str, str]:
    """Return exit code, standard output, and the only line on standard error without the program's name."""
    start = "bootstrap-monitor: "
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.startswith(start)
    return ended.returncode, ended.stdout, ended.stderr.removeprefix(start).rstrip("\n")


POD = ["--namespace=tests", "--pod-name=tester-0", "--node-container-name=node"]
SOAK = "--soak (BOOTSTRAP_MONITOR_SOAK)"
DATA_DIR = "--data-dir (BOOTSTRAP_MONITOR_DATA_DIR)"
NODE = ["--", "--network-id=fuji"]


@pytest.mark.parametrize(
    ("arguments", "environment", "line"),
    [
        pytest.param(["histroy"], {}, "'histroy' is not a command: did you mean history?", id="a typo"),
        pytest.param(
            ["help", "histroy"], {}, "'histroy' is not a command: did you mean history?", id="help of a typo"
        ),
        pytest.param(
            ["frobnicate"], {}, f"'frobnicate' is not a command: one of {', '.join(COMMANDS)}", id="command"
        ),
        pytest.param(
            ["--soak=1m"],
            {},
            f"'--soak=1m' is not a command: one of {', '.join(COMMANDS)}",
            id="a flag before the command",
        ),
        pytest.param(
            ["status", "--data-dir=/nowhere", "--frobnicate"],
            {},
            "--frobnicate is not a flag; see bootstrap-monitor status --help",
            id="unknown flag",
        ),
        pytest.param(
            ["init", *POD, "--dta-dir=/nowhere"],
            {},
            "--dta-dir is not a flag (did you mean --data-dir?); see bootstrap-monitor init --help",
            id="typo of a flag",
        ),
        pytest.param(
            ["wait-for-completion", *POD, "--data-dir=/nowhere", "--soak=1w"],
            {},
            f"{SOAK} is '1w': it must be a duration such as 30s, 1m30s, 12h or 14d",
            id="bad duration",
        ),
        pytest.param(
            ["wait-for-completion", *POD, "--data-dir=/nowhere"],
            {"BOOTSTRAP_MONITOR_SOAK": "0s"},
            f"{SOAK} is '0s': it must be longer than zero",
            id="duration out of bounds, by a variable",
        ),
        pytest.param(
            ["init", *POD, "--data-dir=/nowhere"],
            {"BOOTSTRAP_MONITOR_SOAKS": "1m"},
            "BOOTSTRAP_MONITOR_SOAKS is not a setting: did you mean BOOTSTRAP_MONITOR_SOAK?",
            id="typo of a variable",
        ),
        pytest.param(["init", *POD], {}, f"{DATA_DIR} is required", id="missing required setting"),
        pytest.param(
            ["demo", "--web-listen-address=:65536"],
            {},
            "--web-listen-address (BOOTSTRAP_MONITOR_WEB_LISTEN_ADDRESS) is ':65536': "
            "it must be [host]:port, such as :9641 or 127.0.0.1:9641",
            id="port out of bounds",
        ),
        pytest.param(
            ["history", "--data-dir=/nowhere", *NODE],
            {},
            "history takes no arguments after --",
            id="node's arguments for a command without a node",
        ),
        pytest.param(
            ["status", "--data-dir=/nowhere", "two\nlines"],
            {},
            "'two' is not expected here; see bootstrap-monitor status --help",
            id="a word of two lines",
        ),
        pytest.param(
            ["local", *NODE],
            {},
            "BUILD is missing: the node's executable; with --compare OLD NEW, the newer build; "
            "see bootstrap-monitor local --help",
            id="no build",
        ),
        pytest.param(
            ["local", "avalanchego"],
            {},
            "the node's network is not set: end the command with -- --network-id=fuji, or mainnet",
            id="no network",
        ),
        pytest.param(
            ["local", "avalanchego", "--network=fuji"],
            {},
            "--network fuji does not set the node's network: add -- --network-id=fuji",
            id="a network that the node does not have",
        ),
        pytest.param(
            ["local", "avalanchego", "--", "--netwrk-id=fuji"],
            {},
            "the node's network is not set: --netwrk-id=fuji is not its flag (did you mean --network-id?)",
            id="a typo in the flag of the network",
        ),
        pytest.param(
            ["local", "avalanchego", "--", "network-id=fuji", "--http-port=1"],
            {},
            "the node's network is not set: network-id=fuji is not its flag (did you mean --network-id?)",
            id="the flag of the network without dashes",
        ),
        pytest.param(
            ["local", "avalanchego", "--network=fuyi"],
            {},
            "--network is 'fuyi', which is not a network: use one of "
            "cascade, denali, everest, fuji, local, mainnet, testing, testnet, or network-<ID>",
            id="wrong network",
        ),
        pytest.param(
            ["local", "avalanchego", "--node-url=https://127.0.0.1:9650", *NODE],
            {},
            "the node's address is 'https://127.0.0.1:9650': expected http://HOST:PORT",
            id="wrong URL",
        ),
        pytest.param(
            ["local", "avalanchego", "--web-tls-certificate=/c.pem", "--web-tls-key=/k.pem", *NODE],
            {},
            "/c.pem and /k.pem cannot serve HTTPS (No such file or directory): both must be readable PEM "
            "files; the key must match the certificate and have no password",
            id="no certificate",
        ),
        pytest.param(
            ["local", "avalanchego", "--data-dir=/dev/null/x", *NODE],
            {},
            "--data-dir /dev/null/x cannot be created (Not a directory): use another folder",
            id="a folder that cannot be made",
        ),
    ],
)
def test_a_wrong_call_ends_with_2(
    arguments: Sequence[str], environment: Mapping[str, str], line: str, tmp_path: Path
) -> None:
    add_build(tmp_path)
    assert complained(monitor(tmp_path, arguments, environment)) == (2, "", line)


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        (None, "./avalanchego: not found (No such file or directory); specify the node's executable"),
        (0o644, "./avalanchego is not executable: chmod +x it"),
    ],
    ids=["no file", "not executable"],
)
def test_nothing_is_made_for_a_build_that_cannot_be(mode: int | None, line: str, tmp_path: Path) -> None:
    if mode is not None:
        add_build(tmp_path).chmod(mode)
    ended = monitor(tmp_path, ["local", "avalanchego", "--data-dir=data", *NODE])

    assert (complained(ended), (tmp_path / "data").exists()) == ((2, "", line), False)


def test_the_nodes_data_folder_is_not_for_its_own_flags(tmp_path: Path) -> None:
    flag = f"--data-dir={tmp_path / 'data'}"
    line = f"--data-dir=/x: the node's data is in {tmp_path}/data/avalanchego; use --data-dir"
    add_build(tmp_path)

    assert complained(monitor(tmp_path, ["local", "avalanchego", flag, *NODE, "--data-dir=/x"])) == (
        2,
        "",
        line,
    )


def add_build(folder: Path) -> Path:
    """Write an executable file that is not a valid program."""
    path = folder / "avalanchego"
    path.write_text("no program")
    path.chmod(0o755)
    return path


def test_without_a_cluster_the_error_names_the_kubeconfig(tmp_path: Path) -> None:
    code, stdout, line = complained(monitor(tmp_path, ["init", *POD, f"--data-dir={tmp_path}"]))

    assert (code, stdout) == (2, "")
    assert line.startswith(f"kubeconfig '{tmp_path}/.kube/config' cannot be used (")
    assert line.endswith("): set KUBECONFIG to a valid file, or run in a pod with a ServiceAccount")


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    """Serve an API with one tester, whose node is called `node`."""
    with serving() as found:
        yield found


@pytest.mark.parametrize("command", ["init", "wait-for-completion"])
def test_without_its_folder_a_command_in_a_pod_ends_with_1(
    command: str, api: FakeApiServer, tmp_path: Path
) -> None:
    environment = {"KUBECONFIG": str(kubeconfig(tmp_path, api.url))}
    line = "--data-dir /nowhere: folder not found; mount the node's volume there, or create it"
    ended = monitor(tmp_path, [command, *POD, "--data-dir=/nowhere"], environment)

    assert complained(ended) == (1, "", line)


def in_pod(api: FakeApiServer, folder: Path, *more: str) -> tuple[int, str, str]:
    """Return how `init` ends in a tester's pod."""
    data_dir = folder / "data"
    data_dir.mkdir()
    environment = {"KUBECONFIG": str(kubeconfig(folder, api.url))}
    return complained(monitor(folder, ["init", *POD, f"--data-dir={data_dir}", *more], environment))


def test_a_wrong_container_of_the_node_ends_with_2(api: FakeApiServer, tmp_path: Path) -> None:
    add_tester(api, str(tmp_path / "data"))
    code, stdout, line = in_pod(api, tmp_path, "--node-container-name=avago")

    assert (code, stdout) == (2, "")
    assert line == (
        "pod 'tester-0' has no container 'avago' (it has 'monitor', 'node'): check --node-container-name"
    )


def test_a_network_that_cannot_be_seen_ends_with_2(api: FakeApiServer, tmp_path: Path) -> None:
    add_tester(api, str(tmp_path / "data"))
    for pod in api.pods.values():
        source = {"secretKeyRef": {"name": "s", "key": "network"}}
        node_of(pod)["env"][0] = {"name": "AVAGO_NETWORK_ID", "valueFrom": source}
    code, stdout, line = in_pod(api, tmp_path)

    assert (code, stdout) == (2, "")
    assert line == (
        "container 'node': AVAGO_NETWORK_ID (from secretKeyRef s network) may set network-id, "
        "which is not visible to the monitor: set --network"
    )


def test_a_pod_that_is_not_there_ends_with_2(api: FakeApiServer, tmp_path: Path) -> None:
    api.add(api.stateful_sets, stateful_set())
    code, stdout, line = in_pod(api, tmp_path)

    assert (code, stdout) == (2, "")
    assert line == "pod 'tester-0' not found in namespace 'tests': check --pod-name and --namespace"


@pytest.mark.parametrize(
    ("flags", "environment", "where"),
    [
        pytest.param(
            [], {}, ".local/share/bootstrap-monitor/fuji-c-chain-state-sync", id="one of network and mode"
        ),
        pytest.param(
            ["--sync-mode=full-sync"],
            {"XDG_DATA_HOME": "share"},
            "share/bootstrap-monitor/fuji-full-sync",
            id="where such data lies",
        ),
        pytest.param(["--data-dir=some/where"], {}, "some/where", id="as it was given"),
        pytest.param(["--data-dir=."], {}, ".", id="here"),
    ],
)
def test_folder_of_a_local_tester(
    flags: Sequence[str], environment: Mapping[str, str], where: str, tmp_path: Path
) -> None:
    add_build(tmp_path)
    arguments = ["local", "./avalanchego", "--web-listen-address=127.0.0.1:0", *flags, *NODE]
    ended = monitor(tmp_path, arguments, environment)
    line = "bootstrap-monitor: ./avalanchego cannot be run (Exec format error): specify a program for this machine"

    assert (ended.returncode, ended.stdout, ended.stderr.splitlines()[-1]) == (2, "", line)
    ledgers = [found.relative_to(tmp_path) for found in tmp_path.rglob("bootstrap-monitor.sqlite3")]
    assert ledgers == [Path(where) / "bootstrap-monitor.sqlite3"]


def test_the_log_goes_to_standard_error_in_the_chosen_format(tmp_path: Path) -> None:
    flags = ["--web-listen-address=127.0.0.1:0", "--log-format=json", "--debug"]
    add_build(tmp_path)
    ended = monitor(tmp_path, ["local", "./avalanchego", *flags, *NODE])
    logged = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]

    assert ended.stdout == ""
    assert {"msg": "looking up the newest build", "level": "info"}.items() <= next(
        entry for entry in logged if entry.get("rule") == "build_unresolved"
    ).items()


@pytest.mark.parametrize("command", ["status", "history"])
def test_without_a_ledger_there_is_nothing_to_show(command: str, tmp_path: Path) -> None:
    line = (
        f"no ledger at {tmp_path}/bootstrap-monitor.sqlite3: set --data-dir to that of a tester that has run"
    )

    assert complained(monitor(tmp_path, [command, f"--data-dir={tmp_path}"])) == (1, "", line)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a folder with a ledger in which run 1 is open."""
    ledger = open_ledger(tmp_path)
    pod = workload(build())
    ledger.record(NOW, "default", (BeginClearing(pod, "clearing"),))
    ledger.record(NOW, "default", (BeginRun(pod),))
    ledger.close()
    return tmp_path


def test_status_and_history_are_shown_with_0(data_dir: Path) -> None:
    status = monitor(data_dir, ["status", f"--data-dir={data_dir}"])
    history = monitor(data_dir, ["history", f"--data-dir={data_dir}"])

    assert (status.returncode, status.stderr) == (0, "")
    assert status.stdout.splitlines()[0].split()[0] == "tester"
    assert (history.returncode, history.stderr) == (0, "")
    assert [line.split()[0] for line in history.stdout.splitlines()][-2:] == ["RUN", "1"]


def test_status_and_history_as_json(data_dir: Path) -> None:
    status = monitor(data_dir, ["status", f"--data-dir={data_dir}", "--json"])
    history = monitor(data_dir, ["history", f"--data-dir={data_dir}"], {"BOOTSTRAP_MONITOR_JSON": "true"})

    assert json.loads(status.stdout)["run"]["run"] == 1
    assert [run["run"] for run in json.loads(history.stdout)] == [1]


def test_before_the_first_run_history_says_so(tmp_path: Path) -> None:
    open_ledger(tmp_path).close()
    ended = monitor(tmp_path, ["history"], {"BOOTSTRAP_MONITOR_DATA_DIR": str(tmp_path)})

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "no run yet\n", "")


@pytest.mark.parametrize("words", [["version"], ["--version"]], ids=["command", "flag"])
def test_version(words: Sequence[str], tmp_path: Path) -> None:
    ended = monitor(tmp_path, words)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"bootstrap-monitor {__version__}\n", "")


def test_python_runs_the_package() -> None:
    command = [sys.executable, "-m", "monitor", "version"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"bootstrap-monitor {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param([], 2, id="no command"),
        pytest.param(["help"], 0, id="help"),
        pytest.param(["--help"], 0, id="flag"),
        pytest.param(["-h"], 0, id="short flag"),
    ],
)
def test_help_lists_the_commands(words: Sequence[str], code: int, tmp_path: Path) -> None:
    ended = monitor(tmp_path, words)
    lines = ended.stdout.splitlines()

    assert (ended.returncode, ended.stderr) == (code, "")
    assert lines[0] == "usage: bootstrap-monitor COMMAND [flags]"
    assert [line.split()[0] for line in lines if line.startswith("  ")] == COMMANDS


@pytest.mark.parametrize(
    ("words", "command"),
    [
        *(([command, "--help"], command) for command in COMMANDS if command != "version"),
        (["help", "init"], "init"),
        (["--help", "init"], "init"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_help_of_a_command(words: Sequence[str], command: str, tmp_path: Path) -> None:
    ended = monitor(tmp_path, words)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: bootstrap-monitor {command} [")


@pytest.mark.parametrize(
    ("statement", "output", "unused"),
    [
        pytest.param(
            "from monitor.cli import main; main(['version'])",
            f"bootstrap-monitor {__version__}\n",
            {"pydantic", "kubernetes", "apscheduler", "rich", "sqlite3"},
            id="version",
        ),
        pytest.param(
            "import monitor.cli, monitor.commands.pod",
            "",
            {"apscheduler", "http.server", "jinja2", "kubernetes", "prometheus_client", "rich"},
            id="init",
        ),
    ],
)
def test_a_command_imports_no_package_that_it_does_not_use(
    statement: str, output: str, unused: set[str]
) -> None:
    program = f"{statement}; import sys; print(sorted({unused} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ended.stdout == f"{output}[]\n"


MISSING = ["status", "--data-dir=/nowhere"]


@pytest.mark.parametrize(
    ("arguments", "environment", "shown"),
    [
        pytest.param(MISSING, {}, False, id="usually not"),
        pytest.param([*MISSING, "--debug"], {}, True, id="by the flag"),
        pytest.param(MISSING, {"BOOTSTRAP_MONITOR_DEBUG": "true"}, True, id="by the variable"),
        pytest.param(
            [*MISSING, "--no-debug"], {"BOOTSTRAP_MONITOR_DEBUG": "true"}, False, id="the flag wins"
        ),
        pytest.param([*MISSING, "--", "--debug"], {}, False, id="not by a flag of the node"),
    ],
)
def test_tracebacks_are_shown_on_request(
    arguments: Sequence[str], environment: Mapping[str, str], tmp_path: Path, *, shown: bool
) -> None:
    ended = monitor(tmp_path, arguments, environment)

    assert ended.returncode in {1, 2}
    assert ended.stderr.startswith("Traceback (most recent call last):" if shown else "bootstrap-monitor: ")
    assert (ended.stderr.count("\n") > 1) is shown


def test_what_nobody_thought_of_is_one_line_too(tmp_path: Path) -> None:
    name = "x" * 5000
    line = f"unexpected OSError: [Errno 36] File name too long: '{name}/bootstrap-monitor.sqlite3'; "

    assert complained(monitor(tmp_path, ["status", f"--data-dir={name}"])) == (
        1,
        "",
        line + "--debug shows where",
    )


@pytest.mark.parametrize("words", [["help"], ["status", "--help"]], ids=["program", "command"])
def test_a_reader_that_has_gone_is_not_an_error(words: Sequence[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", *words],
        cwd=ROOT,
        env={"HOME": str(tmp_path)},
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (4, b"")
