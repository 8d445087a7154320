"""The progress of a bootstrap along its plan. It survives the process, unlike the counters of the metrics."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from simulated_node.options import Simulation
from simulated_node.plan import ACCEPTED, FETCHED, Stage

REVISIT_SECONDS = 10.0  # of a real node: the interval at which waiting chains fetch new blocks


class Bootstrap:
    """The progress of each chain: a number of seconds on its timeline, stored in the database directory."""

    def __init__(self, database: Path, plan: tuple[Stage, ...], simulation: Simulation) -> None:
        self.plan, self.simulation = plan, simulation
        self.stages: dict[str, list[Stage]] = defaultdict(list)
        for stage in plan:
            self.stages[stage.chain].append(stage)
        self.total_seconds = max(stage.ends for stage in plan)
        self.counters: dict[tuple[str, str], int] = defaultdict(int)
        self.written_bytes = 0
        self._database = database
        self._idle_seconds = 0.0
        self._state = database / "simulated.json"
        database.mkdir(parents=True, exist_ok=True)
        self._state.touch()
        text = self._state.read_text("utf-8")
        stored = json.loads(text) if text and not simulation.forget else {}
        self.frozen_seconds = float(stored.get("frozen_seconds", 0))
        self.position = {
            chain: self._resumed(stages, stored.get("worked_seconds", {}).get(chain, 0.0))
            for chain, stages in self.stages.items()
        }
        self.began_at = dict(self.position)

    @staticmethod
    def _resumed(stages: Sequence[Stage], stored: float) -> float:
        """Return the position at which a chain resumes; an interrupted state sync in SAE starts again."""
        lost = [stage for stage in stages if stage.activity.startswith("sae ")]
        if lost and lost[0].begins < stored < lost[-1].ends:
            return lost[0].begins
        return min(max(stored, stages[0].begins), stages[-1].ends)

    @property
    def done(self) -> bool:
        """Whether all chains have finished their stages."""
        return all(map(self.through, self.stages))

    @property
    def farthest(self) -> float:
        """The position of the most advanced chain (seconds)."""
        return max(self.position[chain] for chain in self.chains())

    @property
    def frozen(self) -> bool:
        """Whether the peers are frozen, so that no chain makes progress."""
        simulation = self.simulation
        reached = self.farthest >= simulation.source_frozen_at_share * self.total_seconds
        return reached and self.frozen_seconds < simulation.source_frozen_seconds

    def through(self, chain: str) -> bool:
        """Return whether a chain has finished its last stage."""
        return self.position[chain] >= self.stages[chain][-1].ends

    def past(self, chain: str, activity: str) -> bool:
        """Return whether a chain has a stage with this activity and has finished it."""
        ends = [stage.ends for stage in self.plan if (stage.chain, stage.activity) == (chain, activity)]
        return bool(ends) and self.position[chain] >= ends[-1]

    def active(self) -> list[Stage]:
        """Return the stages that are in progress."""
        chains, at = self.chains(), self.position
        return [
            stage
            for stage in self.plan
            if stage.chain in chains and stage.begins <= at[stage.chain] < stage.ends
        ]

    def chains(self) -> list[str]:
        """Return the chains that exist; all chains except P are created when P has finished."""
        return list(self.stages) if self.through("P") else ["P"]

    def count(self, chain: str, counter: str, position: float | None = None) -> int:
        """Return the value of a counter over all processes, at a position or now."""
        at = self.position[chain] if position is None else position
        return sum(stage.done(at) for stage in self.stages[chain] if counter in stage.counters)

    def height(self, chain: str) -> int:
        """Return the height of the last block that a chain has accepted."""
        synced = any(self.past(chain, last) for last in ("coreth storage", "sae cross-chain"))
        return self.count(chain, ACCEPTED) + (self.simulation.blocks if synced else 0)

    def advance(self, seconds: float) -> None:
        """Advance all chains by a number of seconds, as far as the simulated behavior allows."""
        if self.frozen:
            self.frozen_seconds += seconds
            return self._store()
        p_seconds = min(seconds, max(0.0, self.stages["P"][-1].ends - self.position["P"]))
        for chain in self.stages:
            if chain != "P" and not self.through("P"):
                break
            before = self.position[chain]
            after = before + (seconds if chain == "P" else seconds - p_seconds)
            self._move(chain, before, max(before, min(self._limit(chain), after)))
        if self.simulation.refetch and self.position["P"] >= self.plan[0].ends:
            self.position["P"] = 0.0
        self._visit_again(seconds)
        if any(stage.activity == "compacting" for stage in self.active()):
            self.write("compaction.tmp", 4096, mode="wb")
        return self._store()

    def write(self, name: str, size: int, mode: str = "ab") -> None:
        """Write real bytes to a file in the database directory."""
        if size > 0:
            with (self._database / name).open(mode) as file:
                file.write(bytes(size))
            self.written_bytes += size

    def _limit(self, chain: str) -> float:
        """Return the position up to which a chain can advance."""
        simulation = self.simulation
        share = min(simulation.crash_at_share, simulation.hang_at_share)
        if self.frozen_seconds < simulation.source_frozen_seconds:
            share = min(share, simulation.source_frozen_at_share)
        last = self.plan[0] if simulation.refetch else self.stages[chain][-1]
        return min(last.ends, share * self.total_seconds)

    def _move(self, chain: str, before: float, after: float) -> None:
        for stage in self.stages[chain]:
            risen = stage.done(after) - stage.done(before)
            for counter in stage.counters:
                self.counters[chain, counter] += risen
            self.write("000001.log", risen * self.simulation.block_bytes)
        self.position[chain] = after

    def _visit_again(self, seconds: float) -> None:
        """Increase the counters of finished chains, which fetch new blocks while they wait for others."""
        if self.done or len(self.chains()) == 1:
            return
        self._idle_seconds += seconds
        new = int(self._idle_seconds * self.simulation.new_blocks_per_second)
        if new and self._idle_seconds >= self.simulation.scaled(REVISIT_SECONDS):
            self._idle_seconds -= new / self.simulation.new_blocks_per_second
            for chain in filter(self.through, self.stages):
                self.counters[chain, FETCHED] += new
                self.counters[chain, ACCEPTED] += new

    def _store(self) -> None:
        """Store the progress in place with a single write, so that a kill leaves no partial content."""
        stored = {"worked_seconds": self.position, "frozen_seconds": self.frozen_seconds}
        with self._state.open("r+b") as file:
            file.write(json.dumps(stored).encode().ljust(512))
