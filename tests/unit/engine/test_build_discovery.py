"""Tests of the discovery of the build under the rolling tag: its sources, and their requests and pods.

Most lookups cost one HEAD request, and few need a pod.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.builders import COMMIT, NEW, OLD, build, workload
from support.fake_api_server import FakeApiServer, Fault, kubeconfig
from support.fake_api_server import serving as serving_api
from support.fake_registry import NAME, FakeRegistry, child, serving
from support.tester_objects import BUILD, D1, D2, VERSION_POD, VERSIONS, Clock, add_tester, run_version_pod

from monitor.commands.pod import known_build, lookup_seconds
from monitor.decide.decisions import BeginClearing, BeginRun
from monitor.domain.build import Build, Versions
from monitor.domain.instant import Instant
from monitor.engine.activity import IMAGE_CHECKS, Activity
from monitor.engine.build_discovery import CountedSource, Discovery
from monitor.engine.problem_log import ProblemLog
from monitor.errors import ConfigurationError, MonitorError, NotPermittedError, OutageError, TemporaryError
from monitor.flags import parse
from monitor.k8s.cluster import Cluster
from monitor.k8s.platform import KubernetesPlatform, OwnPod
from monitor.k8s.version_pod import VersionPodSource
from monitor.k8s.version_pod_manifest import MANAGED_BY
from monitor.ledger import Ledger, open_ledger
from monitor.registry import Backoff, Registry, RegistryError, RegistryOptions, Timeouts
from monitor.settings import WaitSettings

LEARNED = Versions("avalanchego/1.15.0", "v1.4.5", 46, COMMIT, "1.26")
REPOSITORY = "registry.example/ava/node"
PLATFORM, ATTESTED = "sha256:" + "c" * 64, "sha256:" + "d" * 64


@dataclass
class Tag:
    """A tag in a registry that may be unreachable; `same` maps each digest to its other digests."""

    now: str = OLD
    same: dict[str, set[str]] = field(default_factory=dict)
    error: MonitorError | None = None
    unreadable: MonitorError | None = None
    asked: list[str] = field(default_factory=list)

    def digest(self) -> str:
        self.asked.append("digest")
        if self.error is not None:
            raise self.error
        return self.now

    def digests(self, digest: str) -> frozenset[str]:
        self.asked.append("digests")
        if self.unreadable is not None:
            raise self.unreadable
        return frozenset({digest, *self.same.get(digest, ())})

    def image(self, digest: str) -> str:
        return f"{REPOSITORY}@{digest}"


@dataclass
class Pods:
    """A source that runs images in pods.

    It has the digest that the node reports for each image, and the list of the runs.
    """

    tag: Tag
    reports: dict[str, str] = field(default_factory=dict)
    versions: Versions | None = LEARNED
    error: MonitorError | None = None
    ran: list[str] = field(default_factory=list)

    def newest(self) -> Build:
        return self._ran("the tag", self.tag.now)

    def learn(self, image: str) -> Build:
        return self._ran(image, image.partition("@")[2])

    def _ran(self, what: str, digest: str) -> Build:
        self.ran.append(what)
        if self.error is not None:
            raise self.error
        reported = self.reports.get(digest, digest)
        return Build(f"{REPOSITORY}@{reported}", frozenset({reported}), self.versions)


@dataclass
class Lookups:
    """A discovery and its dependencies."""

    mode: str = "auto"
    tag: Tag = field(default_factory=Tag)
    known: list[Build] = field(default_factory=list)
    activity: Activity = field(init=False)
    clock: Clock = field(default_factory=Clock)
    opened: int = 0
    ledger_error: MonitorError | None = None

    def __post_init__(self) -> None:
        self.pods = Pods(self.tag)
        self.activity = Activity(ProblemLog(wall_clock=self.clock))
        self.discovery = Discovery(
            None if self.mode == "pod" else self._open,
            None if self.mode == "registry" else self.pods,
            self._met,
            self.activity,
            backoff=Backoff(30.0, clock=self.clock, jitter=lambda: 0.5),
            pod_interval_seconds=300.0,
            clock=self.clock,
        )

    def _open(self) -> Tag:
        self.opened += 1
        return self.tag

    def _met(self, digests: frozenset[str]) -> Build | None:
        if self.ledger_error is not None:
            raise self.ledger_error
        return next((each for each in self.known if not each.digests.isdisjoint(digests)), None)

    def later(self, seconds: float = 30.0) -> Build | None:
        """Return the result of a lookup that takes place `seconds` later."""
        self.clock.now += seconds
        return self.discovery.newest()

    def counts(self) -> dict[str, tuple[float, float]]:
        """Return the numbers of successful and failed lookups by source."""
        counted = self.activity.values(IMAGE_CHECKS)
        counts_by_source = {name: (counted[name, "success"], counted[name, "error"]) for name, _ in counted}
        return {name: each for name, each in counts_by_source.items() if any(each)}


class TestAuto:
    def test_a_build_that_is_known_costs_a_head_and_no_pod(self) -> None:
        lookups = Lookups(known=[build(OLD)])

        assert [lookups.later() for _ in range(100)] == [
            replace(build(OLD), image=f"{REPOSITORY}@{OLD}")
        ] * 100
        assert lookups.tag.asked == ["digest", "digests"] + ["digest"] * 99
        assert (lookups.pods.ran, lookups.opened) == ([], 1)
        assert lookups.counts() == {"registry": (100, 0)}

    def test_a_new_one_costs_one_pod_which_runs_that_very_digest(self) -> None:
        lookups = Lookups(known=[build(OLD)])
        lookups.later()
        lookups.tag.now = NEW

        assert [lookups.later() for _ in range(3)] == [
            Build(f"{REPOSITORY}@{NEW}", frozenset({NEW}), LEARNED)
        ] * 3
        assert lookups.pods.ran == [f"{REPOSITORY}@{NEW}"]
        assert lookups.tag.asked == ["digest", "digests", "digest", "digests", "digest", "digest"]
        assert lookups.counts() == {"registry": (4, 0), "pod": (1, 0)}

    def test_versions_that_cannot_be_learned_are_not_asked_for_again(self) -> None:
        lookups = Lookups()
        lookups.pods.versions = None

        assert [lookups.later() for _ in range(3)] == [Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}))] * 3
        assert len(lookups.pods.ran) == 1

    @pytest.mark.parametrize(
        ("known", "reports"),
        [
            pytest.param([build(PLATFORM)], {}, id="in the ledger"),
            pytest.param([], {NEW: PLATFORM}, id="as the node's machine reports it"),
        ],
    )
    def test_the_digest_of_the_platform_is_the_same_build(
        self, known: list[Build], reports: dict[str, str]
    ) -> None:
        lookups = Lookups(tag=Tag(NEW, {NEW: {PLATFORM}}), known=known)
        lookups.pods.reports = reports
        found = lookups.later()

        assert found is not None
        assert (found.image, found.digests) == (f"{REPOSITORY}@{NEW}", frozenset({NEW, PLATFORM}))
        assert bool(lookups.pods.ran) is not bool(known)

    def test_a_build_that_is_known_keeps_its_image(self) -> None:
        """A known build keeps its image.

        Pinned to another digest, a pod would not be recognized as the known build.
        """
        met = Build(f"{REPOSITORY}@{PLATFORM}", frozenset({PLATFORM}), LEARNED)
        lookups = Lookups(tag=Tag(NEW, {NEW: {PLATFORM}}), known=[met])

        assert lookups.later() == replace(met, digests=frozenset({NEW, PLATFORM}))

    def test_the_manifest_of_a_build_that_is_known_is_read_once_too(self) -> None:
        """The manifest of a known build is read only once.

        The known digest may be one of several.
        """
        known = Build(f"{REPOSITORY}@{NEW}", frozenset({NEW}), LEARNED)
        lookups = Lookups(tag=Tag(NEW, {NEW: {PLATFORM}}), known=[known])

        assert [lookups.later() for _ in range(3)] == [replace(known, digests=frozenset({NEW, PLATFORM}))] * 3
        assert lookups.tag.asked == ["digest", "digests", "digest", "digest"]

    def test_a_known_build_is_returned_although_its_manifest_cannot_be_read(self) -> None:
        lookups = Lookups(known=[build(OLD)])
        lookups.tag.unreadable = RegistryError("it shows no manifest")

        assert lookups.later() == replace(build(OLD), image=f"{REPOSITORY}@{OLD}")
        assert lookups.pods.ran == []

    def test_an_index_with_only_new_attestations_is_not_a_new_build(self) -> None:
        lookups = Lookups(tag=Tag(OLD, {OLD: {PLATFORM}, NEW: {PLATFORM}}))
        first = lookups.later()
        lookups.tag.now = NEW
        second = lookups.later()

        assert first is not None
        assert second is not None
        assert second.same(first)
        assert (second.image, second.versions) == (f"{REPOSITORY}@{OLD}", LEARNED)
        assert len(lookups.pods.ran) == 1

    def test_a_pod_that_fails_is_not_started_again_immediately(self) -> None:
        lookups = Lookups()
        lookups.pods.error = TemporaryError("it cannot be pulled")
        with pytest.raises(TemporaryError, match="it cannot be pulled"):
            lookups.later()
        assert [lookups.later() for _ in range(9)] == [None] * 9
        lookups.pods.error = None

        assert lookups.later() == Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}), LEARNED)
        assert lookups.counts() == {"registry": (11, 0), "pod": (1, 1)}

    @pytest.mark.parametrize(
        ("error", "fails"),
        [
            pytest.param(TemporaryError("the quota is used up"), 3, id="thrice where it may pass"),
            pytest.param(NotPermittedError("allow create on pods"), 1, id="once where it is not permitted"),
            pytest.param(ConfigurationError("its name is taken"), 1, id="once where only a person helps"),
        ],
    )
    def test_pods_that_cannot_run_stop_no_tester(
        self, error: MonitorError, fails: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Pods that cannot run do not stop the tester, because the digest suffices without versions."""
        lookups = Lookups()
        lookups.pods.error = error
        for _ in range(fails - 1):
            with pytest.raises(TemporaryError, match="quota"):
                lookups.later(300.0)
        unknown = Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}))

        assert [lookups.later(300.0) for _ in range(3)] == [unknown] * 3
        assert lookups.pods.ran == [unknown.image] * fails
        assert caplog.messages == [f"versions: the versions of {unknown.image} are unknown: {error}"]
        lookups.tag.now, lookups.pods.error = NEW, None
        assert lookups.later() == Build(f"{REPOSITORY}@{NEW}", frozenset({NEW}), LEARNED), "those of the next"

    def test_a_lookup_that_an_outage_interrupts_is_not_an_attempt(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A lookup that an outage interrupts does not count as an attempt, and is repeated without limit."""
        lookups = Lookups()
        lookups.pods.error = OutageError("no answer from the API server")
        for _ in range(5):
            with pytest.raises(OutageError):
                lookups.later()
        lookups.pods.error = TemporaryError("the quota is used up")
        for _ in range(2):
            with pytest.raises(TemporaryError, match="quota"):
                lookups.later(300.0)
        lookups.pods.error = OutageError("no answer from the API server")
        with pytest.raises(OutageError):
            lookups.later(300.0)
        lookups.pods.error = None

        assert lookups.later() == Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}), LEARNED)
        assert caplog.messages == [], "the versions do not stay unknown"

    def test_failures_are_counted_for_each_digest(self) -> None:
        lookups = Lookups()
        lookups.pods.error = TemporaryError("the quota is used up")
        for digest in (OLD, OLD, NEW, NEW):
            lookups.tag.now = digest
            with pytest.raises(TemporaryError, match="quota"):
                lookups.later(300.0)

        assert lookups.later(300.0) == Build(f"{REPOSITORY}@{NEW}", frozenset({NEW}))

    def test_a_poll_never_starts_a_pod(self) -> None:
        lookups = Lookups()

        assert lookups.discovery.poll() == Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}))
        assert lookups.pods.ran == []
        assert (
            lookups.later()
            == lookups.discovery.poll()
            == Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}), LEARNED)
        ), "and then it knows what a pod reported"


class TestAutoWithoutItsRegistry:
    def test_a_pod_replaces_the_lookup_every_five_minutes(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("it is away")
        found = [lookups.later() for _ in range(31)]

        assert [(index + 1) * 30 for index, each in enumerate(found) if each] == [300, 600, 900]
        assert lookups.pods.ran == ["the tag"] * 3
        registry, pod = lookups.counts()["registry"], lookups.counts()["pod"]
        assert (registry[0], pod) == (0, (3, 0))
        assert registry[1] < 10, "the registry is left alone longer and longer"

    def test_a_pod_that_an_outage_interrupts_is_retried_soon(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("it is away")
        lookups.pods.error = OutageError("no answer from the API server")
        for _ in range(3):
            with pytest.raises(OutageError):
                lookups.later(300.0 if not lookups.pods.ran else 30.0)
        lookups.pods.error = None

        assert lookups.later() is not None
        assert lookups.later() is None, "and once it has looked, it waits"

    def test_a_hiccup_costs_no_pod(self) -> None:
        lookups = Lookups(known=[build(OLD)])
        lookups.later()
        lookups.tag.error = RegistryError("it is away")
        assert lookups.later() is None
        lookups.tag.error = None

        assert lookups.later() is not None
        assert lookups.pods.ran == []

    def test_a_reason_and_its_end_are_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        lookups = Lookups(known=[build(OLD)])
        for error in (RegistryError("it is away"), None, RegistryError("it is away again")):
            lookups.tag.error = error
            for _ in range(20):
                lookups.later(60.0)

        assert caplog.messages == [
            "registry: it is away; until the registry can be read, pods look up new builds while no run is open",
            "registry: works again after 23m",
            "registry: it is away again; until the registry can be read, pods look up new builds while no run is open",
        ]

    def test_each_reason_is_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        lookups = Lookups(known=[build(OLD)])
        for number in range(60):
            lookups.tag.error = RegistryError(f"reason {number % 3}" if number < 30 else f"another {number}")
            lookups.later(600.0)

        assert len(caplog.messages) == 10, "also of one that finds ever new ones"
        assert [each.partition(";")[0] for each in caplog.messages[:3]] == [
            "registry: reason 0",
            "registry: reason 1",
            "registry: reason 2",
        ]

    def test_what_is_set_wrong_about_it_stops_no_tester(self) -> None:
        """An invalid setting does not stop the tester, for example a Secret without valid credentials."""
        lookups = Lookups()
        lookups.tag.error = ConfigurationError("it is not a Docker configuration")

        assert lookups.later(300.0) is not None
        assert lookups.pods.ran == ["the tag"]

    def test_a_busy_ledger_is_not_a_problem_of_the_registry(self, caplog: pytest.LogCaptureFixture) -> None:
        lookups = Lookups()
        lookups.ledger_error = TemporaryError("the ledger is busy")
        with pytest.raises(TemporaryError, match="the ledger is busy"):
            lookups.later(300.0)
        lookups.ledger_error = None

        assert lookups.later() is not None
        assert lookups.pods.ran == [f"{REPOSITORY}@{OLD}"], "it runs the digest that the registry reported"
        assert caplog.messages == []

    def test_who_may_be_asked_is_counted_from_the_beginning(self) -> None:
        assert Lookups().activity.values(IMAGE_CHECKS) == {
            (source, result): 0 for source in ("registry", "pod") for result in ("success", "error")
        }
        assert {source for source, _ in Lookups("registry").activity.values(IMAGE_CHECKS)} == {"registry"}

    def test_a_pause_that_it_asks_for_is_kept(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("too often", 1000.0)
        assert [lookups.later() for _ in range(33)] == [None] * 33

        assert lookups.tag.asked == ["digest"]
        assert lookups.pods.ran == [], "they would pull from that very registry"
        lookups.later(60.0)
        assert lookups.tag.asked == ["digest"] * 2

    def test_a_registry_that_asks_for_one_pause_after_another_does_not_keep_new_builds_away(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("too often", 3600.0)
        found = [lookups.later() for _ in range(4 * 120)]

        assert 6 <= len([each for each in found if each]) <= 8, "twice an hour at most"
        assert len(lookups.tag.asked) <= 5, "and it is left alone"

    def test_once_a_pause_is_over_pods_stand_in_again(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("too often", 1000.0)
        lookups.later()
        lookups.tag.error = RegistryError("it is away")

        assert lookups.later(1002.0) is not None
        assert lookups.pods.ran == ["the tag"]

    def test_a_digest_from_a_pod_is_known_once_the_registry_is_back(self) -> None:
        lookups = Lookups(tag=Tag(NEW, {NEW: {PLATFORM}}))
        lookups.pods.reports = {NEW: PLATFORM}
        lookups.tag.error = RegistryError("it is away")
        lookups.later(300.0)
        lookups.tag.error = None

        assert lookups.later(60.0) == Build(f"{REPOSITORY}@{PLATFORM}", frozenset({NEW, PLATFORM}), LEARNED)
        assert lookups.pods.ran == ["the tag"]

    def test_a_digest_from_a_pod_belongs_to_the_known_build(self) -> None:
        """A digest that a pod reports belongs to the known build.

        The ledger has the digests of index and platform, and the kubelet reports either of them.
        """
        known = Build(f"{REPOSITORY}@{OLD}", frozenset({OLD, PLATFORM}), LEARNED)
        lookups = Lookups(tag=Tag(OLD, error=RegistryError("it is away")), known=[known])
        lookups.pods.reports, lookups.pods.versions = {OLD: PLATFORM}, None

        assert lookups.later(300.0) == known

    def test_digests_from_the_registry_are_known_to_pods(self) -> None:
        lookups = Lookups(tag=Tag(OLD, {OLD: {PLATFORM}}))
        lookups.later()
        lookups.tag.error, lookups.pods.reports = RegistryError("it is away"), {OLD: PLATFORM}
        found = lookups.later(300.0)

        assert found is not None
        assert found.digests == {OLD, PLATFORM}

    def test_the_manifest_of_a_digest_from_a_pod_is_read_once_the_registry_is_back(self) -> None:
        lookups = Lookups(tag=Tag(OLD, {OLD: {PLATFORM}}, error=RegistryError("it is away")))
        lookups.later(300.0)
        lookups.tag.error = None
        lookups.later(60.0)
        lookups.tag.error = RegistryError("it is away")
        lookups.later(300.0)
        lookups.tag.error = None
        found = lookups.later(60.0)

        assert found is not None
        assert found.digests == {OLD, PLATFORM}
        assert lookups.tag.asked.count("digests") == 1
        assert lookups.pods.ran == ["the tag"] * 2

    def test_a_poll_shows_nothing_and_starts_nothing(self) -> None:
        lookups = Lookups()
        lookups.tag.error = RegistryError("it is away")

        assert lookups.discovery.poll() is None
        assert lookups.pods.ran == []

    def test_a_permission_that_lacks_is_an_error(self) -> None:
        """A missing permission is an error if no other source knows the digest."""
        lookups = Lookups()
        lookups.tag.error = RegistryError("it is away")
        lookups.pods.error = NotPermittedError("allow create on pods")
        with pytest.raises(NotPermittedError):
            lookups.later(300.0)

    @pytest.mark.parametrize(
        ("flags", "seconds"),
        [
            pytest.param([], (30.0, 300.0), id="by default"),
            pytest.param(["--image-check-interval=10s"], (10.0, 300.0), id="a short interval"),
            pytest.param(["--image-check-interval=1h"], (3600.0, 3600.0), id="a long interval"),
            pytest.param(["--image-source=pod"], (300.0, 300.0), id="pods alone"),
            pytest.param(
                ["--image-source=pod", "--image-check-interval=10s"], (10.0, 10.0), id="pods alone, often"
            ),
        ],
    )
    def test_a_pod_never_stands_in_more_often_than_every_five_minutes(
        self, flags: list[str], seconds: tuple[float, float]
    ) -> None:
        tester = ["--data-dir=/data", "--namespace=ns", "--pod-name=tester-0", "--node-container-name=node"]
        settings = parse(WaitSettings, "wait-for-completion", [*tester, *flags], {})

        assert lookup_seconds(settings) == seconds


class TestRegistryAlone:
    def test_nothing_is_started_and_versions_stay_unknown(self) -> None:
        lookups = Lookups("registry")

        assert lookups.later() == lookups.discovery.poll() == Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}))
        assert lookups.pods.ran == []

    def test_what_is_known_of_a_build_is_kept(self) -> None:
        lookups = Lookups("registry", known=[build(OLD)])
        found = lookups.later()

        assert found is not None
        assert found.versions == build(OLD).versions

    def test_its_errors_are_raised_at_each_lookup(self) -> None:
        lookups = Lookups("registry")
        lookups.tag.error = RegistryError("it is away")
        for lookup in (lookups.later, lookups.discovery.poll):
            with pytest.raises(RegistryError, match="it is away"):
                lookup()
            assert lookups.later(1.0) is None, "not asked again so soon"
            lookups.clock.now += 1000.0
        assert lookups.counts() == {"registry": (0, 2)}


class TestPodsAlone:
    def test_each_lookup_is_a_pod(self) -> None:
        lookups = Lookups("pod")

        assert [lookups.later() for _ in range(2)] == [
            Build(f"{REPOSITORY}@{OLD}", frozenset({OLD}), LEARNED)
        ] * 2
        assert lookups.discovery.poll() is None
        assert (lookups.pods.ran, lookups.opened) == (["the tag"] * 2, 0)
        assert lookups.counts() == {"pod": (2, 0)}


# ---- On a cluster and a registry that speak their protocols ------------------------------------------------


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serving() as fake:
        yield fake


@pytest.fixture
def api(registry: FakeRegistry) -> Iterator[FakeApiServer]:
    with serving_api() as fake:
        add_tester(fake)
        for found in (
            fake.pods["tester-0"]["spec"],
            fake.stateful_sets["tester"]["spec"]["template"]["spec"],
        ):
            for container in found["containers"]:
                if container["name"] == "node":
                    container["image"] = f"{registry.repository}:latest"
        yield fake


@pytest.fixture
def cluster(api: FakeApiServer, tmp_path: Path) -> Iterator[Cluster]:
    environment = {"KUBECONFIG": str(kubeconfig(tmp_path, api.url))}
    with closing(Cluster.connect("ns", environment=environment)) as connected:
        yield connected


@pytest.fixture
def discovery(cluster: Cluster, tmp_path: Path) -> Iterator[Discovery]:
    """Return a discovery as the commands create it; the ledger knows run 1 of the build `D1`."""
    platform = KubernetesPlatform(cluster, OwnPod("tester-0", "node", "/data"))
    ledger = open_ledger(tmp_path)
    known = replace(build(D1), versions=VERSIONS)
    now = Instant(1.0, 1.0, "boot")
    ledger.record(now, "default", [BeginClearing(workload(known), ""), BeginRun(workload(known))])
    yield put_together(cluster, platform, ledger)
    ledger.close()


def put_together(
    cluster: Cluster, platform: KubernetesPlatform, ledger: Ledger, pod_interval_seconds: float = 0.0
) -> Discovery:
    """Return a discovery as the commands create it."""
    pods = VersionPodSource(cluster, "tester-0", "node", "latest", pause=lambda _seconds: False)
    options, timeouts = RegistryOptions(), Timeouts(1.0, 2.0)
    return Discovery(
        lambda: Registry(platform.repository(), "latest", options, timeouts=timeouts, architecture="amd64"),
        pods,
        lambda digests: known_build(ledger, platform, digests),
        Activity(),
        backoff=Backoff(0.0),
        pod_interval_seconds=pod_interval_seconds,
    )


def pods_made(api: FakeApiServer) -> list[str]:
    """Return the images of the version pods."""
    made = [each.body for each in api.made("POST") if each.body]
    return [each["spec"]["containers"][0]["image"] for each in made]


def kubelet(api: FakeApiServer, digest: Callable[[], str]) -> None:
    """Run each version pod to completion, as the kubelet does."""
    api.logs[VERSION_POD] = VERSIONS.to_json()
    api.on_create = lambda pod: run_version_pod(pod, digest())


def test_an_index_is_resolved_by_its_registry_and_a_pod(
    api: FakeApiServer, registry: FakeRegistry, discovery: Discovery
) -> None:
    digest = registry.push_index(child(D2), child(ATTESTED, "unknown"))
    kubelet(api, lambda: D2)
    expected = Build(f"{registry.repository}@{digest}", frozenset({digest, D2}), VERSIONS)

    assert [discovery.newest() for _ in range(3)] == [expected] * 3
    assert pods_made(api) == [expected.image]
    assert VERSION_POD not in api.pods
    manifests = f"/v2/{NAME}/manifests"
    assert registry.seen() == [
        f"HEAD {manifests}/latest",
        f"GET {manifests}/{digest}",
        f"HEAD {manifests}/latest",
        f"HEAD {manifests}/latest",
    ]


def test_a_build_of_the_ledger_costs_the_cluster_one_read_for_ever(
    api: FakeApiServer, registry: FakeRegistry, discovery: Discovery
) -> None:
    digest = registry.push_index(child(D1))
    expected = Build(f"{registry.repository}@{digest}", frozenset({digest, D1}), VERSIONS)

    assert [discovery.newest() for _ in range(10)] == [expected] * 10
    assert [f"{each.method} {each.path}" for each in api.requests] == [
        "GET /api/v1/namespaces/ns/pods/tester-0"
    ]


def test_where_the_registry_cannot_be_read_a_pod_pulls_the_tag(
    api: FakeApiServer, registry: FakeRegistry, discovery: Discovery
) -> None:
    registry.wants = "basic"
    kubelet(api, lambda: D2)

    assert discovery.newest() == Build(f"{registry.repository}@{D2}", frozenset({D2}), VERSIONS)
    assert pods_made(api) == [f"{registry.repository}:latest"]


ANSWERS = 8
"""Number of API requests in a lookup by a version pod, from reading the own pod to the deletion."""
NOTHING, REFUSAL = Fault(drop=True), Fault(503, "etcd is away")


@pytest.mark.parametrize("answers", range(ANSWERS))
def test_an_outage_at_any_moment_of_a_lookup_leaves_no_versions_unknown(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path, answers: int
) -> None:
    """Outages do not leave the versions unknown.

    The test causes four in a row, although a pod has only three attempts. The lookup after the outage
    reads the versions.
    """
    digest = registry.push_build(2)
    kubelet(api, lambda: digest)
    with discovering(api, tmp_path) as discovery:
        for _ in range(4):
            api.faults = [Fault()] * answers + [NOTHING] * ANSWERS
            with suppress(OutageError):  # the outage hides what the lookup had already found
                discovery.newest()
        api.faults = []

        assert discovery.newest() == Build(f"{registry.repository}@{digest}", frozenset({digest}), VERSIONS)
        assert discovery.newest() is not None


@pytest.mark.parametrize(
    ("faults", "tries"),
    [
        pytest.param([REFUSAL] * 3, None, id="the own pod is not reported: an outage"),
        pytest.param([Fault()] * 2 + [REFUSAL], 3, id="it lets nobody create pods, but is there"),
        pytest.param([Fault(401, "Unauthorized")] * 3, None, id="it does not know this pod any more"),
        pytest.param([Fault()] * 4 + [Fault(401, "Unauthorized")] * 6, None, id="nor who asks for the log"),
        pytest.param([Fault()] * 2 + [Fault(429, "busy")] * 4, None, id="it is too busy to create pods"),
        pytest.param([Fault()] * 2 + [NOTHING], 3, id="a webhook for pods is slower than the monitor waits"),
    ],
)
def test_a_refusal_is_a_try_where_the_server_is_there(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path, faults: list[Fault], tries: int | None
) -> None:
    """An error from a reachable server counts as an attempt.

    A broken admission webhook, for example, answers 500 for each new pod until an operator fixes it.
    """
    digest = registry.push_build(2)
    kubelet(api, lambda: digest)
    unknown = Build(f"{registry.repository}@{digest}", frozenset({digest}))
    found: list[Build | None] = []
    with discovering(api, tmp_path, pod_interval_seconds=0.0) as discovery:
        discovery.poll()  # the repository is read only once
        for _ in range(5):
            api.faults = list(faults)
            try:
                found.append(discovery.newest())
            except TemporaryError:
                found.append(None)

    assert found == ([None] * 5 if tries is None else [None] * (tries - 1) + [unknown] * (6 - tries))


@pytest.mark.parametrize("fault", [pytest.param(NOTHING, id="silent"), pytest.param(REFUSAL, id="an error")])
def test_a_kubelet_that_gives_no_log_costs_three_pods(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path, fault: Fault
) -> None:
    """A kubelet that returns no logs costs three pods.

    For example, a firewall may drop the API server's requests until an operator fixes it.
    """
    digest = registry.push_build(2)
    kubelet(api, lambda: digest)
    unknown = Build(f"{registry.repository}@{digest}", frozenset({digest}))
    with discovering(api, tmp_path) as discovery:
        discovery.poll()  # the repository is read only once
        # Own pod; for each version pod: absence, creation and end, log and a read; then its deletion.
        api.faults = [Fault()] + ([Fault()] * 3 + [fault] * 3 + [Fault()] * 3) * 3

        assert [discovery.newest() for _ in range(3)] == [unknown] * 3
    assert len(pods_made(api)) == 3


def test_a_version_pod_given_up_at_the_end_is_not_an_attempt(api: FakeApiServer, cluster: Cluster) -> None:
    """A version pod that is given up on shutdown does not count as an attempt.

    As the third attempt, it would leave the versions unknown for the next process as well.
    """
    pods = VersionPodSource(cluster, "tester-0", "node", "latest", pause=lambda _seconds: True)
    with pytest.raises(OutageError, match="was cancelled: the monitor is stopping"):
        pods.learn(f"{REPOSITORY}@{D2}")

    assert (len(pods_made(api)), VERSION_POD in api.pods) == (1, False)


def test_a_left_over_version_pod_that_cannot_be_deleted_is_a_try(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path
) -> None:
    """A failure to delete an old version pod counts as an attempt; a webhook may deny deletions too."""
    digest = registry.push_build(2)
    left_over = {"metadata": {"name": VERSION_POD, "uid": "left-over", "labels": dict(MANAGED_BY)}}
    found: list[Build | None] = []
    with discovering(api, tmp_path, pod_interval_seconds=0.0) as discovery:
        discovery.poll()  # the repository is read only once
        for _ in range(3):
            api.pods[VERSION_POD] = left_over
            api.faults = [Fault()] * 2 + [NOTHING] * 3
            try:
                found.append(discovery.newest())
            except TemporaryError:
                found.append(None)

    assert found == [None, None, Build(f"{registry.repository}@{digest}", frozenset({digest}))]


def test_a_digest_that_the_own_pod_is_pinned_to_costs_no_pod(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path
) -> None:
    """The digest that the own pod is pinned to needs no version pod.

    `init` has resolved and pinned the tag, and the new pod's sidecar polls before the run has started.
    """
    digest = registry.push_build(2)
    pinned = Build(f"{registry.repository}@{digest}", frozenset({digest}), VERSIONS)
    add_tester(api, pinned_to=pinned)
    with discovering(api, tmp_path) as discovery:
        assert discovery.newest() == pinned
    assert pods_made(api) == []


@pytest.mark.parametrize(
    ("pin_versions", "ledger_versions", "expected"),
    [
        pytest.param(VERSIONS, None, VERSIONS, id="the pin: a run began before they were known"),
        pytest.param(None, LEARNED, LEARNED, id="the ledger: a person pinned the digest"),
        pytest.param(VERSIONS, LEARNED, LEARNED, id="both: the ledger goes first"),
        pytest.param(None, None, None, id="neither: it was met, and no pod is started again"),
    ],
)
def test_the_versions_of_a_build_that_was_met_are_whose_that_has_them(
    api: FakeApiServer,
    cluster: Cluster,
    tmp_path: Path,
    pin_versions: Versions | None,
    ledger_versions: Versions | None,
    expected: Versions | None,
) -> None:
    add_tester(api, pinned_to=replace(BUILD, versions=pin_versions))
    met = replace(BUILD, versions=ledger_versions)
    platform = KubernetesPlatform(cluster, OwnPod("tester-0", "node", "/data"))
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.record(
            Instant(1.0, 1.0, "boot"), "default", [BeginClearing(workload(met), ""), BeginRun(workload(met))]
        )
        assert known_build(ledger, platform, BUILD.digests) == replace(BUILD, versions=expected)


def test_a_digest_that_was_pinned_by_hand_is_learned_by_a_pod(
    api: FakeApiServer, registry: FakeRegistry, tmp_path: Path
) -> None:
    digest = registry.push_build(2)
    pinned = Build(f"{registry.repository}@{digest}", frozenset({digest}))
    add_tester(api, pinned_to=pinned)
    kubelet(api, lambda: digest)
    with discovering(api, tmp_path) as discovery:
        assert discovery.newest() == replace(pinned, versions=VERSIONS)
    assert pods_made(api) == [pinned.image]


@contextmanager
def discovering(api: FakeApiServer, folder: Path, pod_interval_seconds: float = 300.0) -> Iterator[Discovery]:
    """Start a discovery that retries without a pause and has an empty ledger."""
    environment = {"KUBECONFIG": str(kubeconfig(folder, api.url))}
    with (
        closing(Cluster.connect("ns", environment=environment, pause=lambda _seconds: False)) as connected,
        closing(open_ledger(folder)) as ledger,
    ):
        platform = KubernetesPlatform(connected, OwnPod("tester-0", "node", "/data"))
        yield put_together(connected, platform, ledger, pod_interval_seconds)


def test_a_counted_source_counts_its_results() -> None:
    class Source:
        error: MonitorError | None = None

        def newest(self) -> Build:
            if self.error:
                raise self.error
            return build(OLD)

    source, activity = Source(), Activity()
    counted = CountedSource(source, "file", activity)
    assert counted.newest() == counted.poll() == build(OLD)
    source.error = TemporaryError("it is being written")
    with pytest.raises(TemporaryError):
        counted.newest()

    assert activity.values(IMAGE_CHECKS) == {("file", "success"): 2, ("file", "error"): 1}
