"""Lookup of the build under the rolling tag: in the registry, by a pod that pulls the image, or both.

The registry returns the digest for one HEAD request.  The versions are stored only in the executable, so a
pod must print them.  A pod is started only for a digest whose versions are unknown.  If the registry cannot
be read, a pod also returns the digest.  This is done rarely, because each pod pulls the image from that
registry.

A build has several digests (index, platform), and each source returns only one.  So all known digests of a
build are merged.  The image reference stays the first one that was found, because the ledger's runs refer to
it.
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
from monitor.registry import Backoff, RegistryError

_LEARNING_TRIES = 3
_PAUSED_POD_INTERVAL_SECONDS = 1800.0
_NONE_PRINTED = "the image printed none"
REGISTRY, VERSIONS = "registry", "versions"
"""Names of the parts that report problems with the registry, and versions that could not be read."""


class BuildLookup(Protocol):
    """Source of the newest build for which every lookup is cheap."""

    def newest(self) -> Build:
        """Return the newest build."""
        ...


class CountedSource:
    """`BuildSource` for a source with cheap lookups, which are counted under `name`."""

    def __init__(self, source: BuildLookup, name: str, activity: Activity) -> None:
        self._source, self._name, self._activity = source, name, activity

    def newest(self) -> Build:
        """Look up the newest build and count the lookup."""
        with self._activity.counted_lookup(self._name):
            return self._source.newest()

    def poll(self) -> Build:
        """Look up the newest build and count the lookup: no lookup starts a pod."""
        return self.newest()


class TagReader(Protocol):
    """Reader of one tag in a registry; see `registry.Registry`."""

    def digest(self) -> str:
        """Return the digest that the tag points to."""
        ...

    def digests(self, digest: str) -> frozenset[str]:
        """Return all digests of a build, given one of them."""
        ...

    def image(self, digest: str) -> str:
        """Return the image reference that is pinned to a digest."""
        ...


class ImageRunner(Protocol):
    """Source that runs an image in a pod; see `version_pod.VersionPodSource`."""

    def newest(self) -> Build:
        """Return the build under the rolling tag."""
        ...

    def learn(self, image: str) -> Build:
        """Return the build of an image, with its versions."""
        ...


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Build under the tag.

    `digest` is the digest that the registry returned (empty: none).  `settled` is true if a pod could add
    nothing.
    """

    digest: str
    build: Build
    settled: bool


class Discovery:
    """`BuildSource` that uses a registry, pods or both; not thread-safe."""

    def __init__(
        self,
        open_tag: Callable[[], TagReader] | None,
        pods: ImageRunner | None,
        known: Callable[[frozenset[str]], Build | None],
        activity: Activity,
        *,
        backoff: Backoff,
        pod_interval_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the registry, pods, or both.

        Args:
            open_tag: Opens the tag in its registry, called at the first lookup; `None` to use only pods.
            pods: Runs an image; `None` to start no pods, so that the versions of new builds stay unknown.
            known: Returns the recorded build that has one of the digests.
            activity: Counts the lookups.
            backoff: The backoff after a lookup in the registry failed.
            pod_interval_seconds: The time after the last lookup until a pod replaces the registry, longer if
                the registry asked for a pause.  Also the time after a pod failed until the next one is
                started.
            clock: A clock in seconds.
        """
        self._open_tag, self._pods, self._known, self._activity = open_tag, pods, known, activity
        self._backoff, self._pod_interval_seconds, self._clock = backoff, pod_interval_seconds, clock
        self._tag: TagReader | None = None
        self._latest: _Lookup | None = None
        # If the registry is unavailable at the start, wait before using a pod: the monitor may restart often.
        self._looked_up_at, self._unlearned_at = clock(), float("-inf")
        self._unlearned: Counter[str] = Counter()
        for part, reader in ((REGISTRY, open_tag), (VERSIONS, pods)):
            if reader is None:  # a problem from earlier settings may be stored
                activity.problems.clear(part)
        for source, asked in (("registry", open_tag), ("pod", pods)):
            if asked is not None:
                activity.expect_image_checks(source)

    def newest(self) -> Build | None:
        """Return the newest build with its versions; start a pod if one is needed and due.

        Returns `None` if no source is due yet.
        """
        if self._open_tag is None:
            return self._by_pod()
        lookup = self._look_up()
        if lookup is not None:
            return lookup.build if lookup.settled else self._learned(lookup)
        if self._pods is None:
            return None
        # Pods pull from the registry too: after it asked for a pause, use them less often.
        seldom = _PAUSED_POD_INTERVAL_SECONDS if self._backoff.asked_for_pause else 0.0
        if self._clock() - self._looked_up_at < max(self._pod_interval_seconds, seldom):
            return None
        looked_up_at, self._looked_up_at = self._looked_up_at, self._clock()
        try:
            return self._by_pod()
        except OutageError:
            self._looked_up_at = looked_up_at
            raise

    def poll(self) -> Build | None:
        """Return the newest build of the registry with the data known about it, without starting a pod."""
        lookup = self._look_up()
        return lookup.build if lookup else None

    def _look_up(self) -> _Lookup | None:
        """Look up the build in the registry; `None` if the registry is not due or, with pods, cannot be read.

        Raises:
            RegistryError: the lookup failed, and there are no pods to replace the registry.
            ConfigurationError: the registry is configured incorrectly, and there are no pods to replace it.
        """
        if self._open_tag is None or not self._backoff.due:
            return None
        self._tag = tag = self._tag or self._open_tag()
        try:
            with self._activity.counted_lookup("registry"):
                self._latest = self._looked_up(tag)
        except (RegistryError, ConfigurationError) as error:
            self._backoff.failed(error.after_seconds if isinstance(error, RegistryError) else None)
            if self._pods is None:
                raise
            message = f"{error}; until the registry can be read, pods look up new builds while no run is open"
            self._activity.problems.report(REGISTRY, error.cause, message)
            return None
        self._activity.problems.clear(REGISTRY)
        if self._latest.build.versions is not None:
            self._activity.problems.clear(VERSIONS)
        self._backoff.succeeded()
        self._looked_up_at = self._clock()
        return self._latest

    def _looked_up(self, tag: TagReader) -> _Lookup:
        """Return the build under the tag, with one HEAD request.

        For a new digest, also read the manifest: a recorded build may have only another of its digests.
        """
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
            return _Lookup(digest, build, settled=self._pods is None)
        return _Lookup(digest, _joined(met, build), settled=True)

    def _met(self, digests: frozenset[str]) -> Build | None:
        """Return the build with one of these digests from the last lookup or from the ledger."""
        latest = self._latest
        if latest is not None and latest.settled and not digests.isdisjoint(latest.build.digests):
            return latest.build
        return self._known(digests)

    def _learned(self, lookup: _Lookup) -> Build | None:
        """Return the build with its versions.

        A pod that fails is retried later; after `_LEARNING_TRIES` the versions stay unknown.  An outage of
        the API server does not count as a try: the next lookup retries immediately.
        """
        if self._pods is None:
            raise AssertionError("versions are learned only from pods")
        if self._clock() - self._unlearned_at < self._pod_interval_seconds:
            return None
        self._unlearned_at, why = self._clock(), _NONE_PRINTED
        try:
            with self._activity.counted_lookup("pod"):
                ran = self._pods.learn(lookup.build.image)
        except OutageError:
            self._unlearned_at = float("-inf")
            raise
        except MonitorError as error:
            self._unlearned[lookup.digest] += 1
            may_pass = not isinstance(error, NotPermittedError | ConfigurationError)
            if may_pass and self._unlearned[lookup.digest] < _LEARNING_TRIES:
                raise
            why, ran = str(error), lookup.build
        self._unlearned_at = float("-inf")
        build = replace(lookup.build, digests=lookup.build.digests | ran.digests, versions=ran.versions)
        self._latest = replace(lookup, build=build, settled=True)
        self._report_unknown_versions(build, why)
        return build

    def _by_pod(self) -> Build:
        if self._pods is None:
            raise AssertionError("neither a registry nor pods are configured")
        with self._activity.counted_lookup("pod"):
            build = self._pods.newest()
        latest = self._latest if self._latest is not None and self._latest.build.same(build) else None
        met = latest.build if latest else self._known(build.digests)
        build = _joined(met, build) if met else build
        self._latest = _Lookup(latest.digest if latest else "", build, settled=True)
        self._report_unknown_versions(build, _NONE_PRINTED)
        return build

    def _report_unknown_versions(self, build: Build, why: str) -> None:
        """Report that a build's versions are unknown because of `why`; clear the problem if known."""
        if build.versions is not None:
            self._activity.problems.clear(VERSIONS)
            return
        message = f"the versions of {build.image} are unknown: {why}"
        self._activity.problems.report(VERSIONS, Cause.VERSIONS_UNKNOWN, message)


def _joined(recorded: Build, looked_up: Build) -> Build:
    """Merge a recorded build with one from a lookup.

    The image is that of the recorded build, or that of the lookup if the repositories differ.
    """
    elsewhere = (
        ImageReference.parse(recorded.image).repository != ImageReference.parse(looked_up.image).repository
    )
    return Build(
        looked_up.image if elsewhere else recorded.image,
        recorded.digests | looked_up.digests,
        recorded.versions or looked_up.versions,
    )
