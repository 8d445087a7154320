"""Which build is under the rolling tag: told by its registry, by a pod that pulls it, or by both.

A registry tells the digest for one HEAD.  Only a pod tells the versions, since they stand nowhere but in the
program itself; so one is started for a digest that nobody knows yet, and for no other.  Where the registry
cannot be read, a pod tells the digest too, but seldom: it costs an image's pull, from the same registry.

A build has several digests (index, platform), and who tells of it tells one.  So all that are known of it are
put together, and the image stays the one that it was met by: it is what the ledger's runs are of.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from monitor.domain.build import Build
from monitor.domain.image_reference import ImageReference
from monitor.engine.activity import Activity
from monitor.errors import Cause, ConfigurationError, MonitorError, NotPermittedError, OutageError
from monitor.registry import Pace, RegistryError

_LEARNING_TRIES = 3
_PAUSED_POD_INTERVAL_SECONDS = 1800.0
_NONE_PRINTED = "it printed none"
REGISTRY, VERSIONS = "registry", "versions"
"""The parts of the monitor whose problems are the registry's, and versions of a build that stay unknown."""


class BuildLookup(Protocol):
    """Whoever knows the newest build, at no cost to anybody."""

    def newest(self) -> Build:
        """Look it up."""
        ...


class CountedSource:
    """Implements `BuildSource` by one that costs nothing; its looks are counted as those of `name`."""

    def __init__(self, source: BuildLookup, name: str, activity: Activity) -> None:
        self._source, self._name, self._activity = source, name, activity

    def newest(self) -> Build:
        """Look it up."""
        with self._activity.looking(self._name):
            return self._source.newest()

    def glimpse(self) -> Build:
        """The same."""
        return self.newest()


class TagReader(Protocol):
    """Reads one tag; see `registry.Registry`."""

    def digest(self) -> str:
        """The digest under it."""
        ...

    def digests(self, digest: str) -> frozenset[str]:
        """A digest and the others of the same build."""
        ...

    def image(self, digest: str) -> str:
        """The image reference that pins it."""
        ...


class ImageRunner(Protocol):
    """Runs an image once; see `check_pod.CheckPodSource`."""

    def newest(self) -> Build:
        """The build under the rolling tag."""
        ...

    def learn(self, image: str) -> Build:
        """The build that an image is."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What is under the tag; `settled`: no pod would tell more of it; `digest` is the registry's, where it told."""

    digest: str
    build: Build
    settled: bool


class Discovery:
    """Implements `BuildSource`; not to be used by two threads at once."""

    def __init__(
        self,
        open_tag: Callable[[], TagReader] | None,
        pods: ImageRunner | None,
        known: Callable[[frozenset[str]], Build | None],
        activity: Activity,
        *,
        pace: Pace,
        pod_interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look by the registry, by pods, or by both.

        Args:
            open_tag: opens the tag in its registry when that is first asked; `None`: only pods tell.
            pods: run an image; `None`: nothing is ever started, and versions of new builds stay unknown.
            known: the build that has one of these digests, where it was met before.
            activity: counts the looks.
            pace: when a registry that failed is asked again.
            pod_interval_seconds: how long after the last look a pod stands in for the registry, longer where
                that asked for a pause; and how long after a pod that failed another one is started.
            clock: in seconds.
        """
        self._open_tag, self._pods, self._known, self._activity = open_tag, pods, known, activity
        self._pace, self._pod_interval_seconds, self._clock = pace, pod_interval_seconds, clock
        self._tag: TagReader | None = None
        self._latest: _Found | None = None
        # Who starts while the registry is away starts no pod at once: it may have started often.
        self._looked_at, self._unlearned_at = clock(), float("-inf")
        self._unlearned: Counter[str] = Counter()
        for part, tells in ((REGISTRY, open_tag), (VERSIONS, pods)):
            if tells is None:  # a problem of earlier settings
                activity.problems.clear(part)
        for source, asked in (("registry", open_tag), ("pod", pods)):
            if asked is not None:
                activity.expect_image_checks(source)

    def newest(self) -> Build | None:
        """Look it up, with its versions; a pod is started where one is needed and due."""
        if self._open_tag is None:
            return self._by_pod()
        found = self._found()
        if found is not None:
            return found.build if found.settled else self._learned(found)
        if self._pods is None:
            return None
        # Pods pull from that very registry: where it wants to be left alone, they look seldom, but they do.
        seldom = _PAUSED_POD_INTERVAL_SECONDS if self._pace.asked_for_pause else 0.0
        if self._clock() - self._looked_at < max(self._pod_interval_seconds, seldom):
            return None
        looked_at, self._looked_at = self._looked_at, self._clock()
        try:
            return self._by_pod()
        except OutageError:
            self._looked_at = looked_at
            raise

    def glimpse(self) -> Build | None:
        """What the registry says, and what is known of that; never a pod."""
        found = self._found()
        return found.build if found else None

    def _found(self) -> _Found | None:
        """What the registry says; `None` while it cannot be read, of which each reason is told once."""
        if self._open_tag is None or not self._pace.due:
            return None
        self._tag = tag = self._tag or self._open_tag()
        try:
            with self._activity.looking("registry"):
                self._latest = self._looked_up(tag)
        except (RegistryError, ConfigurationError) as error:
            self._pace.failed(error.after_seconds if isinstance(error, RegistryError) else None)
            if self._pods is None:
                raise
            message = f"{error}; until it can be read, pods look for new builds while no run is open"
            self._activity.problems.report(REGISTRY, error.cause, message)
            return None
        self._activity.problems.clear(REGISTRY)
        if self._latest.build.versions is not None:
            self._activity.problems.clear(VERSIONS)
        self._pace.succeeded()
        self._looked_at = self._clock()
        return self._latest

    def _looked_up(self, tag: TagReader) -> _Found:
        """One HEAD; and once for each digest the manifest too, since the digest alone may say nothing."""
        digest = tag.digest()
        if self._latest is not None and self._latest.digest == digest:
            return self._latest
        met = self._met(frozenset({digest}))
        try:
            digests = tag.digests(digest)
        except RegistryError:
            if met is None:
                raise
            digests = frozenset({digest})
        met = met or self._met(digests)
        build = Build(tag.image(digest), digests)
        if met is None:
            return _Found(digest, build, settled=self._pods is None)
        return _Found(digest, _joined(met, build), settled=True)

    def _met(self, digests: frozenset[str]) -> Build | None:
        """The same build as it was met before, here or in the ledger."""
        latest = self._latest
        if latest is not None and latest.settled and not digests.isdisjoint(latest.build.digests):
            return latest.build
        return self._known(digests)

    def _learned(self, found: _Found) -> Build | None:
        """Return the build with its versions.

        A pod that fails is started again later, and after `_LEARNING_TRIES` the versions stay unknown.  An outage of
        the API server is not a try: the next lookup tries again.
        """
        if self._pods is None:
            raise AssertionError("without pods nothing more is learned")
        if self._clock() - self._unlearned_at < self._pod_interval_seconds:
            return None
        self._unlearned_at, why = self._clock(), _NONE_PRINTED
        try:
            with self._activity.looking("pod"):
                ran = self._pods.learn(found.build.image)
        except OutageError:
            self._unlearned_at = float("-inf")
            raise
        except MonitorError as error:
            self._unlearned[found.digest] += 1
            may_pass = not isinstance(error, NotPermittedError | ConfigurationError)
            if may_pass and self._unlearned[found.digest] < _LEARNING_TRIES:
                raise
            why, ran = str(error), found.build
        self._unlearned_at = float("-inf")
        build = replace(found.build, digests=found.build.digests | ran.digests, versions=ran.versions)
        self._latest = replace(found, build=build, settled=True)
        self._tell_versions(build, why)
        return build

    def _by_pod(self) -> Build:
        if self._pods is None:
            raise AssertionError("either a registry or pods tell")
        with self._activity.looking("pod"):
            build = self._pods.newest()
        latest = self._latest if self._latest is not None and self._latest.build.same(build) else None
        met = latest.build if latest else self._known(build.digests)
        build = _joined(met, build) if met else build
        self._latest = _Found(latest.digest if latest else "", build, settled=True)
        self._tell_versions(build, _NONE_PRINTED)
        return build

    def _tell_versions(self, build: Build, why: str) -> None:
        """Report a build whose versions could not be learned; `why` that is so."""
        if build.versions is not None:
            self._activity.problems.clear(VERSIONS)
            return
        message = f"the versions of {build.image} stay unknown: {why}"
        self._activity.problems.report(VERSIONS, Cause.VERSIONS_UNKNOWN, message)


def _joined(met: Build, told: Build) -> Build:
    """One build by what was known of it and what was told; its image is the tag's where it was met elsewhere."""
    elsewhere = ImageReference.parse(met.image).repository != ImageReference.parse(told.image).repository
    return Build(
        told.image if elsewhere else met.image, met.digests | told.digests, met.versions or told.versions
    )
