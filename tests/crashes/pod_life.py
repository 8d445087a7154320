"""A small model of the kubelet and the StatefulSet controller for a tester's pod, around the real commands.

The API server is a fake and the node is simulated. `init` and `wait-for-completion` are real processes,
which may be killed at any crossing (see `killed_at`). `Watch` reads the ledger as often as it can and keeps
every start and result that it showed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.fake_api_server import FakeApiServer
from support.fake_registry import FakeRegistry

from monitor.domain.run import AttemptCause, Outcome, Run
from monitor.errors import MonitorError
from monitor.ledger import open_read_only
from simulated_node.options import Simulation, versions_json

ROOT = Path(__file__).parents[2]
COMMITS = ("a1" * 20, "b2" * 20)
KILLED = -signal.SIGKILL
SECONDS = 180.0
STEP_SECONDS = 0.02


class LifeError(AssertionError):
    """The tester did not do what the scenario expects."""


@dataclass
class Watch:
    """All starts and results that the ledger showed; each run must have exactly one of each."""

    data_dir: Path
    starts: dict[int, set[float | None]] = field(default_factory=dict)
    results: dict[int, set[tuple[object, ...]]] = field(default_factory=dict)

    def read_runs(self) -> tuple[Run, ...]:
        """Return up to ten runs, newest first; empty if there is no ledger."""
        try:
            ledger = open_read_only(self.data_dir)
        except MonitorError:
            return ()
        try:
            runs = ledger.runs(10)
        except MonitorError:
            return ()
        finally:
            ledger.close()
        for run in runs:
            self.starts.setdefault(run.number, set()).add(run.started_at)
            if run.outcome is not None:
                result = (run.outcome, run.reason, run.ended_at, run.duration_seconds, run.wall_seconds)
                self.results.setdefault(run.number, set()).add((*result, run.disk_usage_bytes))
        return runs


class PodLife:
    """One tester from its first pod on; `source` is where the monitor looks for new builds."""

    flags: tuple[str, ...] = ()
    results = len(COMMITS)

    def __init__(
        self, api: FakeApiServer, registry: FakeRegistry, folder: Path, fatal: int, source: str
    ) -> None:
        self._api, self._registry, self._folder, self._fatal = api, registry, folder, fatal
        self._source = source
        self._digests = [registry.push_build(number) for number in reversed(range(len(COMMITS)))][::-1]
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.crossings = folder / "crossings"
        self.crossings.touch()
        self.watch = Watch(self.data_dir)
        self.kills = 0
        self._newest, self._pods, self._node_port = 0, 0, free_port()
        self._log = (folder / "log").open("ab")
        self._until = time.monotonic() + SECONDS
        api.add(api.stateful_sets, stateful_set(self.data_dir, registry.repository))
        api.on_create = self._run_version_pod

    @property
    def images(self) -> list[str]:
        """The images of both builds, the older one first."""
        return [f"{self._registry.repository}@{digest}" for digest in self._digests]

    def expected(self) -> list[tuple[str, Outcome]]:
        """Return the image and the outcome of each run, oldest first."""
        return [(image, Outcome.SUCCEEDED) for image in self.images]

    def live(self) -> None:
        """Run until every expected run has a result."""
        with contextlib.closing(self._log):
            while not self._done():
                pod = self._new_pod()
                if self._init(pod):
                    self._run(pod)

    def _done(self) -> bool:
        if time.monotonic() > self._until:
            raise LifeError(f"no {self.results} results after {SECONDS} s\n{self.details()}")
        runs = self.watch.read_runs()
        ended = [run for run in runs if run.outcome is not None]
        self._push(len(ended))
        return len(ended) >= self.results

    def _push(self, ended: int) -> None:
        """Push the second build after the first has a result."""
        if self._newest != min(1, ended):
            self._newest = 1
            self._registry.push_build(self._newest)

    def bootstrap_seconds(self) -> float:
        """Return how long the node of the newest run bootstraps."""
        return 0.3

    def details(self) -> str:
        """Return the crossings and the output of the processes, for failure messages."""
        log = (self._folder / "log").read_text(errors="replace").splitlines()[-40:]
        return "\n".join([*self.crossings.read_text().splitlines(), "", *log])

    def _new_pod(self) -> dict[str, Any]:
        self._pods += 1
        template = self._api.stateful_sets["tester"]["spec"]["template"]
        generation = self._api.stateful_sets["tester"]["metadata"]["generation"]
        metadata = {
            "name": "tester-0",
            "uid": f"pod-{self._pods}",
            "labels": {"controller-revision-hash": f"tester-{generation}"},
            "annotations": dict(template.get("metadata", {}).get("annotations", {})),
            "ownerReferences": [{"kind": "StatefulSet", "name": "tester", "uid": "uid-of-the-set"}],
        }
        return self._api.add(
            self._api.pods, {"metadata": metadata, "spec": template["spec"] | {}, "status": {}}
        )

    def _control(self) -> None:
        """Act as the StatefulSet controller: observe each change."""
        found = self._api.stateful_sets["tester"]
        generation = found["metadata"]["generation"]
        found["status"] = {"observedGeneration": generation, "updateRevision": f"tester-{generation}"}

    def _is_there(self, pod: dict[str, Any]) -> bool:
        current = self._api.pods.get("tester-0")
        return current is not None and current["metadata"]["uid"] == pod["metadata"]["uid"]

    def _init(self, pod: dict[str, Any]) -> bool:
        """Run `init` until it allows the node to start; return `False` if the pod was deleted."""
        while self._is_there(pod):
            with self._command("init") as process:
                while process.poll() is None and self._is_there(pod):
                    self._tend()
                if process.poll() is None:
                    return False
            if process.returncode == 0:
                return True
            self._check(process, "init", expected=1)
        return False

    def _run(self, pod: dict[str, Any]) -> None:
        """Run node and sidecar until the pod is deleted or all runs have ended; restart a killed sidecar."""
        with self._node(), contextlib.ExitStack() as stack:
            flags = ["--image-check-interval=200ms", "--web-listen-address=127.0.0.1:0"]
            daemon = stack.enter_context(self._command("wait-for-completion", *flags))
            while self._is_there(pod) and not self._done():
                self._tend()
                if daemon.poll() is not None:
                    self._check(daemon, "wait-for-completion", expected=KILLED)
                    daemon = stack.enter_context(self._command("wait-for-completion", *flags))

    def _tend(self) -> None:
        self._control()
        self._done()
        time.sleep(STEP_SECONDS)

    def _check(self, process: subprocess.Popen[bytes], command: str, expected: int) -> None:
        if process.returncode not in {KILLED, expected}:
            raise LifeError(f"{command} ended with {process.returncode}\n{self.details()}")

    @contextlib.contextmanager
    def _command(self, command: str, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command as the pod does; at the end send SIGTERM, as the kubelet does."""
        process = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("killed_at.py")),
                str(self.crossings),
                str(self._fatal),
                command,
                *tester_flags(self.data_dir, self._node_port),
                *self.flags,
                f"--image-source={self._source}",
                *flags,
            ],
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig()), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            if process.wait(20) == KILLED:
                self.kills += 1

    @contextlib.contextmanager
    def _node(self) -> Iterator[None]:
        """Run the node of the pod's image, and check that the data of its run was never cleared."""
        folder = self.data_dir / "avalanchego"
        runs = self.watch.read_runs()
        marker = folder / f"of-run-{runs[0].number}"
        if any(folder.glob("of-run-*")) and not marker.exists():
            raise LifeError(f"the data of another run is under run {runs[0].number}\n{self.details()}")
        if runs[0].tracking.active_seconds and not marker.exists():
            raise LifeError(f"the data of run {runs[0].number} was cleared during the run\n{self.details()}")
        folder.mkdir(exist_ok=True)
        marker.touch()
        image = self._api.pods["tester-0"]["spec"]["containers"][1]["image"]
        node = subprocess.Popen(
            [
                *[sys.executable, "-m", "simulated_node"],
                f"--data-dir={folder}",
                "--network-id=fuji",
                f"--http-port={self._node_port}",
                "--health-check-frequency=50ms",
                f"--simulate-commit={COMMITS[self.images.index(image)]}",
                f"--simulate-bootstrap-seconds={self.bootstrap_seconds()}",
                "--simulate-blocks=50",
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        try:
            yield
        finally:
            node.kill()
            node.wait()
            if not marker.exists():
                raise LifeError(
                    f"{marker.name} is gone: its data was cleared during the run\n{self.details()}"
                )

    def _kubeconfig(self) -> Path:
        path = self._folder / "kubeconfig"
        path.write_text(
            "{apiVersion: v1, kind: Config, current-context: c,"
            f" clusters: [{{name: c, cluster: {{server: '{self._api.url}'}}}}],"
            f" users: [{{name: u, user: {{token: {self._api.token}}}}}],"
            " contexts: [{name: c, context: {cluster: c, user: u}}]}"
        )
        return path

    def _run_version_pod(self, pod: dict[str, Any]) -> None:
        """Act as the kubelet: pull the newest build, and run the version pod to its end."""
        versions = versions_json(Simulation(commit=COMMITS[self._newest]))
        self._api.logs[pod["metadata"]["name"]] = versions
        container = pod["spec"]["containers"][0]["name"]
        pod["status"] = {
            "phase": "Succeeded",
            "containerStatuses": [
                {
                    "name": container,
                    "imageID": self.images[self._newest],
                    "state": {"terminated": {"exitCode": 0}},
                }
            ],
        }


class RepeatedLife(PodLife):
    """One build: its first run fails, another run confirms the result by succeeding, and it is retested."""

    flags = ("--deadline=4s", "--retest-after=1s")
    results = 3

    def expected(self) -> list[tuple[str, Outcome]]:
        outcomes = (Outcome.FAILED, Outcome.SUCCEEDED, Outcome.SUCCEEDED)
        return [(self.images[0], outcome) for outcome in outcomes]

    def bootstrap_seconds(self) -> float:
        (newest, *_) = self.watch.read_runs()
        return 600.0 if newest.number == 1 else 0.3

    def _push(self, ended: int) -> None:
        pass

    def causes(self) -> list[AttemptCause | None]:
        """Return why each run was started, oldest first."""
        with contextlib.closing(open_read_only(self.data_dir)) as ledger:
            return [ledger.cause_of(run) for run in reversed(ledger.runs(10))][: self.results]


def stateful_set(data_dir: Path, repository: str) -> dict[str, Any]:
    """Return a tester's StatefulSet: the monitor mounts the whole volume, the node only its data folder."""
    monitor = {"name": "monitor", "image": "monitor:1"}
    monitor["volumeMounts"] = [{"name": "data", "mountPath": str(data_dir)}]  # type: ignore[assignment]
    node = {
        "name": "node",
        "image": f"{repository}:latest",
        "env": [{"name": "AVAGO_NETWORK_ID", "value": "fuji"}, {"name": "AVAGO_DATA_DIR", "value": "/data"}],
        "volumeMounts": [{"name": "data", "mountPath": "/data", "subPath": "avalanchego"}],
    }
    template = {"metadata": {}, "spec": {"containers": [monitor, node]}}
    return {
        "metadata": {"name": "tester", "generation": 1},
        "spec": {"template": template, "updateStrategy": {"type": "RollingUpdate"}},
        "status": {"observedGeneration": 1, "updateRevision": "tester-1"},
    }


def tester_flags(data_dir: Path, node_port: int) -> list[str]:
    """Return the flags of both commands, with short intervals."""
    return [
        f"--data-dir={data_dir}",
        "--namespace=ns",
        "--pod-name=tester-0",
        "--node-container-name=node",
        f"--node-url=http://127.0.0.1:{node_port}",
        "--soak=200ms",
        "--health-check-interval=100ms",
        "--disk-check-interval=100ms",
        "--holder-timeout=1s",
        "--log-format=plain",
    ]


def free_port() -> int:
    """Return an unused port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
