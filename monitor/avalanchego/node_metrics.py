"""A parser for the node's metrics page, which extracts the few required metrics from thousands of lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from itertools import chain

from monitor.avalanchego.chain_signals import METRIC_PATTERNS, QUEUED_BLOCKS
from monitor.bounded_http import HttpResponse
from monitor.domain.bounds import MAX_SUM, bounded
from monitor.domain.chains import CHAIN_NAME, first_chains
from monitor.domain.observations import NodeMetrics
from monitor.domain.signals import COUNTERS, Counter, Merge

_PROCESS_START = "avalanche_process_process_start_time_seconds"
_PEERS = "avalanche_network_peers"
_WRITTEN = "avalanche_system_resources_num_disk_write_bytes"
# The limit of metric names in one page; AvalancheGo has about thirty that match.
MAX_METRICS = 256
_NAMES = "|".join([*METRIC_PATTERNS.values(), QUEUED_BLOCKS, _PROCESS_START, _PEERS, _WRITTEN])
# Finds the required lines in one pass, without splitting the page into its thousands of lines.
_WANTED_LINE = re.compile(
    rb'^(%b)(?:\{(?:block_type="[a-z]{1,20}",)?(?:chain="(%b)"|processID="[0-9]{1,20}")\})?'
    rb"[ \t]+([0-9.eE+-]{1,40})[ \t]*\r?$" % (_NAMES.encode(), CHAIN_NAME.encode()),
    re.MULTILINE,
)


def wanted_lines(pieces: Iterable[bytes]) -> bytes:
    """Return the lines of a metrics page that `metrics_of` reads."""
    kept, rest = bytearray(), b""
    for piece in chain(pieces, (b"\n",)):
        rest += piece
        end = rest.rfind(b"\n") + 1
        for line in _WANTED_LINE.finditer(rest, 0, end):
            kept += line[0] + b"\n"
        rest = rest[end:]
    return bytes(kept)


def metrics_of(answer: HttpResponse | None) -> NodeMetrics | None:
    """Return the metrics of a metrics page, or `None` if the page is missing or has none of these metrics."""
    if answer is None or answer.status != HTTPStatus.OK:
        return None
    started_at, peers, written = None, None, None
    chains = _ChainCounters()
    for line in _WANTED_LINE.finditer(answer.body):
        name, chain, value = line[1], (line[2] or b"").decode(), _number(line[3])
        if value is None:
            continue
        if chain:
            chains.add(name, chain, value)
        elif name == _WRITTEN.encode():
            written = min((written or 0.0) + value, MAX_SUM)
        elif name == _PROCESS_START.encode():
            started_at = value
        elif name == _PEERS.encode():
            peers = int(value)
    if started_at is None and peers is None and not chains.counters:
        return None
    names = first_chains({chain for chain, _ in chains.counters} | chains.queued.keys())
    return NodeMetrics(
        started_at,
        {key: value for key, value in chains.counters.items() if key[0] in names},
        peers,
        written,
        {chain: value for chain, value in chains.queued.items() if chain in names},
    )


class _ChainCounters:
    """The counters of all chains, summed line by line.

    The number of metric names is limited, so that a malicious page costs no more than a real one.
    """

    def __init__(self) -> None:
        self.counters: dict[tuple[str, str], float] = {}
        self.queued: dict[str, float] = {}
        self._known: dict[bytes, Counter | None] = {}

    def add(self, metric: bytes, chain: str, value: float) -> None:
        """Add the value of one series."""
        if metric not in self._known:
            if len(self._known) == MAX_METRICS:
                return
            self._known[metric] = _counter(metric)
        counter = self._known[metric]
        if counter is None:
            self.queued[chain] = value
            return
        key = (chain, counter.signal)
        known = self.counters.get(key, 0.0)
        total = min(known + value, MAX_SUM) if counter.merge is Merge.SUM else max(known, value)
        self.counters[key] = total


def _counter(metric: bytes) -> Counter | None:
    """Return the counter that a chain's metric belongs to, or `None` for the execution queue."""
    return next(
        (each for each in COUNTERS if re.fullmatch(METRIC_PATTERNS[each.signal], metric.decode())), None
    )


def _number(text: bytes) -> float | None:
    try:
        return bounded(float(text))
    except ValueError:
        return None
