"""Tests of the Kubernetes platform with a server that speaks the protocol."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.fake_api_server import FakeApiServer, Fault, kubeconfig, serving
from support.tester_objects import (
    BUILD,
    D1,
    NEW_BUILD,
    POD,
    REPOSITORY,
    STATEFUL_SET_UID,
    UID,
    VERSIONS,
    Clock,
    Pauses,
    add_tester,
    node_of,
    observe,
    pod_of_template,
)

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.decide.events import Announcement
from monitor.domain.build import Build
from monitor.domain.workload import NodeExit, NodeProcess, SyncMode
from monitor.errors import Cause, ConfigurationError, NotPermittedError, TemporaryError
from monitor.k8s.cluster import Cluster
from monitor.k8s.platform import KubernetesPlatform, OwnPod

OWN = OwnPod(POD, "node", "/data")


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with serving() as fake:
        add_tester(fake)
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(api: FakeApiServer, tmp_path: Path) -> Iterator[Cluster]:
    environment = {"KUBECONFIG": str(kubeconfig(tmp_path, api.url))}
    with closing(Cluster.connect("ns", environment=environment, pause=Pauses())) as connected:
        yield connected


@pytest.fixture
def platform(cluster: Cluster, clock: Clock) -> KubernetesPlatform:
    return KubernetesPlatform(cluster, OWN, clock=clock, pause=clock.pause)


def pin(api: FakeApiServer, platform: KubernetesPlatform, build: Build = NEW_BUILD) -> None:
    """Pin the build, and let the StatefulSet controller observe the change."""
    platform.pin(build)
    observe(api.stateful_sets["tester"])


REJECTION = "couldn't configure flags: unknown flag: --foo"
NOT_FOUND = 'exec: "avalanchegoo": executable file not found in $PATH'


class TestWorkload:
    """`workload`: the configured workload of the monitor's pod."""

    def test_on_the_rolling_tag_it_has_no_build(self, platform: KubernetesPlatform) -> None:
        """A pod on the rolling tag has no build.

        The port of the registry is not a tag, and the first container is not the node.
        """
        found = platform.workload()

        assert (found.uid, found.image, found.build) == (UID, f"{REPOSITORY}:latest", None)
        assert (found.network, found.sync_mode) == ("fuji", SyncMode.C_CHAIN_STATE_SYNC)
        assert found.process is None
        assert platform.uid == UID

    def test_pinned_it_has_a_build_with_its_versions(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        """A pinned pod has a build with the versions in the annotation."""
        add_tester(api, pinned_to=BUILD)

        assert platform.workload().build == BUILD

    @pytest.mark.parametrize(
        "annotation", [None, "", " ", "{", "[]", '{"application": "a", "rpcchainvm": []}']
    )
    def test_versions_that_cannot_be_read_are_unknown(
        self, api: FakeApiServer, platform: KubernetesPlatform, annotation: str | None
    ) -> None:
        """Invalid versions are unknown, and no reason to stop."""
        add_tester(api, pinned_to=replace(BUILD, versions=None))
        if annotation is not None:
            api.pods[POD]["metadata"]["annotations"] = {VERSIONS_ANNOTATION: annotation}

        assert platform.workload().build == Build(BUILD.image, frozenset({D1}))

    def test_versions_of_another_image_are_not_this_ones(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        """Versions of another image are ignored.

        If an operator pins another digest, the annotation stays as it was.
        """
        platform.pin(BUILD)
        annotation = api.stateful_sets["tester"]["spec"]["template"]["metadata"]["annotations"]
        add_tester(api, pinned_to=replace(NEW_BUILD, versions=None))
        api.pods[POD]["metadata"]["annotations"] = annotation

        assert platform.workload().build == replace(NEW_BUILD, versions=None)

    def test_a_digest_pins_whatever_the_tag(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """An image with a tag and a digest, `repository:latest@sha256:…`, is pinned."""
        image = f"{REPOSITORY}:latest@{D1}"
        node_of(api.pods[POD])["image"] = image

        assert platform.workload().build == Build(image, frozenset({D1}))

    @pytest.mark.parametrize(
        ("statuses", "process", "loops"),
        [
            pytest.param([], None, None, id="not reported"),
            pytest.param(
                [{"name": "node", "state": {"waiting": {}}}], NodeProcess(False), False, id="waiting"
            ),
            pytest.param(
                [{"name": "node", "state": {"running": {}}}], NodeProcess(True), False, id="running"
            ),
            pytest.param([{"name": "monitor", "state": {"running": {}}}], None, None, id="another one"),
            pytest.param(
                [{"name": "node", "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
                NodeProcess(False, "ImagePullBackOff"),
                False,
                id="its image is gone",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 3,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 2, "reason": "Error", "message": "panic"}},
                    }
                ],
                NodeProcess(False, "CrashLoopBackOff", 3, NodeExit(2, message="panic"), crash_looping=True),
                True,
                id="it crashes again and again",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 2,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {
                            "terminated": {"exitCode": 1, "reason": "Error", "message": f"{REJECTION}\n"}
                        },
                    }
                ],
                NodeProcess(
                    False,
                    "CrashLoopBackOff",
                    2,
                    NodeExit(1, message=REJECTION, misconfigured=True),
                    crash_looping=True,
                    failed_to_start=True,
                ),
                True,
                id="it rejects its flags",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 4,
                        "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                    }
                ],
                NodeProcess(False, "OOMKilled", 4, NodeExit(137, out_of_memory=True), crash_looping=True),
                True,
                id="it was just killed for its memory",
            ),
            pytest.param(
                [{"name": "node", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}],
                NodeProcess(False, "Error", 0, NodeExit(137), crash_looping=True),
                True,
                id="it was killed, but not for its memory",
            ),
            pytest.param(
                [{"name": "node", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
                NodeProcess(False, "Completed", 0, NodeExit(0), crash_looping=True),
                True,
                id="it ended well, which it should not",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "state": {"waiting": {"reason": "RunContainerError", "message": NOT_FOUND}},
                    }
                ],
                NodeProcess(False, "RunContainerError", message=NOT_FOUND, failed_to_start=True),
                False,
                id="the runtime cannot start it",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 2,
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
                        "lastState": {
                            "terminated": {"exitCode": 128, "reason": "StartError", "message": NOT_FOUND}
                        },
                    }
                ],
                NodeProcess(
                    False, "StartError", 2, NodeExit(128, message=NOT_FOUND), NOT_FOUND, failed_to_start=True
                ),
                False,
                id="the runtime cannot start it again and again",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "state": {
                            "terminated": {
                                "exitCode": 128,
                                "reason": "ContainerCannotRun",
                                "message": NOT_FOUND,
                            }
                        },
                    }
                ],
                NodeProcess(
                    False,
                    "ContainerCannotRun",
                    0,
                    NodeExit(128, message=NOT_FOUND),
                    NOT_FOUND,
                    failed_to_start=True,
                ),
                False,
                id="the runtime could not start it just now",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 2,
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
                        "lastState": {"terminated": {"exitCode": 128, "reason": "Error"}},
                    }
                ],
                NodeProcess(False, "CrashLoopBackOff", 2, NodeExit(128), crash_looping=True),
                True,
                id="it ended with the same code without a cause",
            ),
            pytest.param(
                [
                    {
                        "name": "node",
                        "restartCount": 5,
                        "state": {"running": {}},
                        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                    }
                ],
                NodeProcess(True, "", 5, NodeExit(137, out_of_memory=True)),
                False,
                id="it runs again",
            ),
        ],
    )
    def test_it_says_how_the_node_s_process_fares(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        statuses: list[dict[str, Any]],
        process: NodeProcess | None,
        loops: bool | None,  # noqa: FBT001 - the expected value
    ) -> None:
        """The state of the node's process is that of the kubelet; a missing state is unknown."""
        api.pods[POD]["status"] = {"containerStatuses": statuses}

        found = platform.workload().process
        assert found == process
        assert (found.crash_looping if found else None) is loops

    def test_it_reports_the_revision_of_its_template(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        api.pods[POD]["metadata"]["labels"] = {"controller-revision-hash": "tester-5d4f"}

        assert platform.workload().revision == "tester-5d4f"

    def test_a_namesake_is_not_it_from_the_beginning(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Another pod of the same name is detected from the start.

        A sidecar may restart after its pod was replaced; its environment holds the UID of its own
        pod.
        """
        own = OwnPod(POD, "node", "/data", uid="of-the-pod-before")
        platform = KubernetesPlatform(cluster, own)

        with pytest.raises(TemporaryError, match="was deleted or replaced"):
            platform.workload()
        with pytest.raises(TemporaryError, match="was deleted or replaced"):
            platform.pin(NEW_BUILD)
        assert (platform.uid, api.made("PATCH")) == (None, [])

    @pytest.mark.parametrize("gone", [True, False], ids=["gone", "a namesake"])
    def test_another_pod_of_its_name_is_not_it(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        gone: bool,  # noqa: FBT001 - a test parameter
    ) -> None:
        """A pod of the same name with another UID is an error, since its values are not those of this pod."""
        platform.workload()
        del api.pods[POD]
        if not gone:
            api.add(api.pods, pod_of_template(api.stateful_sets["tester"], "uid-b"))

        with pytest.raises(TemporaryError) as caught:
            platform.workload()
        assert str(caught.value) == "pod 'tester-0' was deleted or replaced: this monitor is being stopped"

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            pytest.param(
                replace(OWN, node_container_name="avago"),
                "pod 'tester-0' has no container 'avago' (it has 'monitor', 'node'): check --node-container-name",
                id="no such container",
            ),
            pytest.param(
                replace(OWN, pod_name="tester-1"),
                "pod 'tester-1' not found in namespace 'ns': check --pod-name and --namespace",
                id="no such pod",
            ),
            pytest.param(
                replace(OWN, data_dir="/elsewhere"),
                "no container of pod 'tester-0' except the node's mounts a volume at --data-dir /elsewhere: "
                "mount the node's volume there, or correct --data-dir",
                id="data folder on no volume",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, cluster: Cluster, settings: OwnPod, message: str) -> None:
        """The error names the wrong setting and the existing names."""
        with pytest.raises(ConfigurationError) as caught:
            KubernetesPlatform(cluster, settings).workload()
        assert str(caught.value) == message

    def test_flags_settle_what_cannot_be_seen(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Flags provide the values that are not visible; here network and sync mode come from a Secret."""
        node_of(api.pods[POD])["env"][0] = {
            "name": "AVAGO_NETWORK_ID",
            "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}},
        }
        settings = replace(OWN, network="1", sync_mode=SyncMode.FULL_SYNC)

        found = KubernetesPlatform(cluster, settings).workload()
        assert (found.network, found.sync_mode) == ("mainnet", SyncMode.FULL_SYNC)
        with pytest.raises(
            ConfigurationError, match="may set network-id, which is not visible to the monitor: set --network"
        ):
            KubernetesPlatform(cluster, OWN).workload()

    def test_data_elsewhere_is_refused(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """A node that writes to another volume is refused, since a new run must clear the node's data."""
        node_of(api.pods[POD])["volumeMounts"][0]["name"] = "another"

        with pytest.raises(ConfigurationError, match="the node's data must be in the folder that is cleared"):
            platform.workload()


class TestPin:
    """`pin`, which changes the template of the pod's StatefulSet."""

    def test_sets_image_and_versions_by_name(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """Pinning sets the named container's image and the versions, even without an earlier annotation."""
        platform.pin(NEW_BUILD)

        template = api.stateful_sets["tester"]["spec"]["template"]
        assert [each["image"] for each in template["spec"]["containers"]] == ["monitor:1", NEW_BUILD.image]
        annotation = json.loads(template["metadata"]["annotations"][VERSIONS_ANNOTATION])
        assert annotation == json.loads(VERSIONS.to_json()) | {"image": NEW_BUILD.image}

    def test_is_repeated_without_harm(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """Pinning can be repeated, even after a lost response and changes by others."""
        api.faults = [Fault(), Fault(), Fault(drop=True, after_serving=True)]
        platform.pin(NEW_BUILD)
        platform.pin(NEW_BUILD)

        assert api.stateful_sets["tester"]["metadata"]["generation"] == 2

    @pytest.mark.parametrize(
        ("managers", "reverter"),
        [
            pytest.param([], "", id="nobody"),
            pytest.param([("bootstrap-monitor", 9)], "", id="this monitor"),
            pytest.param([("argocd", 1), ("bootstrap-monitor", 9)], "argocd", id="another"),
            pytest.param([("helm", 5), ("argocd", 2)], "helm", id="the last of several"),
        ],
    )
    def test_who_reverted_it_is_known(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        managers: list[tuple[str, int]],
        reverter: str,
    ) -> None:
        """The manager that reverted a pin is taken from the managed fields of the node's image only."""
        api.stateful_sets["tester"]["metadata"]["managedFields"] = [
            *(managed(name, f"2026-11-24T10:00:0{second}Z", "node") for name, second in managers),
            managed("kubectl-edit", "2026-11-24T11:00:00Z", "monitor"),
        ]

        assert platform.reverter() == reverter


def managed(manager: str, time: str, container: str) -> dict[str, Any]:
    """Return an entry of `managedFields` that owns a container's image."""
    fields: dict[str, Any] = {f'k:{{"name":"{container}"}}': {"f:image": {}}}
    for step in ("f:containers", "f:spec", "f:template", "f:spec"):
        fields = {step: fields}
    return {"manager": manager, "time": time, "fieldsV1": fields}


class TestRecreate:
    """`recreate`, which deletes the monitor's pod by UID if its successor has the current template."""

    def test_deletes_the_own_pod_of_an_older_revision(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        """A pod of an older revision is deleted by its UID."""
        platform.workload()
        pin(api, platform)

        platform.recreate(unchanged=False)
        (request,) = api.made("DELETE")
        assert request.body is not None
        assert (request.path, request.body["preconditions"]) == (
            "/api/v1/namespaces/ns/pods/tester-0",
            {"uid": UID},
        )

    def test_waits_until_the_change_is_observed(
        self, api: FakeApiServer, cluster: Cluster, clock: Clock
    ) -> None:
        """`recreate` waits until the change is observed; before that, the old revision would return."""
        paused: list[float] = []

        def pause(seconds: float) -> bool:
            assert api.deleted == []
            paused.append(clock.now)
            if len(paused) == 3:
                observe(api.stateful_sets["tester"])
            return clock.pause(seconds)

        platform = KubernetesPlatform(cluster, OWN, clock=clock, pause=pause)
        platform.pin(NEW_BUILD)
        platform.recreate(unchanged=False)
        assert (api.deleted, len(paused)) == ([UID], 3)

    def test_gives_up_where_nobody_observes(
        self, api: FakeApiServer, platform: KubernetesPlatform, clock: Clock
    ) -> None:
        """`recreate` gives up if the controller manager is unavailable."""
        platform.pin(NEW_BUILD)
        start = clock.now

        with pytest.raises(TemporaryError) as caught:
            platform.recreate(unchanged=False)
        assert str(caught.value) == (
            "StatefulSet 'tester' is at generation 2, but its controller has observed 1: "
            "check that the controller manager runs"
        )
        assert caught.value.cause is Cause.STATEFULSET_NOT_OBSERVED
        assert (api.deleted, clock.now - start) == ([], 30.0)

    def test_leaves_the_updated_revision(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """A pod of the updated revision is not deleted."""
        platform.recreate(unchanged=False)

        assert api.deleted == []

    def test_deletes_the_updated_revision_where_asked(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        """A pod of the updated revision is deleted if `unchanged` is true.

        A retry of the same build does not change the revision.
        """
        platform.recreate(unchanged=True)

        assert api.deleted == [UID]

    @pytest.mark.parametrize("unchanged", [True, False])
    def test_a_pod_with_another_uid_is_not_deleted(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        unchanged: bool,  # noqa: FBT001 - a test parameter
    ) -> None:
        """A pod of the same name with another UID is not deleted."""
        platform.workload()
        pin(api, platform)
        api.add(api.pods, pod_of_template(api.stateful_sets["tester"], "uid-b"))

        platform.recreate(unchanged=unchanged)
        assert api.made("DELETE") == []

    def test_leaves_a_pod_that_ends_already(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """A pod that is already terminating is not deleted again."""
        pin(api, platform)
        api.pods[POD]["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
        api.reads_until_gone = 9

        platform.recreate(unchanged=False)
        assert api.made("DELETE") == []

    def test_asks_again_after_five_minutes(
        self, api: FakeApiServer, platform: KubernetesPlatform, clock: Clock
    ) -> None:
        """A lost deletion is repeated after five minutes, and not earlier in any call."""
        pin(api, platform)
        before = api.pods[POD]
        platform.recreate(unchanged=False)
        api.pods[POD] = before  # as if the deletion had no effect

        for _ in range(3):
            clock.pause(99.0)
            platform.recreate(unchanged=False)
        assert api.deleted == [UID]
        clock.pause(3.0)
        platform.recreate(unchanged=False)
        assert api.deleted == [UID, UID]

    def test_refuses_a_partition(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """A partition is refused, because the old revision would return every time."""
        api.stateful_sets["tester"]["spec"]["updateStrategy"]["rollingUpdate"] = {"partition": 1}

        for act in (platform.pin, lambda _: platform.recreate(unchanged=False)):
            with pytest.raises(ConfigurationError) as caught:
                act(NEW_BUILD)
            assert str(caught.value) == (
                "StatefulSet 'tester' has partition 1, so its pod would be recreated "
                "with the old revision: set spec.updateStrategy.rollingUpdate.partition to 0"
            )
        assert (api.deleted, api.made("PATCH")) == ([], [])

    @pytest.mark.parametrize(
        ("verb", "resource", "act"),
        [
            ("get", "pods", lambda each: each.workload()),
            ("get", "statefulsets", lambda each: each.pin(NEW_BUILD)),
            ("patch", "statefulsets", lambda each: each.pin(NEW_BUILD)),
            ("delete", "pods", lambda each: each.recreate(unchanged=True)),
        ],
        ids=["get pods", "get statefulsets", "patch statefulsets", "delete pods"],
    )
    def test_a_lacking_permission_is_named(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        verb: str,
        resource: str,
        act: Callable[[KubernetesPlatform], object],
    ) -> None:
        """The error names the verb and the resource that the Role must allow.

        The request is not retried.
        """
        api.denied[(verb, resource)] = f'User "u" cannot {verb} resource "{resource}"'

        with pytest.raises(NotPermittedError, match=f"allow {verb} on {resource} in its Role$"):
            act(platform)
        assert [each.method for each in api.requests].count("PATCH") <= 1
        assert (api.deleted, api.stateful_sets["tester"]["metadata"]["generation"]) == ([], 1)


class Interrupted(threading.Event):
    """An event whose waits advance the clock and are counted, and which is set after `after` waits."""

    def __init__(self, clock: Clock, after: int = 99) -> None:
        super().__init__()
        self.waits, self._clock, self._after = 0, clock, after

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        self._clock.now += timeout or 0.0
        return self.waits > self._after


class TestAwaitEnd:
    """`await_end`, in which `init` waits for its end after `recreate`."""

    def test_asks_again_and_gives_up(
        self, api: FakeApiServer, platform: KubernetesPlatform, clock: Clock
    ) -> None:
        """Deletions without effect are repeated every five minutes for a quarter of an hour."""
        before = api.pods[POD]
        platform.recreate(unchanged=True)

        class Restoring(Interrupted):
            def wait(self, timeout: float | None = None) -> bool:
                api.pods[POD] = before
                return super().wait(timeout)

        waiting = Restoring(clock)
        platform.await_end(waiting)
        assert (api.deleted, waiting.waits) == ([UID] * 3, 3)

    def test_the_wait_ends_on_a_signal(
        self, api: FakeApiServer, platform: KubernetesPlatform, clock: Clock
    ) -> None:
        """`await_end` returns on a signal, which it waits for."""
        platform.recreate(unchanged=True)
        waiting = Interrupted(clock, after=0)

        platform.await_end(waiting)
        assert (waiting.waits, len(api.deleted)) == (1, 1)

    def test_an_outage_does_not_end_it(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        clock: Clock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """`await_end` continues during an outage; otherwise the node could start with the old image."""
        platform.recreate(unchanged=True)
        api.faults = [Fault(503)] * 3
        waiting = Interrupted(clock, after=1)

        with caplog.at_level(logging.WARNING):
            platform.await_end(waiting)
        assert waiting.waits == 2
        assert "the pod could not be deleted again: the API server could not" in caplog.text


class TestAnnounce:
    """`announce`: an Event about the StatefulSet, which outlives the pod."""

    @pytest.mark.parametrize(
        "read_before", [True, False], ids=["the pod was read", "the pod is not yet read"]
    )
    def test_it_is_about_the_owner_of_the_pod(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        read_before: bool,  # noqa: FBT001 - a test parameter
    ) -> None:
        """The Event names the UID of the pod's owner and this pod as its source."""
        if read_before:
            platform.workload()
        platform.announce(Announcement("BootstrapFailed", "it stalled", warning=True), 1e6)

        (event,) = api.events
        about = event["involvedObject"]
        assert (about["kind"], about["name"], about["uid"]) == ("StatefulSet", "tester", STATEFUL_SET_UID)
        assert (event["reason"], event["type"], event["message"]) == (
            *("BootstrapFailed", "Warning", "it stalled"),
        )
        assert event["reportingInstance"] == POD
        assert event["firstTimestamp"] == "1970-01-12T13:46:40Z", "when it was decided"

    def test_the_event_is_sent_even_if_the_pod_is_gone(
        self, api: FakeApiServer, platform: KubernetesPlatform
    ) -> None:
        """The Event is sent even if the pod is gone, as after a recreation."""
        platform.workload()
        del api.pods[POD]
        platform.announce(Announcement("NewBuildFound", "a build"), 1e6)

        assert len(api.events) == 1

    def test_a_lacking_permission_is_named(self, api: FakeApiServer, platform: KubernetesPlatform) -> None:
        """A missing permission is named, and the loop continues without Events."""
        api.denied["create", "events"] = 'User "u" cannot create resource "events"'

        with pytest.raises(NotPermittedError, match=r"allow create on events in its Role$"):
            platform.announce(Announcement("R", "m"), 1e6)


class TestLogTail:
    """`log_tail`: the end of the container's log, for a node whose log files show nothing."""

    @pytest.mark.parametrize(
        ("before", "now", "words"),
        [
            pytest.param("panic: before\n", "starting\n", "panic: before\n", id="of the process that ended"),
            pytest.param(None, "starting\n", "starting\n", id="of the first process"),
            pytest.param("", "starting\n", "starting\n", id="the previous one printed nothing"),
            pytest.param(None, None, "", id="it never printed anything"),
        ],
    )
    def test_they_are_those_before_the_last_end(
        self,
        api: FakeApiServer,
        platform: KubernetesPlatform,
        before: str | None,
        now: str | None,
        words: str,
    ) -> None:
        """After a restart, the log tail is that of the previous process.

        The new log does not show why that process ended.
        """
        for logs, text in ((api.previous_logs, before), (api.logs, now)):
            if text is not None:
                logs[POD] = text

        assert platform.log_tail() == words
        assert {request.query["container"] for request in api.requests} == {"node"}
