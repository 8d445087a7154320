"""Generates docs/api.md: each field of the JSON of `monitor.output.status_json`, with its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from monitor.domain.baseline import Verdict
from monitor.domain.build_results import BuildVerdict
from monitor.domain.observations import ChainActivity, Health
from monitor.domain.regression import Measure
from monitor.domain.run import AttemptCause, Outcome, Reason
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


_EPOCH, _RFC3339 = "s since 1970", "RFC 3339"
_SUFFIX = "Rfc3339"


def _with_texts(fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return the fields, with the text of each time after it."""
    every: dict[str, Field] = {}
    for name, field in fields.items():
        every[name] = field
        if field.unit == _EPOCH:
            every[name + _SUFFIX] = replace(field, kind="string", unit=_RFC3339)
    return every


_ENDED = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.SUPERSEDED: "were superseded by another run",
}
_RUN = {
    "run": Field(
        "integer",
        "",
        "Number of the run, from 1; negative for an imported run that is older than the runs in the ledger.",
    ),
    "image": Field(
        "string",
        "",
        "The build: an image pinned by digest; for `local`, `avalanchego@` and the SHA-256 of its file.",
    ),
    "version": Field(
        "string", "", "Version that the build reports, such as `avalanchego/1.14.2`; empty while unknown."
    ),
    "commit": Field(
        "string", "", "Commit that the build reports: 40 hexadecimal digits; empty while unknown."
    ),
    "network": Field("string", "", "Network of the run, such as `mainnet`, `fuji` or `network-54321`."),
    "syncMode": Field("string", "", f"Sync mode of the run: one of {_words(SyncMode)}."),
    "testbed": Field("string", "", "Value of `--testbed` during the run."),
    "startedAt": Field("number", _EPOCH, "When the run started, after the volume was cleared."),
    "endedAt": Field(
        "number",
        _EPOCH,
        "When the outcome was recorded; null while the run is open, or if the time was lost.",
        nullable=True,
    ),
    "outcome": Field("string", "", f"One of {_words(Outcome)}; null while the run is open.", nullable=True),
    "reason": Field(
        "string", "", f"Why the run failed: one of {_words(Reason)}; otherwise null.", nullable=True
    ),
    "message": Field("string", "", "Description of the result; empty while the run is open."),
    "durationSeconds": Field(
        "number",
        "s",
        "How long the node's process ran until it was healthy, or until the run failed; this duration is judged. Null "
        "while the run is open, if it was superseded, and if it is unknown.",
        nullable=True,
    ),
    "wallSeconds": Field(
        "number", "s", "Wall-clock time of the run, including time when the node was down.", nullable=True
    ),
    "diskUsageBytes": Field(
        "integer", "B", "Disk usage of the node's data at the end of the run.", nullable=True
    ),
    "activeSeconds": Field(
        "number", "s", "How long the node's process has run in this run so far, or until its end."
    ),
    "nodeRestarts": Field("integer", "", "How often the node's process restarted in this run."),
    "lastProgressAt": Field("number", _EPOCH, "When a chain last made progress.", nullable=True),
    "recovered": Field(
        "boolean", "", "The run was recovered from the details file, because the ledger was lost or new."
    ),
    "settingsChanged": Field(
        "boolean", "", "The node's settings changed during the run, so it is not compared with other runs."
    ),
    "stateSynced": Field(
        "boolean",
        "",
        "Whether the C-Chain synced its state; false if it executed all blocks; null while unknown.",
        nullable=True,
    ),
    "otherBuild": Field(
        "string",
        "",
        "The image of another build that ran on the run's data, so the run is not compared; null if there was none.",
        nullable=True,
    ),
}
_BUILDS = {
    "regressions.{measure}.lastGoodRun": Field(
        "integer", "", "The last run before the regression; null without a regression.", nullable=True
    ),
    "regressions.{measure}.lastGoodCommit": Field(
        "string", "", "Commit of `lastGoodRun`; may be empty.", nullable=True
    ),
    "regressions.{measure}.firstBadRun": Field(
        "integer", "", "The first run of the regression; null without one.", nullable=True
    ),
    "regressions.{measure}.firstBadCommit": Field(
        "string", "", "Commit of `firstBadRun`; may be empty.", nullable=True
    ),
    "regressions.{measure}.compareUrl": Field(
        "string",
        "",
        "URL of the changes between the two commits; null if one of them is unknown.",
        nullable=True,
    ),
}
_HISTORY = {
    **_RUN,
    "cause": Field(
        "string",
        "",
        f"Why the run was started: one of {_words(AttemptCause)}; null if no decision is "
        "recorded, as for the first run of `local` or an imported run.",
        nullable=True,
    ),
    "verdict": Field(
        "string",
        "",
        f"The worst of the [verdicts](regression.md) on the run: one of {_words(Verdict)}; null if it is not compared.",
        nullable=True,
    ),
    "regressions": Field(
        "object",
        "",
        f"The verdict on the run by measure: {_words(Measure)}; empty if it is not compared.",
    ),
    "regressions.{measure}.verdict": Field(
        "string", "", f"One of {_words(Verdict)}, by the runs until this one."
    ),
    "regressions.{measure}.baseline": Field(
        "number",
        "s, B, s per block or leaf",
        "The usual value at that time; null while too few runs could be compared.",
        nullable=True,
    ),
    "regressions.{measure}.limit": Field(
        "number", "s, B, s per block or leaf", "The limit of the run; null without a baseline.", nullable=True
    ),
    **_BUILDS,
}
_STATUS = {
    "at": Field("number", _EPOCH, "When this response was created."),
    "tester": Field("string", "", "The tester's name."),
    "network": Field("string", "", "The network that is tested now; `run.network` may differ."),
    "syncMode": Field("string", "", f"The sync mode that is tested now: one of {_words(SyncMode)}."),
    "testbed": Field("string", "", "Value of `--testbed`."),
    "phase": Field("string", "", f"One of {_words(Phase)}; null before the first phase.", nullable=True),
    "message": Field("string", "", "Description of the phase."),
    "notice": Field("string", "", "Why no run is judged at the moment; empty otherwise."),
    "problems": Field(
        "array", "", "Problems that affect the tester now, oldest first; empty without a problem."
    ),
    "problems[].cause": Field("string", "", f"One of {_words(Cause)}."),
    "problems[].message": Field("string", "", "What failed and where, in one line."),
    "problems[].since": Field("number", _EPOCH, "When the problem began."),
    "problems[].action": Field("string", "", "What an operator can do about the cause."),
    "run": Field("object", "", "The newest run that started, open or ended.", nullable=True),
    **{f"run.{name}": field for name, field in _RUN.items()},
    "progress": Field("array", "", "Progress counters of the node in `run`, by chain and signal."),
    "progress[].chain": Field(
        "string", "", "`P`, `X` or `C`; for an L1, its alias or blockchain ID. At most 16 chains."
    ),
    "progress[].signal": Field(
        "string",
        "",
        f"One of {', '.join(f'`{signal}`' for signal in SIGNALS)}; "
        "[how it works](how-it-works.md#what-is-progress) describes them. `chain_time` is the time of the last "
        "executed block, in s since 1970.",
    ),
    "progress[].value": Field(
        "number",
        "",
        "Sum over the node's processes; for `chain_time` and `height_executed`, the last value.",
    ),
    "progress[].maximum": Field("number", "", "The highest value in one process of the node."),
    "node": Field("object", "", "The node as last polled.", nullable=True),
    "node.seenAt": Field("number", _EPOCH, "When the node was last polled."),
    "node.up": Field("boolean", "", "Whether the node's process is running; false if its port is closed."),
    "node.health": Field(
        "string",
        "",
        f"One of {_words(Health)}; `stale` means that the timestamps in the answer no longer change.",
    ),
    "node.bootstrapped": Field(
        "boolean", "", "Result of the node's readiness check `bootstrapped`.", nullable=True
    ),
    "node.failingChecks": Field("array", "", "Names of the node's failing health checks."),
    "node.peers": Field("integer", "", "Number of peers of the node.", nullable=True),
    "stalled": Field(
        "boolean",
        "",
        "Whether the open run, or one of its chains, made no progress for `--stall-warning`; null without an open run.",
        nullable=True,
    ),
    "stalledChain": Field(
        "string",
        "",
        "The active chain that has made no progress for the longest time; null if this is the whole node, and without "
        "an open run.",
        nullable=True,
    ),
    "progressUnknown": Field(
        "boolean",
        "",
        "Whether the open run showed no signal of progress for `--stall-warning`, so that a stall would not be "
        "detected; null without an open run.",
        nullable=True,
    ),
    "late": Field(
        "boolean",
        "",
        "Whether the open run has been active for longer than its limit; null without a limit or an open run.",
        nullable=True,
    ),
    "baselineBeginsWithRun": Field(
        "integer",
        "",
        "The first run that baselines use, as set by `mark-baseline`; null: all runs.",
        nullable=True,
    ),
    "regressions": Field(
        "object",
        "",
        f"The [verdict](regression.md) by measure: {_words(Measure)}; empty before the first run.",
    ),
    "regressions.{measure}.verdict": Field("string", "", f"One of {_words(Verdict)}."),
    "regressions.{measure}.samples": Field(
        "integer", "", "Number of runs for the baseline, also while there are too few."
    ),
    "regressions.{measure}.baseline": Field(
        "number",
        "s, B, s per block or leaf",
        "The usual value; null while too few runs can be compared.",
        nullable=True,
    ),
    "regressions.{measure}.limit": Field(
        "number", "s, B, s per block or leaf", "The limit above which a value is unusual.", nullable=True
    ),
    **_BUILDS,
    "chains": Field(
        "object",
        "",
        "Each chain of the open run by the node's log, at most 16; empty without an open run.",
    ),
    "chains.{chain}.activity": Field("string", "", f"Stage of the chain: one of {_words(ChainActivity)}."),
    "chains.{chain}.ratio": Field(
        "number", "0 to 1", "Completed share of the stage, as estimated by the node.", nullable=True
    ),
    "chains.{chain}.endAt": Field(
        "number", _EPOCH, "When the stage ends, as estimated by the node.", nullable=True
    ),
    "volume": Field("object", "", "The volume as last measured.", nullable=True),
    "volume.measuredAt": Field("number", _EPOCH, "When the node's data was measured."),
    "volume.usageBytes": Field(
        "integer",
        "B",
        "Disk usage of the node's data; null if it was not measured in this run.",
        nullable=True,
    ),
    "volume.sizeBytes": Field("integer", "B", "Size of the volume."),
    "volume.availableBytes": Field("integer", "B", "Free space on the volume."),
    "newBuild": Field(
        "object", "", "A build that was found and is not tested yet; null without one.", nullable=True
    ),
    "newBuild.image": Field("string", "", "As in `run.image`."),
    "newBuild.version": Field("string", "", "As in `run.version`."),
    "newBuild.commit": Field("string", "", "As in `run.commit`."),
    "confirmingRun": Field(
        "integer",
        "",
        "The ended run whose result another run of its build confirms, until that run ends.",
        nullable=True,
    ),
    "buildResults": Field(
        "object",
        "",
        "Results of the build of the newest ended run, on its network and testbed and in its sync mode; null "
        "without a conclusive run.",
        nullable=True,
    ),
    "buildResults.image": Field("string", "", "As in `run.image`."),
    "buildResults.runs": Field(
        "integer", "", "Number of its runs that succeeded, or failed because of the build."
    ),
    "buildResults.failures": Field("integer", "", "Number of its runs that failed because of the build."),
    "buildResults.verdict": Field(
        "string",
        "",
        f"By its newest two runs: one of {_words(BuildVerdict)}; `flaky` means that they differ.",
    ),
    "buildResults.lastGoodRun": Field(
        "integer", "", "The last success of a build that has failed twice in a row since.", nullable=True
    ),
    "buildResults.firstFailedRun": Field(
        "integer",
        "",
        "The first failure after `lastGoodRun`; null without it. From this run on, failures with its node "
        "arguments are attributed to the network's history or the testbed, not to the build.",
        nullable=True,
    ),
    "paused": Field("boolean", "", "Whether an operator paused the tester: no run starts until `resume`."),
    "requestedBuild": Field(
        "object", "", "The build requested with `rerun`, until its run starts.", nullable=True
    ),
    "requestedBuild.image": Field("string", "", "As in `run.image`."),
    "requestedBuild.version": Field("string", "", "As in `run.version`."),
    "requestedBuild.commit": Field("string", "", "As in `run.commit`."),
    "lastImageCheckAt": Field(
        "number", _EPOCH, "Time of the last successful lookup of a newer build.", nullable=True
    ),
    "runsTotal": Field("object", "", "Number of ended runs, by outcome."),
    **{f"runsTotal.{each}": Field("integer", "", f"Runs that {_ENDED[each]}.") for each in Outcome},
    "consecutiveFailures": Field(
        "integer",
        "",
        "Number of runs that failed since the last success, of the network and sync mode that are tested now.",
    ),
    "lastSuccessAt": Field(
        "number",
        _EPOCH,
        "When the last successful run of that network and sync mode ended.",
        nullable=True,
    ),
    "testerSince": Field("number", _EPOCH, "When the first run started.", nullable=True),
    "tickAt": Field(
        "number",
        _EPOCH,
        "When the monitor last polled the node; an old time if the monitor is not running.",
        nullable=True,
    ),
}
HISTORY, STATUS = _with_texts(_HISTORY), _with_texts(_STATUS)
_TEXT = """\
# The API

Fields of the responses of `/api/v1/status` and `/api/v1/history`, on the port of the [status page](page.md). This page
is generated from the code (`make generate`).

```sh
curl http://127.0.0.1:9641/api/v1/status
```

- The API is read-only, returns JSON, and needs no password. It reads the ledger at each request.
- An error is one line of text: 405 for a method other than GET or HEAD, 404 for an unknown path, 503 if the ledger
  cannot be read.
- An unknown value is null, never a default. The field is always present.
- Numbers are in the unit of the table. Each time is in two fields: in seconds since the Unix epoch, with fractions, and
  as RFC 3339 text in UTC, with the suffix `Rfc3339`: `"startedAt": 1796045372.25, "startedAtRfc3339":
  "2026-11-30T13:29:32.250Z"`.
- Texts may come from a node or an image: escape them before you display them.

`bootstrap-monitor status --json` and `history --json` print the same JSON without the server. `history --run N --json`
adds `evidence`: the log tail of the node of a failed run, or null.

## /api/v1/status

| field | type | unit | |
| --- | --- | --- | --- |
{status}

`{{measure}}` and `{{chain}}` stand for each name, `[]` for each element of an array.

## /api/v1/history

An array of the newest {most:,} runs that started, newest first. Each has the fields of `run` above:

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
        if field.unit == _RFC3339:
            continue  # in the row of the time
        kind, names, unit = field.kind, f"`{name}`", field.unit
        if unit == _EPOCH:
            kind, names, unit = "number, string", f"{names}, `{name}{_SUFFIX}`", f"{unit}, {_RFC3339}"
        yield f"| {names} | {kind + ' or null' * field.nullable} | {unit} | {field.meaning} |"
