"""Tests that every obstacle of a tester is shown with its cause in each output, and is logged once.

The commands run as processes with an API server and a registry that speak the protocols. The outputs are made
from the ledger, as another process reads it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from crashes import pod_life
from crashes.pod_life import free_port
from prometheus_client import CollectorRegistry, generate_latest
from support import fake_registry
from support.builders import NOW, workload
from support.cells import DOCUMENT, section, table
from support.fake_api_server import FakeApiServer, kubeconfig, serving
from support.fake_registry import FakeRegistry
from support.tester_objects import POD, UID, add_tester, node_of

from monitor.commands.show import run_status
from monitor.decide.decisions import BeginClearing, BeginRun, EndRun, Intervention, RecordIntervention
from monitor.domain.build import Build
from monitor.domain.instant import rfc3339_text
from monitor.domain.run import Outcome, RequestKind
from monitor.domain.status import RESULTS_SHOWN, Status
from monitor.domain.workload import SyncMode
from monitor.engine.activity import Activity
from monitor.errors import Cause
from monitor.ledger import Ledger, open_ledger, open_read_only
from monitor.ledger.status import status_of
from monitor.output.format import ACTIONS
from monitor.output.metrics import StatusCollector
from monitor.output.web.page import page
from monitor.settings import StatusSettings

TIMEOUT_SECONDS = 60.0
OTHER_TICKS = 8
BY_ROLE = 'pods is forbidden: User "monitor" cannot {verb} resource "pods"'
WAIT, INIT = "wait-for-completion", "init"


@dataclass
class Bed:
    """A tester whose pod is pinned to the build under its rolling tag; each test case adds an obstacle."""

    api: FakeApiServer
    registry: FakeRegistry
    folder: Path
    ledger: Ledger
    source: str = "auto"
    server_url: str = ""

    @property
    def build(self) -> Build:
        """The pinned build, which the registry has."""
        digest = self.registry.push_build(1)
        return Build(f"{self.registry.repository}@{digest}", frozenset({digest}))

    def add_pod(self, image: str = "", state: object = None) -> None:
        """Add the StatefulSet and the pod; `state` is that of the node's container in the pod's status."""
        add_tester(self.api, str(self.folder))
        pod = self.api.pods[POD]
        for found in (pod, self.api.stateful_sets["tester"]["spec"]["template"]):
            node_of(found)["image"] = image or self.build.image
        if state is not None:
            pod["status"] = {"containerStatuses": [{"name": "node", "restartCount": 1, "state": state}]}

    def begin(self, *, ended: bool = False) -> None:
        """Record a run of the pinned build that is open, or that has succeeded if `ended` is true."""
        pod = workload(self.build, uid=UID, sync_mode=SyncMode.C_CHAIN_STATE_SYNC)
        now = replace(NOW, wall=time.time() - 100)
        self.ledger.record(now, "default", (BeginClearing(pod, "clearing"),))
        self.ledger.record(now, "default", (BeginRun(pod),))
        if ended:
            run = self.ledger.last()
            assert run is not None
            end = EndRun(run, Outcome.SUCCEEDED, None, "it succeeded", 10.0, 10.0, None)
            self.ledger.record(now, "default", (end,))

    def deny(self, message: str = BY_ROLE, *verbs: str) -> None:
        """Refuse requests for pods."""
        for verb in verbs or ("get", "create", "delete"):
            self.api.denied[verb, "pods"] = message.format(verb=verb)

    def status(self) -> Status:
        """Return the status that another process reads."""
        with closing(open_read_only(self.folder)) as ledger:
            return status_of(ledger.snapshot(RESULTS_SHOWN + 1), time.time())

    def process(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command of the pod as a process."""
        url = self.server_url or self.api.url
        environment = {
            **{name: value for name, value in os.environ.items() if "PROXY" not in name.upper()},
            "KUBECONFIG": str(kubeconfig(self.folder.parent, url)),
        }
        flags = [
            *pod_life.tester_flags(self.folder, free_port()),
            "--holder-timeout=1h",
            f"--image-source={self.source}",
            "--registry-plain-http",
        ]
        if command == WAIT:
            flags += ["--image-check-interval=200ms", "--web-listen-address=127.0.0.1:0"]
        with (self.folder.parent / "log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "monitor", command, *flags], env=environment, stderr=log
            )

    def log(self) -> str:
        """Return the command's log output."""
        return (self.folder.parent / "log").read_text()


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    folder = tmp_path / "data"
    folder.mkdir()
    with serving() as api, fake_registry.serving() as registry, closing(open_ledger(folder)) as ledger:
        yield Bed(api, registry, folder, ledger)


def _role_deleted(bed: Bed) -> None:
    bed.add_pod()
    bed.begin()
    bed.deny()


def _api_server_away(bed: Bed) -> None:
    bed.add_pod()
    bed.begin()
    bed.server_url = f"http://127.0.0.1:{free_port()}"


def _token_refused(bed: Bed) -> None:
    _role_deleted(bed)
    bed.api.token = "another"


def _partitioned(bed: Bed) -> None:
    bed.add_pod()
    bed.begin(ended=True)
    bed.ledger.ask(RequestKind.RERUN, "", time.time())
    _set_partition(bed)


def _partitioned_before_its_first_run(bed: Bed) -> None:
    bed.add_pod(f"{bed.registry.repository}:latest")
    bed.source = "registry"
    bed.registry.push_build(1)
    _set_partition(bed)


def _set_partition(bed: Bed) -> None:
    spec = bed.api.stateful_sets["tester"]["spec"]
    spec["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}


def _node_waits(reason: str, message: str = "") -> Callable[[Bed], None]:
    def put(bed: Bed) -> None:
        bed.add_pod(state={"waiting": {"reason": reason, "message": message}})
        bed.begin()

    return put


def _node_crashes(bed: Bed) -> None:
    bed.add_pod(state={"waiting": {"reason": "CrashLoopBackOff"}})
    (status,) = bed.api.pods[POD]["status"]["containerStatuses"]
    status["lastState"] = {"terminated": {"exitCode": 7}}
    bed.begin()


def _volume_held(bed: Bed) -> None:
    bed.add_pod()
    bed.begin()
    bed.ledger.renew("another-pod")


def _registry_refuses(bed: Bed) -> None:
    bed.add_pod()
    bed.begin()
    bed.registry.wants = "basic"


def _registry_away(bed: Bed) -> None:
    bed.begin()
    bed.add_pod(bed.build.image.replace(bed.registry.address, f"127.0.0.1:{free_port()}"))


def _version_pod(bed: Bed) -> None:
    bed.add_pod()
    bed.begin(ended=True)
    bed.source = "pod"


def _quota_used_up(bed: Bed) -> None:
    _version_pod(bed)
    bed.deny('pods "tester-version-check" is forbidden: exceeded quota: pods', "create")


def _version_pod_without_its_image(bed: Bed) -> None:
    _version_pod(bed)

    def pulled(pod: dict[str, object]) -> None:
        waiting = {"reason": "ErrImagePull", "message": "not found"}
        pod["status"] = {"containerStatuses": [{"name": "version-check", "state": {"waiting": waiting}}]}

    bed.api.on_create = pulled


def _version_pod_not_permitted(bed: Bed) -> None:
    bed.add_pod()
    bed.begin(ended=True)
    bed.ledger.ask(RequestKind.PAUSE, "", time.time())  # prevents a run of the build
    bed.registry.push_build(2)
    bed.deny(BY_ROLE, "create")


def _data_of_unknown_origin(bed: Bed) -> None:
    bed.add_pod()
    (bed.folder / "avalanchego" / "db").mkdir(parents=True)


def _image_set_back(bed: Bed) -> None:
    bed.add_pod(f"{bed.registry.repository}:latest")
    for number in range(3):
        for kind, image in (
            (Intervention.PIN_REVERT, f"{bed.registry.repository}:latest"),
            (Intervention.PIN, bed.build.image),
        ):
            record = RecordIntervention(kind, f"{kind}-{number}", image)
            bed.ledger.record(replace(NOW, wall=time.time() - 100), "default", (record,))


def _image_with_another_tag(bed: Bed) -> None:
    bed.add_pod(f"{bed.registry.repository}:v1.14.2")


def _role_deleted_before_init(bed: Bed) -> None:
    bed.add_pod()
    bed.deny()


CASES = [
    pytest.param(WAIT, _role_deleted, Cause.PERMISSION_MISSING, "get pods", id="Role deleted"),
    pytest.param(
        WAIT,
        _api_server_away,
        Cause.API_SERVER_UNAVAILABLE,
        "no answer from the API server",
        id="API server unavailable",
    ),
    pytest.param(WAIT, _token_refused, Cause.API_SERVER_UNAUTHORIZED, "(401: ", id="token rejected"),
    pytest.param(
        WAIT,
        _partitioned,
        Cause.STATEFULSET_PARTITIONED,
        "has partition 1, so its pod would be recreated with the old revision",
        id="partition 1",
    ),
    pytest.param(
        WAIT,
        _node_waits("ImagePullBackOff", 'Back-off pulling image "x"'),
        Cause.IMAGE_PULL_FAILED,
        'ImagePullBackOff: Back-off pulling image "x"',
        id="ImagePullBackOff of the node",
    ),
    pytest.param(
        WAIT,
        _node_waits("CreateContainerConfigError", 'secret "x" not found'),
        Cause.CONTAINER_NOT_STARTED,
        'CreateContainerConfigError: secret "x" not found',
        id="the node's container cannot be created",
    ),
    pytest.param(
        WAIT,
        _node_crashes,
        Cause.NODE_CRASHING,
        "the node's process exited with code 7",
        id="the node crashes",
    ),
    pytest.param(
        WAIT,
        _volume_held,
        Cause.VOLUME_HELD,
        "pod another-pod holds the volume",
        id="another pod holds the volume",
    ),
    pytest.param(
        WAIT,
        _registry_refuses,
        Cause.REGISTRY_UNAUTHORIZED,
        "set credentials in --registry-config",
        id="registry 401",
    ),
    pytest.param(
        WAIT,
        _registry_away,
        Cause.REGISTRY_UNAVAILABLE,
        "request to http://127.0.0.1",
        id="registry unavailable",
    ),
    pytest.param(
        WAIT, _quota_used_up, Cause.REQUEST_DENIED, "exceeded quota", id="version pod refused by a quota"
    ),
    pytest.param(
        WAIT,
        _version_pod_without_its_image,
        Cause.VERSION_POD_FAILED,
        "cannot be pulled (ErrImagePull: not found)",
        id="version pod without its image",
    ),
    pytest.param(
        WAIT,
        _version_pod_not_permitted,
        Cause.VERSIONS_UNKNOWN,
        "are unknown: not permitted",
        id="versions unknown",
    ),
    pytest.param(
        INIT, _role_deleted_before_init, Cause.PERMISSION_MISSING, "get pods", id="init: Role deleted"
    ),
    pytest.param(
        INIT,
        _partitioned_before_its_first_run,
        Cause.STATEFULSET_PARTITIONED,
        "has partition 1, so its pod would be recreated with the old revision",
        id="init: partition 1",
    ),
    pytest.param(
        INIT, _image_set_back, Cause.IMAGE_REVERTED, "for the third time in 24 h", id="init: pin reverted"
    ),
    pytest.param(
        INIT,
        _data_of_unknown_origin,
        Cause.DATA_UNKNOWN,
        "a node's data without a ledger",
        id="init: data of unknown origin",
    ),
    pytest.param(
        INIT, _image_with_another_tag, Cause.CONFIGURATION_INVALID, "neither pinned", id="init: another tag"
    ),
]


def outputs(bed: Bed, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return the text of each output about the tester."""
    found = {}
    for name, as_json in (("status", False), ("API", True)):
        run_status(StatusSettings(data_dir=bed.folder, json=as_json))
        found[name] = capsys.readouterr().out
    shown = bed.status()
    registry = CollectorRegistry()
    registry.register(StatusCollector(lambda: shown, Activity()))
    return {**found, "page": page(shown), "metric": generate_latest(registry).decode()}


def await_problem(bed: Bed, process: subprocess.Popen[bytes], cause: Cause) -> None:
    """Wait until the ledger has the problem, and for some more ticks that find the problem again."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while cause not in {each.cause for each in bed.status().problems}:
        assert time.monotonic() < until, f"no {cause} in {bed.status().problems}\n{bed.log()}"
        time.sleep(0.05)
    ticks = {bed.status().tick_at}
    while len(ticks) < OTHER_TICKS and process.poll() is None and "third time" not in bed.log():
        assert time.monotonic() < until, bed.log()
        ticks.add(bed.status().tick_at)
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "put", "cause", "words"), CASES)
def test_each_output_names_what_hinders_the_tester(
    bed: Bed,
    capsys: pytest.CaptureFixture[str],
    command: str,
    put: Callable[[Bed], None],
    cause: Cause,
    words: str,
) -> None:
    put(bed)
    process = bed.process(command)
    try:
        await_problem(bed, process, cause)
        found = outputs(bed, capsys)
    finally:
        process.kill()
        process.wait()
    (problem,) = (each for each in bed.status().problems if each.cause is cause)
    (reported,) = (each for each in json.loads(found["API"])["problems"] if each["cause"] == cause)
    logged = [line for line in bed.log().splitlines() if words in line and " WARNING " in line]

    assert words in problem.message
    assert 0 <= time.time() - problem.since < TIMEOUT_SECONDS
    assert reported == {
        "cause": cause,
        "message": problem.message,
        "since": problem.since,
        "sinceRfc3339": rfc3339_text(problem.since),
        "action": ACTIONS[cause],
    }
    assert re.search(
        rf"^problem   {cause} since .*: {re.escape(problem.message)}$", found["status"], re.MULTILINE
    )
    assert ACTIONS[cause] in found["status"]
    assert f'<li class="warn">⚠ {cause} since ' in found["page"]
    assert re.search(
        rf'^bootstrap_monitor_problem_since_timestamp_seconds{{cause="{cause}",',
        found["metric"],
        re.MULTILINE,
    )
    if command == WAIT:
        (line,) = logged  # one line, independent of the number of ticks
        assert line.endswith(f" cause={cause}")
    else:
        assert len(logged) <= 1
        assert words in bed.log()


@pytest.mark.slow
def test_what_works_again_is_a_problem_no_more(bed: Bed) -> None:
    _role_deleted(bed)
    process = bed.process(WAIT)
    try:
        await_problem(bed, process, Cause.PERMISSION_MISSING)
        bed.api.denied.clear()
        until = time.monotonic() + TIMEOUT_SECONDS
        while bed.status().problems:
            assert time.monotonic() < until, bed.log()
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()

    ends = [line for line in bed.log().splitlines() if "works again after" in line]
    assert len(ends) == 1
    assert bed.status().notice == ""


@pytest.mark.slow
def test_a_refused_request_is_repeated_less_and_less_often(bed: Bed) -> None:
    """A refused request is repeated at growing intervals, although ticks come every 100 ms."""
    bed.add_pod()
    bed.begin(ended=True)
    bed.ledger.ask(RequestKind.RERUN, "", time.time())
    bed.api.denied["get", "statefulsets"] = 'User "monitor" cannot get resource "statefulsets"'
    process = bed.process(WAIT)
    try:
        await_problem(bed, process, Cause.PERMISSION_MISSING)
        ticks: set[float | None] = set()
        while len(ticks) < 30:
            ticks.add(bed.status().tick_at)
            time.sleep(0.02)
        asked = [each for each in bed.api.requests if each.path.endswith("/statefulsets/tester")]
    finally:
        process.kill()
        process.wait()

    assert 2 <= len(asked) <= 8, len(asked)


def test_the_document_lists_each_case() -> None:
    listed = table(section(DOCUMENT.read_text(), "## What is shown while a problem lasts"))[1:]

    assert listed == [
        [str(each.id).removeprefix("init: "), f"`{each.values[0]}`", f"`{each.values[2]}`"] for each in CASES
    ]
