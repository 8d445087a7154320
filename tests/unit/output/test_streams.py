"""Tests of standard streams that are closed, full, broken or limited to ASCII.

They change no verdict and cause no traceback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from support.builders import NEW, NOW, build, workload
from support.local_life import ROOT, LocalLife, environment, living
from support.simulated_builds import TIMEOUT_SECONDS, write_build, write_failing_build

from monitor.commands.local_folder import exclusively
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.domain.run import Outcome, Reason
from monitor.ledger import open_ledger

pytestmark = pytest.mark.slow

# Redirections in shell syntax; the reader of `gone` has ended.
LOST = (">&-", ">/dev/full", "2>/dev/full", "2>gone")
OUTPUT_LOST = 4


def run(command: Sequence[str], redirection: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with this redirection."""
    reading, writing = os.pipe()
    os.close(reading)
    text = redirection.replace("2>gone", f"2>&{writing}") if "2>" in redirection else redirection
    text = f">&{writing}" if redirection == "gone" else text
    try:
        return subprocess.run(
            ["bash", "-c", f'exec "$@" {text}', "bash", *command],
            cwd=ROOT,
            env={**environment(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=[writing],
            timeout=2 * TIMEOUT_SECONDS,
            check=False,
        )
    finally:
        os.close(writing)


def monitor(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "monitor", *arguments]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tester with a failed and an open run."""
    folder = tmp_path_factory.mktemp("data")
    with closing(open_ledger(folder)) as ledger:
        for of in (build(), build(NEW)):
            ledger.record(NOW, "default", [BeginClearing(workload(of), ""), BeginRun(workload(of))])
            last = ledger.last()
            assert last is not None
            if of == build():
                end = EndRun(last, Outcome.FAILED, Reason.CRASHED, "it crashed · hard …", None, None, None)
                ledger.record(NOW, "default", [end])
    return folder


def of_folder(arguments: Sequence[str], data_dir: Path) -> list[str]:
    alone = {"help", "version", "completion"} & {*arguments} or "--help" in arguments
    return monitor(*arguments, *([] if alone else [f"--data-dir={data_dir}"]))


@pytest.mark.parametrize(
    ("arguments", "redirection"),
    [
        (["version"], ">&-"),
        (["status", "--help"], ">/dev/full"),
        (["status", "--json"], ">/dev/full"),
        (["history"], ">&-"),
        (["history"], ">/dev/full"),
        (["history"], "gone"),
        (["history", "--export=-"], ">/dev/full"),
        (["pause"], ">&-"),
    ],
    ids=str,
)
def test_a_result_that_cannot_be_written_has_an_exit_code_of_its_own(
    data_dir: Path, arguments: list[str], redirection: str
) -> None:
    done = run(of_folder(arguments, data_dir), redirection)
    stderr = done.stderr.decode()

    assert done.returncode == OUTPUT_LOST, stderr
    assert "Traceback" not in stderr
    assert stderr.count("bootstrap-monitor: standard output cannot be written (") == (redirection != "gone")


@pytest.mark.parametrize("arguments", [["help"], ["status"], ["history"]], ids=" ".join)
def test_an_ascii_terminal_takes_what_is_shown(data_dir: Path, arguments: list[str]) -> None:
    done = run(of_folder(arguments, data_dir), "", PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_the_programs_own_signs_have_a_form_in_ascii(data_dir: Path) -> None:
    plain = run(of_folder(["history", "--run=1"], data_dir), "", PYTHONIOENCODING="ascii").stdout.decode()
    whole = run(of_folder(["history", "--run=1"], data_dir), "", PYTHONIOENCODING="utf-8").stdout.decode()

    assert "it crashed - hard ..." in plain
    assert "it crashed · hard …" in whole


@pytest.fixture(scope="module", params=["good", "bad"])
def judged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalLife, int]]:
    """Yield a tester with a verdict, and its exit code.

    The first invocation runs with all streams closed.
    """
    with living(tmp_path_factory.mktemp("local")) as tester:
        if request.param == "good":
            write_build(tester.build, bootstrap_seconds=0.4)
        else:
            write_failing_build(tester.build)
        code = 0 if request.param == "good" else 1
        assert run(until(tester), "<&- >&- 2>&-").returncode == code
        yield tester, code


def until(tester: LocalLife, *flags: str) -> list[str]:
    return tester.command(
        *("--health-check-interval=50ms", "--image-check-interval=100ms", "--disk-check-interval=100ms"),
        *("--soak=100ms", "--web-listen-address=127.0.0.1:0", "--crash-limit=1", "--until=succeeded", *flags),
        node=("--network-id=fuji", f"--http-port={tester.port}"),
    )


@pytest.mark.parametrize("redirection", LOST)
def test_a_verdict_is_the_exit_code_whatever_becomes_of_the_streams(
    judged: tuple[LocalLife, int], redirection: str
) -> None:
    tester, code = judged

    assert run(until(tester), redirection).returncode == code


def test_a_closed_stream_leaves_its_number_to_no_file(judged: tuple[LocalLife, int]) -> None:
    """A file never takes the descriptor of a closed stream.

    Otherwise output to standard error could be written to a ledger with descriptor 2.
    """
    tester, code = judged
    trace = tester.folder / "opened"
    program = (
        "import os, sys\n"
        f"sys.argv[1:] = {until(tester)[3:]!r}\n"
        "from monitor.cli import main\n"
        "leave, os._exit = os._exit, lambda code: None  # main calls it while a thread still runs\n"
        "code = main()\n"
        "found = [os.readlink(f'/proc/self/fd/{number}') for number in (0, 1, 2)]\n"
        f"open({str(trace)!r}, 'w').write(' '.join(found))\n"
        "leave(code)\n"
    )

    assert run([sys.executable, "-c", program], "<&- >&- 2>&-").returncode == code
    assert trace.read_text().split() == ["/dev/null"] * 3


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["line", "traceback"])
def test_only_a_build_that_failed_ends_with_1(tmp_path: Path, debug: list[str]) -> None:
    """Only a failed build ends with 1, in contrast to other errors and their tracebacks.

    An example of another error is a folder that is in use.
    """
    with living(tmp_path) as tester:
        write_build(tester.build)
        tester.data_dir.mkdir()
        with exclusively(tester.data_dir):
            done = run(until(tester, *debug), "")

    assert (done.returncode, b"is in use by bootstrap-monitor" in done.stderr) == (3, True), done.stderr
    assert (b"Traceback" in done.stderr) is bool(debug)
