"""A reader for the node's log files on the volume: one file for the node and one for each chain.

Unlike the metrics page, a chain's log shows the current stage and how much of it remains.  The reader reads
only the end of each file: at first the last `TAIL_BYTES`, then the lines that were appended.  Once it has
parsed twice as much, it starts again at the end.  `chain_signals` lists the messages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import durationpy

from monitor.avalanchego.chain_signals import MESSAGES, NEWER_PEER, NODE_STARTS, Meaning, Message
from monitor.avalanchego.node_files import open_regular
from monitor.domain.bounds import moment
from monitor.domain.chains import CHAIN_NAME, PRIMARY_CHAINS
from monitor.domain.json_text import json_object, json_text
from monitor.domain.observations import ChainActivity, ChainLog, NodeLog
from monitor.domain.sanitize import one_line

TAIL_BYTES = 64 << 10
MAX_LINE_CHARACTERS = 16 << 10
_KEPT_CHARACTERS = 300
_COMPARED_BYTES = 256
_PLAIN = re.compile(
    r"^\[(?P<time>[^\]]{1,40})\] (?P<level>[A-Z]+)(?: <[^>]{1,80}>)? (?P<source>\S+:\d+) (?P<content>.*)$"
)
# Coreth pads a message before its fields: `fetching blocks from peer     fetched=224 total=256`.
_PADDED_FIELDS = re.compile(r"(?<!\s)\s++(?=[A-Za-z]\w*+=)")
_PADDED_FIELD = re.compile(r'([A-Za-z]\w*+)=("[^"]*+"|\S++)')
_JSON_KEYS = frozenset({"msg", "timestamp", "level", "caller", "logger"})
_JSON_PART = {
    name: re.compile(rf'[{{,]\s?"{name}":\s?"((?:[^"\\]|\\.)*+)"') for name in ("timestamp", "level", "msg")
}
_RELEASE = re.compile(r"[0-9]+\.[0-9]+\.")
_SKIPPED = "Skipped"  # the sync mode of a state summary to which the VM does not sync
_CHAIN_NAME = re.compile(CHAIN_NAME)


class _Line(NamedTuple):
    """One parsed log line; `content` is the message with its fields, or the whole line if the log is JSON."""

    time: str
    level: str
    message: str
    content: str
    is_json: bool = False

    @property
    def fields(self) -> Mapping[str, object]:
        """The fields behind the message."""
        if not self.is_json:
            return _fields_of(self.content)
        parsed = _fields(self.content)
        padded = _fields_of(str(parsed.get("msg", "")))
        return {**padded, **{name: value for name, value in parsed.items() if name not in _JSON_KEYS}}

    @property
    def text(self) -> str:
        """The message with its fields."""
        if not self.is_json:
            return self.content
        try:
            return f"{self.message} {json_text(self.fields)}"
        except ValueError:  # an infinite number
            return self.message

    @property
    def kept(self) -> str:
        """The time and text of the line, shortened, to distinguish it from other lines."""
        return one_line(f"[{self.time}] {self.content}", _KEPT_CHARACTERS)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of one log file, parsed; `changed_at` is the file's modification time (Unix seconds).

    `state` is that of the complete lines from byte `begins` to byte `ends`; `last` are the bytes before
    `ends`.  They distinguish appended lines from a replaced file.
    """

    identity: tuple[int, int, int]
    changed_at: float
    begins: int
    ends: int
    last: bytes
    state: LogState
    chain: ChainLog | None
    node: NodeLog


class NodeLogs:
    """A reader for the folder of a node's logs; it caches the state of each log between reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Tail] = {}

    def read(self, chains: Collection[str] = ()) -> NodeLog:
        """Return the state of the node, the Primary Network's chains and `chains`, as their logs show it."""
        names = _log_names(chains)
        self._kept = {name: tail for name in names if (tail := self._tail(name)) is not None}
        shown = {name: tail.chain for name, tail in self._kept.items() if name != "main" and tail.chain}
        fatal = max(
            ((tail.changed_at, tail.node.fatal) for tail in self._kept.values() if tail.node.fatal),
            default=(0.0, ""),
        )
        main = self._kept["main"].node if "main" in self._kept else NodeLog()
        return replace(main, chains=shown, fatal=fatal[1])

    def log_tail(self, chains: Collection[str] = ()) -> str:
        """Return the ends of all log files, most recently written last; at most `TAIL_BYTES` in total."""
        tails: list[tuple[float, str, bytes]] = []
        for name in _log_names(chains):
            with suppress(OSError), self._open(name) as file:
                status = os.fstat(file.fileno())
                tails.append((_changed_at(status), name, _end_of(file, status.st_size)))
        tails = sorted(tail for tail in tails if tail[2])
        share = TAIL_BYTES // max(1, len(tails)) - 64
        return "".join(f"==> {name}.log <==\n{_last_lines(text, share)}" for _, name, text in tails)

    def _open(self, name: str) -> BinaryIO:
        return open_regular(self._folder / f"{name}.log", beneath=self._folder.parents[1])

    def _tail(self, name: str) -> _Tail | None:
        """Return the end of one log file; parse only lines that were appended since the last call."""
        kept = self._kept.get(name)
        try:
            with self._open(name) as file:
                status = os.fstat(file.fileno())
                identity = (status.st_ino, status.st_size, status.st_mtime_ns)
                if kept is not None and kept.identity == identity:
                    return kept
                added = None if kept is None else _added(file, kept, status)
                read = _end_of(file, status.st_size) if added is None else added
        except OSError:
            return None
        complete, newline, rest = read.rpartition(b"\n")
        if kept is None or added is None:
            begins, last, state = status.st_size - len(read), b"", LogState()
        else:
            begins, last, state = kept.begins, kept.last, kept.state
        state.add(complete.decode(errors="replace"))
        shown, changed_at = state.with_line(rest.decode(errors="replace")), _changed_at(status)
        return _Tail(
            identity=identity,
            changed_at=changed_at,
            begins=begins,
            ends=status.st_size - len(rest),
            last=(last + complete + newline)[-_COMPARED_BYTES:],
            state=state,
            chain=shown.chain_log(changed_at),
            node=shown.node_log(),
        )


def _log_names(chains: Collection[str]) -> Collection[str]:
    others = sorted(name for name in chains if _CHAIN_NAME.fullmatch(name))
    return dict.fromkeys(("main", *PRIMARY_CHAINS, *others))


def _changed_at(status: os.stat_result) -> float:
    return moment(status.st_mtime) or 0.0


def _end_of(file: BinaryIO, size: int) -> bytes:
    """Return the end of a file without the line that it cuts; at most `TAIL_BYTES`."""
    file.seek(max(0, size - TAIL_BYTES))
    read = file.read(min(size, TAIL_BYTES))
    return read if size <= TAIL_BYTES else read.partition(b"\n")[2]


def _added(file: BinaryIO, kept: _Tail, status: os.stat_result) -> bytes | None:
    """Return the bytes after those that were parsed; `None` if the file must be read from its end."""
    size = status.st_size
    is_same = status.st_ino == kept.identity[0] and size >= kept.ends and kept.last
    if not is_same or size - kept.begins > 2 * TAIL_BYTES:
        return None
    begins = kept.ends - len(kept.last)
    file.seek(begins)
    read = file.read(size - begins)
    return read[len(kept.last) :] if read.startswith(kept.last) else None


class LogState:
    """The state of a node and a chain, accumulated from log lines."""

    def __init__(self) -> None:
        self._chain = _ChainState()
        self._fatal: _Line | None = None
        self._newer: _Line | None = None

    def add(self, text: str) -> None:
        """Update the state from complete lines."""
        for line in _lines(text):
            if line.message == NODE_STARTS:
                self._newer = None
            elif line.message == NEWER_PEER:
                self._newer = line if _is_of_another_release(line.fields) else self._newer
            elif line.level == "FATAL":
                self._fatal = line
            message = MESSAGES.get(line.message)
            if message is None:
                continue
            if message.meaning is Meaning.NEW_PROCESS:
                self._chain = _ChainState(transitioned=self._chain.transitioned)
            else:
                self._chain.hear(message, line)

    def with_line(self, line: str) -> LogState:
        """Return the state after an incomplete last line; this state stays as it is."""
        if not line:
            return self
        state = copy(self)
        state._chain = copy(self._chain)  # noqa: SLF001 - of the same class
        state.add(line)
        return state

    def chain_log(self, changed_at: float) -> ChainLog | None:
        """Return the state of the chain, or `None` if no line names a stage."""
        chain = self._chain
        if chain.stage is None:
            return None
        through = chain.stage in {ChainActivity.WAITING, ChainActivity.DONE}
        fields = chain.staged.fields if chain.staged else {}
        eta_seconds = None if through else _eta_seconds(fields)
        return ChainLog(
            activity=chain.stage,
            ratio=1.0 if through else _ratio(fields),
            end_at=None if eta_seconds is None else moment(changed_at + eta_seconds),
            progress=chain.progress.kept if chain.progress else "",
            summary=chain.summary.kept if chain.summary else "",
            skipped=chain.skipped,
            transitioned=chain.transitioned,
            written_at=changed_at,
        )

    def node_log(self) -> NodeLog:
        """Return the state of the node, without its chains."""
        fatal, newer = self._fatal, self._newer
        version = str(newer.fields.get("peerVersion", "")) if newer else ""
        return NodeLog(
            fatal=fatal.text if fatal else "",
            newer_peer=newer.kept if newer else "",
            newer_version=one_line(version, _KEPT_CHARACTERS),
        )


class _ChainState:
    """The state of a chain, accumulated from its log line by line; fields are parsed only when needed."""

    def __init__(self, *, transitioned: bool = False) -> None:
        self.stage: ChainActivity | None = None
        self.staged: _Line | None = None
        self.progress: _Line | None = None
        self.summary: _Line | None = None
        self.skipped, self.transitioned = False, transitioned
        self._before_transition: ChainActivity | None = None

    def hear(self, message: Message, line: _Line) -> None:
        """Update the state from one line and the table entry of its message."""
        meaning = message.meaning
        if message.field and message.field not in line.content:
            meaning = Meaning.STAGE
        if meaning is Meaning.ENDS_STAGE and line.fields.get("halted") is True:
            return  # interrupted work does not end the stage
        if message.stage is ChainActivity.TRANSITIONING and self.stage is not message.stage:
            self._before_transition = self.stage
        self.stage = self._before_transition if meaning is Meaning.RETURN else message.stage or self.stage
        self.staged = line
        match meaning:
            case Meaning.PROGRESS:
                self.progress = line
            case Meaning.SUMMARY if line.fields.get("syncMode") == _SKIPPED:
                self.skipped = True
            case Meaning.SUMMARY:
                self.summary, self.skipped = line, False
            case Meaning.SKIPPED:
                self.skipped = True
            case Meaning.TRANSITION:
                self.transitioned = True
            case _:
                pass


def _is_of_another_release(fields: Mapping[str, object]) -> bool:
    """Return whether a peer's version differs in more than the patch version, which is compatible."""
    own, peer = (_RELEASE.search(str(fields.get(name, ""))) for name in ("myVersion", "peerVersion"))
    return peer is not None and (own is None or own[0] != peer[0])


def _lines(text: str) -> Iterator[_Line]:
    for line in text.splitlines():
        begins = line[:MAX_LINE_CHARACTERS]
        parsed = _json_line(begins) if begins.startswith("{") else _plain_line(begins)
        if parsed is not None:
            yield parsed


def _plain_line(line: str) -> _Line | None:
    parsed = _PLAIN.match(line)
    if parsed is None:
        return None
    content = parsed["content"].strip()
    return _Line(parsed["time"], parsed["level"], _message_of(content), content)


def _json_line(line: str) -> _Line | None:
    """Parse a line of `--log-format=json`; avalanchego `utils/logging/format.go` defines the field names.

    This function extracts only the time, level and message, because most lines need no other field.
    """
    parts = [_JSON_PART[name].search(line) for name in ("timestamp", "level", "msg")]
    if not line.endswith("}") or None in parts:
        return None
    time, level, message = (part[1] for part in parts if part)
    return _Line(time, level.upper(), _message_of(message.strip()), line, is_json=True)


def _message_of(content: str) -> str:
    """Return the message of a line without its fields."""
    message = content.partition(" {")[0].rstrip() if content.endswith("}") else content
    padded = _PADDED_FIELDS.search(message) if "=" in message else None
    return message[: padded.start()] if padded else message


def _fields_of(content: str) -> Mapping[str, object]:
    """Return the fields after a message: JSON, or padded `name=value` pairs as Coreth writes them."""
    message, brace, rest = content.partition(" {")
    padded = {name: value.strip('"') for name, value in _PADDED_FIELD.findall(message)}
    return {**padded, **(_fields("{" + rest) if brace and rest.endswith("}") else {})}


def _fields(text: str) -> Mapping[str, object]:
    try:
        return json_object(text)
    except ValueError:
        return {}


def _ratio(fields: Mapping[str, object]) -> float | None:
    percent = fields.get("pctComplete")
    if isinstance(percent, int | float):
        return min(100.0, max(0.0, percent)) / 100
    done, total = _count(fields.get("fetched")), _count(fields.get("total"))
    return None if done is None or not total else min(1.0, done / total)


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,15}", value) else None


def _eta_seconds(fields: Mapping[str, object]) -> float | None:
    eta = fields.get("eta", fields.get("ETA"))
    try:
        # Coreth writes `<1m` for less than half a minute.
        return (
            float(durationpy.from_str(eta.removeprefix("<")).total_seconds())
            if isinstance(eta, str)
            else None
        )
    except (ValueError, OverflowError, durationpy.DurationError):
        return None


def _last_lines(read: bytes, max_bytes: int) -> str:
    """Return the last complete lines that fit into `max_bytes`, with a final line break."""
    text = read.decode(errors="replace").encode()
    kept = text if len(text) <= max_bytes else text[-max_bytes:].partition(b"\n")[2]
    return kept.decode() if kept.endswith(b"\n") else kept.decode() + "\n"
