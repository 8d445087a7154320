"""Tests of `--help`, and of invalid flags and unknown variables, which are reported in one line.

The line suggests the name that was probably meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from monitor.errors import ConfigurationError
from monitor.flags import parse
from monitor.settings import HistorySettings, InitSettings, LocalSettings, StatusSettings, WaitSettings

IN_POD = ["--data-dir=/data", "--namespace=tests", "--pod-name=tester-0", "--node-container-name=node"]
COMMANDS: dict[type[BaseSettings], str] = {
    HistorySettings: "history",
    InitSettings: "init",
    WaitSettings: "wait-for-completion",
    LocalSettings: "local",
    StatusSettings: "status",
}


@pytest.mark.parametrize(
    ("kind", "flags", "line"),
    [
        pytest.param(
            WaitSettings,
            [*IN_POD, "--sok=1m"],
            "--sok is not a flag (did you mean --soak?); see bootstrap-monitor wait-for-completion --help",
            id="a typo",
        ),
        pytest.param(
            StatusSettings,
            ["--data-dir=/data", "--jsno"],
            "--jsno is not a flag (did you mean --json?); see bootstrap-monitor status --help",
            id="a typo of a switch",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--frobnicate"],
            "--frobnicate is not a flag; see bootstrap-monitor init --help",
            id="unknown",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--health=3s"],
            "--health is not a flag (did you mean --health-check-interval?); see bootstrap-monitor init --help",
            id="the beginning of one",
        ),
        pytest.param(
            HistorySettings,
            ["--data-dir=/data", "--page=5"],
            "--page is not a flag; see bootstrap-monitor history --help",
            id="a word whose most similar flag writes to the ledger",
        ),
        pytest.param(
            HistorySettings,
            ["--data-dir=/data", "--most=5"],
            "--most is not a flag; see bootstrap-monitor history --help",
            id="a typo of such a word",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--check-pod-timeout=5m"],
            "--check-pod-timeout is not a flag (did you mean --version-pod-timeout?); "
            "see bootstrap-monitor init --help",
            id="the old name of one",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--web-listen-address=:1"],
            "--web-listen-address is not a flag of init; see bootstrap-monitor init --help",
            id="one of another command",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--soak"],
            "--soak needs a value; see bootstrap-monitor init --help",
            id="no value",
        ),
        pytest.param(
            LocalSettings,
            ["avalanchego", "--net", "fuji"],
            "--net is not a flag (did you mean --network?); the node's own flags go after --; "
            "see bootstrap-monitor local --help",
            id="the beginning of one flag, which is too short to be similar",
        ),
        pytest.param(
            LocalSettings,
            ["avalanchego", "--no-conf"],
            "--no-conf is not a flag (did you mean --no-confirm-regressions?); the node's own flags go after --; "
            "see bootstrap-monitor local --help",
            id="the beginning of one flag, more similar to another",
        ),
        pytest.param(
            LocalSettings,
            ["avalanchego", "--disk"],
            "--disk is not a flag; the node's own flags go after --; see bootstrap-monitor local --help",
            id="the beginning of several flags",
        ),
        pytest.param(
            LocalSettings,
            ["avalanchego", "--until"],
            "--until needs a value: one of succeeded; see bootstrap-monitor local --help",
            id="no value, of which one is known",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--deadline"],
            "--deadline needs a value; see bootstrap-monitor init --help",
            id="no value, which may be one word or something else",
        ),
        pytest.param(
            LocalSettings,
            ["--until", "./avalanchego"],
            "--until needs a value, one of succeeded, and './avalanchego' is not one of them; "
            "see bootstrap-monitor local --help",
            id="no value, so the build is taken for it",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "--log-format"],
            "--log-format needs a value: one of auto, plain, colors, json; see bootstrap-monitor init --help",
            id="no value, of which some are known",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "more"],
            "'more' is not expected here; see bootstrap-monitor init --help",
            id="a word too many",
        ),
        pytest.param(
            InitSettings,
            [*IN_POD, "more", "--sok=1m"],
            "--sok is not a flag (did you mean --soak?); see bootstrap-monitor init --help",
            id="a typo behind a word too many",
        ),
        pytest.param(
            StatusSettings,
            ["--data-dir=/data", "--json=5"],
            "--json takes no value; use --json; see bootstrap-monitor status --help",
            id="a value for a switch",
        ),
        pytest.param(
            WaitSettings,
            [*IN_POD, "--confirm-regressions=false"],
            "--confirm-regressions takes no value; use --no-confirm-regressions; "
            "see bootstrap-monitor wait-for-completion --help",
            id="a switch set to false",
        ),
        pytest.param(
            WaitSettings,
            [*IN_POD, "--no-confirm-regressions=false"],
            "--no-confirm-regressions takes no value; use --confirm-regressions; "
            "see bootstrap-monitor wait-for-completion --help",
            id="a negative switch set to false",
        ),
        pytest.param(
            WaitSettings,
            [*IN_POD, "--no-confirm-regression"],
            "--no-confirm-regression is not a flag (did you mean --no-confirm-regressions?); "
            "see bootstrap-monitor wait-for-completion --help",
            id="a typo of a negative switch",
        ),
        pytest.param(
            StatusSettings,
            [""],
            "'' is not expected here; see bootstrap-monitor status --help",
            id="an empty word",
        ),
        pytest.param(
            LocalSettings,
            ["./old", "--network-id=fuji"],
            "--network-id is a flag of the node: put it after --, as in local BUILD -- --network-id=fuji; "
            "see bootstrap-monitor local --help",
            id="a flag of the node",
        ),
        pytest.param(
            LocalSettings,
            ["./old", "--namespace=tests"],
            "--namespace is not a flag of local; the node's own flags go after --; "
            "see bootstrap-monitor local --help",
            id="a flag of a command in a pod",
        ),
        pytest.param(
            LocalSettings,
            [],
            "BUILD is missing: the node's executable; with --compare OLD NEW, the newer build; "
            "see bootstrap-monitor local --help",
            id="no build",
        ),
    ],
)
def test_a_wrong_call_is_one_line(kind: type[BaseSettings], flags: Sequence[str], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(kind, COMMANDS[kind], flags, {})

    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("SOKA", "did you mean BOOTSTRAP_MONITOR_SOAK?", id="a typo"),
        pytest.param("soak", "did you mean BOOTSTRAP_MONITOR_SOAK?", id="in small letters"),
        pytest.param("NODE_CONTAINER", "did you mean BOOTSTRAP_MONITOR_NODE_CONTAINER_NAME?", id="cut short"),
        pytest.param(
            "CHECK_POD_TIMEOUT", "did you mean BOOTSTRAP_MONITOR_VERSION_POD_TIMEOUT?", id="renamed"
        ),
        pytest.param("RETEST", "did you mean BOOTSTRAP_MONITOR_RETEST_AFTER?", id="the beginning of one"),
        pytest.param("WEB", "remove it", id="the beginning of several"),
        pytest.param("JSON_OUTPUT", "remove it", id="not as its flag is called"),
        pytest.param("XYZZY_PLUGH", "remove it", id="nothing like it"),
    ],
)
def test_a_variable_that_no_setting_has_is_refused(name: str, problem: str) -> None:
    variable = f"BOOTSTRAP_MONITOR_{name}"
    with pytest.raises(ConfigurationError) as caught:
        parse(StatusSettings, "status", ["--data-dir=/data"], {variable: "1"})

    assert str(caught.value) == f"{variable} is not a setting: {problem}"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("BOOTSTRAP_MONITOR_SERVICE_HOST", id="host"),
        pytest.param("BOOTSTRAP_MONITOR_SERVICE_PORT", id="port"),
        pytest.param("BOOTSTRAP_MONITOR_SERVICE_PORT_HTTP", id="port with a name"),
        pytest.param("BOOTSTRAP_MONITOR_PORT", id="address"),
        pytest.param("BOOTSTRAP_MONITOR_PORT_9641_TCP", id="address of a port"),
        pytest.param("BOOTSTRAP_MONITOR_PORT_9641_TCP_ADDR", id="part of an address"),
        pytest.param("BOOTSTRAP_MONITOR_FUJI_SERVICE_HOST", id="a Service with a longer name"),
        pytest.param("BOOTSTRAP_MONITOR_FUJI_PORT", id="its address"),
    ],
)
def test_a_variable_that_kubernetes_injects_for_a_service_is_not_an_error(name: str) -> None:
    found = parse(StatusSettings, "status", ["--data-dir=/data"], {name: "tcp://10.0.0.1:9641"})

    assert found.data_dir == Path("/data")


def help_of(kind: type[BaseSettings], command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the help of a command."""
    with pytest.raises(SystemExit) as caught:
        parse(kind, command, ["--help"], {})
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_help_names_flag_value_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_of(WaitSettings, "wait-for-completion", capsys).split())

    assert text.startswith("usage: bootstrap-monitor wait-for-completion [flags] ")
    for words in (
        "--soak DURATION How long the node must stay healthy before a run succeeds. (default: 5m) --",
        "--sync-mode c-chain-state-sync|only-p-chain-full-sync|full-sync Sync mode of the node, ",
        "--disk-floor PERCENT Percentage of the volume that must be free",
        "--crash-limit N Number of restarts of the node, without progress between",
        "--stall-timeout DURATION Time without progress after which the run fails, at least --stall-warning",
        "--deadline DURATION|auto How long a run may be open; auto: three times ",
        "--node-container-name NAME Name of the node's container. (required)",
        "--rolling-tag TAG Tag of the newest build. (default: latest)",
        "such as BOOTSTRAP_MONITOR_DATA_DIR.",
    ):
        assert words in text


def test_help_of_local_has_groups_examples_and_no_word_of_containers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = help_of(LocalSettings, "local", capsys)
    lines = text.splitlines()

    assert lines[0] == "usage: bootstrap-monitor local [flags] BUILD -- NODE-ARGUMENTS"
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == [
        *("examples:", "What to test:", "Verdicts:", "Comparison:", "Page, metrics and API:"),
        *("Output:", "Advanced:"),
    ]
    examples = lines[lines.index("examples:") + 1 :][:3]
    for example in examples:
        flags, _, node = example.removeprefix("  bootstrap-monitor local ").partition(" -- ")
        parse(LocalSettings, "local", flags.split(), {})
        assert node.startswith("--network-id=fuji")
    for word in ("container", "StatefulSet", " pod", "image,", "--rolling-tag", "--holder-timeout"):
        assert word not in text


@pytest.mark.parametrize("columns", [40, 80])
def test_help_fits_the_terminal(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = help_of(HistorySettings, "history", capsys).splitlines()

    assert max(map(len, lines)) <= columns
    assert "flags:" in lines


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        pytest.param(LocalSettings, ["avalanchego", "--rolling-tag=master"], id="a tag without a registry"),
        pytest.param(LocalSettings, ["avalanchego", "--holder-timeout", "1m"], id="a lease of one machine"),
        pytest.param(
            StatusSettings, ["--data-dir=/data", "--log-format=json"], id="a log that is not written"
        ),
    ],
)
def test_a_flag_without_use_is_not_offered(
    kind: type[BaseSettings], flags: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The variable is ignored, because it may be set for all commands."""
    flag = flags[1].partition("=")[0]
    with pytest.raises(ConfigurationError, match=f"^{flag} is not a flag"):
        parse(kind, COMMANDS[kind], flags, {})

    assert f"  {flag} " not in help_of(kind, COMMANDS[kind], capsys)
    variable = "BOOTSTRAP_MONITOR_" + flag[2:].replace("-", "_").upper()
    parse(kind, COMMANDS[kind], flags[:1], {variable: {"--log-format": "json"}.get(flag, "1m")})


def test_help_shows_no_default_where_its_text_does(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(help_of(LocalSettings, "local", capsys).split())

    assert "of this network and mode under ~/.local/share. --" in text
    assert not any(f"(default: {none})" in text for none in ("", ".", "None"))
