"""The story of a bootstrap: which messages the chains log, and when."""

from dataclasses import dataclass
from typing import Any

from simulated_node.logs import Journal, Seconds, plain_time
from simulated_node.options import NEVER
from simulated_node.plan import ACCEPTED, DAG, FETCHED, SYNCED_BLOCKS, Stage
from simulated_node.progress import Bootstrap
from simulated_node.settings import Settings
from simulated_node.tables import WORK, chain_of

BLOCK_ID = "2XcArjSDp6Mb86LeRpRmsUXdsacU3BvxYpZYrJmXQDSNWcHgJJ"
SUMMARY_HASH = "0x822faa43c2f894bfc06716358fff2b86fd93c866f078a3fdb129a8e89b1f42b4"
FIRST_BLOCK_TIME, BLOCK_SECONDS = 1.6e9, 2.0
# The number of checkpoints that the genesis has for each chain.
CHECKPOINTS = {"mainnet": 99, "fuji": 99}
STORAGE_TRIES = 500
BLOCKS_TO_COMPACT = 5000


def block_time(height: int) -> float:
    """Return the time of a block (Unix seconds)."""
    return FIRST_BLOCK_TIME + BLOCK_SECONDS * height


@dataclass
class Sampler:
    """The last sample of a stage's progress: message key, number of samples, work done and time."""

    key: str
    count: int
    done: int
    at: float


class Story:
    """The log of the chains in this process."""

    def __init__(self, bootstrap: Bootstrap, journal: Journal, settings: Settings) -> None:
        self._bootstrap, self._journal, self._settings = bootstrap, journal, settings
        self._pending: dict[str, list[tuple[float, str]]] = {}
        self._samplers: dict[str, Sampler] = {}
        self._executing_since: dict[str, float] = {}
        self._uptime = 0.0

    def log_events(self, uptime: float, *, connected: bool) -> None:
        """Log the events since the last call; without peers, no chain logs more than its first lines."""
        self._uptime = uptime
        bootstrap = self._bootstrap
        for chain in bootstrap.chains():
            if chain not in self._pending:
                self._pending[chain] = self._open(chain)
            pending = self._pending[chain]
            was_through = not pending
            while connected and pending and bootstrap.position[chain] >= pending[0][0]:
                self.log(chain, pending.pop(0)[1])
            if not pending and not was_through and not self._left(chain) and not bootstrap.done:
                self.log(chain, "waiting")
        for stage in bootstrap.active():
            if WORK[stage.activity].periodic:
                self._sample(stage)

    def log(self, chain: str, keys: str) -> None:
        """Log messages of a chain, given by their keys in `LINES`."""
        for key in filter(None, keys.split(", ")):
            if key == "execute":
                self._executing_since[chain] = self._uptime
            much = self._left(chain) >= BLOCKS_TO_COMPACT
            compacting = any(stage.activity == "compacting" for stage in self._bootstrap.stages[chain])
            if key == "execute" and much and not compacting:
                self._journal.log(chain, "compact", {})
            if key == "executed" and much:
                self._journal.log(chain, "compact again", {})
            name, _, syncer = key.partition(": ")
            self._journal.log(chain, name, self._values(chain) | {"syncer": syncer})

    def _open(self, chain: str) -> list[tuple[float, str]]:
        """Log a chain's first lines; return the keys of later messages with the positions to log them at."""
        bootstrap, began = self._bootstrap, self._bootstrap.began_at[chain]
        _, fresh, transitioned = chain_of(chain, self._settings.sync_mode, bootstrap.simulation.transition)
        self.log(chain, transitioned if bootstrap.past(chain, "transition") else fresh)
        pending = []
        synced = bootstrap.past(chain, "coreth storage")
        if synced:
            self.log(chain, "sync, syncing, too close, skipped, bootstrapper")
        for stage in bootstrap.stages[chain]:
            work = WORK[stage.activity]
            if stage.ends > began:
                pending += [(stage.begins, work.first), (stage.ends, work.last)]
            elif not (synced and stage.activity.startswith("coreth")):
                self.log(chain, work.later)
        return pending or [(0.0, "")]

    def _left(self, chain: str) -> int:
        """Return the number of blocks that this process had to execute when it started."""
        bootstrap = self._bootstrap
        began = bootstrap.began_at[chain]
        return bootstrap.count(chain, ACCEPTED, NEVER) - bootstrap.count(chain, ACCEPTED, began)

    def _sample(self, stage: Stage) -> None:
        simulation, position = self._bootstrap.simulation, self._bootstrap.position[stage.chain]
        key, seconds, interval_units, first_sample = WORK[stage.activity].periodic.split(", ")
        units = simulation.sample_blocks if interval_units == "sample" else int(interval_units)
        needed = int(first_sample)
        values = self._values(stage.chain, stage)
        done = int(values["done"])
        last = self._samplers.get(stage.chain)
        if last is None or last.key != key:
            count = 1 if needed > 1 else 0
            last = self._samplers[stage.chain] = Sampler(key, count, done, self._uptime)
        interval = simulation.scaled(float(seconds))
        samples = int((self._uptime - last.at) / interval) if interval else 1
        if units:
            samples = min(samples, done // units - last.done // units)
        if samples < 1 or done == last.done or position >= stage.ends:
            return
        self._samplers[stage.chain] = Sampler(key, last.count + samples, done, self._uptime)
        values["done"] = done - done % units if units else done
        if last.count + samples >= needed:
            self._journal.log(stage.chain, key, values)

    def _values(self, chain: str, stage: Stage | None = None) -> dict[str, Any]:
        """Return the values for the fields of `LINES`."""
        bootstrap, simulation = self._bootstrap, self._bootstrap.simulation
        position, began = bootstrap.position[chain], bootstrap.began_at[chain]
        left = self._left(chain)
        executed = bootstrap.count(chain, ACCEPTED) - bootstrap.count(chain, ACCEPTED, began)
        done, total, ends = executed, left, bootstrap.stages[chain][-1].ends
        if stage and not stage.activity.startswith("executing"):
            done, total, ends = stage.done(position), stage.amount, stage.ends
            if stage.activity == "fetching":
                done, total = bootstrap.count(chain, FETCHED), bootstrap.count(chain, FETCHED, NEVER)
        share = done / total if total else 1.0
        eta = (ends - position) * (1.2 - 0.2 * share)
        checkpoints = CHECKPOINTS.get(self._settings.network, 0)
        return {
            "id": BLOCK_ID,
            "hash": SUMMARY_HASH,
            "height": bootstrap.height(chain),
            "summary height": simulation.blocks,
            "block time": plain_time(block_time(bootstrap.height(chain))),
            "checkpoints": checkpoints,
            "missing": checkpoints + 1,
            "done": done,
            "all": total,
            "left": left,
            "executed": executed,
            "vertices": bootstrap.count(chain, DAG + "accepted_vts"),
            "halted": False,
            "duration": Seconds(self._uptime - self._executing_since.get(chain, self._uptime)),
            "drain": Seconds(15),
            "eta": Seconds(round(eta) if simulation.scaled(1) == 1 else eta),
            "percent": round(share * 100, 2),
            "minutes": _minutes_text(eta),
            "tries": STORAGE_TRIES - int(share * STORAGE_TRIES),
            "synced": bootstrap.count(chain, SYNCED_BLOCKS) - bootstrap.count(chain, SYNCED_BLOCKS, began),
        }


def _minutes_text(seconds: float) -> str:
    """Format the estimated remaining time of a state sync."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m") if hours or minutes else "<1m"
