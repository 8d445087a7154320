"""Tests of the findings: the command of a container, its settings, and their results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import NEW, REPOSITORY

from monitor.domain.container import Container, EnvironmentVariable
from monitor.domain.observations import DataState, NodeData
from monitor.flags import parse
from monitor.k8s.container_settings import effective_settings
from monitor.k8s.pod import Pod, VolumeSource
from monitor.preflight.components import (
    MonitorAnswer,
    data_folder_finding,
    ledger_finding,
    monitor_finding,
    node_address_finding,
    seen_node_finding,
)
from monitor.preflight.container_settings import settings_findings
from monitor.preflight.findings import Finding, Result, failure, ok
from monitor.preflight.permissions import needed_permissions
from monitor.preflight.workload import image_finding, volume_finding
from monitor.settings import CheckSettings, PodSettings, WaitSettings

FLAGS = ("--data-dir=/data", "--node-container-name=node")
NODE = Container("node", f"{REPOSITORY}:latest")


def container(name: str, *arguments: str, **changes: Any) -> Container:
    """Return a container with an image of the monitor."""
    return Container(name, "monitor:1", arguments=arguments, **changes)


def pod(*containers: Container) -> Pod:
    """Return a pod of the containers and a node."""
    return Pod("tester-0", "uid-a", "tester", "tester-1", containers=(*containers, NODE))


def asked(*flags: str) -> CheckSettings:
    """Return the settings of `check` itself."""
    return parse(CheckSettings, "check", ["--namespace=tests", "--pod-name=tester-0", *flags], {})


INIT = container("init", "init", *FLAGS)


@pytest.mark.parametrize(
    "sidecar",
    [
        pytest.param(container("monitor", "wait-for-completion", *FLAGS), id="the image's own program"),
        pytest.param(
            container("monitor", *FLAGS, command=("/usr/bin/bootstrap-monitor", "wait-for-completion")),
            id="a program by its path",
        ),
        pytest.param(
            container("monitor", "-m", "monitor", "wait-for-completion", *FLAGS, command=("python",)),
            id="a module",
        ),
        pytest.param(
            container(
                "monitor",
                "wait-for-completion",
                "--data-dir=$(FOLDER)",
                "--node-container-name",
                "node",
                environment=(EnvironmentVariable("FOLDER", "/data"),),
            ),
            id="words with variables",
        ),
        pytest.param(
            container(
                "monitor",
                "wait-for-completion",
                environment=(
                    EnvironmentVariable("BOOTSTRAP_MONITOR_DATA_DIR", "/data"),
                    EnvironmentVariable("BOOTSTRAP_MONITOR_NODE_CONTAINER_NAME", "node"),
                ),
            ),
            id="variables",
        ),
        pytest.param(
            container(
                "monitor",
                "wait-for-completion",
                "--pod-name=$(POD_NAME)",
                "--pod-uid=$(POD_UID)",
                *FLAGS,
                environment=(
                    EnvironmentVariable("POD_NAME", None, "fieldRef metadata.name"),
                    EnvironmentVariable("POD_UID", None, "fieldRef metadata.uid"),
                ),
            ),
            id="names by the downward API",
        ),
    ],
)
def test_a_container_is_known_by_the_command_that_it_runs(sidecar: Container) -> None:
    given = effective_settings(pod(INIT, sidecar), asked())

    settings = given.settings
    assert isinstance(settings, WaitSettings)
    assert (str(settings.data_dir), settings.node_container_name) == ("/data", "node")
    assert (settings.namespace, settings.pod_name, settings.pod_uid) == ("tests", "tester-0", "uid-a")
    assert given.containers == (INIT, sidecar)
    assert list(settings_findings(given, asked())) == [
        ok(
            "settings",
            "containers 'init' and 'monitor' have the same settings; "
            "check uses their settings: --data-dir, --node-container-name",
        )
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(container("other", "init", command=("vault",)), id="another program's init"),
        pytest.param(container("other", "sh", "-c", "bootstrap-monitor init"), id="a script"),
        pytest.param(NODE, id="none"),
    ],
)
def test_what_runs_another_program_is_not_taken_for_it(other: Container) -> None:
    sidecar = container("monitor", "wait-for-completion", *FLAGS)
    given = effective_settings(pod(other, sidecar), asked())

    message = (
        "no container found in the pod that runs bootstrap-monitor init: add it, as the README describes"
    )
    assert (given.init, list(settings_findings(given, asked()))) == (None, [failure("settings", message)])


def test_nothing_of_where_the_check_runs_is_taken_for_the_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_MONITOR_ROLLING_TAG", "of-the-test-pod")
    monkeypatch.setenv("POD_NAME", "the-test-pod")
    given = effective_settings(pod(INIT, container("monitor", "wait-for-completion", *FLAGS)), asked())

    assert (given.settings.rolling_tag, given.settings.pod_name) == ("latest", "tester-0")


def test_each_container_may_log_as_it_likes() -> None:
    """Logging and the listen address may differ between the containers."""
    sidecar = container(
        "monitor", "wait-for-completion", *FLAGS, "--log-format=json", "--debug", "--web-listen-address=:1"
    )
    (found,) = settings_findings(effective_settings(pod(INIT, sidecar), asked()), asked())

    assert found.result is Result.OK


def test_every_setting_that_differs_is_named() -> None:
    sidecar = container("monitor", "wait-for-completion", *FLAGS, "--soak=1m", "--network=fuji")
    found = list(settings_findings(effective_settings(pod(INIT, sidecar), asked()), asked()))

    assert found == [
        failure(
            "settings",
            "--network is not set in container 'init' but fuji in 'monitor': set both to the same value",
        ),
        failure(
            "settings", "--soak is 5m in container 'init' but 1m in 'monitor': set both to the same value"
        ),
    ]


def test_what_is_given_to_the_check_itself_wins_and_is_not_called_taken() -> None:
    called = asked("--data-dir=/elsewhere", "--soak=1m")
    given = effective_settings(pod(INIT, container("monitor", "wait-for-completion", *FLAGS)), called)
    (found,) = settings_findings(given, called)

    assert (str(given.settings.data_dir), str(given.settings.soak)) == ("/elsewhere", "1m")
    assert found.message.endswith("; check uses their settings: --node-container-name")


def test_settings_that_no_container_has_can_be_flags() -> None:
    given = effective_settings(pod(), asked(*FLAGS))

    assert isinstance(given.settings, PodSettings)
    assert (str(given.settings.data_dir), given.settings.node_container_name) == ("/data", "node")


def test_invisible_variables_are_not_an_error() -> None:
    hidden = EnvironmentVariable("BOOTSTRAP_MONITOR_DATA_DIR", None, "configMapKeyRef settings data")
    sidecar = container("monitor", "wait-for-completion", environment=(hidden,))
    given = effective_settings(pod(INIT, sidecar), asked())
    (found,) = settings_findings(given, asked())

    assert str(given.settings.data_dir) == "/data"  # the flag of init
    assert (found.result, found.message) == (
        Result.WARN,
        (
            "container 'monitor': BOOTSTRAP_MONITOR_DATA_DIR (from configMapKeyRef settings data) cannot be read "
            "from here, so its settings are not compared: pass the relevant ones to check as flags"
        ),
    )


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        pytest.param(
            container("monitor", "wait-for-completion", "--data-dir=/data"),
            "container 'monitor' cannot start: "
            "--node-container-name (BOOTSTRAP_MONITOR_NODE_CONTAINER_NAME) is required",
            id="a required setting",
        ),
        pytest.param(
            container(
                "monitor",
                "wait-for-completion",
                *FLAGS,
                environment=(EnvironmentVariable("BOOTSTRAP_MONITOR_SOAKS", "1m"),),
            ),
            "container 'monitor' cannot start: "
            "BOOTSTRAP_MONITOR_SOAKS is not a setting: did you mean BOOTSTRAP_MONITOR_SOAK?",
            id="a typo of a variable",
        ),
        pytest.param(
            container("monitor", "wait-for-completion", "--help"),
            "container 'monitor' cannot start: it only prints its help: remove --help",
            id="help",
        ),
    ],
)
def test_settings_with_which_a_container_cannot_start_fail(sidecar: Container, message: str) -> None:
    given = effective_settings(pod(INIT, sidecar), asked())

    assert list(settings_findings(given, asked())) == [failure("settings", message)]
    assert str(given.settings.data_dir) == "/data"  # the flag of init


@pytest.mark.parametrize(
    ("image", "result", "message"),
    [
        (f"{REPOSITORY}:latest", Result.OK, "has the rolling tag; init pins it"),
        (f"{REPOSITORY}@{NEW}", Result.OK, "is pinned; new builds are found under tag 'latest'"),
        (f"{REPOSITORY}:v1@{NEW}", Result.OK, "is pinned; new builds are found under tag 'latest'"),
        (REPOSITORY, Result.FAIL, "is neither pinned by digest nor has the tag 'latest'"),
        ("No Image", Result.FAIL, "image 'No Image' is not an image reference"),
    ],
    ids=["rolling", "pinned", "pinned, with a tag", "neither", "no reference"],
)
def test_an_image_is_pinned_or_follows_the_tag(image: str, result: Result, message: str) -> None:
    found = image_finding("in the pod", image, "latest")

    assert (found.result, message in found.message) == (result, True), found.message


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (VolumeSource("persistentVolumeClaim", "c"), Result.OK),
        (VolumeSource("hostPath"), Result.OK),
        (VolumeSource("emptyDir"), Result.FAIL),
        (VolumeSource("ephemeral"), Result.FAIL),
        (None, Result.FAIL),
    ],
    ids=lambda value: value.kind if isinstance(value, VolumeSource) else "none",
)
def test_a_volume_must_outlive_the_pod(source: VolumeSource | None, result: Result) -> None:
    assert volume_finding("data", source, "/data").result is result


@pytest.mark.parametrize(
    ("variables", "url", "result"),
    [
        ({}, "http://127.0.0.1:1", None),
        ({"AVAGO_HTTP_PORT": "9650"}, "http://127.0.0.1:9650", None),
        ({"AVAGO_HTTP_PORT": "9000"}, "http://127.0.0.1:9650", Result.FAIL),
        ({"AVAGO_HTTP_PORT": "80"}, "http://localhost", None),
        ({"AVAGO_HTTP_PORT": "9000"}, "http://elsewhere:9650", None),
        ({"AVAGO_HTTP_PORT": "9000"}, "http://127.0.0.1:none", Result.WARN),
    ],
    ids=["not seen", "the same", "another", "the protocol's", "through another host", "no address"],
)
def test_the_node_is_asked_at_its_own_port(
    variables: dict[str, str], url: str, result: Result | None
) -> None:
    node = replace(NODE, environment=tuple(EnvironmentVariable(*each) for each in variables.items()))
    found = node_address_finding(node, url)

    assert (found.result if found else None) is result


@pytest.mark.parametrize(
    ("node", "result", "message"),
    [
        ({"up": True, "health": "healthy"}, Result.OK, "the node answers the monitor; its health is healthy"),
        ({"up": False}, Result.WARN, "the node does not answer the monitor"),
        (None, Result.WARN, "the monitor has not polled the node yet"),
        ("nonsense", Result.WARN, "the monitor has not polled the node yet"),
    ],
    ids=["up", "down", "not read", "nonsense"],
)
def test_the_node_is_as_the_monitor_sees_it(node: object, result: Result, message: str) -> None:
    found = seen_node_finding(MonitorAnswer(ready=True, status={"node": node}))

    assert (found.result, found.message[: len(message)]) == (result, message)


def test_too_little_space_is_reported_before_a_run_fails() -> None:
    data = NodeData("/data/avalanchego", DataState.ABSENT, None)
    found = data_folder_finding(data, 1000, 99, asked("--data-dir=/data"))

    assert found == Finding(
        Result.WARN,
        "data folder",
        "/data: 99 B of 1000 B free, which is below --disk-floor (10 %), so a run fails as disk_full if this "
        "persists: enlarge the volume",
    )
    assert data_folder_finding(data, 1000, 100, asked("--data-dir=/data")).result is Result.OK


def test_without_version_pods_no_permission_is_for_them() -> None:
    needed = {each.name for each in needed_permissions("tester-0", "tester", version_pods=False)}

    assert needed == {"tester-0", "tester", ""}


def test_a_line_steers_no_terminal() -> None:
    found = failure("node", "two\nlines \x1b[31mred")

    assert found.text() == "FAIL  node            two lines \ufffd[31mred"
    assert found.to_json() == {"result": "fail", "subject": "node", "message": "two lines \ufffd[31mred"}


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(
            monitor_finding("http://pod:9641", MonitorAnswer(True, {"phase": "blocked", "message": "why"})),
            id="from elsewhere",
        ),
        pytest.param(ledger_finding(None, {"phase": "blocked", "message": "why"}), id="from inside"),
    ],
)
def test_a_tester_that_is_blocked_does_not_work(found: Finding) -> None:
    assert found.result is Result.FAIL
    assert "blocked: why" in found.message
