"""What a hostile registry costs, at the default time-outs: `python -m bench.hostile_registry`.

Each look is one of a tester with credentials, against real sockets.  Memory is the most that Python held during
the look, that of the hostile server included, since it runs in the same process.  Exits with 1 where a look
takes too long or too much, says nothing or more than a line, or lets another host have the credentials.
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
from monitor.registry import Patience, Registry, RegistryError, RegistryOptions

BUDGET_MIB = 24.0
SECONDS_OVER = 1.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """One look, and what it cost."""

    name: str
    seconds: float
    peak_mib: float
    said: str
    sent_elsewhere: int = 0

    @property
    def row(self) -> tuple[str, ...]:
        """As a row of a table."""
        cells = (
            self.name,
            f"{self.seconds:.1f}",
            f"{self.peak_mib:.1f}",
            f"{self.sent_elsewhere}",
            self.said,
        )
        return tuple(each.replace("|", "\\|") for each in cells)


def look(name: str, registry: Registry) -> Look:
    """Look once, and read the manifest."""
    tracemalloc.start()
    began, said = time.monotonic(), ""
    try:
        registry.digests(registry.digest())
    except RegistryError as error:
        said = str(error)
    seconds, peak_bytes = time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Look(name, seconds, peak_bytes / MIB, said)


def reader(fake: FakeRegistry, folder: Path, ca: Path | None = None) -> Registry:
    """A tester's, which has credentials."""
    return Registry(fake.repository, "latest", RegistryOptions(config(folder, fake.address), ca))


def misbehaved(folder: Path) -> Iterator[Look]:
    """All that a registry may answer."""
    for each in MISBEHAVIOURS:
        with serving() as fake:
            fake.push_build(1)
            fake.instead = each.instead
            yield look(each.name, reader(fake, folder))


@contextmanager
def elsewhere() -> Iterator[tuple[FakeRegistry, FakeRegistry]]:
    """A registry, and another host that asks everybody who they are."""
    with serving() as fake, serving(name="localhost") as other:
        other.wants = "basic"
        yield fake, other


def sent_elsewhere(folder: Path) -> Iterator[Look]:
    """A redirect to another host, and a token service there."""
    with elsewhere() as (fake, other):
        fake.instead = sending(
            f"HTTP/1.1 307 No\r\nLocation: {other.url}/v2/{NAME}/manifests/latest\r\n\r\n".encode()
        )
        yield _with_what_came(look("a redirect to another host", reader(fake, folder)), other)
    with elsewhere() as (fake, other):
        fake.wants, fake.realm = "bearer", f"{other.url}/token"
        yield _with_what_came(look("a token service on another host", reader(fake, folder)), other)


def _with_what_came(made: Look, other: FakeRegistry) -> Look:
    if not other.asked:
        raise AssertionError(f"nobody came for {made.name}")
    came = len([each for each in other.asked if each.authorization or each.form])
    return Look(made.name, made.seconds, made.peak_mib, made.said, came)


def mistrusted(folder: Path) -> Iterator[Look]:
    """A certificate of an authority that is not trusted."""
    right, wrong = certificate(folder, "right"), certificate(folder, "wrong")
    with serving(right) as fake:
        yield look("a certificate of another authority", reader(fake, folder, wrong[0]))


def main() -> int:
    """Measure; 1 where a claim does not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        looks = [*misbehaved(folder), *sent_elsewhere(folder), *mistrusted(folder)]
    table(
        "A registry that answers with",
        ("", "s until given up", "MiB at most", "credentials sent elsewhere", "what is said"),
        [each.row for each in looks],
    )
    lines = [len(each.said.splitlines()) for each in looks]
    return concluded(
        [
            Claim("until the longest look is given up", max(each.seconds for each in looks), _most(), " s"),
            Claim(
                "the most memory that a look takes", max(each.peak_mib for each in looks), BUDGET_MIB, " MiB"
            ),
            Claim("looks that say not just one line", sum(each != 1 for each in lines), 0),
            Claim("times that another host got credentials", sum(each.sent_elsewhere for each in looks), 0),
        ]
    )


def _most() -> float:
    return Patience().look_seconds + SECONDS_OVER


if __name__ == "__main__":
    sys.exit(main())
