"""A port of 127.0.0.1 in front of another: open, closed so that it refuses connections, or silent."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

_POLL_SECONDS = 0.01
_PIECE_BYTES = 1 << 16


class Gate:
    """Forwards connections; closing the gate drops them."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self._target = port, target
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._passing: set[socket.socket] = set()
        self.silent = False

    @property
    def is_open(self) -> bool:
        """Whether the gate accepts connections."""
        return self._listener is not None

    def open(self) -> None:
        """Accept connections."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and drop the existing ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            passing, self._passing = self._passing, set()
        for each in passing:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def leads_somewhere(self) -> bool:
        """Return whether something listens on the target port."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target), 1):
            return True
        return False

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 1)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._passing |= {near, far}
            ends = [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(source, sink, ends), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, ends: list[socket.socket]) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                while self.silent:
                    time.sleep(_POLL_SECONDS)
                sink.sendall(piece)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._passing -= {source, sink}
            done = len(ends) == 1
            ends.pop()
        if done:  # the other direction has ended too
            source.close()
            sink.close()
