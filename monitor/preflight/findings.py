"""The findings of `check`: a result, a subject, and a message of one line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.json_text import JsonObject
from monitor.domain.sanitize import printable

_SUBJECT_WIDTH = len("node container")


class Result(StrEnum):
    """The result of a check; `warn` means that the part works with limitations, or could not be checked."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report; `message` describes the finding and, after a failure, the remedy."""

    result: Result
    subject: str
    message: str

    def text(self) -> str:
        """Return the finding as a line of text."""
        word = "FAIL" if self.result is Result.FAIL else self.result
        return f"{word:<4}  {self.subject:<{_SUBJECT_WIDTH}}  {_one_line(self.message)}"

    def to_json(self) -> JsonObject:
        """Return the finding as a JSON object."""
        return {"result": self.result, "subject": self.subject, "message": _one_line(self.message)}


def ok(subject: str, message: str) -> Finding:
    """Return a finding about a part that works."""
    return Finding(Result.OK, subject, message)


def warning(subject: str, message: str | Exception) -> Finding:
    """Return a finding about a part that works with limitations."""
    return Finding(Result.WARN, subject, str(message))


def failure(subject: str, message: str | Exception) -> Finding:
    """Return a finding about a part that does not work."""
    return Finding(Result.FAIL, subject, str(message))


def unchecked(subject: str, because: str) -> Finding:
    """Return a finding about a part that was not checked, for a reason that another finding explains."""
    return warning(subject, f"not checked: {because}")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
