"""Tests of the commands in a pod with a registry.

They cover the pinned build, the number of requests and pods, and a hostile registry.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.builders import NOW, workload
from support.fake_api_server import FakeApiServer, kubeconfig
from support.fake_api_server import serving as serving_api
from support.fake_registry import FakeRegistry, config, sending, serving
from support.tester_objects import VERSIONS, node_of, observe, run_version_pod, stateful_set

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, RecordAttempt
from monitor.domain.build import Build
from monitor.domain.run import AttemptCause, Outcome
from monitor.ledger import open_ledger

pytestmark = pytest.mark.slow

SECONDS = 100.0
FLAGS = ("--namespace=ns", "--pod-name=tester-0", "--node-container-name=node", "--log-format=plain")


@dataclass
class Deployed:
    """A tester on a fake API server, whose images are in a fake registry."""

    api: FakeApiServer
    registry: FakeRegistry
    folder: Path

    def start(self, command: str, *flags: str) -> subprocess.Popen[bytes]:
        """Start a command as the tester's pod does."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "monitor", command, *FLAGS, f"--data-dir={self.folder}", *flags],
                env=os.environ | {"KUBECONFIG": str(kubeconfig(self.folder, self.api.url))},
                cwd=Path(__file__).parents[3],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> Path:
        """The file with the commands' log output."""
        return self.folder / "log"

    def logged(self) -> str:
        """Return the log output so far."""
        return self.log.read_text()

    def image(self) -> str:
        """Return the image of the node in the StatefulSet."""
        return str(node_of(self.api.stateful_sets["tester"]["spec"]["template"])["image"])

    def commit(self) -> str:
        """Return the commit in the annotation with the versions; empty if they are unknown."""
        template = self.api.stateful_sets["tester"]["spec"]["template"]
        text = template["metadata"]["annotations"][VERSIONS_ANNOTATION]
        return str(json.loads(text)["commit"]) if text else ""

    def eventually(self, what: Callable[[], bool]) -> None:
        """Wait until the condition is true."""
        until = time.monotonic() + SECONDS
        while not what():
            assert time.monotonic() < until, self.logged()
            time.sleep(0.05)


@pytest.fixture
def tester(tmp_path: Path) -> Iterator[Deployed]:
    with serving_api() as api, serving() as registry:
        image = f"{registry.repository}:latest"
        found = api.add(api.stateful_sets, stateful_set(str(tmp_path), image))
        found["metadata"]["generation"] = 1
        metadata = {
            "name": "tester-0",
            "uid": "pod-1",
            "labels": {"controller-revision-hash": "tester-1"},
            "ownerReferences": [{"kind": "StatefulSet", "name": "tester", "uid": "set"}],
        }
        spec = found["spec"]["template"]["spec"]
        api.add(api.pods, {"metadata": metadata, "spec": spec, "status": {}})
        api.after_patch = observe
        yield Deployed(api, registry, tmp_path)


def pods_created(api: FakeApiServer) -> int:
    """Return the number of requests to create a pod, whether they were allowed or not."""
    return len([each for each in api.made("POST") if each.path.endswith("/pods")])


class TestInit:
    """Rule 3 of `init`: resolve the rolling tag and pin the build."""

    @pytest.mark.parametrize(
        ("source", "commit", "pods"),
        [
            pytest.param("auto", VERSIONS.commit, 1, id="auto asks a pod for the versions"),
            pytest.param("registry", "", 0, id="the registry alone reports no versions"),
            pytest.param("pod", VERSIONS.commit, 1, id="a pod alone"),
        ],
    )
    def test_each_source_finds_the_pinned_build(
        self, tester: Deployed, source: str, commit: str, pods: int
    ) -> None:
        digest = tester.registry.push_build(1)
        tester.api.logs["tester-version-check"] = VERSIONS.to_json()
        tester.api.on_create = lambda pod: run_version_pod(pod, digest)
        self.pinned(tester, digest, f"--image-source={source}")

        assert tester.commit() == commit
        assert pods_created(tester.api) == pods
        assert bool(tester.registry.asked) is (source != "pod")

    def test_the_registry_alone_needs_no_permission_to_start_a_pod(self, tester: Deployed) -> None:
        digest = tester.registry.push_build(1)
        tester.api.denied = dict.fromkeys((("create", "pods"), ("get", "pods/log")), "no")
        self.pinned(tester, digest, "--image-source=registry")

        assert pods_created(tester.api) == 0

    def test_a_registry_that_lets_nobody_in_is_replaced_by_a_pod(self, tester: Deployed) -> None:
        tester.registry.wants = "basic"
        digest = tester.registry.push_build(1)
        tester.api.logs["tester-version-check"] = VERSIONS.to_json()
        tester.api.on_create = lambda pod: run_version_pod(pod, digest)
        self.pinned(tester, digest, "--image-source=auto")

        assert "denies anonymous access to ava/node: set credentials in --registry-config" in tester.logged()
        assert pods_created(tester.api) == 1

    def test_credentials_are_those_of_the_file(self, tester: Deployed) -> None:
        tester.registry.wants = "bearer"
        digest = tester.registry.push_build(1)
        path = config(tester.folder, tester.registry.address)
        self.pinned(tester, digest, "--image-source=registry", f"--registry-config={path}")

    def test_a_file_that_cannot_be_used_ends_it_with_2(self, tester: Deployed) -> None:
        with tester.start("init", "--registry-config=/nowhere/config.json") as init:
            assert init.wait(SECONDS) == 2
        assert tester.logged().splitlines()[-1] == (
            "bootstrap-monitor: /nowhere/config.json cannot be read (No such file or directory)"
        )
        assert tester.registry.asked == []

    @staticmethod
    def pinned(tester: Deployed, digest: str, *flags: str) -> None:
        """Check that `init` pins the build, and stop `init`."""
        with tester.start("init", *flags) as init:
            try:
                expected = f"{tester.registry.repository}@{digest}"
                tester.eventually(lambda: tester.image() == expected)
            finally:
                init.kill()


def build_of(tester: Deployed, digest: str) -> Build:
    """Return the build of a digest, with known versions."""
    return Build(f"{tester.registry.repository}@{digest}", frozenset({digest}), VERSIONS)


@contextmanager
def idle(tester: Deployed, *flags: str, attempted: str = "") -> Iterator[str]:
    """Run `wait-for-completion` after a run that ended, and yield its address.

    The pod is pinned to that run's build, or to the digest of a later attempt, `attempted`.
    """
    done = tester.registry.push_build(1, tag="")
    of = workload(build_of(tester, done), network="fuji")
    node_of(tester.api.pods["tester-0"])["image"] = build_of(tester, attempted or done).image
    ledger = open_ledger(tester.folder)
    ledger.record(NOW, "default", [BeginClearing(of, ""), BeginRun(of)])
    last = ledger.last()
    assert last is not None
    ledger.record(NOW, "default", [EndRun(last, Outcome.SUCCEEDED, None, "", 1.0, 1.0, 1)])
    if attempted:
        attempt = RecordAttempt(build_of(tester, attempted), AttemptCause.NEW_BUILD, "pod-0")
        ledger.record(NOW, "default", [attempt])
    ledger.close()
    quick = (
        "--health-check-interval=50ms",
        "--web-listen-address=127.0.0.1:0",
        "--node-url=http://127.0.0.1:9",
    )
    mode = f"--sync-mode={last.sync_mode}"
    with tester.start("wait-for-completion", *quick, mode, *flags) as process:
        try:
            tester.eventually(lambda: bool(listening_on(process.pid)))
            yield f"http://127.0.0.1:{listening_on(process.pid)}"
        finally:
            process.kill()


def listening_on(pid: int) -> int:
    """Return the port on which a process listens; 0 while it does not listen."""
    inodes: set[str] = set()
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            found = re.fullmatch(r"socket:\[(\d+)\]", str(each.readlink()))
            if found:
                inodes.add(found[1])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and words[9] in inodes:
            return int(words[1].partition(":")[2], 16)
    return 0


def sample(address: str, name: str) -> float:
    """Return a metric's value by its name and first labels; 0 if the metric is missing."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = re.search(rf"^bootstrap_monitor_{re.escape(name)}.* ([0-9.e+]+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class TestWaitForCompletion:
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"", id="no answer"),
            pytest.param(b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", id="429 without end"),
            pytest.param(
                b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
                id="401 without end",
            ),
            pytest.param(b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: \x00\r\n\r\n", id="no digest"),
        ],
    )
    def test_a_hostile_registry_stops_nothing(self, tester: Deployed, answer: bytes) -> None:
        tester.registry.instead = sending(answer)
        with idle(tester, "--image-source=registry", "--image-check-interval=100ms") as address:
            errors = 'image_checks_total{network="fuji",result="error",source="registry"'
            tester.eventually(lambda: sample(address, errors) >= 2)
            before = sample(
                address,
                'task_last_success_timestamp_seconds{network="fuji",operation="tick",sync_mode="full-sync"',
            )
            tester.eventually(
                lambda: (
                    sample(
                        address,
                        'task_last_success_timestamp_seconds{network="fuji",operation="tick",sync_mode="full-sync"',
                    )
                    > before
                )
            )
            with urllib.request.urlopen(f"{address}/-/healthy", timeout=5) as healthy:
                assert healthy.status == 200

            tester.registry.instead = lambda _asked, _client: False
            digest = tester.registry.push_build(2)
            tester.eventually(lambda: tester.image() == f"{tester.registry.repository}@{digest}")
        assert "Traceback" not in tester.logged()
        assert pods_created(tester.api) == 0

    def test_a_build_whose_run_has_not_started_yet_costs_no_pod(self, tester: Deployed) -> None:
        """A build whose run has not started yet is looked up without a pod.

        The sidecar of the pinned pod starts before `init`, which clears the volume first.
        """
        digest = tester.registry.push_build(2)
        tester.api.logs["tester-version-check"] = VERSIONS.to_json()
        tester.api.on_create = lambda pod: run_version_pod(pod, digest)
        flags = ("--image-source=auto", "--image-check-interval=100ms")
        with idle(tester, *flags, attempted=digest) as address:
            metric = 'image_checks_total{network="fuji",result="success",source="registry"'
            tester.eventually(lambda: sample(address, metric) >= 3)
        assert pods_created(tester.api) == 0

    def test_a_build_that_is_known_costs_no_pod_and_a_new_one_costs_one(self, tester: Deployed) -> None:
        tester.registry.push_build(1)
        with idle(tester, "--image-source=auto", "--image-check-interval=100ms") as address:
            metric = 'image_checks_total{network="fuji",result="success",source="registry"'
            tester.eventually(lambda: sample(address, metric) >= 5)
            assert pods_created(tester.api) == 0

            digest = tester.registry.push_build(2)
            tester.api.logs["tester-version-check"] = VERSIONS.to_json()
            tester.api.on_create = lambda pod: run_version_pod(pod, digest)
            tester.eventually(lambda: tester.image() == f"{tester.registry.repository}@{digest}")
        assert pods_created(tester.api) == 1
        assert tester.commit() == VERSIONS.commit
