"""Tests of the Kubernetes client with a server that speaks the protocol over real sockets."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.certificates import self_signed, server_context
from support.fake_api_server import FakeApiServer, Fault, kubeconfig, serving

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.decide.events import Announcement
from monitor.domain.build import Build, Versions
from monitor.domain.container import EnvironmentVariable, Mount
from monitor.errors import ConfigurationError, MonitorError, NotPermittedError, OutageError, TemporaryError
from monitor.k8s.api import Connection
from monitor.k8s.calls import ApiCall, UnavailableError
from monitor.k8s.cluster import Cluster
from monitor.k8s.credentials import TOKEN_KEPT_SECONDS, access_for, from_kubeconfig, in_pod
from monitor.k8s.objects import FieldManager, pod_of
from monitor.k8s.pod import ContainerState, Termination

D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64
VERSIONS = Versions("avalanchego/1.14.2", "v1.4.5", 45, "c" * 40, "1.26.8")
BUILD = Build(f"host:5000/a/node@{D2}", frozenset({D2}), VERSIONS)


def stateful_set(**spec: object) -> dict[str, Any]:
    """Return a StatefulSet in which the node is not the first container."""
    return {
        "metadata": {"name": "tester", "generation": 1},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "monitor", "image": "monitor:1"},
                        {"name": "node", "image": "host:5000/a/node:latest"},
                    ]
                }
            },
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            **spec,
        },
        "status": {"observedGeneration": 1, "updateRevision": "tester-1"},
    }


def pod(**metadata: object) -> dict[str, Any]:
    """Return a pod of the StatefulSet."""
    return {
        "metadata": {
            "name": "tester-0",
            "uid": "uid-a",
            "ownerReferences": [{"kind": "StatefulSet", "name": "tester", "uid": "uid-of-the-set"}],
            **metadata,
        },
        "spec": {"containers": [{"name": "node", "image": "host:5000/a/node:latest"}]},
    }


class Pauses:
    """A pause that takes no time and records the requested seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stopping = False

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self.stopping


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    with serving() as fake:
        fake.add(fake.stateful_sets, stateful_set())
        fake.add(fake.pods, pod())
        yield fake


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def cluster(api: FakeApiServer, pauses: Pauses, tmp_path: Path) -> Iterator[Cluster]:
    environment = {"KUBECONFIG": str(kubeconfig(tmp_path, api.url))}
    with closing(
        Cluster.connect("ns", environment=environment, pause=pauses, jitter=lambda: 0.5)
    ) as connected:
        yield connected


def test_the_bearer_header_is_sent(api: FakeApiServer, cluster: Cluster) -> None:
    """Requests carry the bearer token.

    Version 36.0.0 of the Python client sent none, so the server would answer 401.
    """
    assert cluster.read_pod("tester-0").uid == "uid-a"

    headers = api.requests[0].headers
    assert (headers["authorization"].lower(), headers["user-agent"]) == (
        "bearer the-token",
        "bootstrap-monitor",
    )


def test_a_pod_is_read_whole(api: FakeApiServer, cluster: Cluster) -> None:
    """The client reads the whole pod.

    Init containers and native sidecars come first, and sources of `envFrom` and `valueFrom` are named.
    """
    api.add(
        api.pods,
        {
            "metadata": {
                **pod()["metadata"],
                "labels": {"controller-revision-hash": "tester-1"},
                "annotations": {VERSIONS_ANNOTATION: "{}"},
                "deletionTimestamp": "2026-11-24T00:00:00Z",
            },
            "spec": {
                "initContainers": [{"name": "init", "image": "monitor:1", "restartPolicy": "Always"}],
                "containers": [
                    {
                        "name": "node",
                        "image": "n:1",
                        "command": ["./avalanchego"],
                        "args": ["--a=b"],
                        "env": [
                            {"name": "A", "value": "1"},
                            {"name": "B"},
                            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                            {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "x"}}, {"secretRef": {"name": "y"}}],
                        "volumeMounts": [
                            {"name": "data", "mountPath": "/data", "subPath": "avalanchego"},
                            {"name": "data", "mountPath": "/all", "subPathExpr": "$(X)"},
                        ],
                    }
                ],
            },
            "status": {
                "initContainerStatuses": [{"name": "init", "state": {"running": {}}, "imageID": ""}],
                "containerStatuses": [{"name": "node", "state": {"waiting": {}}, "imageID": f"host/n@{D1}"}],
            },
        },
    )
    api.reads_until_gone = 1

    found = cluster.read_pod("tester-0")

    node = found.container("node")
    assert node is not None
    assert [each.name for each in found.containers] == ["init", "node"]
    assert (found.stateful_set, found.revision, found.terminating) == ("tester", "tester-1", True)
    assert found.stateful_set_uid == "uid-of-the-set"
    assert found.states == {
        "init": ContainerState(running=True),
        "node": ContainerState(running=False, image_id=f"host/n@{D1}"),
    }
    assert node.environment == (
        EnvironmentVariable("A", "1"),
        EnvironmentVariable("B", ""),
        EnvironmentVariable("C", None, "secretKeyRef s k"),
        EnvironmentVariable("D", None, "fieldRef metadata.name"),
    )
    assert node.environment_sources == ("configMap/x", "secret/y")
    assert node.mounts == (Mount("/data", "data", "avalanchego"), Mount("/all", "data", "$(X)"))


EXIT = {"exitCode": 139, "reason": "Error", "message": "[signal SIGSEGV]"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        pytest.param({}, ContainerState(running=False), id="no field"),
        pytest.param(
            {"state": {"running": {"startedAt": "2026-11-24T00:00:00Z"}}},
            ContainerState(running=True),
            id="running",
        ),
        pytest.param(
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}},
            ContainerState(running=False, reason="ImagePullBackOff", message="not found"),
            id="waiting",
        ),
        pytest.param(
            {"state": {"terminated": EXIT}, "restartCount": 2},
            ContainerState(
                running=False,
                reason="Error",
                restarts=2,
                last_termination=Termination(139, "Error", "[signal SIGSEGV]"),
                message="[signal SIGSEGV]",
            ),
            id="terminated",
        ),
        pytest.param(
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
                "restartCount": 7,
            },
            ContainerState(
                running=False,
                reason="CrashLoopBackOff",
                restarts=7,
                last_termination=Termination(137, "OOMKilled"),
            ),
            id="in a crash loop",
        ),
        pytest.param(
            {"state": {"running": {}}, "lastState": {"terminated": EXIT}, "restartCount": 1},
            ContainerState(
                running=True, restarts=1, last_termination=Termination(139, "Error", "[signal SIGSEGV]")
            ),
            id="running again",
        ),
        pytest.param(
            {"state": {"terminated": {"exitCode": 0}}, "lastState": {"terminated": EXIT}},
            ContainerState(running=False, last_termination=Termination(0)),
            id="the end just now, not the one before",
        ),
    ],
)
def test_the_state_of_a_container(status: dict[str, Any], state: ContainerState) -> None:
    """`state` is the current state of a container, and `lastState` is that of the previous process."""
    found = pod_of({**pod(), "status": {"containerStatuses": [{"name": "node", **status}]}})

    assert found.states == {"node": state}


@pytest.mark.parametrize(
    ("owners", "found"),
    [
        pytest.param([], "nothing", id="none"),
        pytest.param([{"kind": "ReplicaSet", "name": "r"}], "ReplicaSet 'r'", id="of another kind"),
        pytest.param(
            [{"kind": "StatefulSet", "name": "a"}, {"kind": "StatefulSet", "name": "b"}],
            "StatefulSet 'a', StatefulSet 'b'",
            id="two",
        ),
    ],
)
def test_the_owner_must_be_one_stateful_set(owners: list[dict[str, str]], found: str) -> None:
    """The pod's owner must be exactly one StatefulSet.

    Nothing else would recreate the pod from a template that can be pinned.
    """
    with pytest.raises(ConfigurationError) as caught:
        pod_of(pod(ownerReferences=owners))

    assert str(caught.value) == (
        f"pod 'tester-0' is owned by {found}: run it as the pod of exactly one StatefulSet"
    )


def test_a_stateful_set_is_read(api: FakeApiServer, cluster: Cluster) -> None:
    """The client reads the StatefulSet; the managed fields show who set each image."""
    owned: dict[str, Any] = {"f:spec": {"f:containers": {'k:{"name":"node"}': {".": {}, "f:image": {}}}}}
    found = api.stateful_sets["tester"]
    found["metadata"]["managedFields"] = [
        {"manager": "argocd", "time": "2026-11-24T10:00:00Z", "fieldsV1": {"f:spec": {"f:template": owned}}},
        {"manager": "kube-controller-manager", "fieldsV1": {"f:status": {}}},
    ]
    found["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = 2

    read = cluster.read_stateful_set("tester")

    assert (read.generation, read.observed_generation, read.update_revision) == (1, 1, "tester-1")
    assert read.images == {"monitor": "monitor:1", "node": "host:5000/a/node:latest"}
    assert read.image_managers == {"node": (FieldManager("argocd", "2026-11-24T10:00:00Z"),)}
    assert (read.partition, read.versions_annotation) == (2, None)


class TestPin:
    """`pin`, the only write to a StatefulSet."""

    def test_sets_image_and_annotation_by_name(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Pinning changes the image and the annotation, and nothing else.

        The node is the second container, and the annotation does not exist yet.
        """
        assert cluster.pin("tester", "node", BUILD)

        template = api.stateful_sets["tester"]["spec"]["template"]
        annotation = json.loads(template["metadata"]["annotations"][VERSIONS_ANNOTATION])
        assert annotation == json.loads(VERSIONS.to_json()) | {"image": BUILD.image}
        assert [each["image"] for each in template["spec"]["containers"]] == ["monitor:1", BUILD.image]
        assert api.made("PATCH")[0].query == {"fieldManager": "bootstrap-monitor"}

    @pytest.mark.parametrize(
        ("build", "annotation"),
        [
            pytest.param(BUILD, VERSIONS.to_json().replace(" ", "\n"), id="written another way"),
            pytest.param(Build(BUILD.image, BUILD.digests), "", id="unknown versions"),
            pytest.param(Build(BUILD.image, BUILD.digests), None, id="unknown versions, no annotation"),
        ],
    )
    def test_changes_nothing_that_is_so(
        self, api: FakeApiServer, cluster: Cluster, build: Build, annotation: str | None
    ) -> None:
        """Pinning an image that is already set sends no patch.

        A patch would create a revision and replace the pod.
        """
        template = api.stateful_sets["tester"]["spec"]["template"]
        template["spec"]["containers"][1]["image"] = BUILD.image
        if annotation is not None:
            template["metadata"] = {"annotations": {VERSIONS_ANNOTATION: annotation}}

        assert not cluster.pin("tester", "node", build)
        assert api.made("PATCH") == []

    def test_empties_the_versions_of_another_build(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Pinning a build without versions empties the annotation.

        Otherwise the new build would be reported with the old version.
        """
        cluster.pin("tester", "node", BUILD)

        assert cluster.pin("tester", "node", Build(BUILD.image, BUILD.digests))
        annotations = api.stateful_sets["tester"]["spec"]["template"]["metadata"]["annotations"]
        assert annotations == {VERSIONS_ANNOTATION: ""}

    def test_reads_again_when_it_changed_under_way(
        self, api: FakeApiServer, cluster: Cluster, pauses: Pauses
    ) -> None:
        """After a conflict (409), pinning reads the template again, because it may have changed."""
        meddling = [api.touch]
        api.before_patch = lambda found: meddling.pop()(found) if meddling else None

        assert cluster.pin("tester", "node", BUILD)
        assert ([each.method for each in api.requests], pauses.seconds) == (
            ["GET", "PATCH", "GET", "PATCH"],
            [0.2],
        )

    def test_gives_up_where_it_keeps_changing(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Pinning gives up if the StatefulSet changes repeatedly."""
        api.before_patch = api.touch

        with pytest.raises(TemporaryError) as caught:
            cluster.pin("tester", "node", BUILD)
        assert str(caught.value) == (
            "StatefulSet 'tester' in namespace 'ns' was changed repeatedly while the monitor tried to pin it to "
            f"{BUILD.image}: try again later"
        )
        assert len(api.made("PATCH")) == 5

    def test_is_repeated_when_its_answer_is_lost(self, api: FakeApiServer, cluster: Cluster) -> None:
        """Pinning is repeated after a lost response.

        The first patch was applied, so the second conflicts, and a further read finds the image set.
        """
        api.faults = [Fault(), Fault(drop=True, after_serving=True)]

        assert not cluster.pin("tester", "node", BUILD)
        assert [each.method for each in api.requests] == ["GET", "PATCH", "PATCH", "GET"]
        assert api.stateful_sets["tester"]["metadata"]["generation"] == 2

    def test_names_the_containers_there_are(self, cluster: Cluster) -> None:
        """An unknown container is reported with the existing names, because a flag is probably wrong."""
        with pytest.raises(ConfigurationError) as caught:
            cluster.pin("tester", "avago", BUILD)
        assert str(caught.value) == (
            "StatefulSet 'tester' has no container 'avago' (it has 'monitor', 'node'): check --node-container-name"
        )


class TestDeletePod:
    """`delete_pod`, which deletes by UID and never deletes another pod of the same name."""

    def test_deletes_the_very_pod(self, api: FakeApiServer, cluster: Cluster) -> None:
        """The pod with the UID is deleted."""
        cluster.delete_pod("tester-0", "uid-a")

        assert (api.deleted, api.pods) == (["uid-a"], {})

    @pytest.mark.parametrize("name", ["tester-0", "gone-0"], ids=["a namesake", "gone"])
    def test_counts_what_is_gone_as_deleted(self, api: FakeApiServer, cluster: Cluster, name: str) -> None:
        """The responses 409 and 404 mean that the pod no longer exists."""
        cluster.delete_pod(name, "uid-of-before")

        assert (api.deleted, list(api.pods)) == ([], ["tester-0"])

    def test_is_repeated(self, api: FakeApiServer, cluster: Cluster) -> None:
        """A deletion is repeated after a lost response."""
        api.faults = [Fault(drop=True, after_serving=True)]

        cluster.delete_pod("tester-0", "uid-a")
        assert (api.deleted, len(api.requests)) == (["uid-a"], 2)


def test_a_creation_is_sent_once(api: FakeApiServer, cluster: Cluster) -> None:
    """A creation is sent only once, because a lost response does not show whether it took effect."""
    api.faults = [Fault(drop=True, after_serving=True)]

    with pytest.raises(TemporaryError):
        cluster.create_pod({"metadata": {"name": "check"}})
    assert (len(api.requests), "check" in api.pods) == (1, True)


def test_a_log_is_bounded(api: FakeApiServer, cluster: Cluster) -> None:
    """A log is read up to a limit, because the log of several days would not fit into memory."""
    api.logs["tester-0"] = "x" * 1000

    assert cluster.read_log("tester-0", "node", limit_bytes=10) == "x" * 10
    assert api.requests[0].query == {"container": "node", "limitBytes": "10"}


class TestReadLogEnd:
    """`read_log_end`: the last lines of the current or the previous process."""

    @pytest.mark.parametrize(
        ("previous", "text"),
        [pytest.param(False, "now\n", id="present"), pytest.param(True, "before\n", id="previous")],
    )
    def test_reads_the_process_that_is_asked_for(
        self,
        api: FakeApiServer,
        cluster: Cluster,
        previous: bool,  # noqa: FBT001 - a test parameter
        text: str,
    ) -> None:
        """The log is that of the requested process of the named container."""
        api.logs["tester-0"], api.previous_logs["tester-0"] = "now\n", "before\n"

        assert cluster.read_log_end("tester-0", "node", 9, previous=previous) == text
        query = api.requests[0].query
        assert (query["container"], query["tailLines"]) == ("node", "9")

    def test_reads_the_last_lines(self, api: FakeApiServer, cluster: Cluster) -> None:
        """At most the requested number of lines is read."""
        api.logs["tester-0"] = "".join(f"line {number}\n" for number in range(100))

        assert cluster.read_log_end("tester-0", "node", 2, previous=False) == "line 98\nline 99\n"

    def test_of_long_lines_the_end_is_kept(self, api: FakeApiServer, cluster: Cluster) -> None:
        """The end of long lines is kept; the server's own limit would cut off the last lines."""
        api.logs["tester-0"] = "".join(f"{number:04} {'x' * 1000}\n" for number in range(500)) + "the end\n"

        found = cluster.read_log_end("tester-0", "node", 500, previous=False)
        assert (found.endswith("the end\n"), len(found)) == (True, 64 << 10)

    @pytest.mark.parametrize(
        ("name", "previous"),
        [
            pytest.param("tester-0", True, id="400, no process before"),
            pytest.param("tester-0", False, id="no field"),
            pytest.param("gone-0", True, id="404, no such pod, previous"),
            pytest.param("gone-0", False, id="404, no such pod"),
        ],
    )
    def test_a_missing_log_is_empty(
        self,
        api: FakeApiServer,
        cluster: Cluster,
        name: str,
        previous: bool,  # noqa: FBT001 - a test parameter
    ) -> None:
        """A missing log is empty and no error, because a node that never started has no log."""
        assert cluster.read_log_end(name, "node", 9, previous=previous) == ""
        assert len(api.requests) == 1

    def test_of_a_container_that_never_started_it_is_empty(
        self, api: FakeApiServer, cluster: Cluster
    ) -> None:
        """The log of a container that never started is empty, although the server returns "bad request"."""
        message = 'container "node" in pod "tester-0" is waiting to start: trying and failing to pull image'
        api.faults = [Fault(400, message)]

        assert cluster.read_log_end("tester-0", "node", 9, previous=False) == ""

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            pytest.param(Fault(403, 'User "u" cannot get resource "pods/log"'), NotPermittedError, id="403"),
            pytest.param(Fault(500, "kubelet away"), TemporaryError, id="500"),
        ],
    )
    def test_an_outage_is_not_the_same_as_none(
        self, api: FakeApiServer, cluster: Cluster, fault: Fault, kind: type[MonitorError]
    ) -> None:
        """An outage is an error instead of an empty log, so that the caller can report it."""
        api.faults = [fault] * 3

        with pytest.raises(kind):
            cluster.read_log_end("tester-0", "node", 9, previous=False)


class TestEvents:
    """`create_event`: an Event about the StatefulSet, next to the cluster's own Events."""

    def test_it_is_an_event_as_the_api_server_takes_it(self, api: FakeApiServer, cluster: Cluster) -> None:
        """The API server accepts the Event, and `kubectl describe` finds it by the UID of the object."""
        cluster.create_event(
            "tester", "uid-s", "tester-0", Announcement("BootstrapStarted", "A run started"), 1e6
        )

        (request,) = api.made("POST")
        assert (request.path, request.query) == ("/api/v1/namespaces/ns/events", {})
        assert request.body == {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "tester.acc7f3549eb44947", "namespace": "ns"},
            "involvedObject": {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "name": "tester",
                "namespace": "ns",
                "uid": "uid-s",
            },
            "reason": "BootstrapStarted",
            "message": "A run started",
            "type": "Normal",
            "source": {"component": "bootstrap-monitor"},
            "reportingComponent": "bootstrap-monitor",
            "reportingInstance": "tester-0",
            "firstTimestamp": "1970-01-12T13:46:40Z",
            "lastTimestamp": "1970-01-12T13:46:40Z",
            "count": 1,
        }
        assert len(api.events) == 1

    def test_what_is_repeated_is_one_event(self, api: FakeApiServer, cluster: Cluster) -> None:
        """A repeated announcement creates one Event.

        The first response may have been lost, or the monitor killed before it recorded the response.
        """
        api.faults = [Fault(drop=True, after_serving=True)]
        with pytest.raises(OutageError):
            cluster.create_event("tester", "u", "tester-0", Announcement("R", "m"), 1.0)
        cluster.create_event("tester", "u", "tester-1", Announcement("R", "m"), 1.0)
        for other in (Announcement("R", "another"), Announcement("S", "m")):
            cluster.create_event("tester", "u", "tester-0", other, 1.0)
        cluster.create_event("tester", "u", "tester-0", Announcement("R", "m"), 1.5)

        events = [(each["reason"], each["message"]) for each in api.events]
        assert events == [("R", "m"), ("R", "another"), ("S", "m"), ("R", "m")]

    @pytest.mark.parametrize(
        ("warning", "kind"), [(True, "Warning"), (False, "Normal")], ids=["warning", "normal"]
    )
    def test_a_warning_is_one(
        self,
        api: FakeApiServer,
        cluster: Cluster,
        warning: bool,  # noqa: FBT001 - a test parameter
        kind: str,
    ) -> None:
        """An Event has one of two types, `Normal` and `Warning`."""
        cluster.create_event("tester", "u", "tester-0", Announcement("R", "m", warning=warning), 0.0)

        assert api.events[0]["type"] == kind

    @pytest.mark.parametrize(
        ("length", "sent"), [(1024, 1024), (1025, 1024), (9000, 1024)], ids=["fits", "one more", "far more"]
    )
    def test_a_long_message_is_cut(
        self, api: FakeApiServer, cluster: Cluster, length: int, sent: int
    ) -> None:
        """A long message is truncated, because the server would refuse it."""
        cluster.create_event("tester", "u", "tester-0", Announcement("R", "x" * length), 0.0)

        assert len(api.events[0]["message"]) == sent

    @pytest.mark.parametrize(
        "fault",
        [Fault(500, "x"), Fault(429, "x"), Fault(drop=True), Fault(drop=True, after_serving=True)],
        ids=["500", "429", "reset", "its answer is lost"],
    )
    def test_it_is_sent_once(self, api: FakeApiServer, cluster: Cluster, fault: Fault) -> None:
        """An Event is sent once; a retry could create a duplicate or delay the loop."""
        api.faults = [fault]

        with pytest.raises(TemporaryError):
            cluster.create_event("tester", "u", "tester-0", Announcement("R", "m"), 0.0)
        assert len(api.requests) == 1

    def test_a_lacking_permission_is_named(self, api: FakeApiServer, cluster: Cluster) -> None:
        """A missing permission is named, because it is optional in an installation."""
        api.denied["create", "events"] = 'User "u" cannot create resource "events"'

        with pytest.raises(NotPermittedError) as caught:
            cluster.create_event("tester", "u", "tester-0", Announcement("R", "m"), 0.0)
        assert str(caught.value) == (
            "not permitted to create events in namespace 'ns' "
            '(User "u" cannot create resource "events"): allow create on events in its Role'
        )
        assert (api.events, len(api.requests)) == ([], 1)


_READ = "get pods 'tester-0' in namespace 'ns'"
_RBAC = (
    'pods "tester-0" is forbidden: User "system:serviceaccount:ns:sa"\ncannot get resource "pods" '
    'in API group "" in the namespace "ns"'
)


@pytest.mark.parametrize(
    ("faults", "kind", "message"),
    [
        pytest.param(
            [Fault(403, _RBAC)],
            NotPermittedError,
            f"not permitted to {_READ} ({' '.join(_RBAC.split())}): allow get on pods in its Role",
            id="403 by role",
        ),
        pytest.param(
            [Fault(403, 'pods "x" is forbidden: exceeded quota: q')],
            NotPermittedError,
            f'not permitted to {_READ} (pods "x" is forbidden: exceeded quota: q): fix the cause',
            id="403 by admission",
        ),
        pytest.param(
            [Fault(401, "Unauthorized")] * 2,
            TemporaryError,
            f"the API server rejected the credentials to {_READ} (401: Unauthorized): "
            "check the credentials in the kubeconfig",
            id="401",
        ),
        pytest.param(
            [Fault(500, "etcdserver: leader changed")] * 3,
            TemporaryError,
            f"the API server could not {_READ} now (500: etcdserver: leader changed): try again later",
            id="500",
        ),
        pytest.param(
            [Fault(429, "too many requests", {"Retry-After": "3600"})],
            TemporaryError,
            f"the API server could not {_READ} now (429: too many requests): try again later",
            id="429 for an hour",
        ),
        pytest.param(
            [Fault(400, "bad field")],
            ConfigurationError,
            f"the API server rejected the call to {_READ} (400: bad field): fix the fields that the message names",
            id="400",
        ),
        pytest.param(
            [Fault(200, body=b"<html>Welcome</html>")],
            TemporaryError,
            "the API server returned something other than a JSON object ('<html>Welcome</html>'): "
            "check that its address is correct",
            id="no JSON",
        ),
        pytest.param(
            [Fault(404, "not found")],
            ConfigurationError,
            "pod 'tester-0' not found in namespace 'ns': check --pod-name and --namespace",
            id="404",
        ),
    ],
)
def test_an_error_says_what_where_and_what_to_do(
    api: FakeApiServer, cluster: Cluster, faults: list[Fault], kind: type[MonitorError], message: str
) -> None:
    """An error says what failed, where, and what to do, and only temporary errors are retried."""
    api.faults = list(faults)

    with pytest.raises(kind) as caught:
        cluster.read_pod("tester-0")
    assert str(caught.value) == message
    assert len(api.requests) == len(faults)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        pytest.param(
            lambda cluster: cluster.read_stateful_set("gone"),
            "StatefulSet 'gone' not found in namespace 'ns', though it owns this pod: restore it",
            id="StatefulSet",
        ),
        pytest.param(
            lambda cluster: cluster.read_log("gone", "node", limit_bytes=1),
            "no log of pod 'gone' in namespace 'ns' (pods \"gone\" not found): try again later",
            id="log",
        ),
        pytest.param(
            lambda cluster: cluster.create_pod({"metadata": {"name": "tester-0"}}),
            "pod 'tester-0' cannot be created in namespace 'ns' (pods \"tester-0\" already exists): "
            "try again later",
            id="name taken",
        ),
    ],
)
def test_absence_and_conflict_are_described_by_the_request(
    cluster: Cluster, act: Callable[[Cluster], object], message: str
) -> None:
    """The message for absence and conflict depends on the request, since the meaning of the status does."""
    with pytest.raises(MonitorError) as caught:
        act(cluster)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("faults", "seconds"),
    [
        pytest.param([Fault(500), Fault(503)], [0.5, 1.0], id="back-off"),
        pytest.param([Fault(429, headers={"Retry-After": "7"})], [7.5], id="as the server asks"),
        pytest.param([Fault(503, headers={"Retry-After": "soon"})], [0.5], id="what it asks is not a number"),
        pytest.param([Fault(drop=True)], [0.5], id="reset"),
        pytest.param([Fault(401, "token expired")], [0.5], id="a token about to be rotated"),
    ],
)
def test_a_read_is_repeated(
    api: FakeApiServer, cluster: Cluster, pauses: Pauses, faults: list[Fault], seconds: list[float]
) -> None:
    """A read is repeated after pauses of half a second and more, here with a jitter of one half."""
    api.faults = list(faults)

    assert cluster.read_pod("tester-0").name == "tester-0"
    assert pauses.seconds == seconds


@pytest.mark.parametrize(
    ("fault", "asked", "refused"),
    [
        pytest.param(Fault(401, "Unauthorized"), 2, True, id="credentials"),
        pytest.param(Fault(429, "busy"), 3, True, id="too many requests"),
        pytest.param(Fault(503, "etcd is away"), 3, False, id="an outage"),
        pytest.param(Fault(drop=True), 3, False, id="no answer"),
    ],
)
def test_what_lasts_is_asked_for_so_often(
    api: FakeApiServer, cluster: Cluster, fault: Fault, *, asked: int, refused: bool
) -> None:
    """A lasting error is retried a limited number of times.

    The error shows whether the server refuses the request, in which case callers wait longer.
    """
    api.faults = [fault] * 4
    with pytest.raises(UnavailableError) as caught:
        cluster.read_pod("tester-0")

    assert (len(api.requests), caught.value.refused) == (asked, refused)


def test_stopping_ends_the_retries(api: FakeApiServer, cluster: Cluster, pauses: Pauses) -> None:
    """Stopping ends the retries, because SIGTERM allows five seconds."""
    api.faults = [Fault(500, "x")] * 3
    pauses.stopping = True

    with pytest.raises(TemporaryError):
        cluster.read_pod("tester-0")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda cluster: cluster.read_pod("tester-0"), id="get"),
        pytest.param(lambda cluster: cluster.read_log("tester-0", "node", limit_bytes=1), id="log"),
        pytest.param(lambda cluster: cluster.create_pod({"metadata": {"name": "c"}}), id="create"),
        pytest.param(lambda cluster: cluster.delete_pod("tester-0", "uid-a"), id="delete"),
    ],
)
def test_no_call_waits_for_ever(
    api: FakeApiServer, tmp_path: Path, pauses: Pauses, act: Callable[[Cluster], object]
) -> None:
    """Every call has a timeout, although the Python client has none by default."""
    api.faults = [Fault(delay_seconds=2.0)] * 3
    connection = Connection(
        from_kubeconfig(str(kubeconfig(tmp_path, api.url))), read_seconds=0.1, pause=pauses
    )

    with pytest.raises(
        TemporaryError, match=r"\(no answer within 0.1 s\): check that it is reachable from here$"
    ):
        act(Cluster(connection, "ns"))


def test_a_patch_does_not_wait_for_ever(api: FakeApiServer, tmp_path: Path, pauses: Pauses) -> None:
    """A patch has a timeout, even if the read before it was answered."""
    api.faults = [Fault(), *[Fault(delay_seconds=2.0)] * 3]
    connection = Connection(
        from_kubeconfig(str(kubeconfig(tmp_path, api.url))), read_seconds=0.1, pause=pauses
    )

    with pytest.raises(TemporaryError, match=r"patch statefulsets 'tester' in namespace 'ns' \(no answer"):
        Cluster(connection, "ns").pin("tester", "node", BUILD)


def test_nothing_listens(tmp_path: Path, pauses: Pauses) -> None:
    """The error for a closed port is one line with the address and the system's reason."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening, so that connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        cluster = Cluster(Connection(from_kubeconfig(str(kubeconfig(tmp_path, url))), pause=pauses), "ns")

        with pytest.raises(TemporaryError) as caught:
            cluster.read_pod("tester-0")
    assert str(caught.value) == (
        f"no answer from the API server {url} to {_READ} ([Errno 111] Connection refused): "
        "check that it is reachable from here"
    )
    assert caught.value.__cause__ is not None
    assert len(pauses.seconds) == 2


class TestCredentials:
    """Credentials: those of the ServiceAccount in a pod, else a kubeconfig."""

    @pytest.mark.parametrize(
        ("files", "obstacle"),
        [
            ({"ca.crt": "a"}, "[Errno 2] No such file or directory: '{}/token'"),
            ({"token": "a"}, "[Errno 2] No such file or directory: '{}/ca.crt'"),
            ({"token": "\n", "ca.crt": "a"}, "{}/token is empty"),
        ],
        ids=["no token", "no authority", "an empty token"],
    )
    def test_a_service_account_goes_first(
        self, tmp_path: Path, files: Mapping[str, str], obstacle: str
    ) -> None:
        """The ServiceAccount takes precedence.

        An unusable ServiceAccount is an error even if a kubeconfig exists.
        """
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        environment = {
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "KUBECONFIG": str(kubeconfig(tmp_path, "http://127.0.0.1")),
        }

        with pytest.raises(ConfigurationError) as caught:
            access_for(environment, tmp_path)
        assert str(caught.value) == (
            f"no ServiceAccount token in {tmp_path} ({obstacle.format(tmp_path)}): mount one into this container"
        )

    @pytest.mark.parametrize(
        ("variables", "url"),
        [
            ({"HOST": "10.0.0.1", "PORT": "6443"}, "https://10.0.0.1:6443"),
            ({"HOST": "fd00::1", "PORT": "443"}, "https://[fd00::1]:443"),
            ({"HOST": "kubernetes.default.svc"}, "https://kubernetes.default.svc:443"),
        ],
        ids=["IPv4", "IPv6", "a name"],
    )
    def test_the_address_in_a_pod(self, tmp_path: Path, variables: Mapping[str, str], url: str) -> None:
        """The address in a pod may be IPv4 or IPv6."""
        for name in ("token", "ca.crt"):
            (tmp_path / name).write_text("a")
        environment = {f"KUBERNETES_SERVICE_{name}": value for name, value in variables.items()}

        assert access_for(environment, tmp_path).url == url

    @pytest.mark.parametrize(
        "content", [None, "", "a: [", "[1]", "a: b", "\0", "{current-context: c, contexts: 5}"]
    )
    def test_a_kubeconfig_that_cannot_be_used(self, tmp_path: Path, content: str | None) -> None:
        """The error names an unusable kubeconfig and what to do."""
        path = tmp_path / "kubeconfig"
        if content is not None:
            path.write_text(content)

        with pytest.raises(ConfigurationError) as caught:
            access_for({"KUBECONFIG": str(path)})
        message = str(caught.value)
        assert message.startswith(f"kubeconfig '{path}' cannot be used (")
        assert message.endswith("): set KUBECONFIG to a valid file, or run in a pod with a ServiceAccount")
        assert "\n" not in message

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install the package openssl")
    def test_a_rotated_token_is_read_again(self, tmp_path: Path, pauses: Pauses) -> None:
        """A rotated token is read again.

        As in a pod, TLS uses the ServiceAccount's CA, and the token comes from a file.
        """
        tls = _certificate(tmp_path)
        (tmp_path / "token").write_text("the-token")
        with serving(tls) as api:
            api.add(api.pods, pod())
            host, port = api.url.removeprefix("https://").split(":")
            environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            now = [1000.0]
            access = in_pod(environment, tmp_path, lambda: now[0])
            cluster = Cluster(Connection(access, pause=pauses), "ns")
            cluster.read_pod("tester-0")
            (tmp_path / "token").write_text("rotated")
            api.token = "rotated"
            with pytest.raises(TemporaryError) as refused:
                cluster.read_pod("tester-0")  # within the minute for which the token is cached
            assert str(refused.value) == (
                "the API server rejected the credentials to get pods 'tester-0' in namespace 'ns' "
                "(401: Unauthorized): the pod's token is no longer valid, probably because its ServiceAccount was "
                "recreated: delete the pod, so that the new one gets a valid token"
            )

            now[0] += TOKEN_KEPT_SECONDS
            assert cluster.read_pod("tester-0").uid == "uid-a"
            (tmp_path / "token").unlink()
            now[0] += TOKEN_KEPT_SECONDS
            with pytest.raises(
                TemporaryError, match=r"No such file or directory: '.*/token'\): check that it is reachable"
            ):
                cluster.read_pod("tester-0")

    def test_a_token_that_is_just_being_written_leaves_the_one_before(self, tmp_path: Path) -> None:
        """While a token is being written, the previous one is used.

        The file is empty for a moment, and is read again with the next request.
        """
        for name, content in (("token", "old"), ("ca.crt", "a")):
            (tmp_path / name).write_text(content)
        now = [1000.0]
        access = in_pod({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path, lambda: now[0])
        (tmp_path / "token").write_text("\n")
        now[0] += TOKEN_KEPT_SECONDS
        sent = [access.authorization(), access.authorization()]
        (tmp_path / "token").write_text("new")
        sent.append(access.authorization())

        assert sent == ["Bearer old", "Bearer old", "Bearer new"]

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: install the package openssl")
    def test_a_server_of_another_authority_is_not_trusted(self, tmp_path: Path, pauses: Pauses) -> None:
        """The client sends nothing to a server of another CA, in particular not the token."""
        (tmp_path / "other").mkdir()
        _certificate(tmp_path / "other")
        (tmp_path / "other" / "token").write_text("the-token")
        with serving(_certificate(tmp_path)) as api:
            host, port = api.url.removeprefix("https://").split(":")
            environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
            connection = Connection(in_pod(environment, tmp_path / "other"), pause=pauses)

            with pytest.raises(TemporaryError, match="CERTIFICATE_VERIFY_FAILED") as caught:
                Cluster(connection, "ns").read_pod("tester-0")
            assert api.requests == []
            assert "\n" not in str(caught.value)


def _certificate(directory: Path) -> ssl.SSLContext:
    authority, key = directory / "ca.crt", directory / "key.pem"
    self_signed(authority, key, "IP:127.0.0.1")
    return server_context(authority, key)


def test_a_name_cannot_leave_its_path() -> None:
    """A name from a flag is quoted, so that it cannot change the path."""
    assert (
        ApiCall("get", "pods/log", "a/../b?c", "n s").path
        == "/api/v1/namespaces/n%20s/pods/a%2F..%2Fb%3Fc/log"
    )


def test_in_a_pod_the_client_is_not_imported(tmp_path: Path) -> None:
    """In a pod, the Python client is not imported, which would take 9 MiB.

    Elsewhere its generated classes are not imported, which would take 25 MiB and half a second more.
    """
    program = """if True:
        import sys
        from pathlib import Path
        from monitor.k8s.credentials import from_kubeconfig, in_pod
        in_pod({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, Path(sys.argv[1]))
        assert "kubernetes" not in sys.modules
        from_kubeconfig(sys.argv[2])
        generated = ("kubernetes.client.api.", "kubernetes.client.models.")
        assert [name for name in sys.modules if name.startswith(generated)] == []
    """
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("a")
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")

    subprocess.run([sys.executable, "-c", program, str(tmp_path), str(path)], check=True)
