"""Observation for `init`: the state that its rules decide by."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from monitor.decide.decisions import Intervention
from monitor.decide.state import InitState
from monitor.domain.build import Build
from monitor.domain.instant import Instant
from monitor.domain.policy import Policy
from monitor.domain.workload import Lease, Workload
from monitor.engine.ports import BuildResolver, Platform
from monitor.engine.volume import Volume
from monitor.errors import TemporaryError
from monitor.ledger import Ledger

_DAY_SECONDS = 86400.0


class InitObserver:
    """Observer that collects the state for the rules of `init`."""

    def __init__(
        self,
        platform: Platform,
        source: BuildResolver,
        ledger: Ledger,
        volume: Volume,
        policy: Policy,
        clock: Callable[[], Instant],
    ) -> None:
        self._platform, self._source, self._ledger = platform, source, ledger
        self._volume, self._policy, self._clock = volume, policy, clock
        self._newest: Build | None = None
        self._silent: Lease | None = None

    def look_up(self) -> None:
        """Look up the newest build, and use it in all following states.

        Raises:
            TemporaryError: the lookup failed or is not due yet.
        """
        self._newest = self._source.newest()
        if self._newest is None:
            raise TemporaryError("the newest build is unknown: no lookup is due yet; it will be retried")

    def mark_expired(self, holder: Lease | None) -> None:
        """Treat this lease as expired in all following states."""
        self._silent = holder

    def state(self, workload: Workload) -> InitState:
        """Return the current state."""
        now, ledger, newest = self._clock(), self._ledger, self._newest
        holder = ledger.holder()
        held = holder is not None and holder.uid != workload.uid and holder != self._silent
        issued = ledger.reading("adopt_token")
        since = now.wall - _DAY_SECONDS
        reverts = ledger.intervened(Intervention.PIN_REVERT, since, workload.uid)
        return InitState(
            policy=self._policy,
            workload=workload,
            last=ledger.last(),
            clearing=ledger.clearing(),
            attempt=ledger.attempt(),
            known=ledger.known(),
            data=self._volume.node_data(),
            newest=newest,
            newest_judged=newest is not None
            and ledger.has_conclusive_run(newest, workload.network, workload.sync_mode),
            pinned_before=ledger.pinned_before(workload.uid),
            reverts_today=reverts,
            reverter=self._platform.reverter() if workload.build is None and reverts else "",
            held_by=holder.uid if held and holder else None,
            issued_token=str(issued.value.get("token", "")) if issued else "",
            fresh_token=secrets.token_hex(4),
        )
