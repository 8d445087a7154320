"""Generates docs/api.md: each field of the JSON of `monitor.output.status_json`, with its meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monitor.domain.baseline import Verdict
from monitor.domain.observations import ChainActivity, Health
from monitor.domain.regression import Measure
from monitor.domain.run import Outcome, Reason
from monitor.domain.signals import SIGNALS
from monitor.domain.status import HISTORY_SHOWN, Phase
from monitor.domain.workload import SyncMode
from monitor.errors import Cause

API = Path(__file__).with_name("api.md")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its JSON type, its unit (empty: none), its meaning, and whether it is null if unknown."""

    kind: str
    unit: str
    meaning: str
    nullable: bool = False


def _words(kind: type[StrEnum]) -> str:
    return ", ".join(f"`{each}`" for each in kind)


_EPOCH = "s since 1970"
_ENDED = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.SUPERSEDED: "were superseded by the start of another",
}
_RUN = {
    "run": Field(
        "integer",
        "",
        "Its number, from 1 on; negative for one that was imported below those that were there.",
    ),
    "image": Field(
        "string",
        "",
        "The build: an image pinned by digest; of `local` `avalanchego@` and the SHA-256 of its file.",
    ),
    "version": Field(
        "string", "", "As the build reports it, such as `avalanchego/1.14.2`; empty while unknown."
    ),
    "commit": Field("string", "", "The same; 40 hexadecimal digits, or empty."),
    "network": Field("string", "", "Such as `mainnet`, `fuji` or `network-54321`."),
    "syncMode": Field("string", "", f"One of {_words(SyncMode)}."),
    "testbed": Field("string", "", "What `--testbed` said then."),
    "startedAt": Field("number", _EPOCH, "When the volume had been cleared for it."),
    "endedAt": Field(
        "number",
        _EPOCH,
        "When its outcome was recorded; null while it is open, or if that was lost.",
        nullable=True,
    ),
    "outcome": Field("string", "", f"One of {_words(Outcome)}; null while it is open.", nullable=True),
    "reason": Field("string", "", f"Why it failed: one of {_words(Reason)}.", nullable=True),
    "message": Field("string", "", "What it came to, in words; empty while it is open."),
    "durationSeconds": Field(
        "number",
        "s",
        "How long the node's process ran until it was healthy, or until the run failed: what is judged. Null while the "
        "run is open, if it was superseded, and if it is not known.",
        nullable=True,
    ),
    "wallSeconds": Field("number", "s", "The same by the clock on the wall.", nullable=True),
    "diskUsageBytes": Field("integer", "B", "What the node's data took at its end.", nullable=True),
    "activeSeconds": Field(
        "number", "s", "How long the node's process has run in it so far, or had at its end."
    ),
    "nodeRestarts": Field("integer", "", "How often the node's process was restarted in it."),
    "lastProgressAt": Field("number", _EPOCH, "When a chain last made progress.", nullable=True),
    "recovered": Field(
        "boolean", "", "The ledger was lost, or new: the run was taken over from the details file."
    ),
    "settingsChanged": Field(
        "boolean", "", "The node's settings changed under way, so it is compared with none."
    ),
    "stateSynced": Field(
        "boolean",
        "",
        "Whether the C-Chain synced its state; false where it executed all blocks; null while unknown.",
        nullable=True,
    ),
    "otherBuild": Field(
        "string",
        "",
        "The image of another build that ran on its data, so it is compared with none; null if none was seen.",
        nullable=True,
    ),
}
HISTORY = _RUN
STATUS = {
    "at": Field("number", _EPOCH, "When this was made."),
    "tester": Field("string", "", "The tester's name."),
    "network": Field("string", "", "What is tested now; a run may be of another."),
    "syncMode": Field("string", "", f"The same: one of {_words(SyncMode)}."),
    "testbed": Field("string", "", "What `--testbed` says."),
    "phase": Field("string", "", f"One of {_words(Phase)}; null before the first.", nullable=True),
    "message": Field("string", "", "The phase in words."),
    "notice": Field("string", "", "Why nothing is judged just now; empty where that is not so."),
    "problems": Field(
        "array", "", "What keeps the tester from progressing now, the oldest first; empty without one."
    ),
    "problems[].cause": Field("string", "", f"One of {_words(Cause)}."),
    "problems[].message": Field("string", "", "What failed and where, in one line."),
    "problems[].since": Field("number", _EPOCH, "When it began."),
    "problems[].action": Field("string", "", "What an operator does about the cause."),
    "run": Field("object", "", "The newest run that started, open or ended.", nullable=True),
    **{f"run.{name}": field for name, field in _RUN.items()},
    "progress": Field("array", "", "What the node counts in that run, by chain and signal."),
    "progress[].chain": Field(
        "string", "", "`P`, `X` or `C`; of an L1 its alias or blockchain ID. At most 16 chains."
    ),
    "progress[].signal": Field(
        "string",
        "",
        f"One of {', '.join(f'`{signal}`' for signal in SIGNALS)}; "
        "[how it works](how-it-works.md#what-is-progress) says what each counts. `chain_time` is that of the last "
        "block executed, in s since 1970.",
    ),
    "progress[].value": Field(
        "number", "", "Added up over the node's processes; `chain_time` and `height_executed` as last read."
    ),
    "progress[].maximum": Field("number", "", "The highest value in one process of the node."),
    "node": Field("object", "", "The node as it was last looked at.", nullable=True),
    "node.seenAt": Field("number", _EPOCH, "When that was."),
    "node.up": Field("boolean", "", "Its process is there: its port is not closed."),
    "node.health": Field(
        "string", "", f"One of {_words(Health)}; `stale` is an answer whose time stamps stand still."
    ),
    "node.bootstrapped": Field("boolean", "", "By its readiness check of that name.", nullable=True),
    "node.failingChecks": Field("array", "", "The names of its health checks that fail."),
    "node.peers": Field("integer", "", "How many peers it has.", nullable=True),
    "stalled": Field(
        "boolean",
        "",
        "The open run, or one chain of it, made no progress for `--stall-warning`; null while none is open.",
        nullable=True,
    ),
    "stalledChain": Field(
        "string",
        "",
        "The chain at work that has made no progress for the longest time; null if it is the whole node, and while no "
        "run is open.",
        nullable=True,
    ),
    "progressUnknown": Field(
        "boolean",
        "",
        "The open run showed no signal of progress for `--stall-warning`, so a stall would not be detected; null while "
        "none is open.",
        nullable=True,
    ),
    "late": Field(
        "boolean",
        "",
        "The open run is active for longer than its limit; null while there is no limit, or no open run.",
        nullable=True,
    ),
    "baselineBeginsWithRun": Field(
        "integer", "", "What `mark-baseline` set; null: all runs count.", nullable=True
    ),
    "regressions": Field(
        "object",
        "",
        f"The [verdict](regression.md) by measure: {_words(Measure)}; empty before the first run.",
    ),
    "regressions.{measure}.verdict": Field("string", "", f"One of {_words(Verdict)}."),
    "regressions.{measure}.samples": Field("integer", "", "How many runs the baseline is of, or would be."),
    "regressions.{measure}.baseline": Field(
        "number",
        "s, B, s per block",
        "What is usual; null while too few runs can be compared.",
        nullable=True,
    ),
    "regressions.{measure}.limit": Field("number", "the same", "More than this is unusual.", nullable=True),
    "regressions.{measure}.lastGoodRun": Field(
        "integer", "", "The run before it got worse; null while it did not.", nullable=True
    ),
    "regressions.{measure}.lastGoodCommit": Field("string", "", "Its commit; may be empty.", nullable=True),
    "regressions.{measure}.firstBadRun": Field(
        "integer", "", "The run since which it is worse.", nullable=True
    ),
    "regressions.{measure}.firstBadCommit": Field("string", "", "Its commit; may be empty.", nullable=True),
    "regressions.{measure}.compareUrl": Field(
        "string", "", "What changed between the two, where both commits are known.", nullable=True
    ),
    "chains": Field(
        "object", "", "Each chain of the open run by its log, at most 16; empty while none is open."
    ),
    "chains.{chain}.activity": Field("string", "", f"Its stage: one of {_words(ChainActivity)}."),
    "chains.{chain}.ratio": Field(
        "number", "0 to 1", "How much of the stage is done, by the node's estimate.", nullable=True
    ),
    "chains.{chain}.endAt": Field(
        "number", _EPOCH, "When the stage ends, by the node's estimate.", nullable=True
    ),
    "volume": Field("object", "", "The volume as it was last measured.", nullable=True),
    "volume.measuredAt": Field("number", _EPOCH, "When the node's data was measured."),
    "volume.usageBytes": Field(
        "integer",
        "B",
        "What the node's data takes; null where it was not measured in this run.",
        nullable=True,
    ),
    "volume.sizeBytes": Field("integer", "B", "How big the volume is."),
    "volume.availableBytes": Field("integer", "B", "What is free on it."),
    "newBuild": Field("object", "", "A build that was found and is not tested yet.", nullable=True),
    "newBuild.image": Field("string", "", "As in `run.image`."),
    "newBuild.version": Field("string", "", "As in `run.version`."),
    "newBuild.commit": Field("string", "", "As in `run.commit`."),
    "paused": Field("boolean", "", "A person paused the tester: no new build is taken until `resume`."),
    "requestedBuild": Field("object", "", "What `rerun` asked for, until that has begun.", nullable=True),
    "requestedBuild.image": Field("string", "", "As in `run.image`."),
    "requestedBuild.version": Field("string", "", "As in `run.version`."),
    "requestedBuild.commit": Field("string", "", "As in `run.commit`."),
    "lastImageCheckAt": Field(
        "number", _EPOCH, "When a newer build was last looked for with success.", nullable=True
    ),
    "runsTotal": Field("object", "", "How many runs ended, by outcome."),
    **{f"runsTotal.{each}": Field("integer", "", f"Those that {_ENDED[each]}.") for each in Outcome},
    "consecutiveFailures": Field(
        "integer",
        "",
        "Runs that failed since the last that succeeded, of the network and mode that are tested now.",
    ),
    "lastSuccessAt": Field(
        "number", _EPOCH, "When the last success of that network and mode ended.", nullable=True
    ),
    "testerSince": Field("number", _EPOCH, "When the first run began.", nullable=True),
    "tickAt": Field(
        "number",
        _EPOCH,
        "When the monitor last looked at the node: old where it does not run.",
        nullable=True,
    ),
}
_TEXT = """\
# The API

What `/api/v1/status` and `/api/v1/history` answer, on the port of the [status page](page.md). This page is made from
the code (`make generate`).

```sh
curl http://127.0.0.1:9641/api/v1/status
```

- It is read-only JSON, from the ledger at each request, and asks for no password. Another method than GET or HEAD gets
  405, another path 404, a ledger that cannot be read 503: each with one line of text that says why.
- What is unknown is null, never a default. The field is there all the same.
- Numbers have no unit but the one that is named; `s since 1970` are seconds since the Unix epoch, with fractions.
- Texts may come from a node or an image: escape them where you show them.

`bootstrap-monitor status --json` and `history --json` print the same without the server. `history --run N --json` adds
`evidence`: what the node of a failed run said last, or null.

## /api/v1/status

| field | type | unit | |
| --- | --- | --- | --- |
{status}

`{{measure}}`, `{{chain}}` stand for each name of one, `[]` for each element of an array.

## /api/v1/history

An array of the newest {most:,} runs that started, newest first. Each has what `run` above has:

| field | type | unit | |
| --- | --- | --- | --- |
{history}
"""


def api_page() -> str:
    """Return the page of all fields."""
    return _TEXT.format(
        most=HISTORY_SHOWN, status="\n".join(_rows(STATUS)), history="\n".join(_rows(HISTORY))
    )


def _rows(fields: dict[str, Field]) -> Iterable[str]:
    for name, field in fields.items():
        kind = f"{field.kind} or null" if field.nullable else field.kind
        yield f"| `{name}` | {kind} | {field.unit} | {field.meaning} |"
