"""Workload of the node as configured on its platform, and the node's process as the platform reports it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.build import Build


class SyncMode(StrEnum):
    """Part of the history that a bootstrap processes."""

    C_CHAIN_STATE_SYNC = "c-chain-state-sync"
    ONLY_P_CHAIN_FULL_SYNC = "only-p-chain-full-sync"
    FULL_SYNC = "full-sync"


@dataclass(frozen=True, slots=True)
class NodeExit:
    """Last exit of the node's process.

    `message` is the line of its output that says why it ended, if the platform kept it, or the error of a
    failed start. `misconfigured` is whether that line rejects the node's flags or configuration.
    """

    code: int
    out_of_memory: bool = False
    message: str = ""
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """Node's process as its platform reports it.

    `waiting` is the platform's reason why the process does not run, such as `ImagePullBackOff`; empty while
    it runs. `message` is the platform's error; empty if there is no error. `restarts` is the number of
    restarts in this workload. `crash_looping` is whether the process has ended and will be restarted after a
    backoff. `failed_to_start` is whether the last restart could not start it, which is not a crash.
    """

    running: bool
    waiting: str = ""
    restarts: int = 0
    last_exit: NodeExit | None = None
    message: str = ""
    crash_looping: bool = False
    failed_to_start: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """Node as its platform is configured to run it now: a pod, or a local child process.

    `build` is `None` if the image is not pinned by digest. `settings_digest` is a digest of the node's
    arguments and settings that can affect a bootstrap. `process` is `None` until the platform has reported
    it. `revision` is the platform's name for the whole specification of the workload; empty if it has no
    name. `alone` is whether the node needs no peers, because its configuration names no other node.
    """

    uid: str
    image: str
    build: Build | None
    network: str
    sync_mode: SyncMode
    settings_digest: str
    process: NodeProcess | None = None
    revision: str = ""
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """Lease on the volume: the UID of the pod that holds it, and the number of its renewals."""

    uid: str
    renewals: int
