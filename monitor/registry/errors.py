"""The error of a registry."""

from __future__ import annotations

from monitor.errors import Cause, TemporaryError


class RegistryError(TemporaryError):
    """A lookup failed, and may succeed later; `after_seconds` is the pause that the registry asked for, if any."""

    cause = Cause.REGISTRY_UNAVAILABLE

    def __init__(
        self, message: str, after_seconds: float | None = None, *, cause: Cause | None = None
    ) -> None:
        super().__init__(message, cause=cause)
        self.after_seconds = after_seconds


class AbsentError(RegistryError):
    """The registry does not have what it was asked for, or has it for other platforms only."""


class UnauthorizedError(RegistryError):
    """The registry does not accept the credentials, or wants some that are not sent."""

    cause = Cause.REGISTRY_UNAUTHORIZED
