"""A small model of a tester's pods, kubelet and StatefulSet controller around the real commands, with faults.

The API server is a fake, behind a port that can be closed. The node is simulated, behind another such port.
`init` and `wait-for-completion` are real processes, held at the moment that a cell requests. Each step
reads the ledger and keeps every start and result that it showed. Each step also checks the node's data:
data of a run must stay until another run is due.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crashes.pod_life import LifeError, Watch, free_port, stateful_set
from faults import machine
from faults.gate import Gate
from faults.under_faults import ARMED, FROZEN, HELD, WHO
from faults.volumes import Folder, OwnFileSystem
from support.fake_api_server import FakeApiServer, kubeconfig, serving

from monitor.domain.run import Run
from monitor.errors import MonitorError
from monitor.ledger import open_read_only
from monitor.ledger.reserve import RESERVE_BYTES
from simulated_node.options import Simulation, versions_json

REPOSITORY = "10.0.0.1:5000/node"
COMMITS = ("a1" * 20, "b2" * 20, "c3" * 20)
DIGESTS = tuple(f"sha256:{commit[:2] * 32}" for commit in COMMITS)
STEP_SECONDS = 0.03
TIMEOUT_SECONDS = 80.0
# The intervals of these tests are about a hundredth of their defaults; so is the kubelet's backoff here.
FIRST_BACK_OFF_SECONDS, MAX_BACKOFF_SECONDS = 0.1, 3.0
GRACE_SECONDS = 10.0
RUNNER = Path(__file__).with_name("under_faults.py")


@dataclass(frozen=True)
class Snapshot:
    """The content of the ledger at one moment."""

    runs: tuple[Run, ...]
    clearing: bool
    image_checked_at: float

    @property
    def results(self) -> int:
        """The number of ended runs."""
        return sum(run.outcome is not None for run in self.runs)


@dataclass
class Container:
    """One container of a pod: its process, and when the kubelet starts it again."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    start_at: float = 0.0
    waiting: str = "ContainerCreating"

    @property
    def runs(self) -> bool:
        """Whether the container's process runs."""
        return self.process is not None and self.process.poll() is None

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """Record that the kubelet started the container."""
        self.process, self.starts, self.waiting = process, self.starts + 1, "CrashLoopBackOff"

    def is_due(self) -> bool:
        """Return whether the container is due to start; its backoff begins when its end is observed."""
        if self.process is not None:
            self.process.wait()
            self.process = None
            wait = FIRST_BACK_OFF_SECONDS * 2.0 ** min(self.starts - 1, 10)
            self.start_at = time.monotonic() + min(wait, MAX_BACKOFF_SECONDS)
        return time.monotonic() >= self.start_at

    def kill(self) -> None:
        """Kill the container's process with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def status(self) -> dict[str, Any]:
        """Return the container's status as the kubelet reports it."""
        state = {"running": {}} if self.runs else {"waiting": {"reason": self.waiting}}
        return {"name": self.name, "restartCount": max(0, self.starts - 1), "state": state}


@dataclass
class Pod:
    """One pod of the StatefulSet; a `parted` pod continues although its object is deleted."""

    uid: str
    image: str
    node_port: int
    gate: Gate
    init: Container = field(default_factory=lambda: Container("init"))
    sidecar: Container = field(default_factory=lambda: Container("monitor"))
    node: Container = field(default_factory=lambda: Container("node"))
    init_done: bool = False
    parted: bool = False


class Tester:
    """One tester, from its first pod on; `step` runs everything around the commands."""

    def __init__(self, api: FakeApiServer, folder: Path, volume: Folder, holdable: str) -> None:
        self.api, self.volume, self.folder = api, volume, folder
        self.api_gate = Gate(free_port(), int(api.url.rpartition(":")[2]))
        self.api_gate.open()
        self.watch = Watch(volume.path)
        self.newest = 0
        self.pods: list[Pod] = []
        self.kubelet_away = self.registry_down = self.unschedulable = False
        self.node_closed = self.node_silent = False
        self.meetings = self.snapshots = 0
        self._filling = self._node_ran = False
        self.node_seconds: dict[int, float] = {}
        self.snapshot = Snapshot((), clearing=False, image_checked_at=0.0)
        self._uids = 0
        self._markers: set[int] = set()
        self._stepped_at = time.monotonic()
        self._until = self._stepped_at + TIMEOUT_SECONDS
        self._log, self._log_read = (folder / "log").open("ab"), 0
        (folder / WHO).write_text(holdable)
        machine.boot(folder)
        kubeconfig(folder, f"http://127.0.0.1:{self.api_gate.port}", api.token)
        api.add(api.stateful_sets, stateful_set(volume.path, REPOSITORY))
        api.on_create = self._run_version_pod

    # ---- Actions of a cell ---------------------------------------------------------------------------------

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Run steps until a condition is true."""
        while not true():
            if time.monotonic() > self._until:
                raise LifeError(f"not within {TIMEOUT_SECONDS:g} s: {what}\n{self.details()}")
            self.step()

    def run_for(self, seconds: float) -> None:
        """Run steps for a number of seconds."""
        until = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= until, f"{seconds} s pass")

    def arm(self, moment: str) -> None:
        """Hold the next process that reaches this moment."""
        (self.folder / ARMED).write_text(moment)

    @property
    def held(self) -> bool:
        """Whether a process is held."""
        return (self.folder / HELD).exists()

    def let_go(self) -> None:
        """Release the held process, and hold no other."""
        (self.folder / ARMED).unlink(missing_ok=True)

    def freeze(self) -> None:
        """Make the volume read-only for all processes."""
        (self.folder / FROZEN).touch()
        self._own_file_system().remount("ro")

    def thaw(self) -> None:
        """Make the volume writable again."""
        self._own_file_system().remount("rw")
        (self.folder / FROZEN).unlink()

    def fill(self) -> None:
        """Fill the volume, and keep it full until the monitor gives up its reserve."""
        self._filling = True
        self._keep_full()

    def empty(self) -> None:
        """Free the space that `fill` took."""
        self._filling = False
        self._own_file_system().empty()

    @property
    def pod(self) -> Pod:
        """The newest pod."""
        return self.pods[-1]

    def details(self) -> str:
        """Return the output of the processes and the known runs, for failure messages."""
        output = (self.folder / "log").read_text(errors="replace").splitlines()[-60:]
        runs = [
            f"run {run.number} of {run.build.image}: {run.outcome} {run.reason}" for run in self.snapshot.runs
        ]
        return "\n".join([*output, "", *runs])

    def forget_output(self) -> None:
        """Start `output` from here."""
        self._log_read = (self.folder / "log").stat().st_size

    @property
    def output(self) -> str:
        """The output of the processes since `forget_output`."""
        return (self.folder / "log").read_bytes()[self._log_read :].decode(errors="replace")

    def close(self) -> None:
        """Stop all processes."""
        self.let_go()
        for pod in self.pods:
            self._end(pod)
        self.api_gate.close()
        self._log.close()

    # ---- Controller and kubelet ----------------------------------------------------------------------------

    def step(self) -> None:
        """Do the pending work of the controller and the kubelet; then observe the ledger and the data."""
        self._control()
        if not self.kubelet_away:
            for pod in list(self.pods):
                self._keep(pod)
            self._pull()
        for pod in self.pods:
            self._open_gate(pod)
        self._keep_full()
        self.meetings += len(self.pods) > 1 and all(pod.init.starts for pod in self.pods)
        self._observe()
        time.sleep(STEP_SECONDS)

    def _control(self) -> None:
        """Act as the StatefulSet controller: observe each change, and keep one pod of the template."""
        found = self.api.stateful_sets["tester"]
        generation = found["metadata"]["generation"]
        found["status"] = {"observedGeneration": generation, "updateRevision": f"tester-{generation}"}
        self.api.reads_until_gone = 10**9 if self.kubelet_away else 0
        if "tester-0" in self.api.pods or self.unschedulable:
            return
        if any(not pod.parted for pod in self.pods) and self._all_end():
            return
        self._uids += 1
        template = found["spec"]["template"]
        uid = f"pod-{self._uids}"
        metadata = {
            "name": "tester-0",
            "uid": uid,
            "labels": {"controller-revision-hash": f"tester-{generation}"},
            "annotations": dict(template.get("metadata", {}).get("annotations", {})),
            "ownerReferences": [{"kind": "StatefulSet", "name": "tester", "uid": "tester-uid"}],
        }
        containers = [dict(each) for each in template["spec"]["containers"]]
        self.api.add(self.api.pods, {"metadata": metadata, "spec": {"containers": containers}, "status": {}})
        port = free_port()
        self.pods.append(Pod(uid, containers[1]["image"], port, Gate(free_port(), port)))

    def _all_end(self) -> bool:
        """Return whether an old pod still has to end before a new one is created; have the kubelet end it."""
        if not self.kubelet_away:
            for pod in [each for each in self.pods if not each.parted]:
                self._end(pod)
        return any(not pod.parted for pod in self.pods)

    def _keep(self, pod: Pod) -> None:
        """Act as the kubelet: run the pod's containers, and report them in its status."""
        found = self.api.pods.get("tester-0")
        if found is not None and found["metadata"]["uid"] == pod.uid:
            if "deletionTimestamp" in found["metadata"]:
                self.api.pods.pop("tester-0")
                self._end(pod)
                return
        elif not pod.parted:
            self._end(pod)
            return
        self._keep_init(pod)
        if pod.init_done:
            self._keep_sidecar(pod)
            self._keep_node(pod)
        if found is not None and found["metadata"]["uid"] == pod.uid:
            found["status"] = {"containerStatuses": [pod.sidecar.status(), pod.node.status()]}

    def _keep_init(self, pod: Pod) -> None:
        if pod.init_done or pod.init.runs:
            return
        if pod.init.process is not None and pod.init.process.returncode == 0:
            pod.init_done = True
        elif pod.init.is_due():
            pod.init.started(self._command(pod, "init"))

    def _keep_sidecar(self, pod: Pod) -> None:
        if not pod.sidecar.runs and pod.sidecar.is_due():
            flags = ["--image-check-interval=200ms", "--web-listen-address=127.0.0.1:0"]
            pod.sidecar.started(self._command(pod, "wait-for-completion", *flags))

    def _keep_node(self, pod: Pod) -> None:
        """Start the node if its image is available and no other node uses the database."""
        if pod.node.runs or not pod.node.is_due():
            return
        if self.registry_down and pod.node.starts == 0:
            self.meetings += 1
            pod.node.waiting = "ImagePullBackOff"
        elif any(each.node.runs for each in self.pods):
            pod.node.waiting = "CrashLoopBackOff"
        elif runs := self.watch.read_runs():
            self._mark(runs[0].number)
            pod.node.started(self._node(pod))

    def _keep_full(self) -> None:
        if self._filling and self._reserve_is_whole():
            self._own_file_system().fill()
            self.meetings += "SQLITE_FULL" in self.output
        elif self._filling:
            self.meetings += 1

    def _reserve_is_whole(self) -> bool:
        reserve = self.volume.path / "bootstrap-monitor.reserve"
        return reserve.exists() and reserve.stat().st_size >= RESERVE_BYTES

    def _open_gate(self, pod: Pod) -> None:
        """Open or close the node's port according to the fault."""
        pod.gate.silent = self.node_silent
        wanted = pod.node.runs and not self.node_closed
        if not wanted:
            pod.gate.close()
        elif not pod.gate.is_open and pod.gate.leads_somewhere():
            pod.gate.open()

    def _end(self, pod: Pod) -> None:
        """Act as the kubelet: end all containers of a pod. The commands get SIGTERM first."""
        self.pods.remove(pod)
        pod.node.kill()
        pod.gate.close()
        processes = [each.process for each in (pod.init, pod.sidecar) if each.process is not None]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise LifeError(f"a command did not end when asked\n{self.details()}") from None

    # ---- The ledger and the data ---------------------------------------------------------------------------

    def _observe(self) -> None:
        now = time.monotonic()
        passed, self._stepped_at = now - self._stepped_at, now
        gone = {number for number in self._markers if not self._marker(number).exists()}
        snapshot = self._take_snapshot()
        self.snapshot = snapshot or self.snapshot
        number = self.snapshot.runs[0].number if self.snapshot.runs else 0
        ran, self._node_ran = self._node_ran, any(pod.node.runs for pod in self.pods)
        if ran or self._node_ran:
            self.node_seconds[number] = self.node_seconds.get(number, 0.0) + passed
        if snapshot is None:
            return
        self.snapshots += 1
        if number in gone and not snapshot.clearing:
            raise LifeError(f"the data of run {number} was cleared though none was due\n{self.details()}")
        self._markers -= gone

    def _take_snapshot(self) -> Snapshot | None:
        """Read the ledger. The clearing is read before the runs, so that its run is among them."""
        try:
            ledger = open_read_only(self.volume.path)
        except MonitorError:
            return None
        try:
            clearing = ledger.clearing() is not None
            checked, node = ledger.reading("image_check"), ledger.reading("node")
        except MonitorError:
            return None
        finally:
            ledger.close()
        if node is not None and (self.node_closed or self.node_silent):
            self.meetings += node.value["up"] is not self.node_closed and node.value["bootstrapped"] is None
        runs = self.watch.read_runs()
        return Snapshot(runs, clearing, checked.read_at if checked else 0.0) if runs or clearing else None

    def _mark(self, number: int) -> None:
        """Mark the node's data with the run's number before the node starts."""
        folder = self.volume.path / "avalanchego"
        others = [each.name for each in folder.glob("of-run-*") if each != self._marker(number)]
        if others:
            raise LifeError(f"the data under run {number} has {others}\n{self.details()}")
        with contextlib.suppress(OSError):  # the fault may affect the volume
            folder.mkdir(exist_ok=True)
            self._marker(number).touch()
            self._markers.add(number)

    def _marker(self, number: int) -> Path:
        return self.volume.path / "avalanchego" / f"of-run-{number}"

    # ---- Processes -----------------------------------------------------------------------------------------

    def _command(self, pod: Pod, command: str, *flags: str) -> subprocess.Popen[bytes]:
        every = [
            f"--data-dir={self.volume.path}",
            "--namespace=ns",
            "--pod-name=tester-0",
            "--node-container-name=node",
            f"--node-url=http://127.0.0.1:{pod.gate.port}",
            "--node-timeout=300ms",
            "--soak=1500ms",
            "--health-check-interval=100ms",
            "--disk-check-interval=3s",
            "--holder-timeout=2s",
            "--image-source=pod",  # no registry
            "--log-format=plain",
        ]
        return self._process(command, *every, *flags)

    def _node(self, pod: Pod) -> subprocess.Popen[bytes]:
        commit = COMMITS[DIGESTS.index(pod.image.partition("@")[2])]
        return self._process(
            "node",
            f"--data-dir={self.volume.path / 'avalanchego'}",
            "--network-id=fuji",
            f"--http-port={pod.node_port}",
            "--health-check-frequency=50ms",
            f"--simulate-commit={commit}",
            "--simulate-bootstrap-seconds=0.5",
            "--simulate-blocks=50",
        )

    def _process(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        runner = [sys.executable, str(RUNNER), str(self.folder), str(self.volume.path), what]
        return subprocess.Popen(
            [*runner, *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if what == "node" else self._log,
            stderr=self._log,
        )

    # ---- Version pods --------------------------------------------------------------------------------------

    def _run_version_pod(self, pod: dict[str, Any]) -> None:
        if not self.kubelet_away:
            self._pull_one(pod)

    def _pull(self) -> None:
        for name, pod in list(self.api.pods.items()):
            if name != "tester-0" and pod["status"].get("phase") != "Succeeded":
                self._pull_one(pod)

    def _pull_one(self, pod: dict[str, Any]) -> None:
        """Act as the kubelet: pull the newest build, and run the version pod to its end."""
        name = pod["spec"]["containers"][0]["name"]
        if self.registry_down:
            self.meetings += 1
            waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
            pod["status"] = {
                "phase": "Pending",
                "containerStatuses": [{"name": name, "state": {"waiting": waiting}}],
            }
            return
        commit, digest = COMMITS[self.newest], DIGESTS[self.newest]
        self.api.logs[pod["metadata"]["name"]] = versions_json(Simulation(commit=commit))
        ended = {
            "name": name,
            "imageID": f"{REPOSITORY}@{digest}",
            "state": {"terminated": {"exitCode": 0}},
        }
        pod["status"] = {"phase": "Succeeded", "containerStatuses": [ended]}

    def _own_file_system(self) -> OwnFileSystem:
        assert isinstance(self.volume, OwnFileSystem), "this cell's volume is a plain folder"
        return self.volume


@contextlib.contextmanager
def tester(folder: Path, holdable: str, *, own_file_system: bool) -> Iterator[Tester]:
    """Yield a tester that has not started, one command of which can be held; stop it afterwards."""
    folder.mkdir()
    volume = OwnFileSystem(folder / "data") if own_file_system else Folder(folder / "data")
    with (
        serving() as api,
        contextlib.closing(Tester(api, folder, volume, holdable)) as made,
    ):
        yield made


def power_cut(made: Tester) -> None:
    """Reboot the machine; its kubelet does not run yet."""
    made.kubelet_away = True
    for pod in made.pods:
        for container in (pod.sidecar, pod.node, pod.init):
            container.kill()
    machine.boot(made.folder)


def killed(container: Container) -> None:
    """Kill the running process of a container with SIGKILL."""
    assert container.runs, f"{container.name} does not run"
    assert container.process is not None
    container.process.send_signal(signal.SIGKILL)
    container.process.wait()
