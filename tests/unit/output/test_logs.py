"""Tests of the log format: one line of text, or one JSON object with the keys of the Go monitor."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

from monitor.output.logs import LogFormat, set_up_logs

LOGGERS = [logging.getLogger(name) for name in (None, "monitor", "apscheduler")]
CREATED = 1_700_000_000.25


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Restore the logging setup after a test."""
    root = LOGGERS[0]
    handlers, levels = root.handlers, [logger.level for logger in LOGGERS]
    root.handlers = []
    yield
    root.handlers = handlers
    for logger, level in zip(LOGGERS, levels, strict=True):
        logger.setLevel(level)


_Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def record(
    level: int = logging.INFO, message: str = "a build of %s", error: _Raised | None = None, **fields: object
) -> logging.LogRecord:
    """Return a log record of a module with a fixed time."""
    entry = {
        "name": "monitor.engine.loop",
        "levelno": level,
        "levelname": logging.getLevelName(level),
        "msg": message,
        "args": ("fuji",) if "%s" in message else (),
        "created": CREATED,
        "exc_info": error,
    }
    return logging.makeLogRecord({**entry, **fields})


def written(log_format: LogFormat, entry: logging.LogRecord, stream: io.StringIO | None = None) -> str:
    """Return the text that is written to the stream."""
    stream = stream or io.StringIO()
    set_up_logs(log_format, debug=False, stream=stream)
    logging.getLogger("monitor.engine.loop").handle(entry)
    return stream.getvalue()


def raised() -> _Raised:
    """Return the exception information of a raised error."""
    try:
        int("x")
    except ValueError as error:
        return type(error), error, error.__traceback__
    raise AssertionError


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        pytest.param(record(), "2023-11-14T22:13:20Z INFO    a build of fuji\n", id="message"),
        pytest.param(
            record(logging.WARNING, "careful"), "2023-11-14T22:13:20Z WARNING careful\n", id="a longer level"
        ),
        pytest.param(
            record(rule="resume", run=3),
            "2023-11-14T22:13:20Z INFO    a build of fuji run=3\n",
            id="fields behind it",
        ),
        pytest.param(
            record(message="100 % done"), "2023-11-14T22:13:20Z INFO    100 % done\n", id="a sign of percent"
        ),
    ],
)
def test_plain(entry: logging.LogRecord, line: str) -> None:
    assert written("plain", entry) == line


@pytest.mark.parametrize(
    ("level", "start", "end"),
    [
        pytest.param(logging.DEBUG, "\x1b[2m2023", "fuji\x1b[0m\n", id="debug is dim"),
        pytest.param(logging.INFO, "2023", "fuji\n", id="info is as usual"),
        pytest.param(logging.WARNING, "\x1b[33m2023", "fuji\x1b[0m\n", id="warning is yellow"),
        pytest.param(logging.ERROR, "\x1b[31m2023", "fuji\x1b[0m\n", id="error is red"),
        pytest.param(logging.CRITICAL, "\x1b[31m2023", "fuji\x1b[0m\n", id="critical is red"),
    ],
)
def test_colors(level: int, start: str, end: str) -> None:
    line = written("colors", record(level))

    assert (line[: len(start)], line[-len(end) :]) == (start, end)


@pytest.mark.parametrize(
    ("log_format", "stream", "colored"),
    [
        pytest.param("auto", Terminal(), True, id="auto on a terminal"),
        pytest.param("auto", io.StringIO(), False, id="auto elsewhere"),
        pytest.param("plain", Terminal(), False, id="plain on a terminal"),
        pytest.param("colors", io.StringIO(), True, id="colors elsewhere"),
        pytest.param("json", Terminal(), False, id="JSON on a terminal"),
    ],
)
def test_who_gets_colors(
    log_format: LogFormat, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, *, colored: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert ("\x1b" in written(log_format, record(logging.ERROR), stream)) is colored


@pytest.mark.parametrize(
    ("log_format", "value", "colored"),
    [
        pytest.param("auto", "1", False, id="not wanted"),
        pytest.param("auto", "", True, id="empty, which is not set"),
        pytest.param("colors", "1", True, id="asked for all the same"),
    ],
)
def test_no_color_is_heeded(
    log_format: LogFormat, value: str, monkeypatch: pytest.MonkeyPatch, *, colored: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", value)

    assert ("\x1b" in written(log_format, record(logging.ERROR), Terminal())) is colored


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(record(), {"level": "info", "msg": "a build of fuji"}, id="message"),
        pytest.param(
            record(logging.ERROR, "two\nlines"), {"level": "error", "msg": "two\nlines"}, id="a line's end"
        ),
        pytest.param(
            record(rule="resume", run=3),
            {"level": "info", "msg": "a build of fuji", "rule": "resume", "run": 3},
            id="fields keep their kind",
        ),
        pytest.param(
            record(where=logging.WARNING, what={1}),
            {"level": "info", "msg": "a build of fuji", "where": 30, "what": "{1}"},
            id="what JSON has not is text",
        ),
    ],
)
def test_json(entry: logging.LogRecord, expected: dict[str, Any]) -> None:
    text = written("json", entry)
    always = {"timestamp": "2023-11-14T22:13:20.250000Z", "logger": "monitor.engine.loop"}

    assert text.count("\n") == 1
    assert json.loads(text) == expected | always


def test_an_error_keeps_its_traceback() -> None:
    plain = written("plain", record(logging.ERROR, "failed", raised())).splitlines()
    as_json = json.loads(written("json", record(logging.ERROR, "failed", raised())))

    assert plain[:2] == ["2023-11-14T22:13:20Z ERROR   failed", "Traceback (most recent call last):"]
    assert plain[-1] == "ValueError: invalid literal for int() with base 10: 'x'"
    assert as_json["msg"] == "failed"
    assert as_json["traceback"].splitlines() == plain[1:]


@pytest.mark.parametrize(
    ("debug", "level", "logged"),
    [
        pytest.param(False, logging.INFO, ["i", "w", "scheduler's error"], id="usual"),
        pytest.param(True, logging.INFO, ["d", "i", "w", "scheduler's error"], id="debug"),
        pytest.param(False, logging.WARNING, ["w", "scheduler's error"], id="warnings only"),
        pytest.param(True, logging.WARNING, ["d", "i", "w", "scheduler's error"], id="debug wins"),
    ],
)
def test_what_is_logged(*, debug: bool, level: int, logged: list[str]) -> None:
    stream = io.StringIO()
    set_up_logs("json", debug=debug, level=level, stream=stream)
    ours, library = logging.getLogger("monitor.engine.loop"), logging.getLogger("another.library")
    scheduler = logging.getLogger("apscheduler.executors.default")
    ours.debug("d")
    ours.info("i")
    ours.warning("w")
    library.debug("library's debug")
    scheduler.warning("scheduler's warning")
    scheduler.error("scheduler's error")

    assert [json.loads(line)["msg"] for line in stream.getvalue().splitlines()] == logged


def test_a_second_setup_replaces_the_stream() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up_logs("plain", debug=False, stream=first)
    set_up_logs("plain", debug=False, stream=second)
    logging.getLogger("monitor.engine.loop").handle(record())

    assert (first.getvalue(), second.getvalue().count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("log_format", "line"),
    [
        pytest.param("plain", "no disk \ufffd[2J\ufffd answer=\ufffd[1m\n", id="plain"),
        pytest.param("colors", "no disk \ufffd[2J\ufffd answer=\ufffd[1m\n", id="colors"),
        pytest.param("json", '"msg": "no disk \\u001b[2J\\u0007", "answer": "\\u001b[1m"}\n', id="JSON"),
    ],
)
def test_nothing_of_a_node_steers_the_terminal(log_format: LogFormat, line: str) -> None:
    """A node's output cannot control the terminal, although a verdict's message ends with its last line."""
    entry = record(message="no disk \x1b[2J\x07", answer="\x1b[1m")

    assert written(log_format, entry).endswith(line)
