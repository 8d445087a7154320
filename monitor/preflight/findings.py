"""The form of what is found: a word, what was looked at, and one line on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.json_text import JsonObject
from monitor.domain.sanitize import printable

_SUBJECT_WIDTH = len("node container")


class Result(StrEnum):
    """How it is: `warn` works, though less well, or could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `message` says what was found and, where it is bad, what to do."""

    result: Result
    subject: str
    message: str

    def text(self) -> str:
        """As a person reads it."""
        word = "FAIL" if self.result is Result.FAIL else self.result
        return f"{word:<4}  {self.subject:<{_SUBJECT_WIDTH}}  {_one_line(self.message)}"

    def to_json(self) -> JsonObject:
        """As a script reads it."""
        return {"result": self.result, "subject": self.subject, "message": _one_line(self.message)}


def good(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(Result.OK, subject, message)


def doubtful(subject: str, message: str | Exception) -> Finding:
    """It works, though less well."""
    return Finding(Result.WARN, subject, str(message))


def bad(subject: str, message: str | Exception) -> Finding:
    """It does not work."""
    return Finding(Result.FAIL, subject, str(message))


def unchecked(subject: str, because: str) -> Finding:
    """It could not be looked at, for what another line says."""
    return doubtful(subject, f"not checked: {because}")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
