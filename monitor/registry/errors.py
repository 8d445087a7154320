"""What goes wrong with a registry; all of it may pass."""

from __future__ import annotations

from monitor.errors import TemporaryError


class RegistryError(TemporaryError):
    """A registry did not tell; `after_seconds` is how long it asked to be left alone, where it did."""

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AbsentError(RegistryError):
    """The registry does not have what it was asked for, or has it for other platforms only."""
