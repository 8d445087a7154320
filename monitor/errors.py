"""The monitor's errors, grouped by what the caller or the operator can do about them.

Every error message is one line for a person: what failed, where, and what to do.  An error that translates a
library's error keeps it chained, so that `--debug` can show it.
"""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """The cause of a problem that keeps a tester from working; `output.format.ACTIONS` has the action for each."""

    API_SERVER_UNAVAILABLE = "api_server_unavailable"
    API_SERVER_UNAUTHORIZED = "api_server_unauthorized"
    PERMISSION_MISSING = "permission_missing"
    REQUEST_DENIED = "request_denied"
    STATEFULSET_PARTITIONED = "statefulset_partitioned"
    STATEFULSET_NOT_OBSERVED = "statefulset_not_observed"
    IMAGE_REVERTED = "image_reverted"
    IMAGE_PULL_FAILED = "image_pull_failed"
    CONTAINER_NOT_STARTED = "container_not_started"
    NODE_CRASHING = "node_crashing"
    VERSION_POD_FAILED = "check_pod_failed"  # ledgers, metrics and the API have this word
    VERSIONS_UNKNOWN = "versions_unknown"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    REGISTRY_UNAUTHORIZED = "registry_unauthorized"
    VOLUME_HELD = "volume_held"
    VOLUME_UNUSABLE = "volume_unusable"
    DATA_UNKNOWN = "data_unknown"
    CONFIGURATION_INVALID = "configuration_invalid"
    OTHER = "other"


class MonitorError(Exception):
    """The base class of the monitor's errors.

    A command that fails with this error exits with `exit_code`.  While the failure lasts, the monitor reports
    `cause` as the tester's problem.
    """

    exit_code = 1
    cause = Cause.OTHER

    def __init__(self, message: str = "", *, cause: Cause | None = None) -> None:
        """Set the message, and `cause` if it differs from the cause of the class."""
        super().__init__(message)
        if cause is not None:
            self.cause = cause


class InconclusiveError(MonitorError):
    """The command cannot reach a verdict, and waiting longer would not change that."""

    exit_code = 3


class BuildFailedError(MonitorError):
    """The tested builds failed because of faults of their own."""


class OutputError(MonitorError):
    """The command has a result, but cannot write it to standard output."""

    exit_code = 4


class ConfigurationError(MonitorError):
    """The configuration or the command line is wrong; a retry fails until an operator corrects it."""

    exit_code = 2
    cause = Cause.CONFIGURATION_INVALID


class TemporaryError(MonitorError):
    """A call failed that may succeed later, so the caller should retry it with backoff."""


class OutageError(TemporaryError):
    """A call was not carried out, for example because the platform's API server is unavailable.

    Such a call does not count as an attempt.  `refused` means that the API server is available and rejects
    the client's credentials or request rate, so an early retry does not help.
    """

    refused = False


class NotPermittedError(MonitorError):
    """The cluster denied a verb on a resource; the message names both."""

    cause = Cause.PERMISSION_MISSING
