"""The error of a registry."""

from __future__ import annotations

from monitor.errors import TemporaryError


class RegistryError(TemporaryError):
    """A lookup failed, and may succeed later; `after_seconds` is the pause that the registry asked for, if any."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AbsentError(RegistryError):
    """The registry does not have what it was asked for, or has it for other platforms only."""
