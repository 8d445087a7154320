"""Errors of the registry client."""

from __future__ import annotations

from monitor.errors import Cause, TemporaryError


class RegistryError(TemporaryError):
    """A lookup failed but may succeed later; `after_seconds` is the pause that the registry requested."""

    cause = Cause.REGISTRY_UNAVAILABLE

    def __init__(self, message: str, after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.after_seconds = after_seconds


class AbsentError(RegistryError):
    """The registry does not have the requested tag or digest, or has images for other platforms only."""


class UnauthorizedError(RegistryError):
    """The registry rejects the credentials, or requires credentials that the monitor does not send."""

    cause = Cause.REGISTRY_UNAUTHORIZED
