"""Tests of `status` and `history` as text and as JSON, and of their one-line error without a ledger."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.asked import history, status
from support.builders import COMMIT, NEW, NOW, build, workload
from support.forked import run_forked
from support.recorded_runs import begin, end

from monitor.commands.show import run_history
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, RecordAttempt
from monitor.domain.build import Build
from monitor.domain.instant import time_text
from monitor.domain.observations import ChainActivity, ChainLog, Health, VolumeReading
from monitor.domain.run import AttemptCause, Evidence, Outcome, Reason, RequestKind
from monitor.domain.status import NodeStatus, Phase, ProgressStatus
from monitor.domain.tracking import Count
from monitor.errors import ConfigurationError, MonitorError
from monitor.flags import parse
from monitor.ledger import open_ledger
from monitor.ledger.codecs import (
    build_reading,
    configuration_reading,
    node_reading,
    phase_reading,
    progress_reading,
    volume_reading,
)
from monitor.ledger.recovery import FILE
from monitor.settings import HistorySettings

ROOT = Path(__file__).parents[3]
WIDE = 200


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a width at which no table wraps, and remove the monitor's settings from the environment."""
    monkeypatch.setenv("COLUMNS", str(WIDE))
    for name in [name for name in os.environ if name.startswith("BOOTSTRAP_MONITOR_")]:
        monkeypatch.delenv(name)


LAST_WORDS = "==> main.log <==\n\x1b[31m[bold]FATAL\x1b[0m no disk\r\n\x1b]0;owned\x07\tlast\n"


def fill(data_dir: Path) -> None:
    """Record three runs of a tester: one failed, one succeeded and one is open."""
    with closing(open_ledger(data_dir)) as ledger:
        at = NOW

        def later(seconds: float) -> None:
            nonlocal at
            at = replace(at, wall=at.wall + seconds, boot_seconds=at.boot_seconds + seconds)

        def begin(of: Build) -> None:
            pod = workload(of)
            ledger.record(at, "machine-1", [BeginClearing(pod, "")])
            ledger.record(at, "machine-1", [BeginRun(pod)])
            later(5400)

        def end(outcome: Outcome, reason: Reason | None, message: str, *measured: float) -> None:
            last = ledger.last()
            assert last is not None
            duration, wall, disk = (*measured, None, None, None)[:3]
            size = int(disk) if disk is not None else None
            ledger.record(at, "machine-1", [EndRun(last, outcome, reason, message, duration, wall, size)])
            later(60)

        begin(build())
        end(Outcome.FAILED, Reason.STALLED, "P stood still")
        ledger.keep_evidence(1, Evidence(LAST_WORDS, at.wall))
        begin(build(NEW, "d" * 40))
        end(Outcome.SUCCEEDED, None, "", 5400.0, 5460.0, 3 * 2**30)
        begin(build())
        last = ledger.last()
        assert last is not None
        node = NodeStatus(NOW.wall, up=True, health=Health.UNHEALTHY, bootstrapped=False, peers=12)
        ledger.record(
            at,
            "machine-1",
            readings={
                "configuration": configuration_reading("tester", "machine-1", workload(build())),
                "phase": phase_reading(Phase.BOOTSTRAPPING, "bootstrapping"),
                "node": node_reading(node),
                "volume": volume_reading(VolumeReading(at, 2**30, 10 * 2**30, 8 * 2**30)),
                "new_build": build_reading(build(NEW, "e" * 40)),
            },
            tracking=replace(last, tracking=replace(last.tracking, active_seconds=900.0, node_restarts=2)),
            counts={
                ("P", "blocks_fetched"): Count(0, 5678, 5678),
                ("P", "blocks_accepted"): Count(0, 12, 12),
            },
        )


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    open_ledger(tmp_path).close()
    return tmp_path


class TestHistory:
    """`history`: the runs, newest first."""

    def test_as_a_table(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert history(filled) == 0

        title, head, *rows = capsys.readouterr().out.splitlines()
        assert title.strip() == "fuji · full-sync"
        assert head.split() == ["RUN", "OUTCOME", "BUILD", "STARTED", "(UTC)", "DURATION", "WALL", "DISK"]
        assert [row.split()[:2] for row in rows] == [["3", "open"], ["2", "succeeded"], ["1", "failed:"]]
        for row, commit in zip(rows, ("cccccccc", "dddddddd", "cccccccc"), strict=True):
            assert f"({commit})" in row
        assert rows[1].split()[-4:] == ["1h30m", "1h31m", "3.0", "GiB"]
        assert "failed: stalled" in rows[2]
        assert ("1h30m" in rows[0], "1h30m" in rows[2]) == (False, False)

    def test_as_json(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert history(filled, json_output=True) == 0

        runs = json.loads(capsys.readouterr().out)
        assert [(run["run"], run["outcome"], run["reason"], run["message"]) for run in runs] == [
            (3, None, None, ""),
            (2, "succeeded", None, ""),
            (1, "failed", "stalled", "P stood still"),
        ]
        assert [run["durationSeconds"] for run in runs] == [None, 5400.0, None]
        assert [run["diskUsageBytes"] for run in runs] == [None, 3 * 2**30, None]
        assert [run["startedAt"] for run in runs] == [NOW.wall + after for after in (10920, 5460, 0)]
        assert [run["endedAt"] for run in runs] == [None, NOW.wall + 10860, NOW.wall + 5400]
        assert {run["testbed"] for run in runs} == {"machine-1"}
        assert (runs[2]["image"], runs[2]["commit"]) == (build().image, COMMIT)
        assert (runs[0]["activeSeconds"], runs[0]["nodeRestarts"]) == (900.0, 2)
        assert [run["verdict"] for run in runs] == [None, "insufficient_data", None]

    def test_as_json_with_the_cause_of_each_run(
        self, filled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with closing(open_ledger(filled)) as ledger:
            ledger.record(NOW, "machine-1", (RecordAttempt(build(), AttemptCause.REQUEST, "pod-1"),))
            for record in (BeginClearing(workload(build()), ""), BeginRun(workload(build()))):
                ledger.record(NOW, "machine-1", (record,))
        history(filled, json_output=True)

        assert [run["cause"] for run in json.loads(capsys.readouterr().out)] == ["request", None, None, None]

    def test_of_the_newest_runs_only(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run_history(parse(HistorySettings, "history", [f"--data-dir={filled}", "--limit=2"], {})) == 0

        rows = capsys.readouterr().out.splitlines()[2:]
        assert [row.split()[0] for row in rows] == ["3", "2"]

    @pytest.mark.parametrize(
        ("json_output", "output"), [(False, "no run yet\n"), (True, "[]\n")], ids=["table", "JSON"]
    )
    def test_without_runs(
        self,
        empty: Path,
        capsys: pytest.CaptureFixture[str],
        json_output: bool,  # noqa: FBT001 - a test parameter
        output: str,
    ) -> None:
        assert history(empty, json_output=json_output) == 0
        assert capsys.readouterr().out == output


class TestOneRun:
    """`history --run N`: all details of one run."""

    def test_of_a_failure_with_its_node_s_log_tail(
        self, filled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert history(filled, run=1) == 0

        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "run       1 · failed: stalled"
        assert lines[1] == f"image     {build().image}"
        assert "message   P stood still" in lines
        assert lines[lines.index("==> main.log <==") - 1].startswith("evidence  log tail of the node, saved ")

    @pytest.mark.parametrize(
        ("number", "cause"),
        [
            pytest.param(1, None, id="the success"),
            pytest.param(
                2,
                "the network's history or the testbed, because the build succeeded in run 1",
                id="a failure since then",
            ),
            pytest.param(4, "the build", id="a failure of another build"),
        ],
    )
    def test_a_failure_since_the_history_changed_is_not_attributed_to_the_build(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int, cause: str | None
    ) -> None:
        with closing(open_ledger(tmp_path)) as ledger:
            for of, reason in (
                (build(), None),
                (build(), Reason.CRASHED),
                (build(), Reason.CRASHED),
                (build(NEW), Reason.CRASHED),
            ):
                begin(ledger, of)
                end(ledger, reason=reason)
        assert history(tmp_path, run=number) == 0

        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if line.startswith("cause")] == (
            [f"cause     {cause}"] if cause else []
        )

    def test_of_a_confirmation_names_the_run_that_it_confirms(
        self, filled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with closing(open_ledger(filled)) as ledger:
            last = ledger.last()
            assert last is not None
            pod = replace(workload(build()), uid="confirming")
            ledger.record(
                NOW,
                "machine-1",
                [
                    EndRun(last, Outcome.FAILED, Reason.STALLED, "", None, None, None),
                    RecordAttempt(build(), AttemptCause.CONFIRM, workload(build()).uid),
                ],
            )
            ledger.record(NOW, "machine-1", [BeginClearing(pod, "")])
            ledger.record(NOW, "machine-1", [BeginRun(pod)])

        confirms = []
        for number in (3, 4):
            assert history(filled, run=number) == 0
            confirms += [line for line in capsys.readouterr().out.splitlines() if line.startswith("confirms")]
        assert confirms == ["confirms  run 3"]

    def test_nothing_of_the_log_steers_the_terminal(
        self, filled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The log tail can neither control the terminal nor add markup."""
        history(filled, run=1)

        out = capsys.readouterr().out
        assert [" ".join(line.split()) for line in out.splitlines()[-3:]] == [
            *(
                "==> main.log <==",
                "\ufffd[31m[bold]FATAL\ufffd[0m no disk\ufffd",
                "\ufffd]0;owned\ufffd last",
            ),
        ]
        assert {each for each in out if not each.isprintable()} == {"\n", "\t"}

    @pytest.mark.parametrize(
        ("number", "state"), [(2, "2 · succeeded"), (3, "3 · open")], ids=["a success", "the open one"]
    )
    def test_without_evidence(
        self, filled: Path, capsys: pytest.CaptureFixture[str], number: int, state: str
    ) -> None:
        assert history(filled, run=number) == 0

        out = capsys.readouterr().out
        assert out.splitlines()[0] == f"run       {state}"
        assert "evidence" not in out

    def test_a_long_line_is_not_folded(
        self, filled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Long lines are not wrapped, so that users can search them."""
        monkeypatch.setenv("COLUMNS", "40")
        history(filled, run=1)

        assert f"image     {build().image}\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("number", "evidence"), [(1, LAST_WORDS), (2, None), (3, None)], ids=["failure", "success", "open"]
    )
    def test_as_json(
        self, filled: Path, capsys: pytest.CaptureFixture[str], number: int, evidence: str | None
    ) -> None:
        """The JSON equals that of the list plus the evidence, whose control characters are escaped."""
        history(filled, json_output=True)
        listed = {run["run"]: run for run in json.loads(capsys.readouterr().out)}
        assert history(filled, json_output=True, run=number) == 0

        out = capsys.readouterr().out
        assert json.loads(out) == listed[number] | {"evidence": evidence}
        assert {each for each in out if not each.isprintable()} <= {"\n"}

    @pytest.mark.parametrize("number", [4, -(10**22), 2**63, 10**22 - 1])
    @pytest.mark.parametrize("json_output", [False, True], ids=["lines", "JSON"])
    def test_that_is_not_there(
        self,
        filled: Path,
        capsys: pytest.CaptureFixture[str],
        json_output: bool,  # noqa: FBT001 - a test parameter
        number: int,
    ) -> None:
        with pytest.raises(MonitorError) as caught:
            history(filled, json_output=json_output, run=number)

        assert str(caught.value) == f"run {number} not found: history lists the existing runs"
        assert (caught.value.exit_code, capsys.readouterr().out) == (1, "")

    @pytest.mark.parametrize(
        ("name", "code", "error"),
        [
            pytest.param(
                COMMIT[:7],
                2,
                f"{COMMIT[:7]} was tested by several runs (3, 1): name one by its number, such as --run 3",
                id="a commit of several runs",
            ),
            pytest.param(
                "0123456", 1, "run 0123456 not found: history lists the existing runs", id="no such number"
            ),
            pytest.param(
                "ffff000",
                1,
                "a run of ffff000 not found: history lists the existing runs",
                id="no such commit",
            ),
            pytest.param(
                "first",
                2,
                "--run first is not a run: use its number, or the first characters (at least 4) of a commit or a "
                "digest",
                id="neither",
            ),
        ],
    )
    def test_whose_name_is_not_one_run(self, filled: Path, name: str, code: int, error: str) -> None:
        with pytest.raises(MonitorError) as caught:
            history(filled, run=name)

        assert (caught.value.exit_code, str(caught.value)) == (code, error)

    @pytest.mark.parametrize("name", ["d" * 40, "DDDDDDD"])
    def test_of_a_commit_that_one_run_tested(
        self, filled: Path, capsys: pytest.CaptureFixture[str], name: str
    ) -> None:
        assert history(filled, run=name) == 0
        assert capsys.readouterr().out.startswith("run       2 · succeeded\n")

    def test_whose_clearing_only_began(self, filled: Path) -> None:
        """A run whose data is still being cleared does not exist yet."""
        with closing(open_ledger(filled)) as ledger:
            ledger.record(NOW, "machine-1", [BeginClearing(workload(build(NEW)), "")])

        with pytest.raises(MonitorError, match=r"^run 4 not found: "):
            history(filled, run=4)


class TestStatus:
    """`status`: the current activity of the tester."""

    def test_for_a_person(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert status(filled) == 0

        lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert lines["tester"].split(" · ")[0] == "tester"
        assert {"fuji", "full-sync"} <= set(lines["tester"].split(" · "))
        assert lines["phase"] == "bootstrapping"
        assert lines["monitor"].startswith("silent since 1970-01-12")
        assert lines["run"].startswith("3 of ")
        assert "open" in lines["run"]
        assert lines["image"] == build().image
        assert lines["active"] == "15m · node restarts 2"
        assert "5,678" in lines["chain"]
        assert lines["node"].startswith("up · unhealthy")
        assert lines["disk"].startswith("1.0 GiB")
        assert build(NEW).image in lines["new"]

    def test_as_json(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert status(filled, json_output=True) == 0

        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert (found["tester"], found["network"], found["testbed"]) == ("tester", "fuji", "machine-1")
        assert (found["phase"], found["run"]["run"], found["run"]["outcome"]) == ("bootstrapping", 3, None)
        assert found["runsTotal"] == {"succeeded": 1, "failed": 1, "superseded": 0}
        assert found["progress"] == [
            {"chain": "P", "signal": "blocks_accepted", "value": 12, "maximum": 12},
            {"chain": "P", "signal": "blocks_fetched", "value": 5678, "maximum": 5678},
        ]
        assert (found["node"]["health"], found["node"]["peers"]) == ("unhealthy", 12)
        assert found["volume"]["usageBytes"] == 2**30
        assert found["newBuild"]["commit"] == "e" * 40
        assert (found["consecutiveFailures"], found["lastSuccessAt"]) == (0, NOW.wall + 10860)

    def test_with_what_its_chains_do(self, filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
        chains = {"P": ChainLog(ChainActivity.EXECUTING, ratio=0.5), "C": ChainLog(ChainActivity.FETCHING)}
        with closing(open_ledger(filled)) as ledger:
            reading = progress_reading(3, ProgressStatus(chains, stalled=True))
            ledger.record(NOW, "machine-1", readings={"progress": reading})
        status(filled)
        lines = capsys.readouterr().out.splitlines()
        status(filled, json_output=True)
        found = json.loads(capsys.readouterr().out)

        assert "chain C   fetching" in lines
        assert "chain P   fetched 5,678 · executed 12 blocks · executing 50%" in lines
        assert "stalled   no progress for 0s" in lines
        assert (found["stalled"], found["chains"]["P"]["ratio"]) == (True, 0.5)

    @pytest.mark.parametrize("lives", [True, False])
    def test_of_local_says_whether_it_runs(
        self, filled: Path, capsys: pytest.CaptureFixture[str], *, lives: bool
    ) -> None:
        with closing(open_ledger(filled)) as ledger:
            ledger.record(
                NOW, "machine-1", readings={"node": node_reading(NodeStatus(NOW.wall, True, Health.HEALTHY))}
            )
        ended = subprocess.Popen(["true"])
        ended.wait()
        (filled / "local.lock").write_text(str(os.getpid() if lives else ended.pid))
        status(filled)

        output = f"monitor   is not running: the values below are from {time_text(NOW.wall)}\n"
        assert (output in capsys.readouterr().out) is not lives

    def test_nothing_of_a_node_steers_the_terminal(
        self, filled: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A node's output cannot control the terminal, although a crash message contains its last line."""
        with closing(open_ledger(filled)) as ledger:
            phase = phase_reading(Phase.IDLE, "failed: \x1b[2J[/bold]\x07")
            ledger.record(NOW, "machine-1", readings={"phase": phase})
        status(filled)

        out = capsys.readouterr().out
        assert "phase     idle: failed: \ufffd[2J[/bold]\ufffd\n" in out
        assert {each for each in out if not each.isprintable()} == {"\n"}

    def test_without_runs(self, empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The ledger exists before the first decision."""
        assert (status(empty), status(empty, json_output=True)) == (0, 0)

        out = capsys.readouterr().out
        text, found = out[: out.index("{")], json.loads(out[out.index("{") :])
        assert [line.split()[0] for line in text.splitlines()] == ["tester", "phase"]
        assert (found["run"], found["phase"], found["progress"], found["node"]) == (None, None, [], None)


@pytest.mark.parametrize("command", [status, history])
class TestLedger:
    """The ledger, which `status` and `history` only read."""

    @pytest.mark.parametrize("name", ["odd #1?", "a%20b", "&mode=memory", "é"])
    def test_any_folder_will_do(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Path], int], name: str
    ) -> None:
        folder = tmp_path / name
        folder.mkdir()
        fill(folder)

        assert command(folder) == 0
        assert "cccccccc" in capsys.readouterr().out

    def test_a_monitor_that_lives_is_not_disturbed(
        self, filled: Path, capsys: pytest.CaptureFixture[str], command: Callable[[Path], int]
    ) -> None:
        """The commands do not disturb a running monitor: they neither block its writes nor add files."""
        before = {path.name: path.stat().st_mtime_ns for path in filled.iterdir()}
        with closing(sqlite3.connect(filled / FILE, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert command(filled) == 0
            writer.execute("ROLLBACK")

        assert capsys.readouterr().out
        assert {path.name: path.stat().st_mtime_ns for path in filled.iterdir()} == before


@pytest.mark.parametrize(
    ("flags", "folder"),
    [
        pytest.param(["--data-dir=[red] data"], " --data-dir '{}/bootstrap-monitor/[red] data'", id="given"),
        pytest.param([], "", id="the only one"),
    ],
)
def test_the_hint_for_a_slow_run_is_a_command_for_any_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    folder: str,
) -> None:
    data_dir = tmp_path / "bootstrap-monitor" / "[red] data"
    data_dir.mkdir(parents=True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.chdir(data_dir.parent)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bootstrap-monitor"])
    with closing(open_ledger(data_dir)) as ledger:
        for number, seconds in enumerate((100.0,) * 7 + (200.0,), 1):
            begin(ledger, build(f"sha256:{number:064x}", f"{number:040x}"))
            end(ledger, seconds, seconds)
    assert run_history(parse(HistorySettings, "history", flags, {})) == 0

    assert capsys.readouterr().out.splitlines()[-2:] == [
        "⚠ over the usual limit; this command shows the limit and the commits:",
        f"  bootstrap-monitor history{folder.format(tmp_path)} --run 8",
    ]


@pytest.mark.parametrize("mark", ["1", "9"], ids=["no mark", "a mark after it"])
def test_a_run_names_the_builds_of_its_regression_after_it_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mark: str
) -> None:
    with closing(open_ledger(tmp_path)) as ledger:
        for number, seconds in enumerate((100.0,) * 7 + (200.0, 100.0, 100.0), 1):
            begin(ledger, build(f"sha256:{number:064x}", f"{number:040x}"))
            end(ledger, seconds, seconds)
        ledger.ask(RequestKind.MARK_BASELINE, mark, NOW.wall)
    assert history(tmp_path, run=8) == 0

    out = capsys.readouterr().out
    assert "slower since run 8 of 1.14.2 (00000000); last good: run 7 of 1.14.2 (00000000)\n" in out
    assert f"/compare/{7:040x}...{8:040x}\n" in out


@pytest.mark.parametrize(
    ("names", "output"),
    [
        (["fuji-full-sync"], None),
        (
            ["fuji-full-sync", "mainnet-full-sync"],
            "--data-dir is required: one of {0}/fuji-full-sync, {0}/mainnet-full-sync",
        ),
    ],
    ids=["one", "two"],
)
def test_a_tester_of_local_is_found_where_there_is_one_only(
    names: list[str],
    output: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in names:
        folder = tmp_path / "bootstrap-monitor" / name
        folder.mkdir(parents=True)
        fill(folder)
    settings = parse(HistorySettings, "history", [], {})

    if output is None:
        assert run_history(settings) == 0
        assert "succeeded" in capsys.readouterr().out
    else:
        with pytest.raises(ConfigurationError) as caught:
            run_history(settings)
        assert str(caught.value) == output.format(tmp_path / "bootstrap-monitor")


@pytest.mark.parametrize(
    ("words", "code", "output"),
    [
        pytest.param(
            ["status", "--data-dir={}"],
            1,
            f"no ledger at {{}}/{FILE}: set --data-dir to that of a tester that has run",
            id="status, no ledger",
        ),
        pytest.param(
            ["history", "--json", "--data-dir={}/none"],
            1,
            f"no ledger at {{}}/none/{FILE}: set --data-dir to that of a tester that has run",
            id="history, no folder",
        ),
        pytest.param(
            ["history", "--run=1", "--data-dir={}"],
            1,
            f"no ledger at {{}}/{FILE}: set --data-dir to that of a tester that has run",
            id="one run, no ledger",
        ),
        pytest.param(
            ["history"],
            2,
            "--data-dir is required: local has created no tester in {}/bootstrap-monitor",
            id="history, no data folder",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    tmp_path: Path, words: list[str], code: int, output: str
) -> None:
    arguments = [word.format(tmp_path) for word in words]
    ended = run_forked(arguments, ROOT, os.environ | {"XDG_DATA_HOME": str(tmp_path)})

    expected = f"bootstrap-monitor: {output.format(tmp_path)}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", expected)
