"""Tests of `check` over real sockets: each problem of a tester has a line of its own and hides no other."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.builders import NOW, build, full_status, workload
from support.fake_api_server import FakeApiServer, Fault, kubeconfig, serving
from support.fake_cluster import REVIEWS, JsonObject
from support.fake_registry import FakeRegistry
from support.fake_registry import serving as serving_registry
from support.forked import run_forked
from support.tester_objects import POD, STATEFUL_SET_UID, UID, node_of, pod_of_template, stateful_set

from bench.standing_node import StandingNode, standing
from monitor.decide.decisions import BeginClearing, BeginRun
from monitor.flags import parse
from monitor.ledger import open_ledger
from monitor.output.web import Site, WebServer
from monitor.preflight.check import run_check
from monitor.settings import CheckSettings

ROOT = Path(__file__).parents[3]
CLAIM = "node-data"
FIREWOOD = base64.b64encode(b'{"state-scheme": "firewood"}').decode()
FIREWOOD_CONTENT = base64.b64encode(json.dumps({"C": {"Config": FIREWOOD}}).encode()).decode()
Line = tuple[str, str, str]
Change = Callable[["CheckedTester"], object]


@dataclass(frozen=True)
class CheckedTester:
    """A tester without problems: its objects on the API server, its registry, node and volume."""

    api: FakeApiServer
    registry: FakeRegistry
    node: StandingNode
    data_dir: Path

    @property
    def pod(self) -> JsonObject:
        return self.api.pods[POD]

    @property
    def stateful_set(self) -> JsonObject:
        return self.api.stateful_sets["tester"]

    @property
    def claim(self) -> JsonObject:
        return self.api.claims[CLAIM]

    @property
    def node_container(self) -> JsonObject:
        return node_of(self.pod)

    @property
    def sidecar(self) -> JsonObject:
        containers: list[JsonObject] = self.pod["spec"]["containers"]
        return next(each for each in containers if each["name"] == "monitor")

    @property
    def init(self) -> JsonObject:
        found: JsonObject = self.pod["spec"]["initContainers"][0]
        return found

    def add_flags(self, *flags: str) -> None:
        """Add flags to both of the monitor's containers."""
        self.init["args"] += flags
        self.sidecar["args"] += flags

    def deny(self, verb: str, *what: str) -> None:
        """Remove a permission from the Role."""
        self.api.denied[verb, *what] = f'User "u" cannot {verb} resource "{what[0]}"'


@pytest.fixture
def tester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckedTester]:
    for name in [name for name in os.environ if name.startswith(("BOOTSTRAP_MONITOR_", "POD_"))]:
        monkeypatch.delenv(name)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with closing(open_ledger(data_dir)) as ledger:
        ledger.record(NOW, "default", [BeginClearing(workload(build()), "")])
        ledger.record(NOW, "default", [BeginRun(workload(build()))])
    with serving() as api, serving_registry() as registry, standing("c" * 40, "") as node:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, api.url)))
        registry.push_build(1)
        add(api, data_dir, f"{registry.repository}:latest", node.port)
        yield CheckedTester(api, registry, node, data_dir)


def add(api: FakeApiServer, data_dir: Path, image: str, node_port: int) -> None:
    """Add the tester's objects to the API server."""
    flags = [
        f"--data-dir={data_dir}",
        "--node-container-name=node",
        "--image-source=auto",
        f"--node-url=http://127.0.0.1:{node_port}",
        "--disk-floor=0",
    ]
    found = stateful_set(str(data_dir), image)
    spec = found["spec"]["template"]["spec"]
    monitor = spec["containers"][0]
    spec["initContainers"] = [{**monitor, "name": "init", "args": ["init", *flags]}]
    monitor["args"] = ["wait-for-completion", *flags]
    spec["volumes"] = [{"name": "volume", "persistentVolumeClaim": {"claimName": CLAIM}}]
    api.add(api.stateful_sets, found)
    pod = api.add(api.pods, pod_of_template(found))
    names = ("init", "monitor", "node")
    pod["status"]["containerStatuses"] = [{"name": name, "state": {"running": {}}} for name in names]
    api.add(
        api.claims,
        {
            "metadata": {"name": CLAIM},
            "spec": {"accessModes": ["ReadWriteOncePod"]},
            "status": {"phase": "Bound", "capacity": {"storage": "100Gi"}},
        },
    )


def check(capsys: pytest.CaptureFixture[str], *flags: str, uid: str = UID) -> tuple[int, list[Line]]:
    """Run `check`, and return the exit code and the lines of the JSON output."""
    pod = ["--namespace=tests", f"--pod-name={POD}", f"--pod-uid={uid}"]
    code = run_check(parse(CheckSettings, "check", [*pod, "--json", *flags], {}))
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is (code == 0)
    return code, [(each["result"], each["subject"], each["message"]) for each in found["checks"]]


def worse(lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are not ok."""
    return [line for line in lines if line[0] != "ok"]


def test_inside_its_pod_all_that_is_well_is_a_line(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = parse(
        CheckSettings, "check", ["--namespace=tests", f"--pod-name={POD}", f"--pod-uid={UID}"], {}
    )
    code = run_check(settings)
    printed = capsys.readouterr().out.splitlines()
    room = next(line for line in printed if " data folder " in line).partition("cleared, ")[2]
    image, data_dir = f"{tester.registry.repository}:latest", tester.data_dir
    digest = next(iter(tester.registry.manifests))

    assert (code, printed) == (
        0,
        [
            "ok    pod             'tester-0' of StatefulSet 'tester' in namespace 'tests', checked from inside",
            (
                "ok    settings        containers 'init' and 'monitor' have the same settings; check uses their "
                "settings: --data-dir, --disk-floor, --image-source, --node-container-name, --node-url"
            ),
            "ok    permission      get, delete pods 'tester-0': granted",
            "ok    permission      get, patch statefulsets 'tester': granted",
            "ok    permission      create pods: granted",
            "ok    permission      get, delete pods 'tester-version-check': granted",
            "ok    permission      get pods/log 'tester-version-check': granted",
            "ok    permission      get pods/log 'tester-0': granted",
            "ok    permission      create events: granted",
            "ok    StatefulSet     'tester': 1 replica, RollingUpdate, partition 0",
            "ok    node container  'node' runs; restarted 0 times",
            f"ok    image           in the pod: {image} has the rolling tag; init pins it",
            "ok    configuration   network fuji, sync mode c-chain-state-sync",
            (
                f"ok    volume          'volume' (persistentVolumeClaim): init deletes {data_dir}/avalanchego, "
                "the node's data"
            ),
            "ok    claim           'node-data': Bound, 100Gi, ReadWriteOncePod",
            f"ok    registry        {image} is {digest}",
            f"ok    data folder     {data_dir}: can be written and cleared, {room}",
            "ok    ledger          can be read; run 1 is open",
            f"ok    node            http://127.0.0.1:{tester.node.port}: avalanchego/1.14.2, healthy",
        ],
    )
    assert room.endswith(" free")


class TestWaiting:
    """`check --wait`, right after an installation."""

    def repeated_check(
        self, tester: CheckedTester, capsys: pytest.CaptureFixture[str], fixed_after: int
    ) -> str:
        """Return the number of checks, the exit code, and the final result for the claim."""
        checks = 0
        now = 0.0

        def sleep(seconds: float) -> None:
            nonlocal checks, now
            checks, now = checks + 1, now + seconds
            if checks == fixed_after:
                tester.api.claims[CLAIM]["status"]["phase"] = "Bound"

        tester.api.claims[CLAIM]["status"]["phase"] = "Pending"
        words = ["--namespace=tests", f"--pod-name={POD}", f"--pod-uid={UID}", "--wait=1m"]
        code = run_check(parse(CheckSettings, "check", words, {}), clock=lambda: now, sleep=sleep)
        lines = capsys.readouterr().out.splitlines()
        (claim,) = (line.split()[0] for line in lines if "  claim " in line)
        return f"{checks} {code} {claim}"

    def test_it_checks_again_until_nothing_fails(
        self, tester: CheckedTester, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.repeated_check(tester, capsys, 2) == "2 0 ok"

    def test_it_gives_up(self, tester: CheckedTester, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.repeated_check(tester, capsys, 1000) == "12 1 FAIL"


def test_what_is_asked_changes_nothing(tester: CheckedTester, capsys: pytest.CaptureFixture[str]) -> None:
    check(capsys)

    changing = [each.path for each in tester.api.requests if each.method != "GET"]
    assert set(changing) == {REVIEWS}


def test_permissions_are_asked_for_in_the_words_of_kubernetes(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    check(capsys)
    asked = [each.body["spec"]["resourceAttributes"] for each in tester.api.made("POST") if each.body]
    words = [
        (each["verb"], each["group"], each["resource"], each["subresource"], each["name"]) for each in asked
    ]

    assert {each["namespace"] for each in asked} == {"tests"}
    assert words == [
        ("get", "", "pods", "", "tester-0"),
        ("delete", "", "pods", "", "tester-0"),
        ("get", "apps", "statefulsets", "", "tester"),
        ("patch", "apps", "statefulsets", "", "tester"),
        ("create", "", "pods", "", ""),
        ("get", "", "pods", "", "tester-version-check"),
        ("delete", "", "pods", "", "tester-version-check"),
        ("get", "", "pods", "log", "tester-version-check"),
        ("get", "", "pods", "log", "tester-0"),
        ("create", "", "events", "", ""),
    ]


def test_with_the_registry_alone_no_version_pod_is_permitted(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    tester.add_flags("--image-source=registry")
    _, lines = check(capsys)

    assert [message for _, subject, message in lines if subject == "permission"] == [
        "get, delete pods 'tester-0': granted",
        "get, patch statefulsets 'tester': granted",
        "get pods/log 'tester-0': granted",
        "create events: granted",
    ]


ROLE = "not granted in namespace 'tests': allow it in the Role of the tester's ServiceAccount"
NO_VERSION_PODS = f"{ROLE}, or set --image-source registry"
VERSION_POD = "tester-version-check"


@pytest.mark.parametrize(
    ("denied", "result", "message"),
    [
        (("delete", "pods", POD), "fail", f"delete pods 'tester-0': {ROLE}"),
        (("patch", "statefulsets"), "fail", f"patch statefulsets 'tester': {ROLE}"),
        (("create", "pods"), "fail", f"create pods: {NO_VERSION_PODS}"),
        (("get", "pods", VERSION_POD), "fail", f"get pods '{VERSION_POD}': {NO_VERSION_PODS}"),
        (("delete", "pods", VERSION_POD), "fail", f"delete pods '{VERSION_POD}': {NO_VERSION_PODS}"),
        (("get", "pods/log", VERSION_POD), "fail", f"get pods/log '{VERSION_POD}': {NO_VERSION_PODS}"),
        (
            ("get", "pods/log", POD),
            "warn",
            f"get pods/log 'tester-0': {ROLE}; without it, the log tail of a failed node is not saved",
        ),
        (("create", "events"), "warn", f"create events: {ROLE}; without it, the monitor creates no Events"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_verb_that_is_not_granted_is_named(
    tester: CheckedTester,
    capsys: pytest.CaptureFixture[str],
    denied: tuple[str, ...],
    result: str,
    message: str,
) -> None:
    tester.deny(*denied)

    code, lines = check(capsys)
    assert (code, worse(lines)) == (int(result == "fail"), [(result, "permission", message)])


def test_reviews_that_are_refused_are_a_warning(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    tester.deny("create", "selfsubjectaccessreviews")

    code, lines = check(capsys)
    assert (code, worse(lines)) == (
        0,
        [
            (
                "warn",
                "permission",
                (
                    "the permissions cannot be checked: not permitted to create selfsubjectaccessreviews "
                    '(User "u" cannot create resource "selfsubjectaccessreviews"): '
                    "allow create on selfsubjectaccessreviews in a ClusterRole"
                ),
            )
        ],
    )


def update(**strategy: Any) -> Change:
    """Return a change to another update strategy."""
    return lambda tester: tester.stateful_set["spec"].update(updateStrategy=strategy)


def mount_elsewhere(tester: CheckedTester) -> None:
    """Mount another folder of the volume in the node."""
    tester.node_container["volumeMounts"][0]["subPath"] = "other"


def rename_node(tester: CheckedTester) -> None:
    """Rename the node's container in the pod only."""
    tester.node_container["name"] = "avago"


def set_image(tester: CheckedTester) -> None:
    """Set an image that is neither pinned nor on the rolling tag."""
    tester.node_container["image"] = f"{tester.registry.repository}:v1"
    node_of(tester.stateful_set["spec"]["template"])["image"] = f"{tester.registry.repository}:v1"


def hide_network(tester: CheckedTester) -> None:
    source = {"secretKeyRef": {"name": "s", "key": "network"}}
    tester.node_container["env"][0] = {"name": "AVAGO_NETWORK_ID", "valueFrom": source}


def link_node_folder(tester: CheckedTester) -> None:
    (tester.data_dir / "avalanchego").symlink_to("/")


@pytest.mark.parametrize(
    ("change", "subject", "message"),
    [
        pytest.param(
            update(type="RollingUpdate", rollingUpdate={"partition": 1}),
            "StatefulSet",
            "'tester' has partition 1, so its pod would be recreated with the old revision: "
            "set spec.updateStrategy.rollingUpdate.partition to 0",
            id="a partition",
        ),
        pytest.param(
            update(type="OnDelete"),
            "StatefulSet",
            "'tester' has updateStrategy OnDelete: set spec.updateStrategy.type to RollingUpdate",
            id="OnDelete",
        ),
        pytest.param(
            lambda tester: tester.stateful_set["spec"].update(replicas=2),
            "StatefulSet",
            "'tester' has 2 replicas, but a tester is one pod: set spec.replicas to 1",
            id="two replicas",
        ),
        pytest.param(
            lambda tester: tester.stateful_set["spec"].update(replicas=0),
            "StatefulSet",
            "'tester' has 0 replicas, but a tester is one pod: set spec.replicas to 1",
            id="no replica",
        ),
        pytest.param(
            lambda tester: tester.api.stateful_sets.clear(),
            "StatefulSet",
            "StatefulSet 'tester' not found in namespace 'tests', though it owns this pod: restore it",
            id="no StatefulSet",
        ),
        pytest.param(
            lambda tester: tester.init["args"].append("--rolling-tag=master"),
            "settings",
            "--rolling-tag is master in container 'init' but latest in 'monitor': set both to the same value",
            id="settings that differ",
        ),
        pytest.param(
            lambda tester: tester.init["args"].append("--soak=5"),
            "settings",
            "container 'init' cannot start: --soak (BOOTSTRAP_MONITOR_SOAK) is '5': "
            "it must be a duration such as 30s, 1m30s, 12h or 14d",
            id="settings that are wrong",
        ),
        pytest.param(
            lambda tester: tester.pod["spec"].pop("initContainers"),
            "settings",
            "no container found in the pod that runs bootstrap-monitor init: add it, as the README describes",
            id="no init",
        ),
        pytest.param(
            rename_node,
            "node container",
            "pod 'tester-0' has no container 'node' (it has 'init', 'monitor', 'avago'): check --node-container-name",
            id="no container of the node",
        ),
        pytest.param(
            set_image,
            "image",
            "in the pod: {repository}:v1 is neither pinned by digest nor has the tag 'latest': "
            "use {repository}:latest, or set --rolling-tag",
            id="an image that follows nothing",
        ),
        pytest.param(
            hide_network,
            "configuration",
            "container 'node': AVAGO_NETWORK_ID (from secretKeyRef s network) may set network-id, "
            "which is not visible to the monitor: set --network",
            id="a network that cannot be read",
        ),
        pytest.param(
            lambda tester: tester.node_container["env"].append(
                {"name": "AVAGO_CHAIN_CONFIG_CONTENT", "value": "e30"}
            ),
            "configuration",
            "AVAGO_CHAIN_CONFIG_CONTENT is not base64 (Incorrect padding): encode it",
            id="a sync mode that cannot be read",
        ),
        pytest.param(
            mount_elsewhere,
            "volume",
            "AVAGO_DATA_DIR is /node, which is not in {data_dir}/avalanchego of volume 'volume': "
            "the node's data must be in the folder that is cleared for a new run",
            id="a node that writes elsewhere",
        ),
        pytest.param(
            lambda tester: tester.sidecar.update(volumeMounts=[]),
            "volume",
            "--data-dir {data_dir} is not on a volume of container 'monitor': mount the volume there",
            id="no volume",
        ),
        pytest.param(
            lambda tester: tester.pod["spec"].update(volumes=[{"name": "volume", "emptyDir": {}}]),
            "volume",
            "'volume' is of kind emptyDir and is deleted with the pod, with all results: use a persistentVolumeClaim",
            id="a volume that ends with the pod",
        ),
        pytest.param(
            lambda tester: tester.api.claims.clear(),
            "claim",
            "persistentvolumeclaim 'node-data' not found: create it",
            id="no claim",
        ),
        pytest.param(
            lambda tester: tester.claim["status"].update(phase="Pending"),
            "claim",
            "'node-data' is Pending: see kubectl describe persistentvolumeclaim node-data",
            id="a claim that is not bound",
        ),
        pytest.param(
            lambda tester: tester.claim["metadata"].update(deletionTimestamp="2026-11-24T00:00:00Z"),
            "claim",
            "'node-data' is terminating and is deleted, with all results, once no pod uses it: back it up",
            id="a claim that is being deleted",
        ),
        pytest.param(
            lambda tester: tester.add_flags("--registry-config=/nowhere"),
            "registry",
            "/nowhere cannot be read (No such file or directory)",
            id="credentials that cannot be read",
        ),
        pytest.param(
            link_node_folder,
            "data folder",
            "{data_dir}/avalanchego is a link, and the monitor does not follow links: "
            "replace it with the node's folder",
            id="a node's folder that cannot be cleared",
        ),
        pytest.param(
            lambda tester: tester.node_container["env"][0].update(value="mainnet"),
            "node",
            "http://127.0.0.1:{port} is on network fuji, but its configuration says mainnet: "
            "set --node-url to the address of this pod's node",
            id="a node on another network",
        ),
    ],
)
def test_what_keeps_it_from_working_fails_and_hides_nothing(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str], change: Change, subject: str, message: str
) -> None:
    expected = message.format(
        repository=tester.registry.repository, data_dir=tester.data_dir, port=tester.node.port
    )
    before = {line[1] for line in check(capsys)[1]}
    change(tester)

    code, lines = check(capsys)
    failed = [line for line in lines if line[0] == "fail"]
    assert (code, failed) == (1, [("fail", subject, expected)])
    assert before - {line[1] for line in lines} <= ({"claim"} if subject == "volume" else set())


@pytest.mark.parametrize(
    ("change", "subject", "message"),
    [
        pytest.param(
            lambda tester: tester.registry.manifests.clear(),
            "registry",
            "{repository}:latest not found: check the name and the tag; until it can be read, pods poll for new builds "
            "every 5 min while no run is open",
            id="a registry that cannot be read",
        ),
        pytest.param(
            lambda tester: tester.deny("get", "persistentvolumeclaims"),
            "claim",
            "'node-data': its state and size are unknown: not permitted to get persistentvolumeclaims 'node-data' "
            'in namespace \'tests\' (User "u" cannot get resource "persistentvolumeclaims"): '
            "allow get on persistentvolumeclaims in its Role",
            id="a claim that may not be read",
        ),
        pytest.param(
            lambda tester: (tester.data_dir / "bootstrap-monitor.sqlite3").unlink(),
            "ledger",
            "not found in {data_dir} yet: init creates it",
            id="no ledger",
        ),
        pytest.param(
            lambda tester: tester.add_flags("--node-url=http://127.0.0.1:9"),
            "node",
            "127.0.0.1:9 refuses connections: the node may be starting; if this persists, "
            "set --node-url to the node's address",
            id="a node that does not answer",
        ),
        pytest.param(
            lambda tester: tester.pod["metadata"].update(deletionTimestamp="2026-11-24T00:00:00Z"),
            "pod",
            "'tester-0' of StatefulSet 'tester' in namespace 'tests' is terminating: check again once it is recreated",
            id="a pod that is being ended",
        ),
        pytest.param(
            lambda tester: tester.pod["status"].update(
                containerStatuses=[{"name": "node", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]
            ),
            "node container",
            "'node' is not running (ImagePullBackOff): see kubectl describe pod tester-0",
            id="a node that does not run",
        ),
        pytest.param(
            lambda tester: tester.node_container["env"].append(
                {"name": "AVAGO_CHAIN_CONFIG_CONTENT", "value": FIREWOOD_CONTENT}
            ),
            "configuration",
            'AVAGO_CHAIN_CONFIG_CONTENT: "C": "Config" sets "state-scheme" to "firewood" with state sync on; '
            'AvalancheGo 1.15.0 exits (FATAL): set "state-sync-enabled" to false or remove "state-scheme"',
            id="a state scheme with which a state sync ends the node",
        ),
        pytest.param(
            lambda tester: tester.init.update(envFrom=[{"configMapRef": {"name": "more"}}]),
            "settings",
            "container 'init': configMap/more cannot be read from here, so its settings are not compared: "
            "pass the relevant ones to check as flags",
            id="settings that cannot be seen",
        ),
    ],
)
def test_what_only_makes_it_worse_is_a_warning(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str], change: Change, subject: str, message: str
) -> None:
    tester.api.reads_until_gone = 99
    change(tester)

    expected = message.format(repository=tester.registry.repository, data_dir=tester.data_dir)
    code, lines = check(capsys)
    assert (code, worse(lines)) == (0, [("warn", subject, expected)])


def test_the_registry_must_be_readable_if_it_is_the_only_source(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    tester.add_flags("--image-source=registry")
    tester.registry.manifests.clear()

    code, lines = check(capsys)
    message = f"{tester.registry.repository}:latest not found: check the name and the tag"
    assert (code, worse(lines)) == (1, [("fail", "registry", message)])


def test_flags_of_the_call_win_over_those_of_the_sidecar(
    tester: CheckedTester, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = check(capsys, "--rolling-tag=master", "--image-source=pod")

    image = f"{tester.registry.repository}:latest"
    assert (code, worse(lines)) == (
        1,
        [
            (
                "fail",
                "image",
                (
                    f"in the pod: {image} is neither pinned by digest nor has the tag 'master': "
                    f"use {tester.registry.repository}:master, or set --rolling-tag"
                ),
            )
        ],
    )
    assert (
        "ok",
        "registry",
        "not used: with --image-source pod, pods poll for new builds",
    ) in lines


@pytest.fixture
def monitor() -> Iterator[WebServer]:
    """Run the web server of the tester's monitor, as another pod can reach it."""
    status = full_status()
    site = Site(CollectorRegistry(), lambda: status, lambda: (), lambda: (True, ()))
    server = WebServer(("127.0.0.1", 0), site)
    server.start()
    yield server
    server.stop()


def address(tester: CheckedTester, port: int) -> None:
    """Set the pod's address to that of its monitor."""
    tester.pod["status"]["podIP"] = "127.0.0.1"
    tester.sidecar["args"].append(f"--web-listen-address=:{port}")


class TestFromAnotherPod:
    """`check` from another pod, such as that of `helm test`, which has no volume of the tester."""

    def test_the_monitor_is_asked_instead(
        self, tester: CheckedTester, monitor: WebServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        address(tester, monitor.port)
        code, lines = check(capsys, uid="uid-of-the-test")
        subjects = [subject for _, subject, _ in lines]

        assert (code, worse(lines)) == (0, [])
        assert (subjects[-2:], "data folder" in subjects) == (["monitor", "node"], False)
        assert [message for _, _, message in lines[-2:]] == [
            f"http://127.0.0.1:{monitor.port} is ready: bootstrapping, bootstrapping",
            "the node answers the monitor; its health is unhealthy",
        ]

    @pytest.mark.parametrize(
        ("change", "result", "message"),
        [
            pytest.param(
                lambda tester: address(tester, 9),
                "fail",
                "http://127.0.0.1:9 does not answer (",
                id="a monitor that does not answer",
            ),
            pytest.param(
                lambda _: None,
                "warn",
                "not checked: the pod has no address yet",
                id="a pod without an address",
            ),
            pytest.param(
                lambda tester: tester.sidecar["args"].extend(
                    ["--web-tls-certificate=/c.pem", "--web-tls-key=/k.pem"]
                ),
                "warn",
                "not checked: it serves HTTPS, and its certificate is not valid for the pod's address",
                id="a monitor with HTTPS",
            ),
            pytest.param(
                lambda tester: tester.pod["status"]["containerStatuses"][1].update(
                    state={"waiting": {"reason": "CrashLoopBackOff"}}
                ),
                "fail",
                "container 'monitor' is not running (CrashLoopBackOff): see its log",
                id="a monitor that does not run",
            ),
            pytest.param(
                lambda tester: tester.pod["status"]["containerStatuses"][1].update(
                    state={"waiting": {"reason": "PodInitializing"}}
                ),
                "warn",
                "container 'monitor' is not running (PodInitializing): check again once it runs",
                id="a monitor that starts",
            ),
        ],
    )
    def test_a_monitor_that_cannot_be_asked(
        self,
        tester: CheckedTester,
        capsys: pytest.CaptureFixture[str],
        change: Change,
        result: str,
        message: str,
    ) -> None:
        change(tester)
        code, lines = check(capsys, uid="uid-of-the-test")

        found = next(line for line in lines if line[1] == "monitor")
        assert (code, found[0], found[2][: len(message)]) == (int(result == "fail"), result, message)

    def test_files_of_the_pod_are_not_missed(
        self, tester: CheckedTester, monitor: WebServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        address(tester, monitor.port)
        tester.add_flags("--registry-config=/nowhere")
        code, lines = check(capsys, uid="uid-of-the-test")

        message = "not checked: /nowhere is not mounted here, but in the tester's pod"
        assert (code, worse(lines)) == (0, [("warn", "registry", message)])


class TestWithoutThePod:
    """`check` without the tester's pod: the other lines say why they are not checked."""

    UNREAD = ("settings", "node container", "image", "configuration", "volume", "claim", "registry", "node")

    @pytest.mark.parametrize(
        ("change", "message", "refused"),
        [
            pytest.param(
                lambda tester: tester.api.pods.clear(),
                "pod 'tester-0' not found in namespace 'tests': check --pod-name and --namespace",
                [],
                id="not there",
            ),
            pytest.param(
                lambda tester: tester.deny("get", "pods", POD),
                "not permitted to get pods 'tester-0' in namespace 'tests' (User \"u\" cannot get resource "
                '"pods"): allow get on pods in its Role',
                [("fail", "permission", f"get pods 'tester-0': {ROLE}")],
                id="may not be read",
            ),
            pytest.param(
                lambda tester: tester.pod["metadata"].update(
                    ownerReferences=[{"kind": "ReplicaSet", "name": "r", "uid": STATEFUL_SET_UID}]
                ),
                "pod 'tester-0' is owned by ReplicaSet 'r': run it as the pod of exactly one StatefulSet",
                [],
                id="of something else",
            ),
        ],
    )
    def test_which_cannot_be_read(
        self,
        tester: CheckedTester,
        capsys: pytest.CaptureFixture[str],
        change: Change,
        message: str,
        refused: list[Line],
    ) -> None:
        change(tester)
        code, lines = check(capsys)

        unread = [("warn", subject, "not checked: the pod could not be read") for subject in self.UNREAD]
        assert (code, worse(lines)) == (1, [("fail", "pod", message), *refused, *unread])
        assert ("ok", "StatefulSet", "'tester': 1 replica, RollingUpdate, partition 0") in lines

    def test_nor_its_statefulset(self, tester: CheckedTester, capsys: pytest.CaptureFixture[str]) -> None:
        tester.api.pods.clear()
        tester.api.stateful_sets.clear()
        _, lines = check(capsys)

        message = (
            "'tester', which would own pod 'tester-0', was not found in namespace 'tests': "
            "check --pod-name and --namespace"
        )
        assert ("fail", "StatefulSet", message) in lines

    def test_as_the_api_server_does_not_answer(
        self, tester: CheckedTester, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """If the API server does not answer, `check` sends it only one request."""
        tester.api.faults[:] = [Fault(status=503, message="down", headers={"Retry-After": "60"})] * 9
        code, lines = check(capsys)

        assert (code, lines[0][:2], len(tester.api.requests)) == (1, ("fail", "pod"), 1)
        assert {line[2] for line in lines[1:]} == {"not checked: the API server does not answer"}
        assert [line[1] for line in lines[1:]] == ["permission", "StatefulSet", *self.UNREAD]


@pytest.mark.parametrize(
    ("words", "code", "output", "error"),
    [
        pytest.param([], 0, "ok    pod  ", "", id="well"),
        pytest.param(["--rolling-tag=master"], 1, "ok    pod  ", "", id="a tester that cannot work"),
        pytest.param(
            ["--sok=1m"],
            2,
            "",
            "bootstrap-monitor: --sok is not a flag (did you mean --soak?); see bootstrap-monitor check --help\n",
            id="a wrong call",
        ),
    ],
)
@pytest.mark.usefixtures("tester")
def test_the_program_ends_with_its_exit_code(
    words: Sequence[str], code: int, output: str, error: str
) -> None:
    named = {"POD_NAME": POD, "POD_NAMESPACE": "tests", "POD_UID": UID}
    ended = run_forked(["check", *words], ROOT, os.environ | named)

    assert (ended.returncode, ended.stdout[: len(output)], ended.stderr) == (code, output, error)
    assert ("FAIL  image" in ended.stdout) is (code == 1)
