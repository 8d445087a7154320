"""`local --until` and `local --compare`: they end by themselves, say what they found, and go on after any end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from local_life import GOES_ON, LocalLife, ended, stopped, told
from simulated_builds import COMMITS, eventually, free_port, write_build, write_program

from monitor import simulated_node
from monitor.commands.local_folder import fitted_arguments
from monitor.model import Outcome

QUICK_SECONDS, SLOW_SECONDS = 0.4, 1.6


def until_succeeded_ends_with_the_verdict_and_knows_it_again(tester: LocalLife) -> None:
    """The second call answers from the ledger, and starts nothing."""
    write_build(tester.build, bootstrap_seconds=QUICK_SECONDS)
    first = ended(tester.start("--until=succeeded"))
    again = ended(tester.start("--until", "succeeded"))

    assert (first[0], again[0], tester.nodes()) == (0, 0, set())
    assert [run.outcome for run in tester.runs()] == [Outcome.SUCCEEDED]
    assert len([line for line in first[2] if line.startswith("✓ run 1 succeeded")]) == 1
    assert again[2][0].startswith("✓ run 1 succeeded")
    assert again[2][1:] == ["known from before: rerun has the build bootstrapped once more"]


def until_succeeded_ends_with_1_where_it_failed(tester: LocalLife) -> None:
    """And says where the node's last words are."""
    write_program(tester.build, "#!/bin/sh\nexit 9\n")
    code, _, said = ended(tester.start("--until=succeeded", "--crash-limit=1"))

    assert (code, tester.nodes()) == (1, set())
    assert said[-1] == f"history --run 1 --data-dir {tester.data_dir} shows what its node said last"


def until_succeeded_is_interrupted_and_goes_on(tester: LocalLife) -> None:
    write_build(tester.build, bootstrap_seconds=2, blocks=50)
    process = tester.start("--until=succeeded")
    tester.node()
    tester.watched()
    code, said = stopped(process, signal.SIGINT)
    assert (code, said[-1], tester.nodes()) == (130, GOES_ON, set())

    code, _, _ = ended(tester.start("--until=succeeded"))

    assert (code, [run.number for run in tester.runs()]) == (0, [1])


def a_second_interrupt_ends_it_at_once(tester: LocalLife) -> None:
    """The node, which would not end when it is asked to, ends as well."""
    node = f"exec {sys.executable} {simulated_node.__file__} --version-json"
    endless = "trap '' TERM; while :; do sleep 0.1; done"
    write_program(tester.build, f'#!/bin/sh\nif [ "$1" = --version-json ]; then {node}; fi\n{endless}\n')
    process = tester.start()
    tester.node()
    process.send_signal(signal.SIGINT)
    time.sleep(4)
    assert process.poll() is None, "it waits for the node"
    begin = time.monotonic()
    code, said = stopped(process, signal.SIGINT)

    assert (code, tester.nodes()) == (130, set())
    assert said[-1] == "waiting for the node to end; Ctrl-C once more ends it at once"
    assert time.monotonic() - begin < 5


def compare(tester: LocalLife, *flags: str) -> subprocess.Popen[str]:
    """Compare the build `old` with the tester's own, by four runs of each."""
    return tester.start(f"--compare={tester.folder / 'old'}", "--runs=4", *flags)


def two_builds_are_compared_in_turns(tester: LocalLife) -> None:
    """By runs in the ledger; the node's data is removed, and the result is told again without a run."""
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.build, COMMITS[1], bootstrap_seconds=SLOW_SECONDS)
    process = compare(tester)
    eventually(lambda: len(tester.runs()) == 2 and tester.runs()[0].open, "the second run")
    eventually(lambda: tester.runs()[0].bookkeeping.active_seconds > 0, "a tick of it")
    code, said = stopped(process, signal.SIGTERM)
    assert (code, said[-1], tester.nodes()) == (130, GOES_ON, set())

    code, out, said = ended(compare(tester))
    again = ended(compare(tester, "--fail-if-slower"))

    order = [run.build.commit for run in reversed(tester.runs()) if run.outcome is Outcome.SUCCEEDED]
    assert order.count(COMMITS[0]) == 4
    assert order[:1] + order[-1:] == [COMMITS[0]] * 2
    assert (code, again[0], tester.nodes()) == (0, 1, set())
    assert [line.split()[:4] for line in out[1:3]] == [
        ["old", "1.14.2", "(a1a1a1a1)", "4"],
        ["new", "1.14.2", "(b2b2b2b2)", "4"],
    ]
    assert out[3].startswith("new is slower: it takes ")
    assert again[1] == out
    assert again[2] == [f"old is {tester.folder}/old, new is {tester.build}; 4 runs of each"]
    assert list((tester.data_dir / "avalanchego").iterdir()) == []


def a_build_that_fails_again_and_again_ends_a_comparison(tester: LocalLife) -> None:
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_program(tester.build, "#!/bin/sh\nexit 9\n")
    code, out, said = ended(compare(tester, "--crash-limit=1"))

    assert (code, out, tester.nodes()) == (1, [], set())
    assert said[-1].startswith(
        "bootstrap-monitor: 3 runs of the new build do not count, the last one, run 4,"
    )
    assert "crashed: the node was restarted" in said[-1]


def what_cannot_be_compared_is_one_line(tester: LocalLife) -> None:
    """One program with itself; in the folder of a tester."""
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.build, COMMITS[0], bootstrap_seconds=QUICK_SECONDS)
    same = ended(compare(tester))
    assert ended(tester.start("--until=succeeded"))[0] == 0
    write_build(tester.build, COMMITS[1], bootstrap_seconds=QUICK_SECONDS)
    write_build(tester.folder / "old", COMMITS[0], bootstrap_seconds=SLOW_SECONDS)
    theirs = ended(compare(tester))
    both = ended(compare(tester, "--until=succeeded"))

    assert (same[0], theirs[0], both[0]) == (2, 2, 2)
    assert same[2][-1].endswith("are the same program: there is nothing to compare")
    assert theirs[2][-1].endswith("which is not compared here: give another --data-dir")
    assert "--until and --compare do not go together" in both[2][-1]
    assert len(tester.runs()) == 1


STORIES: Sequence[Callable[[LocalLife], None]] = (
    until_succeeded_ends_with_the_verdict_and_knows_it_again,
    until_succeeded_ends_with_1_where_it_failed,
    until_succeeded_is_interrupted_and_goes_on,
    a_second_interrupt_ends_it_at_once,
    two_builds_are_compared_in_turns,
    a_build_that_fails_again_and_again_ends_a_comparison,
    what_cannot_be_compared_is_one_line,
)


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[None]]]:
    """All stories at once: each of them takes seconds, of which it mostly waits."""
    with ThreadPoolExecutor(len(STORIES)) as pool:
        yield {
            story.__name__: pool.submit(told, story, tmp_path_factory.mktemp("local")) for story in STORIES
        }


@pytest.mark.parametrize("story", [pytest.param(each.__name__, id=each.__name__) for each in STORIES])
def test_local(telling: dict[str, Future[None]], story: str) -> None:
    """What happens to the real command, as the story's name says."""
    telling[story].result()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_node_gets_another_port_where_its_usual_one_is_taken(taken: int) -> None:
    usual = {"http-port": taken, "staking-port": free_port()}
    given, *added = fitted_arguments(["--network-id=fuji"], {}, usual, most_files=10**6)

    assert given == "--network-id=fuji"
    assert [word.partition("=")[0] for word in added] == ["--http-port"]
    assert added[0].partition("=")[2] not in {str(taken), "0"}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--http-port=9650"], {}), (["--http-port", "9650"], {}), ([], {"AVAGO_HTTP_PORT": "9650"})],
    ids=["by flag", "by flag and word", "by variable"],
)
def test_a_port_that_a_person_set_stays(
    taken: int, arguments: Sequence[str], environment: dict[str, str]
) -> None:
    assert fitted_arguments(arguments, environment, {"http-port": taken}, most_files=10**6) == arguments


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
    arguments: Sequence[str], most: int, added: Sequence[str]
) -> None:
    assert fitted_arguments(arguments, {}, {}, most) == [*arguments, *added]
