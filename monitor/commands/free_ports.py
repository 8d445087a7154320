"""Free ports of this machine for a node and a page, reserved against other `bootstrap-monitor` processes."""

from __future__ import annotations

import contextlib
import errno
import socket

from monitor.errors import MonitorError

_TRIES = 20


class Ports:
    """Reserves ports until this process ends.

    A node listens seconds after its port was chosen, and not at all between two starts, so another process
    would find the port free. A reservation is a name in the abstract namespace of Unix sockets (unix(7)).
    Like a port, only one process of the network namespace can have it, and the kernel releases it when the
    process ends.
    """

    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def close(self) -> None:
        """Release all reservations."""
        for reservation in self._held:
            reservation.close()
        self._held.clear()

    def free(self, wanted: int = 0) -> int:
        """Reserve the wanted port if it is free, or else any free port, and return its number.

        Raises:
            MonitorError: no port is free.
        """
        for port in (wanted, *[0] * _TRIES):
            free_port = _unused(port)
            if free_port is not None and self._reserve(free_port):
                return free_port
        raise MonitorError("no free port on 127.0.0.1: stop another program")

    def take(self, port: int) -> None:
        """Reserve a port that the user chose.

        Raises:
            MonitorError: another `bootstrap-monitor` has the port, and its node would be mistaken for this
                one's.
        """
        if not self._reserve(port):
            raise MonitorError(
                f"another bootstrap-monitor uses port {port} for its node: stop it, or use another port for this node"
            )

    def _reserve(self, port: int) -> bool:
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0bootstrap-monitor-port-{port}")
        except OSError as error:
            name.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        self._held.append(name)
        return True


def _unused(port: int) -> int | None:
    """Return the port if nobody listens on it, any free port for 0, or `None` if it is in use."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])
    return None
