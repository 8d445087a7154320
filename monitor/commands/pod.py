"""`init` and `wait-for-completion`: a tester beside its node in a pod."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from monitor.act import Actor
from monitor.clock import SystemClock
from monitor.cluster import Cluster
from monitor.commands.watching import patiently_opened, watching
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import recover
from monitor.loop import Init
from monitor.model import Workload
from monitor.observe import InitObserver
from monitor.platforms.check_pod import CheckPatience, CheckPodSource
from monitor.platforms.kubernetes import KubernetesPlatform
from monitor.platforms.kubernetes import PodSettings as OwnPod
from monitor.settings import InitSettings, PodSettings, WaitSettings
from monitor.volume import Volume

TRIES = 6
FIRST_RETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Terminated(BaseException):
    """SIGTERM came; raised wherever the main thread is, since every step can be repeated."""


def run_init(settings: InitSettings) -> int:
    """Start or resume a test; 0 when the node may start."""
    signal.signal(signal.SIGTERM, _terminate)
    stopping = threading.Event()
    platform, source = _platform(settings)
    ledger = patiently_opened(settings.data_dir, stopping)
    policy, clock, volume = settings.policy(settings.tester_name), SystemClock(), Volume(settings.data_dir)
    workload: Workload | None = None
    proceed = False
    try:
        workload = _tried(platform.workload)
        recover(ledger, settings.data_dir, workload, settings.testbed)
        ledger.keep_reserve()
        init = Init(
            InitObserver(platform, source, ledger, volume, policy, clock),
            ledger,
            Actor(platform, ledger, volume, policy, clock, stopping),
            policy,
            clock,
            stopping,
        )
        found = workload
        proceed = _tried(lambda: init.run(found))
    except Terminated:
        _log.info("told to stop")
    finally:
        if workload is not None and not proceed:
            with contextlib.suppress(MonitorError):
                ledger.release(workload.uid)
        ledger.close()
    return 0 if proceed else 1


def run_wait(settings: WaitSettings) -> int:
    """Watch the node until told to stop."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    platform, source = _platform(settings)
    ledger = patiently_opened(settings.data_dir, stopping)
    parts = watching(
        settings,
        settings,
        settings.policy(settings.tester_name),
        platform,
        source,
        ledger,
        stopping,
        settings.image_check_interval,
        settings.node_url,
    )
    parts.run(stopping)
    with contextlib.suppress(MonitorError):
        holder = ledger.holder()
        if holder is not None and holder.uid == platform.uid:
            ledger.release(holder.uid)
    return 0


def _platform(settings: PodSettings) -> tuple[KubernetesPlatform, CheckPodSource]:
    cluster = Cluster(settings.namespace)
    platform = KubernetesPlatform(
        cluster,
        OwnPod(
            settings.pod_name,
            settings.node_container_name,
            str(settings.data_dir),
            settings.network or None,
            settings.sync_mode,
        ),
    )
    return platform, CheckPodSource(
        cluster,
        settings.pod_name,
        settings.node_container_name,
        settings.rolling_tag,
        patience=CheckPatience(deadline_seconds=settings.check_pod_timeout),
    )


def _tried(call: Callable[[], _Answer]) -> _Answer:
    """The call's answer, tried again with back-off while what fails may pass."""
    pause_seconds = FIRST_RETRY_SECONDS
    for _ in range(TRIES - 1):
        try:
            return call()
        except TemporaryError as error:
            _log.warning("%s; trying again in %.0f s", error, pause_seconds)
            time.sleep(pause_seconds)
            pause_seconds *= 2
    return call()


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
