"""Tests that `local --until` and `local --compare` end, report their result, and can be resumed."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest
from support.local_life import RESUME_HINT, LocalLife, ended, running_stories, stopped
from support.simulated_builds import (
    COMMITS,
    eventually,
    free_port,
    write_build,
    write_failing_build,
    write_program,
)

from monitor.commands.free_ports import Ports
from monitor.commands.local import run_local
from monitor.commands.local_folder import configuration_of_node, fitted_arguments
from monitor.domain.compared_pair import ComparedPair
from monitor.domain.run import Outcome, Reason, RequestKind
from monitor.domain.status import Status
from monitor.errors import ConfigurationError
from monitor.flags import parse
from monitor.ledger import LEDGER_FILE, open_ledger, open_read_only
from monitor.ledger.status import status_of
from monitor.local.supervisor import NODE_STOP_SECONDS
from monitor.settings import LocalSettings

# The difference must exceed the start times of processes while all scenarios run in parallel.
QUICK_SECONDS, SLOW_SECONDS = 0.4, 4.0


def until_succeeded_ends_with_the_verdict_and_knows_it_again(tester: LocalLife) -> None:
    """Test that `--until` ends with the verdict.

    The second invocation reads the verdict from the ledger and starts nothing.
    """
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    first = ended(tester.start("--until=succeeded"))
    again = ended(tester.start("--until", "succeeded"))

    assert (first[0], again[0], tester.nodes()) == (0, 0, set())
    assert [run.outcome for run in tester.runs()] == [Outcome.SUCCEEDED]
    for _, out, _ in (first, again):
        assert len(out) == 1
        assert out[0].startswith("✓ run 1 succeeded")
    assert not any("succeeded" in line or "sha256" in line or ":latest" in line for line in first[2])
    assert again[2] == ["result of an earlier run; use --again to bootstrap the build again"]


def until_succeeded_ends_with_1_where_it_failed(tester: LocalLife) -> None:
    """Test that `--until` ends with 1 after a failure, and that the command that it prints shows the log tail."""
    write_failing_build(tester.build)
    code, _, stderr = ended(tester.start("--until=succeeded", "--crash-limit=1"))

    assert (code, tester.nodes()) == (1, set())
    assert stderr[-2] == "this command shows the details of the run:"
    shown = subprocess.run(["sh", "-c", stderr[-1]], cwd="/", capture_output=True, text=True, check=True)
    assert "message   the node was restarted 1 time without progress" in shown.stdout


def until_succeeded_does_not_take_another_tests_result(tester: LocalLife) -> None:
    """Test that other node arguments and testbeds each get exactly one run of their own."""
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    fuji = "--network-id=fuji"
    calls = [
        ended(tester.start("--until=succeeded", *flags, node=node))
        for flags, node in (
            ((), (fuji,)),
            ((), (fuji, "--snow-sample-size=20")),
            (("--testbed=laptop",), (fuji, "--snow-sample-size=20")),
            ((), (fuji,)),
        )
    ]

    assert [code for code, _, _ in calls] == [0] * 4
    assert [run.testbed for run in reversed(tester.runs())] == ["default", "default", "laptop"]
    assert calls[-1][1][0].startswith("✓ run 1 succeeded")


def another_network_is_refused_before_anything_is_written(tester: LocalLife) -> None:
    """Test that a call for another network or sync mode starts nothing, after an ended run and an open one."""
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    assert ended(tester.start("--until=succeeded"))[0] == 0
    write_build(tester.build, COMMITS[1], bootstrap_seconds=60)
    before = ledger_text(tester), files(tester)
    mainnet, partial = ("--network-id=mainnet",), ("--network-id=fuji", "--partial-sync-primary-network")
    refused = [
        ended(tester.start(*flags, node=node))
        for flags in ((), ("--until=succeeded",))
        for node in (mainnet, partial)
    ]
    assert (ledger_text(tester), files(tester)) == before

    process = tester.start()
    eventually(lambda: tester.runs()[0].number == 2 and bool(tester.nodes()), "the run of the new build")
    stopped(process, signal.SIGINT)
    refused_open = ended(tester.start(node=mainnet))

    was = "fuji, c-chain-state-sync, but this command tests"
    now = ["mainnet, c-chain-state-sync", "fuji, only-p-chain-full-sync"] * 2
    assert refused == [
        (
            2,
            [],
            [
                f"bootstrap-monitor: the newest run in {tester.data_dir} tested {was} {test}: use another --data-dir"
            ],
        )
        for test in now
    ]
    assert refused_open == (
        *(2, []),
        [
            f"bootstrap-monitor: run 2 in {tester.data_dir} is open and tests {was} {now[0]}: use another --data-dir"
        ],
    )
    assert tester.runs()[0].open


def ledger_text(tester: LocalLife) -> list[str]:
    """Return the content of the tester's ledger."""
    with closing(sqlite3.connect(tester.data_dir / LEDGER_FILE)) as connection:
        return list(connection.iterdump())


def files(tester: LocalLife) -> list[Path]:
    """Return the files of the tester except those that the ledger has beside it while it is open."""
    return sorted(path for path in tester.data_dir.rglob("*") if not path.name.startswith(LEDGER_FILE))


def until_succeeded_ends_with_3_where_the_testbed_failed(tester: LocalLife) -> None:
    """Test that `--until` ends with 3 after a failure of the testbed.

    The next invocation tries again, because the cause may be gone.
    """
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    failed, _, stderr = ended(
        tester.start("--until=succeeded", "--disk-floor=99.99", "--unhealthy-timeout=200ms")
    )
    again, _, _ = ended(tester.start("--until=succeeded", "--disk-floor=0"))

    assert (failed, again, tester.nodes()) == (3, 0, set())
    assert stderr[-1] == (
        "disk_full is caused by this machine or the command line, not by the build: fix it, and run the same "
        "command again"
    )
    assert [run.reason for run in tester.runs()] == [None, Reason.DISK_FULL]


def until_succeeded_ends_with_3_where_the_node_rejects_its_flags(tester: LocalLife) -> None:
    """Test that rejected flags are not a failure of the build, which the same command tests again."""
    write_failing_build(tester.build, "couldn't configure flags: unknown flag: --foo")
    calls = [ended(tester.start("--until=succeeded")) for _ in range(2)]

    assert [code for code, _, _ in calls] == [3, 3]
    assert [(run.outcome, run.reason) for run in tester.runs()] == [
        (Outcome.FAILED, Reason.MISCONFIGURED)
    ] * 2
    assert {run.message for run in tester.runs()} == {
        "the node rejects its flags or its configuration: couldn't configure flags: unknown flag: --foo"
    }


def a_program_without_versions_is_refused_before_anything_is_cleared(tester: LocalLife) -> None:
    """Test that the data folder is not even created."""
    write_program(tester.build, "#!/bin/sh\nexit 0\n")
    os.utime(tester.build, (0, 0))  # it is not being written
    code, _, stderr = ended(tester.start())

    assert (code, tester.data_dir.exists(), tester.nodes()) == (2, False, set())
    (line,) = stderr
    assert "--version-json prints no versions" in line
    assert line.endswith(": is it an AvalancheGo? Specify the node's executable")


def until_succeeded_ends_with_3_where_nothing_would_come(tester: LocalLife) -> None:
    """Test that `--until` ends with 3 if the tester is paused, or if the network is away for too long."""
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    assert ended(tester.start("--until=succeeded"))[0] == 0
    write_build(tester.build, COMMITS[1], bootstrap_seconds=QUICK_SECONDS, no_peers_seconds=8)
    ask(tester, RequestKind.PAUSE)
    paused, _, paused_stderr = ended(tester.start("--until=succeeded"))
    ask(tester, RequestKind.RESUME)
    alone, _, stderr = ended(tester.start("--until=succeeded", "--stall-warning=1s", "--stall-timeout=2s"))
    again, _, _ = ended(tester.start("--until=succeeded", "--stall-warning=1s", "--stall-timeout=2s"))
    back, _, _ = ended(tester.start("--until=succeeded"))

    assert (paused, alone, again, back, tester.nodes()) == (3, 3, 3, 0, set())
    assert paused_stderr[-1].endswith(
        "the tester is paused, so no run starts: resume it, and run this command again"
    )
    assert stderr[-1].startswith("bootstrap-monitor: run 2 was blocked for 2")
    assert "because its node has no peers or too few: " in stderr[-1]


def until_succeeded_ends_with_1_where_the_build_is_slower(tester: LocalLife) -> None:
    """Test that `--fail-if-slower` judges a success by the runs before it, and reports why it cannot."""
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    alone = ended(tester.start("--until=succeeded", "--fail-if-slower"))
    write_earlier_runs(tester, seconds=0.01)
    slower = ended(tester.start("--until=succeeded", "--fail-if-slower"))
    any_speed = ended(tester.start("--until=succeeded"))

    assert (alone[0], slower[0], any_speed[0]) == (0, 1, 0)
    assert alone[2][-1].startswith("run 1 is not compared with earlier ones: ")
    assert slower[1] == any_speed[1]
    assert slower[1][0].startswith("✓ run 1 succeeded")
    assert slower[1][1].startswith("⚠ run 1 took ")
    assert slower[1][1].endswith(", usually 0.0s (limit 0.0s): suspected")


def write_earlier_runs(tester: LocalLife, seconds: float) -> None:
    """Copy run 1 to six runs before it, of this duration; make all of them comparable."""
    with closing(sqlite3.connect(tester.data_dir / LEDGER_FILE)) as connection:
        connection.execute("UPDATE runs SET wall_seconds = duration_seconds")
        connection.execute("CREATE TEMP TABLE earlier AS SELECT * FROM runs WHERE number = 1")
        connection.execute("UPDATE earlier SET duration_seconds = ?, wall_seconds = ?", (seconds, seconds))
        for number in range(-5, 1):
            connection.execute("UPDATE earlier SET number = ?", (number,))
            connection.execute("INSERT INTO runs SELECT * FROM earlier")
        connection.commit()


def ask(tester: LocalLife, kind: RequestKind) -> None:
    """Record a request as the commands `pause` and `resume` do."""
    with closing(open_ledger(tester.data_dir)) as ledger:
        ledger.ask(kind, "", time.time())


def an_interrupted_until_succeeded_continues(tester: LocalLife) -> None:
    """Test that an interrupted run continues, also after a call with wrong arguments, which ends soon."""
    write_build(tester.build, bootstrap_seconds=2, blocks=50)
    process = tester.start("--until=succeeded")
    tester.node()
    tester.watched()
    code, stderr = stopped(process, signal.SIGINT)
    assert (code, stderr[-1], tester.nodes()) == (130, RESUME_HINT, set())

    wrong, _, stderr = ended(
        tester.start("--until=succeeded", node=("--network-id=fuji", "--log-level=loud"))
    )
    assert (wrong, tester.runs()[0].open) == (3, True)
    assert stderr[-1] == (
        "bootstrap-monitor: run 1 stays open, because the node rejects its flags or its configuration: couldn't "
        'load node config: unknown log level: "loud": correct the node\'s arguments, and run the same command again'
    )

    code, _, _ = ended(tester.start("--until=succeeded"))

    assert (code, [run.number for run in tester.runs()]) == (0, [1])


def a_second_interrupt_ends_it_immediately(tester: LocalLife) -> None:
    """Test that a second interrupt stops the command and kills a node that ignores SIGTERM."""
    write_build(tester.folder / "node")
    node = f"exec {tester.folder}/node --version-json"
    endless = "trap '' TERM; while :; do sleep 0.1; done"
    write_program(tester.build, f'#!/bin/sh\nif [ "$1" = --version-json ]; then {node}; fi\n{endless}\n')
    process = tester.start()
    tester.node()
    process.send_signal(signal.SIGINT)
    waits = "waiting for the node to stop; press Ctrl-C again to kill it"
    assert process.stderr is not None
    assert any(line.strip() == waits for line in process.stderr), "it ended before it was asked to"
    begin = time.monotonic()
    code, stderr = stopped(process, signal.SIGINT)

    assert (code, stderr, tester.nodes()) == (130, [], set())
    assert time.monotonic() - begin < NODE_STOP_SECONDS, "it did not wait for the node"


def compare(
    tester: LocalLife, *flags: str, runs: int = 4, node: Sequence[str] = ("--network-id=fuji",)
) -> subprocess.Popen[str]:
    """Compare the build `old` with the tester's own build, with `runs` runs of each."""
    return tester.start(f"--compare={tester.folder / 'old'}", f"--runs={runs}", *flags, node=node)


def status_shown(tester: LocalLife) -> Status:
    """Return the status that the command `status` shows."""
    with closing(open_read_only(tester.data_dir)) as ledger:
        return status_of(ledger.snapshot(1), 0.0)


def pair_shown(tester: LocalLife) -> ComparedPair:
    """Return the two builds of the comparison that the status has."""
    pair = status_shown(tester).pair
    assert pair is not None
    return pair


def write_wayward_build(tester: LocalLife, bootstrap_seconds: float) -> Path:
    """Write a build that fails once if a file exists, and removes the file; return the file."""
    inner, fails_once = tester.folder / "inner", tester.folder / "fails-once"
    write_build(inner, COMMITS[1], bootstrap_seconds=bootstrap_seconds)
    fails = f'[ "$1" != --version-json ] && rm {fails_once} 2> /dev/null'
    write_program(tester.build, f'#!/bin/sh\nif {fails}; then exit 9; fi\nexec {inner} "$@"\n')
    return fails_once


def two_builds_are_compared_in_turns(tester: LocalLife) -> None:
    """Test that two builds are compared in alternating runs.

    The node's data is deleted, and a second invocation reports the result without a run. Failures are
    reported. Another number of runs is refused, since it would depend on the result.
    """
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    fails_once = write_wayward_build(tester, SLOW_SECONDS)
    process = compare(tester)
    eventually(lambda: len(tester.runs()) == 2 and tester.runs()[0].open, "the second run")
    eventually(lambda: tester.runs()[0].tracking.active_seconds > 0, "a tick of it")
    code, stderr = stopped(process, signal.SIGTERM)
    assert (code, stderr[-1], tester.nodes()) == (130, RESUME_HINT, set())

    fails_once.touch()
    code, out, stderr = ended(compare(tester, "--crash-limit=1"))
    again = ended(compare(tester, "--fail-if-slower"))
    as_json = ended(compare(tester, "--fail-if-slower", "--json"))
    longer, tested = ended(compare(tester, runs=5)), ended(tester.start())

    assert status_shown(tester).message == f"comparison finished: {out[3]}"
    assert status_shown(tester).tester == f"{tester.folder}/old against {tester.build}"
    order = [run.build.commit for run in reversed(tester.runs()) if run.outcome is Outcome.SUCCEEDED]
    assert order.count(COMMITS[0]) == 4
    assert order[:1] + order[-1:] == [COMMITS[0]] * 2
    assert (code, again[0], tester.nodes()) == (0, 1, set())
    assert [line.split()[:4] for line in out[1:3]] == [
        ["OLD", "1.14.2", "(a1a1a1a1)", "4"],
        ["NEW", "1.14.2", "(b2b2b2b2)", "4"],
    ]
    assert out[3].startswith("NEW is slower: it takes ")
    assert out[4] == (
        "OLD failed in 0 of 4 runs, NEW failed in 1 of 5 runs (crashed): failed runs are not compared"
    )
    assert (longer[0], tested[0]) == (2, 2)
    assert "has already reported its result for 4 runs" in longer[2][-1]
    assert "belongs to a comparison, which clears it before each run" in tested[2][-1]
    assert again[1] == out
    result = json.loads("\n".join(as_json[1]))
    assert (as_json[0], result["result"], result["text"]) == (1, "slower", out[3])
    assert [len(result[name]["runs"]) for name in ("old", "new")] == [4, 4]
    assert again[2] == [f"OLD is {tester.folder}/old, NEW is {tester.build}; 4 runs of each"]
    assert list((tester.data_dir / "avalanchego").iterdir()) == []


def a_build_that_keeps_failing_ends_a_comparison(tester: LocalLife) -> None:
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_failing_build(tester.build)
    code, out, stderr = ended(compare(tester, "--crash-limit=1"))

    assert (code, out, tester.nodes()) == (1, [], set())
    assert stderr[-1].startswith(
        "bootstrap-monitor: 3 runs of the NEW build are not valid; the last one is run 4:"
    )
    assert "crashed: the node was restarted" in stderr[-1]
    reason = stderr[-1].removeprefix("bootstrap-monitor: ")
    assert status_shown(tester).message == f"comparison ended without a result: {reason}"

    process = compare(tester, "--crash-limit=1")
    eventually(lambda: pair_shown(tester).next_text == "next: NEW 1/4", "the next attempt")
    stopped(process, signal.SIGTERM)


def a_comparison_with_other_arguments_has_no_result_at_its_start(tester: LocalLife) -> None:
    """Test that the runs and the result of other node arguments in the folder are not shown."""
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.build, COMMITS[1], bootstrap_seconds=QUICK_SECONDS)
    code, out, _ = ended(compare(tester))
    finished = f"comparison finished: {out[3]}"
    assert (code, status_shown(tester).message) == (0, finished)

    process = compare(tester, node=("--network-id=fuji", "--simulate-bootstrap-seconds=60"))
    node_data = tester.data_dir / "avalanchego"
    eventually(lambda: tester.runs()[0].open and any(node_data.glob("*")), "the first run")
    shown = pair_shown(tester).next_text
    stopped(process, signal.SIGTERM)
    again = ended(compare(tester))

    assert again[:2] == (0, out)
    assert shown == "next: OLD 1/4"
    assert status_shown(tester).message == finished
    assert tester.runs()[0].open
    assert any(node_data.iterdir()), "the data of an open run is kept"


def what_cannot_be_compared_is_one_line(tester: LocalLife) -> None:
    """Test that an invalid comparison is reported in one line.

    Invalid are a program compared with itself, the folder of a tester, and a folder with a node's data.
    """
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.build, COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    same = ended(compare(tester))
    assert ended(tester.start("--until=succeeded"))[0] == 0
    write_build(tester.build, COMMITS[1], bootstrap_seconds=QUICK_SECONDS)
    foreign = ended(compare(tester))
    assert len(tester.runs()) == 1
    for path in tester.data_dir.glob("bootstrap*"):
        path.unlink()
    unknown = ended(compare(tester))

    assert (same[0], foreign[0], unknown[0]) == (2, 2, 2)
    assert same[2][-1].endswith("are the same program: compare two different builds")
    refusal = (
        "has runs or a node's data of another tester, which a comparison would delete: use another --data-dir"
    )
    assert foreign[2][-1].endswith(refusal)
    assert unknown[2][-1].endswith(refusal)
    assert list((tester.data_dir / "avalanchego").iterdir()) != []


def each_comparison_has_its_own_folder(tester: LocalLife) -> None:
    """Test that each comparison has its own folder, so that runs of a third build are not deleted."""
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.build, COMMITS[1], bootstrap_seconds=QUICK_SECONDS)
    process = compare(tester)
    tester.watched()
    stopped(process, signal.SIGTERM)
    shown = pair_shown(tester)
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=SLOW_SECONDS)
    code, _, stderr = ended(compare(tester, runs=5))

    assert (code, pair_shown(tester)) == (2, shown)
    assert stderr[-1].endswith("which is not compared here: use another --data-dir")


STORIES: Sequence[Callable[[LocalLife], None]] = (
    until_succeeded_ends_with_the_verdict_and_knows_it_again,
    until_succeeded_ends_with_1_where_it_failed,
    until_succeeded_does_not_take_another_tests_result,
    another_network_is_refused_before_anything_is_written,
    until_succeeded_ends_with_3_where_the_testbed_failed,
    until_succeeded_ends_with_3_where_the_node_rejects_its_flags,
    a_program_without_versions_is_refused_before_anything_is_cleared,
    until_succeeded_ends_with_3_where_nothing_would_come,
    until_succeeded_ends_with_1_where_the_build_is_slower,
    an_interrupted_until_succeeded_continues,
    a_second_interrupt_ends_it_immediately,
    two_builds_are_compared_in_turns,
    a_build_that_keeps_failing_ends_a_comparison,
    a_comparison_with_other_arguments_has_no_result_at_its_start,
    what_cannot_be_compared_is_one_line,
    each_comparison_has_its_own_folder,
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[None]]]:
    with running_stories(STORIES, tmp_path_factory) as futures:
        yield futures


@pytest.mark.slow
@pytest.mark.timeout(600)  # all stories run at the same time
@pytest.mark.parametrize("story", [pytest.param(story.__name__, id=story.__name__) for story in STORIES])
def test_local(stories: Mapping[str, Future[None]], story: str) -> None:
    """Run the real command in the scenario of this name."""
    stories[story].result()


@pytest.mark.parametrize(
    ("flags", "stderr"),
    [
        (["--runs=7"], "--runs requires --compare OLD"),
        (["--fail-if-slower"], "--fail-if-slower requires --until succeeded or --compare OLD"),
        (["--json"], "--json requires --compare OLD; history --json shows the runs"),
        (["--runs=5", "--fail-if-slower", "--until=succeeded"], "--runs requires --compare OLD"),
        (["--until=succeeded", "--compare=old"], "--until and --compare cannot be combined: "),
        (["--again"], "--again requires --until succeeded"),
        (["--again", "--compare=old"], "--again and --compare cannot be combined: "),
        (
            ["--retest-after=7d", "--compare=old"],
            "--retest-after and --compare cannot be combined: ",
        ),
    ],
    ids=[
        "runs",
        "fail-if-slower",
        "json",
        "both, with until",
        "until and compare",
        "again",
        "again and compare",
        "retest and compare",
    ],
)
def test_flags_that_would_do_nothing_are_refused(flags: Sequence[str], stderr: str) -> None:
    settings = parse(LocalSettings, "local", ["./avalanchego", *flags], {})

    with pytest.raises(ConfigurationError, match=stderr):
        run_local(settings, ["--network-id=fuji"])


@pytest.fixture
def taken() -> Iterator[int]:
    """Yield a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_state_scheme_with_which_a_state_sync_ends_the_node_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = parse(LocalSettings, "local", [str(tmp_path / "build")], {})
    config = base64.b64encode(b'{"state-scheme": "firewood"}').decode()
    content = base64.b64encode(json.dumps({"C": {"Config": config}}).encode()).decode()
    configuration_of_node(settings, ["--network-id=fuji", f"--chain-config-content={content}"], {})

    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        'argument --chain-config-content: "C": "Config" sets "state-scheme" to "firewood" with state sync on'
    ]


@pytest.fixture
def ports() -> Iterator[Ports]:
    with closing(Ports()) as ports:
        yield ports


def test_a_node_gets_another_port_where_its_usual_one_is_taken(taken: int, ports: Ports) -> None:
    usual = {"http-port": taken, "staking-port": free_port()}
    given, *added = fitted_arguments(["--network-id=fuji"], {}, ports, usual, max_files=10**6)

    assert given == "--network-id=fuji"
    assert [word.partition("=")[0] for word in added] == ["--http-port"]
    assert added[0].partition("=")[2] not in {str(taken), "0"}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--http-port=19"], {}), (["--http-port", "19"], {}), ([], {"AVAGO_HTTP_PORT": "19"})],
    ids=["by flag", "by flag and word", "by variable"],
)
def test_a_port_that_a_person_set_stays(
    taken: int, ports: Ports, arguments: Sequence[str], environment: dict[str, str]
) -> None:
    assert fitted_arguments(arguments, environment, ports, {"http-port": taken}, max_files=10**6) == arguments


@pytest.mark.parametrize(
    ("arguments", "most", "added"),
    [
        ([], 20000, ["--fd-limit=20000"]),
        ([], 32768, []),
        ([], -1, []),
        (["--fd-limit=8192"], 20000, []),
    ],
    ids=["fewer than a node wants", "as many", "without a limit", "set by a person"],
)
def test_a_node_asks_for_no_more_files_than_it_may_have(
    ports: Ports, arguments: Sequence[str], most: int, added: Sequence[str]
) -> None:
    assert fitted_arguments(arguments, {}, ports, {}, most) == [*arguments, *added]
