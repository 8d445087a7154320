"""Tests that any number that a node returns can be added, displayed, stored, exported and read back."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.builders import NOW, build
from support.machine import Machine, begin_run, passed, tick_of
from support.parsed_logs import chain_log_of

from monitor.avalanchego.node_api import NodeClient
from monitor.decide.decisions import EndRun
from monitor.domain.bounds import MAX_NUMBER, YEAR_10000, bounded, moment
from monitor.domain.json_text import json_object, json_text
from monitor.domain.progress import added_up
from monitor.domain.run import Outcome
from monitor.domain.status import RESULTS_SHOWN
from monitor.domain.tracking import Count
from monitor.ledger import Ledger, open_ledger
from monitor.ledger.export import export_history, import_history, read_history
from monitor.ledger.status import status_of
from monitor.output.status_json import run_json, status_json
from monitor.output.status_text import run_lines, status_lines
from monitor.output.terminal import history_table
from monitor.output.web.page import page

UNSHOWN = "cannot be shown"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(0.0, 0.0, id="nothing"),
        pytest.param(MAX_NUMBER, MAX_NUMBER, id="the largest"),
        pytest.param(MAX_NUMBER * 2, None, id="too large"),
        pytest.param(float("inf"), None, id="infinite"),
        pytest.param(float("nan"), None, id="not a number"),
        pytest.param(-1.0, None, id="negative"),
        pytest.param(10**400, None, id="400 digits"),
    ],
)
def test_a_number_is_bounded_or_unknown(number: float, expected: float | None) -> None:
    assert bounded(number) == expected


@pytest.mark.parametrize(
    ("unix_seconds", "expected"),
    [
        pytest.param(0.0, 0.0, id="1970"),
        pytest.param(YEAR_10000 - 1.0, YEAR_10000 - 1.0, id="9999"),
        pytest.param(float(YEAR_10000), None, id="10000"),
        pytest.param(-1.0, None, id="before 1970"),
        pytest.param(float("inf"), None, id="never"),
    ],
)
def test_a_moment_is_one_of_a_calendar_or_unknown(unix_seconds: float, expected: float | None) -> None:
    assert moment(unix_seconds) == expected


@pytest.mark.parametrize(
    ("eta", "written_at"),
    [
        pytest.param("2000000000h", NOW.wall, id="beyond the year 9999"),
        pytest.param("-2000h", 0.0, id="before 1970"),
        pytest.param("1s", 1e18, id="a file of no year"),
        pytest.param("1s", -1e18, id="a file from before all years"),
    ],
)
def test_an_end_that_is_not_a_time_is_unknown(eta: str, written_at: float) -> None:
    found = chain_log_of(f'[11-23] INFO <C Chain> a.go:1 executing blocks {{"eta": "{eta}"}}', written_at)

    assert found is not None
    assert found.end_at is None


@given(st.lists(st.floats(0, MAX_NUMBER), max_size=30), st.integers(0, 2**62))
@settings(deadline=None)
def test_no_sum_leaves_what_a_history_takes(values: list[float], before: int) -> None:
    counts = {("C", "blocks_accepted"): Count(float(min(before, 2**61)), 0.0, 0.0)}
    for value in values:
        counts = dict(added_up(counts, {("C", "blocks_accepted"): value}))

    assert counts["C", "blocks_accepted"].value < 2**62


# ---- From the node to every output -------------------------------------------------------------------------


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "1e300", "9e999", "-0", "1e-300", "9007199254740993", "9" * 40, "1.", "+5", "--", "e"]
) | st.floats().map(repr)
VALUES = NUMBERS | st.sampled_from(['"5"', "null", "[]", "NaN", "Infinity", "9" * 400, "9" * 5000])
ETAS = st.sampled_from(["1h", "-1h", "2000000000h", "9" * 400 + "h", "0s"]) | st.text(max_size=5)
TIMES = st.sampled_from([0.0, -1e9, NOW.wall, 9e9, 2.0**53])
PAGE = """
avalanche_process_process_start_time_seconds {}
avalanche_network_peers {}
avalanche_snowman_bs_fetched{{chain="C"}} {}
avalanche_snowman_bs_accepted{{chain="C"}} {}
avalanche_proposervm_last_accepted_timestamp{{block_type="option",chain="C"}} {}
avalanche_system_resources_num_disk_write_bytes{{processID="1"}} {}
avalanche_system_resources_num_disk_write_bytes{{processID="2"}} {}
"""
LINES = """[11-23|23:18:37.401] INFO <C Chain> a.go:1 fetching blocks {{"numFetchedBlocks": {}}}
[11-23|23:18:37.401] INFO <C Chain> a.go:1 executing blocks {{"eta": "{}", "pctComplete": {}}}
"""
TICKS = st.lists(
    st.tuples(st.tuples(*(NUMBERS for _ in range(7))), VALUES, ETAS, VALUES, TIMES), min_size=1, max_size=4
)


@contextmanager
def metrics_pages(pages: list[str]) -> Iterator[int]:
    """Serve the last of these pages as a node's metrics and nothing else; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages[-1].encode() if self.path == "/ext/metrics" else b"{}"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server defines the name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def shown(ledger: Ledger) -> None:
    """Check that every output can show the ledger."""
    status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall)
    assert UNSHOWN not in page(status)
    assert json_object(json_text(status_json(status)))
    assert list(status_lines(status, is_left=False))
    runs = ledger.runs(-1)
    for run in runs:
        assert json_object(json_text(run_json(run)))
        assert list(run_lines(run, None))
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        Console(file=nowhere, width=200).print(history_table(runs, 200))


HOSTILE = ("1e300", "9e999", "1e308", "1e308", "9" * 40, "1e308", "1e308")


@given(ticks=TICKS)
@example([(HOSTILE, "1e400", "2000000000h", "1e400", 2.0**53)])
@example([(("0", "0", "9e15", "9e15", "9e15", "9e15", "9e15"), "5", "1h", "5", 0.0)] * 2)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_node_counts_is_shown_exported_and_read_back(
    tmp_path_factory: pytest.TempPathFactory, ticks: list[tuple[tuple[str, ...], str, str, str, float]]
) -> None:
    pages, folder = [""], tmp_path_factory.getbasetemp()  # in a brief run, in memory
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        metrics_pages(pages) as port,
        closing(NodeClient(f"http://127.0.0.1:{port}")) as node,
        closing(open_ledger(Path(name))) as ledger,
    ):
        machine = Machine(ledger)
        begin_run(machine, Path(name))
        tick, _ = tick_of(machine, Path(name))
        log = Path(name, "avalanchego", "logs", "C.log")
        log.parent.mkdir(parents=True)
        for numbers, stored, eta, percent, written_at in ticks:
            pages.append(PAGE.format(*numbers))
            log.write_text(LINES.format(stored, eta, percent), encoding="utf-8")
            os.utime(log, (written_at, written_at))
            machine.answer = node.read()
            tick()
            passed(machine, 10)
            shown(ledger)
        last = ledger.last()
        assert last is not None
        end = EndRun(last, Outcome.FAILED, None, "", last.tracking.active_seconds, 1.0, None)
        ledger.record(machine.now, "default", (end,))
        shown(ledger)
        content, _ = export_history(ledger)
        with (
            tempfile.TemporaryDirectory(dir=folder) as other,
            closing(open_ledger(Path(other))) as copy,
            closing(read_history(content, "history")) as history,
        ):
            assert import_history(copy, history) == (1, 0)
            assert [(run, copy.counts(run)) for run in copy.runs(-1)] == [
                (run, ledger.counts(run)) for run in ledger.runs(-1)
            ]
            shown(copy)


def test_a_part_of_the_page_that_cannot_be_made_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as name, closing(open_ledger(Path(name))) as ledger:
        begin_run(Machine(ledger), Path(name))
        status = status_of(ledger.snapshot(RESULTS_SHOWN + 1), NOW.wall)
    assert status.run is not None
    html = page(replace(status, run=replace(status.run, started_at=1e18)))

    assert html.count(UNSHOWN) == 1
    assert "Node restarts" not in html
    assert "Progress by chain" in html
    assert build().image in page(status)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "a part of the status page cannot be rendered"
    ]
