"""Clients that hold connections open: they send a request byte by byte, and reconnect when disconnected."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STEP_SECONDS = 0.25


@contextmanager
def slow_clients(address: tuple[str, int], count: int) -> Iterator[list[int]]:
    """Keep a number of clients connected within the block; yield the local port of each connection."""
    stopping = threading.Event()
    connected: list[int] = []
    work = (address, count // 4, stopping, connected)
    workers = [threading.Thread(target=_work, args=work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        yield connected
    finally:
        stopping.set()
        for worker in workers:
            worker.join()


def _work(address: tuple[str, int], count: int, stopping: threading.Event, connected: list[int]) -> None:
    clients: list[socket.socket] = []
    while not stopping.wait(STEP_SECONDS):
        clients = [client for client in clients if _sends(client, b"x")]
        while len(clients) < count and not stopping.is_set():
            try:
                client = socket.create_connection(address, timeout=1)
            except OSError:
                break
            if _sends(client, b"GET /metrics HTTP/1.1\r\nSlow: "):
                clients.append(client)
                connected.append(client.getsockname()[1])
    for client in clients:
        client.close()


def _sends(client: socket.socket, piece: bytes) -> bool:
    """Send data; return whether the connection is still open."""
    with suppress(OSError):
        client.sendall(piece)
        return True
    client.close()
    return False
