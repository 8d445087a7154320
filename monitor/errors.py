"""What can go wrong, told apart by what helps.

Every error is one line for a person: what happened, where, and what to do.  Where a library's error is
translated, it stays chained, so that `--debug` can show it.
"""


class MonitorError(Exception):
    """Something failed; the command ends with `exit_code`."""

    exit_code = 1


class NothingToldError(MonitorError):
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


class TemporaryError(MonitorError):
    """The same call may succeed later: worth a retry with back-off."""


class OutageError(TemporaryError):
    """The API server of the platform is unavailable, so that the call was not carried out: it is no attempt."""


class NotPermittedError(MonitorError):
    """The cluster refused a verb on a resource; the message names both."""
