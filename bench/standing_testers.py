"""Testers without new builds: their requests to the API server, and their memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.tester import DeployedTester

from bench.audit import requests_in, service_account
from bench.processes import Memory, memory_of

SCRAPE_SECONDS = 15.0
HOUR_SECONDS = 3600.0
# The monitor reads its pod at a fixed interval, which the settings do not change.
BY_THE_HOUR = ("get", "pods")
Asked = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """A tester without new builds, with intervals that are `faster` times shorter than the default."""

    words: str
    tester: DeployedTester
    faster: int = 1

    def asked(self, log: Path, begin: float, end: float) -> Asked:
        """Count the requests of the tester's ServiceAccount by verb and resource."""
        own = service_account(self.tester.namespace, self.tester.tester.name)
        requests = requests_in(log, self.tester.namespace, begin, end)
        return Counter((each.verb, each.resource) for each in requests if each.user == own)

    def scale(self, what: tuple[str, str], seconds: float) -> float:
        """Return the factor from a count in some seconds to a count in an hour at default intervals."""
        return HOUR_SECONDS / seconds / (1 if what == BY_THE_HOUR else self.faster)

    def process(self) -> int:
        """Return the process ID of the tester's `wait-for-completion` on this machine."""
        uid = f"POD_UID={self.tester.uid()}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words, variables = ((folder / each).read_bytes() for each in ("cmdline", "environ"))
            except OSError:  # the process has ended
                continue
            if b"wait-for-completion" in words.split(b"\0") and uid in variables.split(b"\0"):
                return int(folder.name)
        raise SystemExit(f"no process of {self.tester.namespace} is to be seen from here")


@contextmanager
def scraped(testers: Sequence[Standing]) -> Iterator[Mapping[str, list[Memory]]]:
    """Scrape the testers as Prometheus does, and yield the memory of each after every scrape."""
    processes = {each.words: each.process() for each in testers}
    memory: dict[str, list[Memory]] = {each: [] for each in processes}
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(SCRAPE_SECONDS):
            for each in testers:
                each.tester.samples()
                memory[each.words].append(memory_of(processes[each.words]))

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()
