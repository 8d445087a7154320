"""Interfaces of the platform that runs the node, and of the sources of the newest build.

Every call is idempotent.
"""

from __future__ import annotations

import threading
from typing import Protocol

from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.workload import Workload


class Platform(Protocol):
    """Platform that runs the node of one tester."""

    def workload(self) -> Workload:
        """Return the workload that is configured to run now.

        Raises:
            ConfigurationError: the configuration cannot be tested; the message says why and what to do.
            NotPermittedError: a permission is missing; the message names verb and resource.
            TemporaryError: the platform did not answer.
        """
        ...

    def pin(self, build: Build) -> None:
        """Pin the node to a build by digest, and store the versions of the build."""
        ...

    def recreate(self, *, unchanged: bool) -> None:
        """Restart the node with its current settings, beginning with `init`.

        With `unchanged`, also restart a node that already runs with these settings.
        """
        ...

    def await_end(self, stopping: threading.Event) -> None:
        """Wait, in `init` after `recreate`, until this `init` should exit or `stopping` is set."""
        ...

    def announce(self, announcement: Announcement, made_at: float) -> None:
        """Publish an announcement that was recorded at `made_at` (Unix seconds), such as a Kubernetes Event.

        Raises:
            OutageError: the platform's API server is unavailable; retry later.
            MonitorError: the announcement could not be published.
        """
        ...

    def log_tail(self) -> str:
        """Return the end of the node's output; empty if the platform does not store it."""
        ...

    def reverter(self) -> str:
        """Return the name of the client, other than this monitor, that last set the node's image.

        Empty if unknown.
        """
        ...


class BuildResolver(Protocol):
    """Lookup of the newest build under the rolling tag."""

    def newest(self) -> Build | None:
        """Return the newest build with its versions; `None` if no lookup is due yet.

        Raises:
            TemporaryError: the lookup failed and may succeed later.
        """
        ...


class BuildSource(BuildResolver, Protocol):
    """Lookup of the newest build for a monitor that runs for weeks; counts lookups by result."""

    def poll(self) -> Build | None:
        """Return the newest build as far as it is known without starting a pod; `None` if it is unknown.

        The versions may be missing, even if `newest` would return them.

        Raises:
            TemporaryError: the lookup failed and may succeed later.
        """
        ...
