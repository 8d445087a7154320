"""What can go wrong, told apart by what helps.

Every error is one line for a person: what happened, where, and what to do.  Where a library's error is
translated, it stays chained, so that `--debug` can show it.
"""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why a tester does not progress; `texts.ACTIONS` has what an operator does about each."""

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
    CHECK_POD_FAILED = "check_pod_failed"
    VERSIONS_UNKNOWN = "versions_unknown"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    REGISTRY_UNAUTHORIZED = "registry_unauthorized"
    VOLUME_HELD = "volume_held"
    VOLUME_UNUSABLE = "volume_unusable"
    DATA_UNKNOWN = "data_unknown"
    CONFIGURATION_INVALID = "configuration_invalid"
    OTHER = "other"


class MonitorError(Exception):
    """Something failed; the command ends with `exit_code`.  `cause` is what is shown while it keeps failing."""

    exit_code = 1
    cause = Cause.OTHER

    def __init__(self, message: str = "", *, cause: Cause | None = None) -> None:
        """Take the message; `cause` where the class does not say it."""
        super().__init__(message)
        if cause is not None:
            self.cause = cause


class InconclusiveError(MonitorError):
    """What was asked has no answer, and to wait would bring none."""

    exit_code = 3


class BuildFailedError(MonitorError):
    """The builds that were asked about failed by their own fault."""


class OutputError(MonitorError):
    """What was asked for is known, and cannot be written to standard output."""

    exit_code = 4


class ConfigurationError(MonitorError):
    """The configuration or the call is wrong: trying again changes nothing, a person must."""

    exit_code = 2
    cause = Cause.CONFIGURATION_INVALID


class TemporaryError(MonitorError):
    """The same call may succeed later: worth a retry with back-off."""


class OutageError(TemporaryError):
    """The call was not carried out, such as while the platform's API server is unavailable: it is no attempt.

    `refused`: the API server answers, and refuses who asks, or asks too much: it does not help to ask again soon.
    """

    refused = False


class NotPermittedError(MonitorError):
    """The cluster refused a verb on a resource; the message names both."""

    cause = Cause.PERMISSION_MISSING
