"""Tests of the settings: flags override variables and defaults, and errors are reported in one line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic_settings import BaseSettings

from monitor.domain.comparison import MAX_RUNS, MIN_RUNS
from monitor.domain.policy import Policy
from monitor.domain.workload import SyncMode
from monitor.errors import ConfigurationError
from monitor.flags import parse
from monitor.settings import (
    DemoSettings,
    Duration,
    HistorySettings,
    InitSettings,
    LocalSettings,
    MarkBaselineSettings,
    RequestSettings,
    RerunSettings,
    StatusSettings,
    WaitSettings,
)

IN_POD = ["--data-dir=/data", "--namespace=tests", "--pod-name=tester-0", "--node-container-name=node"]
REQUIRED: dict[type[BaseSettings], list[str]] = {
    InitSettings: IN_POD,
    WaitSettings: IN_POD,
    LocalSettings: ["avalanchego"],
    DemoSettings: [],
    StatusSettings: ["--data-dir=/data"],
    HistorySettings: ["--data-dir=/data"],
    RerunSettings: ["--data-dir=/data"],
    MarkBaselineSettings: ["--data-dir=/data"],
    RequestSettings: ["--data-dir=/data"],
}
COMMANDS: dict[type[BaseSettings], str] = {
    InitSettings: "init",
    WaitSettings: "wait-for-completion",
    LocalSettings: "local",
    DemoSettings: "demo",
    StatusSettings: "status",
    HistorySettings: "history",
    RerunSettings: "rerun",
    MarkBaselineSettings: "mark-baseline",
    RequestSettings: "pause",
}

_Kind = TypeVar("_Kind", bound=BaseSettings)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the monitor's settings from the environment."""
    for name in list(os.environ):
        if name.startswith(("BOOTSTRAP_MONITOR_", "POD_")) or name == "JSON":
            monkeypatch.delenv(name)


def read(kind: type[_Kind], flags: Sequence[str] = ()) -> _Kind:
    """Return the settings of a command with its required flags and these flags."""
    return parse(kind, COMMANDS[kind], [*REQUIRED[kind], *flags], os.environ)


def mistake(kind: type[BaseSettings], flags: Sequence[str]) -> str:
    """Return the error message, which is one line."""
    with pytest.raises(ConfigurationError) as caught:
        parse(kind, COMMANDS[kind], flags, os.environ)
    line = str(caught.value)
    assert "\n" not in line
    return line


COMMON = {"data_dir": Path("/data"), "log_format": "auto", "debug": False}
TESTER = COMMON | {
    "tester": "",
    "testbed": "default",
    "network": "",
    "sync_mode": None,
    "rolling_tag": "latest",
    "on_new_build": "finish",
    "confirm_regressions": True,
    "retest_after": None,
    "soak": 300.0,
    "disk_floor": 10.0,
    "start_timeout": 3600.0,
    "crash_limit": 5,
    "unhealthy_timeout": 3600.0,
    "stall_warning": 1800.0,
    "stall_timeout": 43200.0,
    "deadline": "auto",
    "adopt": "",
    "health_check_interval": 10.0,
    "disk_check_interval": 300.0,
    "holder_timeout": 300.0,
    "node_url": "http://127.0.0.1:9650",
    "node_timeout": 5.0,
}
POD = TESTER | {
    "namespace": "tests",
    "pod_name": "tester-0",
    "pod_uid": "",
    "node_container_name": "node",
    "version_pod_timeout": 600.0,
    "image_source": "auto",
    "registry_config": None,
    "registry_ca": None,
    "registry_plain_http": False,
    "registry_auth_host": "",
}
WEB = {"web_listen_address": ":9641", "web_tls_certificate": None, "web_tls_key": None, "web_evidence": False}


@pytest.mark.parametrize(
    ("kind", "defaults"),
    [
        pytest.param(InitSettings, POD, id="init"),
        pytest.param(WaitSettings, POD | WEB | {"image_check_interval": None}, id="wait-for-completion"),
        pytest.param(
            LocalSettings,
            TESTER
            | WEB
            | {
                "data_dir": Path(),
                "web_listen_address": "127.0.0.1:9641",
                "build": Path("avalanchego"),
                "image_check_interval": 30.0,
                "disk_check_interval": 30.0,
                "until": None,
                "compare": None,
                "runs": 7,
                "fail_if_slower": False,
                "again": False,
                "json_output": False,
            },
            id="local",
        ),
        pytest.param(
            DemoSettings,
            WEB
            | {
                "web_listen_address": "127.0.0.1:9641",
                "keep": False,
                "log_format": "auto",
                "debug": False,
            },
            id="demo",
        ),
        pytest.param(StatusSettings, COMMON | {"json_output": False, "watch": False}, id="status"),
        pytest.param(
            HistorySettings,
            COMMON
            | {
                "json_output": False,
                "csv_output": False,
                "run": None,
                "limit": 1000,
                "export_file": None,
                "import_file": None,
            },
            id="history",
        ),
        pytest.param(
            RerunSettings, COMMON | {"run_or_image": None, "unchecked": False, "cancel": False}, id="rerun"
        ),
        pytest.param(MarkBaselineSettings, COMMON | {"from_run": None}, id="mark-baseline"),
        pytest.param(RequestSettings, COMMON, id="pause and resume"),
    ],
)
def test_defaults(kind: type[BaseSettings], defaults: Mapping[str, object]) -> None:
    assert read(kind).model_dump() == defaults


# For each setting: a command that has it, its name, the text of a value, and the value.
SETTINGS: list[Any] = [
    pytest.param(kind, name, text, value, id=name)
    for kind, name, text, value in [
        (InitSettings, "data_dir", "/other", Path("/other")),
        (InitSettings, "log_format", "json", "json"),
        (InitSettings, "tester", "fuji-full", "fuji-full"),
        (InitSettings, "testbed", "big-machine", "big-machine"),
        (InitSettings, "network", "fuji", "fuji"),
        (InitSettings, "sync_mode", "full-sync", SyncMode.FULL_SYNC),
        (InitSettings, "rolling_tag", "master", "master"),
        (InitSettings, "on_new_build", "restart", "restart"),
        (InitSettings, "retest_after", "7d", 604800.0),
        (InitSettings, "soak", "1m30s", 90.0),
        (InitSettings, "disk_floor", "2.5", 2.5),
        (InitSettings, "start_timeout", "2h", 7200.0),
        (InitSettings, "crash_limit", "3", 3),
        (InitSettings, "unhealthy_timeout", "30m", 1800.0),
        (InitSettings, "stall_warning", "10m", 600.0),
        (InitSettings, "stall_timeout", "24h", 86400.0),
        (InitSettings, "deadline", "72h", 259200.0),
        (InitSettings, "adopt", "clear:abc123", "clear:abc123"),
        (InitSettings, "health_check_interval", "1m", 60.0),
        (InitSettings, "disk_check_interval", "1h", 3600.0),
        (InitSettings, "holder_timeout", "10m", 600.0),
        (InitSettings, "node_url", "http://127.0.0.1:9750", "http://127.0.0.1:9750"),
        (InitSettings, "node_timeout", "500ms", 0.5),
        (InitSettings, "namespace", "other", "other"),
        (InitSettings, "pod_name", "other-0", "other-0"),
        (InitSettings, "pod_uid", "6d5c", "6d5c"),
        (InitSettings, "node_container_name", "avago", "avago"),
        (InitSettings, "version_pod_timeout", "20m", 1200.0),
        (InitSettings, "image_source", "registry", "registry"),
        (InitSettings, "registry_config", "/secret/config.json", Path("/secret/config.json")),
        (InitSettings, "registry_ca", "/ca.pem", Path("/ca.pem")),
        (InitSettings, "registry_auth_host", "auth.example:8443", "auth.example:8443"),
        (WaitSettings, "image_check_interval", "30s", 30.0),
        (WaitSettings, "web_listen_address", "127.0.0.1:80", "127.0.0.1:80"),
        (LocalSettings, "data_dir", ".", Path()),
        (LocalSettings, "image_check_interval", "1s", 1.0),
        (LocalSettings, "stall_timeout", "45m", 2700.0),
        (LocalSettings, "until", "succeeded", "succeeded"),
        (LocalSettings, "compare", "./old", Path("old")),
        (LocalSettings, "runs", "10", 10),
        (HistorySettings, "run", "12", "12"),
        (HistorySettings, "limit", "5", 5),
        (DemoSettings, "web_listen_address", ":0", ":0"),
    ]
]


def test_every_setting_is_in_these_tables() -> None:
    fields = {name for kind in REQUIRED for name in kind.model_fields}
    elsewhere = {"build", "run_or_image", "from_run", "web_tls_certificate", "web_tls_key"}
    elsewhere |= {"export_file", "import_file"}  # flags with an alias; see test_history_files
    switches = {
        "debug",
        "keep",
        "watch",
        "json_output",
        "registry_plain_http",
        "confirm_regressions",
        "fail_if_slower",
        "again",
        "unchecked",
        "cancel",
        "csv_output",
        "web_evidence",
    }

    assert {case.values[1] for case in SETTINGS} == fields - elsewhere - switches


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param(["foo"], "FROM-RUN is 'foo': it must be a whole number", id="no number"),
        pytest.param(["0"], "FROM-RUN is '0': it must be at least 1", id="no run"),
        pytest.param(["--from-run=2"], "--from-run is not a flag; see", id="as a flag"),
    ],
)
def test_what_is_given_without_a_flag_is_named_without_one(words: Sequence[str], line: str) -> None:
    assert mistake(MarkBaselineSettings, ["--data-dir=/data", *words]).startswith(line)


def without(kind: type[BaseSettings], flag: str) -> list[str]:
    """Return the required flags of a command without `flag`."""
    return [each for each in REQUIRED[kind] if not each.startswith(f"{flag}=")]


@pytest.mark.parametrize(("kind", "name", "text", "value"), SETTINGS)
def test_a_setting_by_its_flag(kind: type[BaseSettings], name: str, text: str, value: object) -> None:
    flag = f"--{name.replace('_', '-')}"
    apart = parse(kind, COMMANDS[kind], [*REQUIRED[kind], flag, text], os.environ)
    joined = parse(kind, COMMANDS[kind], [f"{flag}={text}", *without(kind, flag)], os.environ)

    assert (getattr(apart, name), getattr(joined, name)) == (value, value)


@pytest.mark.parametrize(("kind", "name", "text", "value"), SETTINGS)
def test_a_setting_by_its_variable(
    kind: type[BaseSettings], name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BOOTSTRAP_MONITOR_{name.upper()}", text)
    found = parse(kind, COMMANDS[kind], without(kind, f"--{name.replace('_', '-')}"), os.environ)

    assert getattr(found, name) == value


@pytest.mark.parametrize(("kind", "name", "text", "value"), SETTINGS)
def test_a_flag_wins_over_a_variable(
    kind: type[BaseSettings], name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BOOTSTRAP_MONITOR_{name.upper()}", "nonsense")
    flag = f"--{name.replace('_', '-')}"

    assert getattr(read(kind, [flag, text]), name) == value


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [
        pytest.param(InitSettings, "debug", "debug", id="debug"),
        pytest.param(InitSettings, "registry-plain-http", "registry_plain_http", id="registry-plain-http"),
        pytest.param(InitSettings, "confirm-regressions", "confirm_regressions", id="confirm-regressions"),
        pytest.param(DemoSettings, "keep", "keep", id="keep"),
        pytest.param(LocalSettings, "fail-if-slower", "fail_if_slower", id="fail-if-slower"),
        pytest.param(LocalSettings, "again", "again", id="again"),
        pytest.param(RerunSettings, "unchecked", "unchecked", id="unchecked"),
        pytest.param(RerunSettings, "cancel", "cancel", id="cancel"),
        pytest.param(StatusSettings, "json", "json_output", id="status as JSON"),
        pytest.param(HistorySettings, "json", "json_output", id="history as JSON"),
        pytest.param(HistorySettings, "csv", "csv_output", id="history as CSV"),
    ],
)
def test_a_switch(kind: type[BaseSettings], name: str, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_flag = getattr(read(kind, [f"--{name}"]), field)
    monkeypatch.setenv(f"BOOTSTRAP_MONITOR_{name.upper().replace('-', '_')}", "true")
    by_variable = getattr(read(kind), field)
    against_variable = getattr(read(kind, [f"--no-{name}"]), field)

    assert (by_flag, by_variable, against_variable) == (True, True, False)


def test_a_variable_without_the_prefix_is_not_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSON", "true")
    monkeypatch.setenv("SOAK", "1s")

    assert read(StatusSettings).json_output is False
    assert read(InitSettings).soak == Duration(300)


@pytest.mark.parametrize(
    ("text", "value"),
    [("auto", "auto"), ("336h", 1209600.0), ("1ms", 0.001)],
    ids=["auto", "two weeks", "immediately"],
)
def test_the_deadline_is_a_duration_or_auto(
    text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_flag = read(InitSettings, [f"--deadline={text}"]).deadline
    monkeypatch.setenv("BOOTSTRAP_MONITOR_DEADLINE", text)

    assert [by_flag, read(InitSettings).deadline] == [value, value]


def test_the_image_to_run_again_is_a_word() -> None:
    assert read(RerunSettings, ["node@sha256:1"]).run_or_image == "node@sha256:1"
    assert read(RerunSettings).run_or_image is None


@pytest.mark.parametrize(
    ("flags", "value"),
    [
        pytest.param(["--disk-floor=0"], 0.0, id="no floor"),
        pytest.param(["--disk-floor=99.9"], 99.9, id="a high floor"),
    ],
)
def test_bounds_of_the_disk_floor(flags: Sequence[str], value: float) -> None:
    assert read(InitSettings, flags).disk_floor == value


@pytest.mark.parametrize(
    ("flags", "lengths"),
    [
        pytest.param(["--stall-warning=12h"], (43200.0, 43200.0), id="as long as the default"),
        pytest.param(["--stall-timeout=30m"], (1800.0, 1800.0), id="as short as the default"),
        pytest.param(["--stall-warning=1m", "--stall-timeout=2m"], (60.0, 120.0), id="both"),
    ],
)
def test_a_stall_is_warned_of_before_it_is_a_failure(
    flags: Sequence[str], lengths: tuple[float, float]
) -> None:
    found = read(InitSettings, flags)

    assert (found.stall_warning, found.stall_timeout) == lengths


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("Auth.Example", "auth.example", id="in capitals"),
        pytest.param("auth.example:443", "auth.example", id="with the port of HTTPS"),
        pytest.param("[fd00::1]:8443", "[fd00::1]:8443", id="an address"),
        pytest.param("", "", id="none"),
    ],
)
def test_a_token_service_is_named_as_challenges_name_it(text: str, value: str) -> None:
    assert read(InitSettings, [f"--registry-auth-host={text}"]).registry_auth_host == value


@pytest.mark.parametrize(
    "text",
    [
        "https://auth.example",
        "auth.example/token",
        "me@auth.example",
        "auth.example:port",
        "auth.example:",
        "auth.example:99999",
        "auth example",
        "[fd00",
        ":443",
        "a?b",
        "a#b",
        "a\\b",
    ],
)
def test_a_token_service_is_named_by_host_and_port_alone(text: str) -> None:
    assert mistake(InitSettings, [*REQUIRED[InitSettings], f"--registry-auth-host={text}"]) == (
        f"--registry-auth-host (BOOTSTRAP_MONITOR_REGISTRY_AUTH_HOST) is {text!r}: "
        "it must be host[:port], such as auth.example or auth.example:8443"
    )


def test_the_help_of_the_number_of_runs_has_its_bounds() -> None:
    description = LocalSettings.model_fields["runs"].description or ""

    assert description.endswith(f": {MIN_RUNS} to {MAX_RUNS}.")


def test_of_a_flag_given_twice_the_last_holds() -> None:
    assert read(InitSettings, ["--soak=1m", "--soak=2m"]).soak == Duration(120)


def test_the_pods_own_variables_name_pod_and_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "here")
    monkeypatch.setenv("POD_NAME", "mine-0")
    flags = ["--data-dir=/data", "--node-container-name=node"]
    by_pod = parse(InitSettings, "init", flags, os.environ)
    monkeypatch.setenv("BOOTSTRAP_MONITOR_NAMESPACE", "there")
    by_variable = parse(InitSettings, "init", flags, os.environ)
    by_flag = parse(InitSettings, "init", [*flags, "--namespace=elsewhere"], os.environ)

    assert (by_pod.namespace, by_pod.pod_name) == ("here", "mine-0")
    assert (by_variable.namespace, by_flag.namespace) == ("there", "elsewhere")


NOT_GIVEN = "it is required, or set POD_NAMESPACE and POD_NAME in the pod"
NO_DURATION = "it must be a duration such as 30s, 1m30s, 12h or 14d"
NO_ADDRESS = "it must be [host]:port, such as :9641 or 127.0.0.1:9641"
TOGETHER = "--web-tls-certificate and --web-tls-key must be set together"


@pytest.mark.parametrize(
    ("kind", "flags", "problem"),
    [
        pytest.param(InitSettings, ["--soak=1w"], f"--soak is '1w': {NO_DURATION}", id="duration in weeks"),
        pytest.param(InitSettings, ["--soak=30"], f"--soak is '30': {NO_DURATION}", id="duration, no unit"),
        pytest.param(InitSettings, ["--soak=-1m"], f"--soak is '-1m': {NO_DURATION}", id="negative duration"),
        pytest.param(InitSettings, ["--soak="], f"--soak is '': {NO_DURATION}", id="empty duration"),
        pytest.param(
            InitSettings, ["--soak=0s"], "--soak is '0s': it must be longer than zero", id="duration of zero"
        ),
        pytest.param(
            InitSettings,
            ["--soak=99999999999h"],
            "--soak is '99999999999h': it must be shorter than 292 years",
            id="duration beyond all bounds",
        ),
        pytest.param(
            InitSettings,
            ["--disk-floor=-1"],
            "--disk-floor is '-1': it must be at least 0",
            id="a floor under nothing",
        ),
        pytest.param(
            InitSettings,
            ["--disk-floor=100"],
            "--disk-floor is '100': it must be less than 100",
            id="a floor that nothing reaches",
        ),
        pytest.param(
            InitSettings,
            ["--disk-floor=10%"],
            "--disk-floor is '10%': it must be a number",
            id="a floor with its unit",
        ),
        pytest.param(
            InitSettings,
            ["--disk-floor=nan"],
            "--disk-floor is 'nan': it must be a finite number",
            id="a floor that is not a number",
        ),
        pytest.param(
            InitSettings,
            ["--start-timeout=0s"],
            "--start-timeout is '0s': it must be longer than zero",
            id="no time to start",
        ),
        pytest.param(
            InitSettings,
            ["--crash-limit=0"],
            "--crash-limit is '0': it must be at least 1",
            id="a limit of no crash",
        ),
        pytest.param(
            InitSettings,
            ["--crash-limit=2.5"],
            "--crash-limit is '2.5': it must be a whole number",
            id="half a crash",
        ),
        pytest.param(
            InitSettings,
            ["--unhealthy-timeout=1w"],
            f"--unhealthy-timeout is '1w': {NO_DURATION}",
            id="unhealthy for weeks",
        ),
        pytest.param(
            InitSettings,
            ["--stall-warning=-5m"],
            f"--stall-warning is '-5m': {NO_DURATION}",
            id="a warning before the time",
        ),
        pytest.param(
            InitSettings,
            ["--stall-timeout=soon"],
            f"--stall-timeout is 'soon': {NO_DURATION}",
            id="stalled soon",
        ),
        pytest.param(
            InitSettings,
            ["--stall-timeout=10m"],
            "--stall-timeout is '10m': it must not be shorter than --stall-warning, which is 30m",
            id="stalled before it is warned of",
        ),
        pytest.param(
            InitSettings,
            ["--stall-warning=24h"],
            "--stall-timeout is 12h: it must not be shorter than --stall-warning, which is 24h",
            id="warned of after it stalled",
        ),
        pytest.param(
            InitSettings,
            ["--deadline=2w"],
            "--deadline is '2w': it must be auto or a duration such as 30s, 1m30s, 12h or 14d",
            id="deadline in weeks",
        ),
        pytest.param(
            InitSettings,
            ["--deadline=0s"],
            "--deadline is '0s': it must be longer than zero",
            id="no deadline",
        ),
        pytest.param(
            InitSettings,
            ["--deadline=Auto"],
            "--deadline is 'Auto': it must be auto or a duration such as 30s, 1m30s, 12h or 14d",
            id="auto in capitals",
        ),
        pytest.param(
            LocalSettings,
            ["--runs=3"],
            "--runs is '3': it must be at least 4",
            id="three runs",
        ),
        pytest.param(
            InitSettings,
            ["--sync-mode=fast"],
            "--sync-mode is 'fast': it must be c-chain-state-sync, only-p-chain-full-sync or full-sync",
            id="sync mode",
        ),
        pytest.param(
            InitSettings,
            ["--on-new-build=stop"],
            "--on-new-build is 'stop': it must be finish or restart",
            id="on new build",
        ),
        pytest.param(
            InitSettings,
            ["--log-format=xml"],
            "--log-format is 'xml': it must be auto, plain, colors or json",
            id="log format",
        ),
        pytest.param(
            InitSettings,
            ["--adopt=clear"],
            "--adopt is 'clear': it must be keep or clear:TOKEN",
            id="clear without a token",
        ),
        pytest.param(
            InitSettings,
            ["--adopt=clear:"],
            "--adopt is 'clear:': it must be keep or clear:TOKEN",
            id="clear with an empty token",
        ),
        pytest.param(
            InitSettings, ["--adopt=yes"], "--adopt is 'yes': it must be keep or clear:TOKEN", id="adopt"
        ),
        pytest.param(
            InitSettings,
            ["--rolling-tag="],
            "--rolling-tag is '': it must not be empty",
            id="empty rolling tag",
        ),
        pytest.param(
            InitSettings, ["--data-dir="], "--data-dir is '': it must name a folder", id="empty folder"
        ),
        pytest.param(
            LocalSettings,
            ["--data-dir="],
            "--data-dir is '': it must name a folder",
            id="empty folder, local",
        ),
        pytest.param(InitSettings, ["--namespace="], f"--namespace is '': {NOT_GIVEN}", id="empty namespace"),
        pytest.param(
            WaitSettings,
            ["--web-listen-address=9641"],
            f"--web-listen-address is '9641': {NO_ADDRESS}",
            id="a port alone",
        ),
        pytest.param(
            WaitSettings,
            ["--web-listen-address=:http"],
            f"--web-listen-address is ':http': {NO_ADDRESS}",
            id="a port's name",
        ),
        pytest.param(
            WaitSettings,
            ["--web-listen-address=:65536"],
            f"--web-listen-address is ':65536': {NO_ADDRESS}",
            id="a port out of bounds",
        ),
        pytest.param(
            WaitSettings,
            ["--web-listen-address=host:"],
            f"--web-listen-address is 'host:': {NO_ADDRESS}",
            id="no port",
        ),
        pytest.param(
            WaitSettings,
            ["--web-tls-certificate=/c"],
            f"--web-tls-key is not set: {TOGETHER}",
            id="certificate without its key",
        ),
        pytest.param(
            WaitSettings,
            ["--web-tls-key=/k"],
            f"--web-tls-key is '/k': {TOGETHER}",
            id="key without its certificate",
        ),
    ],
)
def test_a_bad_value_is_named_with_flag_and_variable(
    kind: type[BaseSettings], flags: Sequence[str], problem: str
) -> None:
    flag, _, rest = problem.partition(" ")
    variable = "BOOTSTRAP_MONITOR_" + flag[2:].upper().replace("-", "_")

    assert mistake(kind, [*REQUIRED[kind], *flags]) == f"{flag} ({variable}) {rest}"


def test_a_bad_variable_is_named_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_MONITOR_SOAK", "1w")
    line = f"--soak (BOOTSTRAP_MONITOR_SOAK) is '1w': {NO_DURATION}"

    assert mistake(InitSettings, IN_POD) == line


def test_a_bad_switch_is_named_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_MONITOR_JSON", "maybe")
    line = "--json (BOOTSTRAP_MONITOR_JSON) is 'maybe': it must be true or false"

    assert mistake(StatusSettings, ["--data-dir=/data"]) == line


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "nan", "9" * 5000])
@pytest.mark.parametrize("kind", REQUIRED, ids=lambda kind: kind.__name__)
def test_no_error_has_the_words_of_a_parser(
    kind: type[BaseSettings], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message says what the value must be, in one sentence without "should" or "input"."""
    mistakes = []
    for name in kind.model_fields:
        variable = (kind.model_fields[name].alias or name).upper()
        monkeypatch.setenv(f"BOOTSTRAP_MONITOR_{variable}", text)
        try:
            read(kind)
        except ConfigurationError as error:
            mistakes.append(str(error))
        monkeypatch.delenv(f"BOOTSTRAP_MONITOR_{variable}")

    assert mistakes
    assert not [line for line in mistakes if re.search(r"should|[Ii]nput|parse", line)]


def test_all_missing_settings_are_named_together() -> None:
    assert mistake(InitSettings, []) == (
        "--data-dir (BOOTSTRAP_MONITOR_DATA_DIR) is required; "
        f"--namespace (BOOTSTRAP_MONITOR_NAMESPACE) is '': {NOT_GIVEN}; "
        f"--pod-name (BOOTSTRAP_MONITOR_POD_NAME) is '': {NOT_GIVEN}; "
        "--node-container-name (BOOTSTRAP_MONITOR_NODE_CONTAINER_NAME) is required"
    )


def test_a_setting_of_another_command_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOTSTRAP_MONITOR_SOAK", "1m")
    monkeypatch.setenv("BOOTSTRAP_MONITOR_NODE_CONTAINER_NAME", "node")

    assert read(StatusSettings).data_dir == Path("/data")


@pytest.mark.parametrize(
    ("address", "listen"),
    [
        pytest.param(":9641", ("", 9641), id="every address"),
        pytest.param("127.0.0.1:80", ("127.0.0.1", 80), id="IPv4"),
        pytest.param("[::1]:65535", ("::1", 65535), id="IPv6, and the highest port"),
        pytest.param("localhost:0", ("localhost", 0), id="name, and any port"),
    ],
)
def test_listen_address(address: str, listen: tuple[str, int]) -> None:
    assert read(DemoSettings, [f"--web-listen-address={address}"]).listen == listen


def test_https_is_served_with_certificate_and_key() -> None:
    both = read(LocalSettings, ["--web-tls-certificate=/c", "--web-tls-key=/k"])

    assert (both.tls, read(LocalSettings).tls) == ((Path("/c"), Path("/k")), None)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        pytest.param([], "tester", id="the StatefulSet's"),
        pytest.param(["--pod-name=fuji-full-sync-12"], "fuji-full-sync", id="dashes in it"),
        pytest.param(["--pod-name=alone"], "alone", id="a pod without a number"),
        pytest.param(["--tester=mine"], "mine", id="as it was given"),
    ],
)
def test_name_of_the_tester(flags: Sequence[str], name: str) -> None:
    assert read(InitSettings, flags).tester_name == name


DEFAULT_POLICY = Policy(
    tester="t",
    testbed="default",
    rolling_tag="latest",
    restart_on_new_build=False,
    tick_seconds=10.0,
    soak_seconds=300.0,
    holder_timeout_seconds=300.0,
    disk_floor_ratio=0.1,
    start_timeout_seconds=3600.0,
    crash_limit=5,
    unhealthy_timeout_seconds=3600.0,
    stall_warning_seconds=1800.0,
    stall_timeout_seconds=43200.0,
    deadline_seconds=None,
    confirm_regressions=True,
    retest_seconds=None,
    adopt_keep=False,
    adopt_clear_token="",
)


@pytest.mark.parametrize(
    ("flags", "changes"),
    [
        pytest.param([], {}, id="defaults"),
        pytest.param(["--testbed=big"], {"testbed": "big"}, id="testbed"),
        pytest.param(["--rolling-tag=master"], {"rolling_tag": "master"}, id="rolling tag"),
        pytest.param(["--on-new-build=restart"], {"restart_on_new_build": True}, id="on new build"),
        pytest.param(["--health-check-interval=1m"], {"tick_seconds": 60.0}, id="tick"),
        pytest.param(["--soak=1s"], {"soak_seconds": 1.0}, id="soak"),
        pytest.param(["--holder-timeout=1h"], {"holder_timeout_seconds": 3600.0}, id="holder"),
        pytest.param(["--disk-floor=2.5"], {"disk_floor_ratio": 0.025}, id="disk floor"),
        pytest.param(["--start-timeout=2h"], {"start_timeout_seconds": 7200.0}, id="start"),
        pytest.param(["--crash-limit=3"], {"crash_limit": 3}, id="crashes"),
        pytest.param(["--unhealthy-timeout=2h"], {"unhealthy_timeout_seconds": 7200.0}, id="unhealthy"),
        pytest.param(["--stall-warning=1h"], {"stall_warning_seconds": 3600.0}, id="stall, warning"),
        pytest.param(["--stall-timeout=1h"], {"stall_timeout_seconds": 3600.0}, id="stall"),
        pytest.param(["--deadline=auto"], {"deadline_seconds": None}, id="deadline, auto"),
        pytest.param(["--deadline=48h"], {"deadline_seconds": 172800.0}, id="deadline"),
        pytest.param(["--no-confirm-regressions"], {"confirm_regressions": False}, id="confirmations"),
        pytest.param(["--retest-after=7d"], {"retest_seconds": 604800.0}, id="retests"),
        pytest.param(["--adopt=keep"], {"adopt_keep": True}, id="keep"),
        pytest.param(["--adopt=clear:abc"], {"adopt_clear_token": "abc"}, id="clear"),
    ],
)
def test_policy(flags: Sequence[str], changes: Mapping[str, Any]) -> None:
    assert read(InitSettings, flags).policy("t") == replace(DEFAULT_POLICY, **changes)
