"""The node as its platform is set to run it, and its process as the platform sees it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.build import Build

# The kubelet's word for a container that it starts again after a pause, and its state until it says so.
CRASH_LOOPING = frozenset({"CrashLoopBackOff", "Completed", "Error", "OOMKilled"})
# The words of the kubelet and of container runtimes for a container whose program could not be started.
START_FAILURES = frozenset({"StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"})


class SyncMode(StrEnum):
    """Which history a bootstrap processes."""

    C_CHAIN_STATE_SYNC = "c-chain-state-sync"
    ONLY_P_CHAIN_FULL_SYNC = "only-p-chain-full-sync"
    FULL_SYNC = "full-sync"


@dataclass(frozen=True, slots=True)
class NodeExit:
    """How the node's process ended last; `message` is what the platform kept of its last words.

    `started` is false where the container runtime could not start it; `message` is the runtime's error then.
    """

    code: int
    out_of_memory: bool = False
    message: str = ""
    started: bool = True


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """The node's process as its platform sees it.

    `waiting` says why it does not run, in the platform's word (`ImagePullBackOff`), empty while it runs; `message`
    is the platform's error, empty where there is none.  `restarts` counts those of this workload.
    """

    running: bool
    waiting: str = ""
    restarts: int = 0
    last_exit: NodeExit | None = None
    message: str = ""

    @property
    def crash_looping(self) -> bool:
        """It ended and is started again by and by."""
        return not self.running and self.waiting in CRASH_LOOPING

    @property
    def failed_to_start(self) -> bool:
        """Whether its last restart was one of a process that could not be started, which is not a crash."""
        last = self.last_exit
        return self.waiting in START_FAILURES or (last is not None and not last.started)


@dataclass(frozen=True, slots=True)
class Workload:
    """The node as its platform is set to run it now: this pod, or this local child.

    `build` is `None` while the image is not pinned by digest.  `settings_digest` stands for the node's
    arguments and settings that can change how a bootstrap goes.  `process` is `None` where the platform has
    not said.  `revision` is the platform's name for all that the workload is made from; empty where it has none.
    """

    uid: str
    image: str
    build: Build | None
    network: str
    sync_mode: SyncMode
    settings_digest: str
    process: NodeProcess | None = None
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the volume: the UID of a pod, and how often it has renewed its lease."""

    uid: str
    renewals: int
