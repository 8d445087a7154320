"""The cost of a hostile registry at the default timeouts: `python -m bench.hostile_registry`.

Each lookup is that of a tester with credentials, over real sockets. Memory is the peak of Python's
allocations during the lookup. It includes the hostile server, which runs in the same process.

The exit code is 1 if a lookup exceeds its time or memory, or sends the credentials to another host. The exit
code is also 1 if a lookup reports nothing or more than one line.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.fake_registry import NAME, FakeRegistry, certificate, config, sending, serving
from support.hostile_registry import MISBEHAVIOURS

from bench.tables import Claim, concluded, table
from monitor.registry import Registry, RegistryError, RegistryOptions, Timeouts

BUDGET_MIB = 24.0
SECONDS_OVER = 1.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup and its cost."""

    name: str
    seconds: float
    peak_mib: float
    message: str
    sent_elsewhere: int = 0

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of the table row."""
        cells = (
            self.name,
            f"{self.seconds:.1f}",
            f"{self.peak_mib:.1f}",
            f"{self.sent_elsewhere}",
            self.message,
        )
        return tuple(each.replace("|", "\\|") for each in cells)


def measured_lookup(name: str, registry: Registry) -> Lookup:
    """Resolve the tag once, and read the manifest."""
    tracemalloc.start()
    began, message = time.monotonic(), ""
    try:
        registry.digests(registry.digest())
    except RegistryError as error:
        message = str(error)
    seconds, peak_bytes = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Lookup(name, seconds, peak_bytes / MIB, message)


def reader(fake: FakeRegistry, folder: Path, ca: Path | None = None) -> Registry:
    """Return the registry client of a tester with credentials."""
    return Registry(fake.repository, "latest", RegistryOptions(config(folder, fake.address), ca))


def misbehaved(folder: Path) -> Iterator[Lookup]:
    """Yield a lookup for each misbehaviour of a registry."""
    for each in MISBEHAVIOURS:
        with serving() as fake:
            fake.push_build(1)
            fake.instead = each.instead
            yield measured_lookup(each.name, reader(fake, folder))


@contextmanager
def elsewhere() -> Iterator[tuple[FakeRegistry, FakeRegistry]]:
    """Yield a registry, and another host that demands credentials."""
    with serving() as fake, serving(name="localhost") as other:
        other.wants = "basic"
        yield fake, other


def sent_elsewhere(folder: Path) -> Iterator[Lookup]:
    """Yield a lookup with a redirect to another host, and one with a token service there."""
    with elsewhere() as (fake, other):
        fake.instead = sending(
            f"HTTP/1.1 307 No\r\nLocation: {other.url}/v2/{NAME}/manifests/latest\r\n\r\n".encode()
        )
        yield _with_what_came(measured_lookup("a redirect to another host", reader(fake, folder)), other)
    with elsewhere() as (fake, other):
        fake.wants, fake.realm = "bearer", f"{other.url}/token"
        yield _with_what_came(measured_lookup("a token service on another host", reader(fake, folder)), other)


def _with_what_came(made: Lookup, other: FakeRegistry) -> Lookup:
    if not other.asked:
        raise AssertionError(f"nobody came for {made.name}")
    came = len([each for each in other.asked if each.authorization or each.form])
    return Lookup(made.name, made.seconds, made.peak_mib, made.message, came)


def mistrusted(folder: Path) -> Iterator[Lookup]:
    """Yield a lookup with a certificate of an authority that is not trusted."""
    right, wrong = certificate(folder, "right"), certificate(folder, "wrong")
    with serving(right) as fake:
        yield measured_lookup("a certificate of another authority", reader(fake, folder, wrong[0]))


def main() -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lookups = [*misbehaved(folder), *sent_elsewhere(folder), *mistrusted(folder)]
    table(
        "A registry that answers with",
        ("", "s until given up", "MiB at most", "credentials sent elsewhere", "message"),
        [each.row for each in lookups],
    )
    lines = [len(each.message.splitlines()) for each in lookups]
    return concluded(
        [
            Claim(
                "until the longest lookup is given up", max(each.seconds for each in lookups), _most(), " s"
            ),
            Claim(
                "the most memory that a lookup takes",
                max(each.peak_mib for each in lookups),
                BUDGET_MIB,
                " MiB",
            ),
            Claim("lookups with more or less than one line", sum(each != 1 for each in lines), 0),
            Claim("times that another host got credentials", sum(each.sent_elsewhere for each in lookups), 0),
        ]
    )


def _most() -> float:
    return Timeouts().lookup_seconds + SECONDS_OVER


if __name__ == "__main__":
    sys.exit(main())
