"""A monitor as in a pod: its own process, an API server and a registry over TLS, and a node.

The pod consists of what the monitor can see: the ServiceAccount's folder, host names, environment variables
and the volume. The folder and the names are mounted in a mount namespace of the monitor, which needs no root.
The ledger is that of a tester with many runs.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from support.certificates import self_signed, server_context
from support.fake_api_server import FakeApiServer, serving
from support.fake_cluster import JsonObject
from support.tester_objects import BUILD, D1, POD, UID, VERSIONS, add_tester, run_version_pod

from bench.standing_node import StandingNode, standing
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.domain.build import Build
from monitor.domain.regression import MAX_COMPARED
from monitor.domain.run import Outcome
from monitor.domain.workload import SyncMode, Workload
from monitor.engine.clock import SystemClock
from monitor.k8s.credentials import SERVICE_ACCOUNT
from monitor.ledger import open_ledger

ROOT = Path(__file__).parents[1]
_INIT_SECONDS = 60.0
_END_SECONDS = 10.0
_SCRAPE_SECONDS = 30.0
_RUN_SECONDS = 7200.0
_REGISTRY = "registry.bench"  # a name, as a registry at 127.0.0.1 would be queried without TLS
_HOSTS = f"127.0.0.1 localhost {_REGISTRY}\n"
# Mount a file system over the folder, so that the account's folder can be created on any machine.
_IN_POD = """
set -e
mount -t tmpfs none /run
mkdir -p "$1"
cp "$2"/token "$2"/ca.crt "$1"
mount --bind "$2"/hosts /etc/hosts
shift 2
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Pod:
    """The environment of a monitor; `web_port` is the port that the monitor serves."""

    folder: Path
    api: FakeApiServer
    node: StandingNode
    web_port: int

    @property
    def data_dir(self) -> Path:
        """The folder of the volume."""
        return self.folder / "data"

    def init(self) -> None:
        """Run `init` until it ends.

        Raises:
            SystemExit: the node may not start.
        """
        process = self._start("init")
        # A wait with a timeout polls every 50 ms, which is a tenth of the measured time.
        guard = threading.Timer(_INIT_SECONDS, process.kill)
        guard.start()
        process.wait()
        guard.cancel()
        if process.returncode != 0:
            raise SystemExit(f"init ended with {process.returncode}: {self.log()}")

    @contextmanager
    def watched(self, *flags: str) -> Iterator[int]:
        """Run `wait-for-completion`, and yield its process ID once it serves.

        Raises:
            SystemExit: the monitor does not serve.
        """
        addresses = (
            f"--node-url=http://127.0.0.1:{self.node.port}",
            f"--web-listen-address=127.0.0.1:{self.web_port}",
        )
        process = self._start("wait-for-completion", *addresses, *flags)
        try:
            until = time.monotonic() + _INIT_SECONDS
            while not _listens(self.web_port):
                if process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"wait-for-completion does not serve: {self.log()}")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            finally:
                process.kill()

    def log(self) -> str:
        """Return the log of the monitor that started last."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def scrape(self, path: str = "/metrics") -> bytes:
        """Send a request as Prometheus does, and return the body as received."""
        address = f"http://127.0.0.1:{self.web_port}{path}"
        request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
        with urllib.request.urlopen(request, timeout=_SCRAPE_SECONDS) as answer:
            return bytes(answer.read())

    def in_pod(self) -> list[str]:
        """Return the command prefix that enters the pod's mount namespace; the process ID stays."""
        isolated = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _IN_POD, "sh"]
        return [*isolated, str(SERVICE_ACCOUNT), str(self.folder / "account")]

    def _start(self, command: str, *flags: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*self.in_pod(), sys.executable, "-m", "monitor", command, *self._flags(), *flags],
                cwd=self.folder,
                env=self._environment(),
                stderr=log,
            )

    def _flags(self) -> list[str]:
        return [
            f"--data-dir={self.data_dir}",
            "--namespace=tests",
            f"--pod-name={POD}",
            f"--pod-uid={UID}",
            "--node-container-name=node",
            f"--registry-ca={self.folder / 'account' / 'ca.crt'}",
        ]

    def _environment(self) -> Mapping[str, str]:
        server = urlsplit(self.api.url)
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "KUBERNETES_SERVICE_HOST": str(server.hostname),
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }


@contextmanager
def pod() -> Iterator[Pod]:
    """Yield a tester's pod: its ledger is full of runs, its node is pinned to a new build."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for each in ("data/avalanchego", "account"):
            (folder / each).mkdir(parents=True)
        (folder / "account" / "token").write_text("the-token")
        (folder / "account" / "hosts").write_text(_HOSTS)
        tls = _certificate(folder / "account")
        node = stack.enter_context(standing(VERSIONS.commit, D1))
        registry = stack.enter_context(standing(VERSIONS.commit, D1, tls))
        api = stack.enter_context(serving(tls))
        build = replace(BUILD, image=f"{_REGISTRY}:{registry.port}/a/node@{D1}")

        def kubelet(version_pod: JsonObject) -> None:
            api.logs[version_pod["metadata"]["name"]] = VERSIONS.to_json()
            run_version_pod(version_pod, D1)

        add_tester(api, str(folder / "data"), build)
        api.pods[POD]["status"] = {"containerStatuses": [{"name": "node", "state": {"running": {}}}]}
        api.on_create = kubelet
        _fill(folder / "data", build)
        yield Pod(folder, api, node, _free_port())


def _fill(data_dir: Path, build: Build) -> None:
    """Record as many runs of an older build as are compared at most."""
    ledger, now = open_ledger(data_dir), SystemClock()()
    digest = "sha256:" + "0" * 64
    older = replace(build, image=build.image.replace(D1, digest), digests=frozenset({digest}))
    workload = Workload("before", older.image, older, "fuji", SyncMode.C_CHAIN_STATE_SYNC, "settings")
    for number in range(MAX_COMPARED):
        started = replace(now, wall=now.wall - (MAX_COMPARED - number) * _RUN_SECONDS)
        ledger.record(started, "default", (BeginClearing(workload, "a new build"),))
        ledger.record(started, "default", (BeginRun(workload),))
        run = ledger.last()
        if run is None:
            raise AssertionError("a run has started")
        seconds = _RUN_SECONDS / 2 + 10 * (number % 7)
        end = EndRun(run, Outcome.SUCCEEDED, None, "healthy", seconds, seconds, 10**11 + number * 10**8)
        ledger.record(replace(started, wall=started.wall + seconds), "default", (end,))
    ledger.release(workload.uid)
    ledger.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _certificate(folder: Path) -> ssl.SSLContext:
    authority, key = folder / "ca.crt", folder / "key.pem"
    self_signed(authority, key, "IP:127.0.0.1", f"DNS:{_REGISTRY}")
    return server_context(authority, key)
