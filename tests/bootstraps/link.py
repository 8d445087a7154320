"""A slow link on this machine: a TCP relay that delays the data in one direction."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

_CHUNK_BYTES = 1 << 16


@contextlib.contextmanager
def link(port: int, delay_seconds: float) -> Iterator[int]:
    """Relay connections to a port of 127.0.0.1, and delay each chunk sent to it; yield the relay's port.

    A request takes `delay_seconds` longer, so that a bootstrap takes long enough on a fast machine too.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, port, delay_seconds), daemon=True).start()
        yield int(server.getsockname()[1])
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # ends accept()


def _serve(server: socket.socket, port: int, delay_seconds: float) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = server.accept()
            threading.Thread(target=_relay, args=(near, port, delay_seconds), daemon=True).start()


def _relay(near: socket.socket, port: int, delay_seconds: float) -> None:
    with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_pump, args=(far, near, 0.0), daemon=True)
        back.start()
        _pump(near, far, delay_seconds)
        back.join()


def _pump(source: socket.socket, target: socket.socket, delay_seconds: float) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            time.sleep(delay_seconds)
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
