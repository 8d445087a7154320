"""The details file of the Go monitor, kept current so that a tester can switch to this monitor and back.

The Go monitor reads `image` and `startTime` and ignores all other fields (avalanchego
`tests/fixture/bootstrapmonitor/common.go`).  The other fields allow recovering a run, open or ended, if the
ledger is lost.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from monitor.avalanchego.node_files import NotRegularFileError, open_regular
from monitor.domain.bounds import moment
from monitor.domain.build import Build
from monitor.domain.image_reference import ImageReference
from monitor.domain.json_text import json_object, json_text
from monitor.domain.run import Outcome, Reason, Run
from monitor.domain.workload import SyncMode, Workload
from monitor.errors import ConfigurationError

FILE_NAME = "bootstrap_test_details.txt"
_NUMBERS = range(1, 2**31)
_FILE_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Details:
    """The content of the details file; a file of the Go monitor has only `image` and `started_at`."""

    image: str
    started_at: float
    network: str | None = None
    sync_mode: SyncMode | None = None
    number: int = 1
    outcome: Outcome | None = None
    reason: Reason | None = None


def write_details(path: Path, run: Run) -> None:
    """Write a run's details by atomic replacement, so that a kill leaves either the old or the new file."""
    if run.started_at is None:
        return
    text = json_text(
        {
            "image": run.build.image,
            "startTime": datetime.fromtimestamp(run.started_at, UTC).isoformat().replace("+00:00", "Z"),
            "network": run.network,
            "syncMode": run.sync_mode,
            "run": run.number,
            "outcome": run.outcome,
            "reason": run.reason,
        }
    )
    if _current(path) == text:
        return
    # `init` and the sidecar may write concurrently.
    temporary = path.with_name(f"{path.name}.new-{os.getpid()}")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_details(path: Path) -> Details | None:
    """Return the content of the details file, or `None` if it is absent or malformed."""
    text = _current(path)
    if text is None:
        return None
    try:
        details = json_object(text)
        image, network, number = str(details["image"]), details.get("network"), int(details.get("run", 1))
        started_at = moment(datetime.fromisoformat(details["startTime"]).timestamp())
        if started_at is None or not isinstance(network, str | None) or number not in _NUMBERS:
            return None
        return Details(
            image=image,
            started_at=started_at,
            network=network,
            sync_mode=SyncMode(details["syncMode"]) if details.get("syncMode") else None,
            number=number,
            outcome=Outcome(details["outcome"]) if details.get("outcome") else None,
            reason=Reason(details["reason"]) if details.get("reason") else None,
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def recovered_run(details: Details, workload: Workload, testbed: str) -> Run | None:
    """Return the run that the details describe, or `None` if their image has no valid digest."""
    try:
        reference = ImageReference.parse(details.image)
    except ConfigurationError:
        return None
    if reference.digest is None:
        return None
    build = Build(details.image, frozenset({reference.digest}))
    if workload.build is not None and build.same(workload.build):
        build = workload.build
    return Run(
        number=details.number,
        build=build,
        network=details.network or workload.network,
        sync_mode=details.sync_mode or workload.sync_mode,
        testbed=testbed,
        started_at=details.started_at,
        outcome=details.outcome,
        reason=details.reason,
        message="recovered from the details file",
        recovered=True,
    )


def _current(path: Path) -> str | None:
    try:
        with open_regular(path, beneath=path.parent) as file:
            return file.read(_FILE_BYTES).decode()
    except (FileNotFoundError, NotRegularFileError, UnicodeDecodeError):
        return None
