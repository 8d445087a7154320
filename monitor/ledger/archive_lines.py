"""The lines of an exported history: what each field may be, so that all that is taken can be decided by and shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from monitor.bounds import YEAR_10000
from monitor.errors import ConfigurationError
from monitor.json_text import json_text
from monitor.model import Build, Outcome, Reason, Run, SyncMode, Versions
from monitor.networks import canonical_network
from monitor.references import ImageReference

FORMAT, VERSION = "bootstrap-monitor history", 1

_LARGEST = 2**62  # SQLite counts to twice as many


def _pinned(image: str) -> str:
    """An image that names one build: `init` sets a pod to it."""
    try:
        reference = ImageReference.parse(image)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    if not reference.pinned:
        raise ValueError(f"{image!r} is not pinned by a digest")
    return image


def _network(name: str) -> str:
    try:
        return canonical_network(name, "it")
    except ConfigurationError as error:
        raise ValueError(str(error)) from error


def _versions(found: dict[str, Any]) -> dict[str, Any]:
    Versions.parse(json_text(found))
    return found


def _once(counts: list[_Count]) -> list[_Count]:
    if len({(each.chain, each.signal) for each in counts}) < len(counts):
        raise ValueError("a signal of a chain is there twice")
    return counts


_Number = Annotated[float, Field(gt=-_LARGEST, lt=_LARGEST, allow_inf_nan=False)]
_Time = Annotated[float, Field(ge=0, lt=YEAR_10000, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, lt=YEAR_10000, allow_inf_nan=False)]
_Integer = Annotated[int, Field(ge=0, lt=_LARGEST)]


class _Written(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class _Head(_Written):
    format: str
    version: int


class _Count(_Written):
    chain: str
    signal: str
    before: _Number
    last: _Number
    maximum: _Number


class _Evidence(_Written):
    text: str
    taken_at: _Time


class _HealthyStreak(BaseModel):
    since_wall: _Time
    since_boot_seconds: _Number
    active_seconds_at_start: _Seconds
    observed_seconds: _Seconds = 0.0


class _Bookkeeping(BaseModel):
    """`monitor.model.Bookkeeping`, by the names that it has there, without what only an open run needs."""

    started_boot_id: str = ""
    started_boot_seconds: _Number = 0.0
    boot_id: str = ""
    accounted_boot_seconds: _Number = 0.0
    active_seconds: _Seconds = 0.0
    observed_seconds: _Seconds = 0.0
    process_start_boot_seconds: _Number | None = None
    process_uid: str = ""
    process_restarts: _Integer = 0
    node_restarts: _Integer = 0
    restarts_at_progress: _Integer = 0
    healthy: _HealthyStreak | None = None
    identity_agreed: bool = False
    progress_at: _Time | None = None
    idle_seconds: _Seconds = 0.0
    lifeless_seconds: _Seconds | None = None
    not_started_seconds: _Seconds = 0.0
    unhealthy_seconds: _Seconds = 0.0
    blocked_seconds: _Seconds = 0.0
    disk_write_bytes: _Number = 0.0
    state_synced: bool | None = None
    state_sync_restarted: bool = False


class ArchivedRun(_Written):
    """One run that has ended, as its line has it: times in Unix seconds, lengths in seconds, sizes in bytes."""

    run: Annotated[int, Field(gt=-_LARGEST, lt=_LARGEST)]
    image: Annotated[str, AfterValidator(_pinned)]
    digests: Annotated[list[str], Field(min_length=1)]
    versions: Annotated[dict[str, Any], AfterValidator(_versions)] | None = None
    network: Annotated[str, AfterValidator(_network)]
    sync_mode: SyncMode
    testbed: str
    settings_digest: str = ""
    settings_changed: bool = False
    recovered: bool = False
    started_at: _Time
    ended_at: _Time | None = None
    outcome: Outcome
    reason: Reason | None = None
    message: str = ""
    duration_seconds: _Seconds | None = None
    wall_seconds: _Seconds | None = None
    disk_usage_bytes: _Integer | None = None
    volume_size_bytes: _Integer | None = None
    bookkeeping: _Bookkeeping = Field(default_factory=_Bookkeeping)
    counts: Annotated[list[_Count], AfterValidator(_once)] = Field(default_factory=list)
    evidence: _Evidence | None = None

    @property
    def build(self) -> Build:
        """Its build."""
        versions = Versions.parse(json_text(self.versions)) if self.versions else None
        return Build(self.image, frozenset(self.digests), versions)

    def is_same(self, other: Run) -> bool:
        """Whether a run of a ledger is this one."""
        return self.started_at == other.started_at and self.build.same(other.build)


def head_line() -> str:
    """The first line: what the file is."""
    return _line(_Head(format=FORMAT, version=VERSION))


def line_of(fields: dict[str, Any]) -> str:
    """The line of a run, of the fields of an `ArchivedRun`.

    Raises:
        ValueError: a field is what `read` would refuse; the message is for a person.
    """
    try:
        return _line(ArchivedRun.model_validate(fields))
    except ValidationError as error:
        raise ValueError(_reason(error)) from error


def read(lines: Iterable[str], where: str) -> list[ArchivedRun]:
    """The runs of a history, each once, by their start.

    Raises:
        ConfigurationError: a line of it is none; `where` says of what.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    try:
        head = _Head.model_validate_json(first)
    except ValidationError:
        head = None
    if head is None or head.format != FORMAT:
        raise ConfigurationError(f"{where}: no history of a bootstrap-monitor; history --export writes one")
    if head.version > VERSION:
        raise ConfigurationError(
            f"{where} has version {head.version}, this monitor knows {VERSION}: use a newer bootstrap-monitor"
        )
    found = []
    for number, line in numbered:
        if line.strip():
            try:
                found.append(ArchivedRun.model_validate_json(line))
            except ValidationError as error:
                raise ConfigurationError(
                    f"{where}, line {number}: {_reason(error)}; nothing was taken"
                ) from error
    once = {(each.started_at, *sorted(each.digests)): each for each in reversed(found)}
    return sorted(once.values(), key=lambda each: each.started_at)


def _line(written: _Written) -> str:
    return json_text(written.model_dump(mode="json", by_alias=True))


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    at = ".".join(str(each) for each in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{at}: {said}" if at else said
