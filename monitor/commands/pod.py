"""`init` and `wait-for-completion`: a tester beside its node in a pod."""

from __future__ import annotations

import logging
import signal
from dataclasses import replace

from monitor.commands.registry_options import registry_options
from monitor.commands.signals import Stopping, end_before_long, stop_on_signals
from monitor.commands.startup import opened_ledger
from monitor.commands.tester import Tester
from monitor.domain.build import Build
from monitor.engine.activity import Activity
from monitor.engine.build_discovery import Discovery
from monitor.engine.problem_log import ProblemLog
from monitor.k8s.api import Pause, forever
from monitor.k8s.cluster import Cluster
from monitor.k8s.platform import KubernetesPlatform, OwnPod
from monitor.k8s.version_pod import VersionPodSource, VersionPodTimeouts
from monitor.ledger import Ledger
from monitor.registry import Backoff, Registry
from monitor.settings import InitSettings, PodSettings, WaitSettings

LAST_RESORT_SECONDS = 4.5
REGISTRY_LOOKUP_SECONDS = 30.0
POD_LOOKUP_SECONDS = 300.0
# A rolling tag may resolve to an older build again, since the caches of a registry are renewed one by one.
SETTLED_LOOKUPS, SETTLED_POD_LOOKUPS = 3, 2  # pods are started rarely
RETURNED_SECONDS = 1800.0

_log = logging.getLogger(__name__)


class TerminatedError(BaseException):
    """Raised in the main thread on SIGTERM, at any point, since every step can be repeated."""


def run_init(settings: InitSettings, pause: Pause = forever) -> int:
    """Start or resume a test, and return 0 if the node may start.

    Raises:
        MonitorError: an operator must act, or a temporary error persists.
    """
    signal.signal(signal.SIGTERM, _terminate)
    try:
        return 0 if _init(settings, pause) else 1
    except TerminatedError:
        _log.info("stopped by SIGTERM")
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process is ending, and reports how


def run_wait(settings: WaitSettings) -> int:
    """Watch the node until stopped.

    Raises:
        MonitorError: the monitor cannot start.
    """
    from monitor.commands.assembly import Monitor  # noqa: PLC0415 - not needed by init

    stopping = Stopping()
    stop_on_signals(stopping, LAST_RESORT_SECONDS)
    seconds, pod_seconds = lookup_seconds(settings)
    tester, platform = _tester(settings, stopping, stopping.wait, seconds, pod_seconds)
    monitor = Monitor(tester, settings, seconds)
    monitor.listen()
    monitor.run()
    _release(tester, platform)
    return 0


def lookup_seconds(settings: WaitSettings) -> tuple[float, float]:
    """Return the seconds between two lookups of a new build, and between two version pods as a fallback.

    A version pod pulls the image, so it runs less often than the registry may be queried.
    """
    asked = settings.image_check_interval
    if settings.image_source == "pod":
        return asked or POD_LOOKUP_SECONDS, asked or POD_LOOKUP_SECONDS
    return asked or REGISTRY_LOOKUP_SECONDS, max(asked or 0.0, POD_LOOKUP_SECONDS)


def known_build(ledger: Ledger, platform: KubernetesPlatform, digests: frozenset[str]) -> Build | None:
    """Return the build with one of the digests: the ledger's, or the pinned one if only that has versions."""
    met = ledger.build_of(digests)
    return met if met and met.versions else platform.pinned(digests) or met


def _init(settings: InitSettings, pause: Pause) -> bool:
    """Return whether the node may start; a result is needed now, so lookups wait for no interval."""
    tester, platform = _tester(settings, Stopping(), pause, first_pause_seconds=0.0, pod_interval_seconds=0.0)
    proceed = False
    try:
        proceed = tester.run_init(platform.workload, pause)
    finally:
        if not proceed:
            _release(tester, platform)
        tester.ledger.close()
    return proceed


def _tester(
    settings: PodSettings,
    stopping: Stopping,
    pause: Pause,
    first_pause_seconds: float,
    pod_interval_seconds: float,
) -> tuple[Tester, KubernetesPlatform]:
    cluster = Cluster.connect(settings.namespace, pause=pause)
    own = OwnPod(
        settings.pod_name,
        settings.node_container_name,
        str(settings.data_dir),
        settings.network or None,
        settings.settled_sync_mode,
        settings.pod_uid,
    )
    platform = KubernetesPlatform(cluster, own, pause=pause)
    ledger = opened_ledger(settings.data_dir, stopping)
    activity = Activity(ProblemLog(ledger))
    options = registry_options(settings)
    pods = VersionPodSource(
        cluster,
        settings.pod_name,
        settings.node_container_name,
        settings.rolling_tag,
        timeouts=VersionPodTimeouts(deadline_seconds=settings.version_pod_timeout),
        pause=pause,
    )
    pods_only = settings.image_source == "pod"
    source = Discovery(
        None if pods_only else lambda: Registry(platform.repository(), settings.rolling_tag, options),
        None if settings.image_source == "registry" else pods,
        lambda digests: known_build(ledger, platform, digests),
        activity,
        backoff=Backoff(first_pause_seconds),
        pod_interval_seconds=pod_interval_seconds,
    )
    policy = replace(
        settings.policy(settings.tester_name),
        settled_lookups=SETTLED_POD_LOOKUPS if pods_only else SETTLED_LOOKUPS,
        returned_seconds=RETURNED_SECONDS,
    )
    return Tester(settings.data_dir, policy, platform, source, ledger, activity, stopping), platform


def _release(tester: Tester, platform: KubernetesPlatform) -> None:
    if platform.uid is not None:
        tester.release(platform.uid)


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # do not interrupt the cleanup again
    end_before_long(LAST_RESORT_SECONDS)
    raise TerminatedError
