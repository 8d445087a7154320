"""Testers to which nothing new comes: what they ask of the API server, and what they hold in memory."""

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
# By a clock of its own, whatever the intervals are, the monitor reads its pod again and again.
BY_THE_HOUR = ("get", "pods")
Asked = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """A tester to which nothing new comes, `faster` than one of the default intervals."""

    words: str
    tester: DeployedTester
    faster: int = 1

    def asked(self, log: Path, begin: float, end: float) -> Asked:
        """What its ServiceAccount asked for: verb and resource."""
        own = service_account(self.tester.namespace, self.tester.tester.name)
        requests = requests_in(log, self.tester.namespace, begin, end)
        return Counter((each.verb, each.resource) for each in requests if each.user == own)

    def scale(self, what: tuple[str, str], seconds: float) -> float:
        """What a count of so many seconds is multiplied by, to be that of an hour at default intervals."""
        return HOUR_SECONDS / seconds / (1 if what == BY_THE_HOUR else self.faster)

    def process(self) -> int:
        """The process of its `wait-for-completion`, as this machine counts them."""
        uid = f"POD_UID={self.tester.uid()}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words, variables = ((folder / each).read_bytes() for each in ("cmdline", "environ"))
            except OSError:  # it has ended
                continue
            if b"wait-for-completion" in words.split(b"\0") and uid in variables.split(b"\0"):
                return int(folder.name)
        raise SystemExit(f"no process of {self.tester.namespace} is to be seen from here")


@contextmanager
def scraped(testers: Sequence[Standing]) -> Iterator[Mapping[str, list[Memory]]]:
    """Scrape them as Prometheus does; the memory that each holds after every scrape."""
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
