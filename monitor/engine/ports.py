"""What the loop asks of a platform, and of whoever knows which build is newest.

Every call may be repeated: what is done already is done again without harm.
"""

from __future__ import annotations

import threading
from typing import Protocol

from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.workload import Workload


class Platform(Protocol):
    """Runs the node of one tester."""

    def workload(self) -> Workload:
        """What is set to run now.

        Raises:
            ConfigurationError: what it is set to cannot be tested; says why and what to do.
            NotPermittedError: a permission lacks; names verb and resource.
            TemporaryError: the platform did not answer.
        """
        ...

    def pin(self, build: Build) -> None:
        """Set the node to this build, by digest, with its versions."""
        ...

    def recreate(self, *, unchanged: bool) -> None:
        """Have the node started anew as it is set now, `init` first.

        With `unchanged` also where what it is set to is what runs already.
        """
        ...

    def await_end(self, stopping: threading.Event) -> None:
        """After `recreate`, in `init`: return once this `init` should end."""
        ...

    def announce(self, announcement: Announcement, made_at: float) -> None:
        """Tell people, as the platform tells such things, what was decided at `made_at` (Unix seconds).

        Raises:
            OutageError: it can be told once the platform's API server is available.
            MonitorError: it could not be told.
        """
        ...

    def log_tail(self) -> str:
        """The end of what the node printed, if the platform keeps that; empty otherwise."""
        ...

    def reverter(self) -> str:
        """Who last set the node's image, other than this monitor; empty where unknown."""
        ...


class BuildResolver(Protocol):
    """Knows which build is newest under the rolling tag."""

    def newest(self) -> Build | None:
        """Look it up, with its versions; `None`: it is not time yet to look again.

        Raises:
            TemporaryError: it could not be learned this time.
        """
        ...


class BuildSource(BuildResolver, Protocol):
    """The same for as long as it takes; counts how often it was asked, and with what result."""

    def glimpse(self) -> Build | None:
        """What is known of it without starting anything for it; `None`: nothing, or not yet.

        Its versions may be missing, though `newest` would tell them.

        Raises:
            TemporaryError: it could not be learned this time.
        """
        ...
