"""Tests that a ledger file of an earlier monitor is read, and that the stored form does not change.

`tests/data/ledger.sql` is the dump of a ledger that an earlier monitor wrote: `written` with its code.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.builders import FULL_TRACKING, NEW, NOW, OLD, build, volume, workload

from monitor.decide.decisions import (
    AdoptRun,
    BeginClearing,
    BeginRun,
    EndRun,
    Intervention,
    IssueToken,
    RecordAttempt,
    RecordIntervention,
    ResumeRun,
)
from monitor.decide.events import Announcement, DueAnnouncement
from monitor.domain.observations import ChainActivity, ChainLog, Health
from monitor.domain.run import Attempt, AttemptCause, Evidence, Outcome, Reason, RequestKind
from monitor.domain.status import NodeStatus, Phase, Problem, ProgressStatus, VolumeStatus
from monitor.domain.tracking import Count
from monitor.domain.workload import Lease, SyncMode
from monitor.errors import Cause
from monitor.ledger import LEDGER_FILE, Ledger, open_ledger
from monitor.ledger.codecs import (
    PROBLEM,
    build_reading,
    configuration_reading,
    node_reading,
    phase_reading,
    problem_reading,
    progress_reading,
    volume_reading,
)
from monitor.ledger.status import status_of

DUMP = Path(__file__).parents[2] / "data" / "ledger.sql"
NODE = NodeStatus(NOW.wall, up=True, health=Health.STALE, bootstrapped=False, failing_checks=("P",), peers=12)
PROGRESS = ProgressStatus(
    {
        "P": ChainLog(ChainActivity.EXECUTING, ratio=0.5, end_at=NOW.wall + 60),
        "C": ChainLog(ChainActivity.WAITING),
    },
    stalled=True,
    unknown=True,
)
PROBLEM_OF_TICK = Problem(Cause.PERMISSION_MISSING, "pods: not granted", NOW.wall)
ANNOUNCEMENT = Announcement("BootstrapFailed", "Run 2 failed", warning=True)
COUNTS = {("P", "blocks_accepted"): Count(1, 2.5, 3)}
# The earlier monitor did not track these.
TRACKING = replace(FULL_TRACKING, down_seconds=0.0, restarted_at=())


def written(ledger: Ledger) -> None:
    """Write a row or a reading of each kind to an empty ledger."""
    pod = workload(build())
    ledger.record(NOW, "desk", [BeginClearing(pod, "clearing"), BeginRun(pod)])
    first = ledger.last()
    assert first is not None
    ledger.record(NOW, "desk", tracking=replace(first, tracking=TRACKING), counts=COUNTS)
    ledger.record(NOW, "desk", [EndRun(first, Outcome.SUCCEEDED, None, "healthy", 10.5, 11.5, 2**30, 2**40)])
    ledger.record(NOW, "desk", [AdoptRun(workload(replace(build(NEW), versions=None)))])
    second = ledger.last()
    assert second is not None
    ledger.record(NOW, "desk", [EndRun(second, Outcome.FAILED, Reason.STALLED, "P", None, None, None, None)])
    ledger.keep_evidence(second.number, Evidence("FATAL no disk\nline two\n", NOW.wall))
    ledger.record(NOW, "desk", [RecordAttempt(build(NEW), AttemptCause.RETRY, "pod-1")])
    third = workload(build(), uid="pod-2", sync_mode=SyncMode.C_CHAIN_STATE_SYNC)
    ledger.record(NOW, "desk", [BeginClearing(third, ""), BeginRun(third)])
    last = ledger.last()
    assert last is not None
    ledger.record(NOW, "desk", [ResumeRun(last, replace(third, settings_digest="other"))])
    ledger.record(NOW, "desk", [RecordIntervention(Intervention.PIN, "pod-2", third.image)])
    ledger.record(NOW, "desk", [IssueToken("a token"), RecordAttempt(build(), AttemptCause.REQUEST, "pod-2")])
    for kind, argument in (
        (RequestKind.MARK_BASELINE, "2"),
        (RequestKind.RERUN, ""),
        (RequestKind.PAUSE, ""),
    ):
        ledger.ask(kind, argument, NOW.wall)
    ledger.record(
        NOW,
        "desk",
        readings={
            "configuration": configuration_reading("tester", "desk", third),
            "phase": phase_reading(Phase.SOAKING, "waiting"),
            "notice": {"message": "a notice"},
            "image_check": {"succeeded_at": NOW.wall},
            "node": node_reading(NODE),
            "volume": volume_reading(volume()),
            "progress": progress_reading(last.number, PROGRESS),
            "new_build": build_reading(build(NEW)),
            f"{PROBLEM}tick": problem_reading(PROBLEM_OF_TICK),
            f"{PROBLEM}disk": problem_reading(None),
        },
        announcements=[ANNOUNCEMENT],
    )


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """Return the ledger file of an earlier monitor, in a folder of its own."""
    file = tmp_path / "earlier" / LEDGER_FILE
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text())
    return file


def tables(file: Path) -> Mapping[str, list[dict[str, Any]]]:
    """Return the rows of each table, with JSON objects decoded."""
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE sql <> ''")]
        return {
            name: [
                {column: decoded(row[column]) for column in row.keys()}  # noqa: SIM118 - a Row iterates values
                for row in connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - names from the schema
            ]
            for name in names
        }


def decoded(value: object) -> object:
    """Return the JSON object of a text; any other value unchanged."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def only_known(value: object, known: object) -> object:
    """Return a value without the fields that a known value of an earlier monitor does not have."""
    if isinstance(value, dict) and isinstance(known, dict):
        return {name: only_known(value.get(name), of) for name, of in known.items()}
    if isinstance(value, list) and isinstance(known, list) and len(value) == len(known):
        return [only_known(one, of) for one, of in zip(value, known, strict=True)]
    return value


def test_a_ledger_of_an_earlier_monitor_is_read_as_it_was_written(earlier: Path, tmp_path: Path) -> None:
    """Each value that the earlier monitor wrote is read, and equals the value that this monitor writes."""
    with closing(open_ledger(tmp_path)) as now, closing(open_ledger(earlier.parent)) as ledger:
        written(now)
        runs, status = ledger.runs(-1), status_of(ledger.snapshot(10), NOW.wall)

        assert runs == now.runs(-1)
        # The earlier monitor did not store since when these last.
        written_now = replace(status_of(now.snapshot(10), NOW.wall), phase_since=None, node=NODE)
        assert status == written_now
        assert [ledger.evidence(run.number) for run in runs] == [now.evidence(run.number) for run in runs]
        assert [ledger.counts(run) for run in runs] == [{}, {}, COUNTS]
        assert ledger.attempt() == Attempt(build(), 3, AttemptCause.REQUEST, "pod-2")
        assert (ledger.holder(), ledger.pinned_before("pod-3")) == (Lease("pod-2", 6), build().image)
        assert (ledger.paused(), ledger.baseline_begins(), ledger.requested()) == (True, 2, build())
        assert ledger.due_announcements() == (DueAnnouncement(ANNOUNCEMENT, NOW.wall),)
        token = ledger.reading("adopt_token")
    assert [(run.build.digests, run.tracking == TRACKING) for run in runs] == [
        (frozenset({OLD}), False),
        (frozenset({NEW}), False),
        (frozenset({OLD}), True),
    ]
    assert (status.node, status.progress, status.problems) == (NODE, PROGRESS, (PROBLEM_OF_TICK,))
    assert (status.volume, status.new_build) == (VolumeStatus(NOW.wall, 4096, 10**12, 10**11), build(NEW))
    assert (status.phase, status.message, status.notice) == (Phase.SOAKING, "waiting", "a notice")
    assert token is not None
    assert token.value == {"token": "a token"}


def test_the_names_and_words_of_the_stored_form_stay(earlier: Path, tmp_path: Path) -> None:
    """This monitor stores each value in the same table, column, field and words as the earlier monitor.

    It may store more fields.
    """
    with closing(open_ledger(tmp_path)) as ledger:
        written(ledger)
    before, now = tables(earlier), tables(tmp_path / LEDGER_FILE)

    assert {name for name, found in before.items() if found} == set(now)
    assert only_known(dict(now), dict(before)) == before
