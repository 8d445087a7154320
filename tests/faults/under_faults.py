"""Runs one process of a cell, `node` or a command of bootstrap-monitor, under the control of its harness.

The program is unchanged. Its clocks are those of the cell's machine (see `machine`). A profile hook of
Python detects the armed moment, writes `held`, and waits until `armed` is deleted. While `frozen` exists,
the process keeps no file open for writing, as the kernel requires before it makes a file system read-only.

usage: under_faults.py FOLDER WHERE-THE-VOLUME-IS node|COMMAND [FLAGS...]
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from faults import machine

ARMED, HELD, FROZEN, WHO = "armed", "held", "frozen", "who"
_POLL_SECONDS = 0.01


class Holder:
    """The profile hook: holds a thread at the armed moment until the harness releases it."""

    def __init__(self, folder: Path) -> None:
        from monitor.engine.folder_walk import remove_tree  # noqa: PLC0415
        from monitor.k8s.cluster import Cluster  # noqa: PLC0415 - after the clocks were installed
        from monitor.ledger import Ledger  # noqa: PLC0415

        self._folder, self._armed, self._over = folder, folder / ARMED, False
        self._record, self._pin = Ledger.record.__code__, Cluster.pin.__code__
        self._watched = {self._record, self._pin, remove_tree.__code__}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if self._over:
            sys.setprofile(None)
        if event not in {"call", "return"} or frame.f_code not in self._watched:
            return
        with contextlib.suppress(FileNotFoundError):
            if self._armed.read_text() in set(self._moments(frame, event)):
                self._hold()

    def _moments(self, frame: FrameType, event: str) -> Iterator[str]:
        """Yield the names of the moments that a call or a return stands for."""
        if frame.f_code is not self._record:
            if event == "call":
                yield "pinning" if frame.f_code is self._pin else "clearing"
            return
        kinds = {type(each).__name__ for each in frame.f_locals.get("decided", ())}
        if event == "return":
            if "EndRun" in kinds:
                yield "recorded"
            return
        readings: dict[str, Any] = frame.f_locals.get("readings") or {}
        if not kinds:
            yield str(readings.get("phase", {}).get("phase", ""))  # soaking, idle

    def _hold(self) -> None:
        held = self._folder / HELD
        held.with_suffix(".new").write_text(str(os.getpid()))
        held.with_suffix(".new").replace(held)
        while self._armed.exists():
            time.sleep(_POLL_SECONDS)
        self._over = True


class Grip:
    """The process's files on the volume that are open for writing.

    While frozen, they are reopened read-only, so that SQLite fails when it locks instead of when it writes.
    """

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self._frozen, self._data_dir = folder / FROZEN, str(data_dir)
        self._loosened: dict[int, str] = {}

    def watch(self) -> None:
        """Release and restore the files as the harness requests, forever."""
        while True:
            if self._frozen.exists():
                self._loosen()
            elif self._loosened:
                self._tighten()
            time.sleep(_POLL_SECONDS)

    def _loosen(self) -> None:
        opened = dict(self._open_for_writing())
        if any(path.endswith("-journal") for path in opened.values()):
            return  # wait until the transaction has ended
        for descriptor, path in opened.items():
            self._exchange(descriptor, path, os.O_RDONLY)
            self._loosened[descriptor] = path

    def _tighten(self) -> None:
        for descriptor, path in list(self._loosened.items()):
            with contextlib.suppress(OSError):
                if str(Path(f"/proc/self/fd/{descriptor}").readlink()) == path:
                    self._exchange(descriptor, path, os.O_RDWR)
                del self._loosened[descriptor]

    def _open_for_writing(self) -> Iterator[tuple[int, str]]:
        for each in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                path = str(each.readlink())
                if not path.startswith(self._data_dir + "/"):
                    continue
                lines = Path(f"/proc/self/fdinfo/{each.name}").read_text().splitlines()
                flags = int(next(line for line in lines if line.startswith("flags:")).split()[1], 8)
                if flags & os.O_ACCMODE != os.O_RDONLY:
                    yield int(each.name), path

    @staticmethod
    def _exchange(descriptor: int, path: str, flags: int) -> None:
        other = os.open(path, flags | os.O_CLOEXEC)
        os.dup2(other, descriptor, inheritable=False)
        os.close(other)


def run_node(folder: Path, arguments: list[str]) -> int:
    """Run the simulated node; its start time moves with the wall clock, as the kernel reports it."""
    from simulated_node import __main__ as program  # noqa: PLC0415 - after the clocks were installed
    from simulated_node import node  # noqa: PLC0415

    class Node(node.Node):
        @property
        def started_at(self) -> float:
            return self._kernel_started_at + machine.wall_ahead(folder)

        @started_at.setter
        def started_at(self, value: float) -> None:
            self._kernel_started_at = value - machine.wall_ahead(folder)

    program.Node = Node  # type: ignore[attr-defined]
    return program.main(arguments, os.environ)


def run_command(folder: Path, arguments: list[str]) -> int:
    """Run a command of bootstrap-monitor, which can be held."""
    from monitor import cli  # noqa: PLC0415 - after the clocks were installed
    from monitor.engine import clock  # noqa: PLC0415 - after the clocks were installed

    clock._BOOT_ID = folder / machine.BOOT_FILE  # noqa: SLF001 - the boot ID of the cell's machine
    if (folder / WHO).read_text() == arguments[0] and not (folder / HELD).exists():
        holder = Holder(folder)
        threading.setprofile(holder)
        sys.setprofile(holder)
    return cli.main(arguments)


def main() -> int:
    """Run the process that the command line names, on the cell's machine."""
    folder, data_dir, what, arguments = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
    machine.install(folder)
    threading.Thread(target=Grip(folder, data_dir).watch, daemon=True).start()
    return run_node(folder, arguments) if what == "node" else run_command(folder, [what, *arguments])


if __name__ == "__main__":
    sys.exit(main())
