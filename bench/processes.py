"""Memory and CPU time of a process, as reported by Linux."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024
_HEADER = re.compile(r"([0-9a-f]+)-[0-9a-f]+ (\S+) \S+ \S+ (\S+) *(.*)")
_THREAD_HEAP = 64 << 20  # the C library aligns a thread's heap to this size, on 64-bit machines


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in MiB: resident; with shared pages divided among their users; used by no other process."""

    resident: float
    proportional: float
    private: float


def memory_of(pid: int) -> Memory:
    """Return the current memory of a process."""
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) / _KIB
    return Memory(found["Rss"], found["Pss"], found["Private_Clean"] + found["Private_Dirty"])


def memory_by_kind(pid: int) -> Mapping[str, float]:
    """Return the resident MiB by the use of the memory."""
    found: dict[str, float] = defaultdict(float)
    kind, guarded = "", False
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        if header := _HEADER.fullmatch(line):
            begin, permissions, _, name = header.groups()
            kind = _kind(int(begin, 16), name, writable="w" in permissions, guarded=guarded)
            guarded = permissions == "---p"
        elif line.startswith("Rss:"):
            found[kind] += int(line.split()[1]) / _KIB
    return found


def _kind(begin: int, name: str, *, writable: bool, guarded: bool) -> str:
    if name == "[heap]":
        return "the C heap"
    if name == "[stack]":
        return "stacks"
    if name:
        return "data of program and libraries" if writable else "program and libraries"
    if begin % _THREAD_HEAP == 0:
        return "C heaps of threads"
    return "stacks" if guarded else "Python's objects"


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in seconds, including threads that have ended."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
