"""Tests of the configuration read from the node's container; a value that is not visible is not guessed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.avalanchego.node_config import (
    NodeConfiguration,
    check_node_data,
    configuration_of,
    state_sync_hazard,
    visible_setting,
)
from monitor.domain.container import Container, EnvironmentVariable, Mount
from monitor.domain.workload import SyncMode
from monitor.errors import ConfigurationError

STATE_SYNC = SyncMode.C_CHAIN_STATE_SYNC
ONLY_P = SyncMode.ONLY_P_CHAIN_FULL_SYNC
FULL_SYNC = SyncMode.FULL_SYNC

NETWORK_ID = "AVAGO_NETWORK_ID"
NETWORK_NAME = "AVAGO_NETWORK_NAME"
PARTIAL = "AVAGO_PARTIAL_SYNC_PRIMARY_NETWORK"
CONTENT = "AVAGO_CHAIN_CONFIG_CONTENT"

Environment = Mapping[str, str]


def node(
    environment: Environment | None = None,
    arguments: Sequence[str] = (),
    *,
    command: Sequence[str] = (),
    hidden: Environment | None = None,
    sources: Sequence[str] = (),
    mounts: Sequence[Mount] = (),
) -> Container:
    """Return a node's container; `hidden` variables come from a `valueFrom`, `sources` are its `envFrom`."""
    literal = [EnvironmentVariable(name, value) for name, value in (environment or {}).items()]
    unseen = [EnvironmentVariable(name, None, source) for name, source in (hidden or {}).items()]
    return Container(
        name="node",
        image="node:latest",
        command=tuple(command),
        arguments=tuple(arguments),
        environment=(*literal, *unseen),
        environment_sources=tuple(sources),
        mounts=tuple(mounts),
    )


def on_fuji(environment: Environment | None = None, arguments: Sequence[str] = ()) -> Container:
    """Return a node on Fuji with the settings of the test case."""
    return node({NETWORK_ID: "fuji", **(environment or {})}, arguments)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def chains(found: object) -> str:
    """Return the chain configurations, encoded as the node expects them."""
    return encoded(json.dumps(found))


def c_chain(config: object) -> str:
    """Return the C-Chain's configuration, encoded as the node expects it."""
    return chains({"C": {"Config": encoded(json.dumps(config)), "Upgrade": None}})


def failure(container: Container, network: str | None = None, sync_mode: SyncMode | None = None) -> str:
    """Return the error message, which is one line."""
    with pytest.raises(ConfigurationError) as caught:
        configuration_of(container, network, sync_mode)
    line = str(caught.value)
    assert "\n" not in line
    return line


MAINNET_C_CHAIN = "2q9e4r6Mu3U68nU1fYjgbR6JvwrRx36CohpAX5UQxse55x1Q5"
FUJI_C_CHAIN = "yH8D7ThNJkxmtkuv2jgBa4P1Rn3Qpr4pPr7QYNfcdoS6k6HWp"
ON, OFF = ({"Config": encoded(json.dumps({"state-sync-enabled": word}))} for word in (True, False))


@pytest.mark.parametrize(
    ("environment", "arguments", "network"),
    [
        pytest.param({NETWORK_ID: "fuji"}, [], "fuji", id="the variable that the node obeys"),
        pytest.param({NETWORK_NAME: "fuji"}, [], "fuji", id="the variable that the seed documents"),
        pytest.param({NETWORK_ID: "5", NETWORK_NAME: "fuji"}, [], "fuji", id="both, and the same network"),
        pytest.param({}, ["--network-id=fuji"], "fuji", id="argument with an equals sign"),
        pytest.param({}, ["--network-id", "fuji"], "fuji", id="argument with its value behind"),
        pytest.param({NETWORK_ID: "mainnet"}, ["--network-id=fuji"], "fuji", id="argument before variable"),
        pytest.param({}, ["--network-id=mainnet", "--network-id=fuji"], "fuji", id="the last argument"),
        pytest.param(
            {NETWORK_ID: "fuji"}, ["--", "--network-id=mainnet"], "fuji", id="nothing after two dashes"
        ),
        pytest.param({NETWORK_ID: "", NETWORK_NAME: "fuji"}, [], "fuji", id="empty is not set"),
        pytest.param({NETWORK_ID: "1"}, [], "mainnet", id="1 is mainnet"),
        pytest.param({NETWORK_ID: "network-1"}, [], "mainnet", id="network-1 is mainnet"),
        pytest.param({NETWORK_ID: "54321"}, [], "network-54321", id="one without a name"),
        pytest.param(
            {"NET": "fuji"}, ["--network-id=$(NET)"], "fuji", id="argument that refers to a variable"
        ),
        pytest.param(
            {"NET": "5", NETWORK_ID: "network-$(NET)"}, [], "fuji", id="variable that refers to one"
        ),
    ],
)
def test_network(environment: Environment, arguments: Sequence[str], network: str) -> None:
    found = configuration_of(node(environment, arguments))

    assert (found.network, found.sync_mode) == (network, STATE_SYNC)


def test_arguments_after_the_program_in_the_command_are_arguments() -> None:
    container = node({NETWORK_ID: "mainnet"}, command=["/avalanchego", "--network-id=fuji"])

    assert configuration_of(container).network == "fuji"


def test_of_two_variables_of_one_name_the_last_holds() -> None:
    container = node()
    twice = tuple(EnvironmentVariable(NETWORK_ID, value) for value in ("mainnet", "fuji"))

    assert configuration_of(replace(container, environment=twice)).network == "fuji"


@pytest.mark.parametrize(
    ("environment", "arguments", "line"),
    [
        pytest.param(
            {},
            [],
            "container 'node' has no network setting: set AVAGO_NETWORK_ID or its flag --network-id, or set --network",
            id="none",
        ),
        pytest.param(
            {NETWORK_ID: "", NETWORK_NAME: ""},
            [],
            "container 'node' has no network setting: set AVAGO_NETWORK_ID or its flag --network-id, or set --network",
            id="both empty",
        ),
        pytest.param(
            {NETWORK_ID: "fuji", NETWORK_NAME: "mainnet"},
            [],
            "AVAGO_NETWORK_ID is 'fuji' but AVAGO_NETWORK_NAME is 'mainnet': set both to "
            "the same network (the node uses the network ID)",
            id="both, and different",
        ),
        pytest.param(
            {NETWORK_NAME: "mainnet"},
            ["--network-id=5"],
            "argument --network-id is '5' but AVAGO_NETWORK_NAME is 'mainnet': set both to "
            "the same network (the node uses the network ID)",
            id="argument and name different",
        ),
        pytest.param(
            {NETWORK_ID: "fuyi"},
            [],
            "AVAGO_NETWORK_ID is 'fuyi', which is not a network: use one of "
            "cascade, denali, everest, fuji, local, mainnet, testing, testnet, or network-<ID>",
            id="no network",
        ),
        pytest.param(
            {NETWORK_ID: "fuji", NETWORK_NAME: "fuyi"},
            [],
            "AVAGO_NETWORK_NAME is 'fuyi', which is not a network: use one of "
            "cascade, denali, everest, fuji, local, mainnet, testing, testnet, or network-<ID>",
            id="no network beside a right one",
        ),
        pytest.param(
            {NETWORK_ID: "$$(NET)", "NET": "fuji"},
            [],
            "AVAGO_NETWORK_ID is '$(NET)', which is not a network: use one of "
            "cascade, denali, everest, fuji, local, mainnet, testing, testnet, or network-<ID>",
            id="an escaped reference is text",
        ),
    ],
)
def test_no_usable_network(environment: Environment, arguments: Sequence[str], line: str) -> None:
    assert failure(node(environment, arguments)) == line


# Go's strconv.ParseBool accepts only these words.
TRUE_WORDS = ["1", "t", "T", "TRUE", "true", "True"]
FALSE_WORDS = ["0", "f", "F", "FALSE", "false", "False"]


@pytest.mark.parametrize(
    ("word", "mode"),
    [
        *(pytest.param(word, ONLY_P, id=f"{word} is true") for word in TRUE_WORDS),
        *(pytest.param(word, STATE_SYNC, id=f"{word} is false") for word in FALSE_WORDS),
        pytest.param("", STATE_SYNC, id="empty is false"),
    ],
)
def test_words_for_partial_sync(word: str, mode: SyncMode) -> None:
    assert configuration_of(on_fuji({PARTIAL: word})).sync_mode is mode


@pytest.mark.parametrize("word", ["yes", "on", "tRUE", "2", " true", "true ", "nil"])
def test_other_words_for_partial_sync_are_refused_by_name_and_value(word: str) -> None:
    line = f"{PARTIAL} is {word!r}: it must be true or false"

    assert failure(on_fuji({PARTIAL: word})) == line


@pytest.mark.parametrize(
    ("arguments", "mode"),
    [
        pytest.param(["--partial-sync-primary-network"], ONLY_P, id="alone"),
        pytest.param(["--partial-sync-primary-network", "--log-level=info"], ONLY_P, id="before another"),
        pytest.param(["--partial-sync-primary-network=true"], ONLY_P, id="true"),
        pytest.param(["--partial-sync-primary-network=false"], STATE_SYNC, id="false"),
        pytest.param(["--partial-sync-primary-network="], STATE_SYNC, id="empty is false"),
        pytest.param(
            ["--partial-sync-primary-network", "false"], ONLY_P, id="a word behind is not its value"
        ),
    ],
)
def test_partial_sync_as_an_argument(arguments: Sequence[str], mode: SyncMode) -> None:
    assert configuration_of(on_fuji(arguments=arguments)).sync_mode is mode


@pytest.mark.parametrize(
    ("environment", "arguments", "mode"),
    [
        pytest.param({PARTIAL: "true"}, ["--partial-sync-primary-network=false"], STATE_SYNC, id="false"),
        pytest.param({PARTIAL: "false"}, ["--partial-sync-primary-network"], ONLY_P, id="true"),
    ],
)
def test_an_argument_for_partial_sync_wins_over_its_variable(
    environment: Environment, arguments: Sequence[str], mode: SyncMode
) -> None:
    assert configuration_of(on_fuji(environment, arguments)).sync_mode is mode


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(c_chain({"state-sync-enabled": True}), id="state sync"),
        pytest.param(c_chain({"state-sync-enabled": False}), id="no state sync"),
        pytest.param("***", id="malformed"),
    ],
)
def test_with_partial_sync_the_c_chain_is_ignored(content: str) -> None:
    assert configuration_of(on_fuji({PARTIAL: "true", CONTENT: content})).sync_mode is ONLY_P


def test_with_partial_sync_a_c_chain_that_cannot_be_seen_is_ignored() -> None:
    container = node({NETWORK_ID: "fuji", PARTIAL: "true"}, hidden={CONTENT: "configMap chains"})

    assert configuration_of(container).sync_mode is ONLY_P


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        pytest.param("", STATE_SYNC, id="empty"),
        pytest.param(chains({}), STATE_SYNC, id="no chain"),
        pytest.param(chains({"X": {"Config": "***"}}), STATE_SYNC, id="another chain only"),
        pytest.param(chains({"C": None}), STATE_SYNC, id="chain is null"),
        pytest.param(chains({"C": {}}), STATE_SYNC, id="chain without configuration"),
        pytest.param(chains({"C": {"Config": None}}), STATE_SYNC, id="configuration is null"),
        pytest.param(chains({"C": {"Config": ""}}), STATE_SYNC, id="configuration is empty"),
        pytest.param(c_chain({}), STATE_SYNC, id="silent on state sync"),
        pytest.param(c_chain({"state-sync-enabled": None}), STATE_SYNC, id="state sync is null"),
        pytest.param(c_chain({"state-sync-enabled": True}), STATE_SYNC, id="true"),
        pytest.param(c_chain({"state-sync-enabled": False}), FULL_SYNC, id="false"),
        *(
            pytest.param(c_chain({"state-sync-enabled": word}), STATE_SYNC, id=f"text {word}")
            for word in TRUE_WORDS
        ),
        *(
            pytest.param(c_chain({"state-sync-enabled": word}), FULL_SYNC, id=f"text {word}")
            for word in FALSE_WORDS
        ),
        pytest.param(
            c_chain({"pruning-enabled": True, "state-sync-enabled": False}), FULL_SYNC, id="among others"
        ),
        pytest.param(
            chains({"C": {"config": encoded('{"State-Sync-Enabled": false}')}}),
            FULL_SYNC,
            id="keys in other letters, which the node takes too",
        ),
        pytest.param(
            chains({"evm": {"Config": encoded('{"state-sync-enabled": false}')}}),
            FULL_SYNC,
            id="the chain's other name",
        ),
        pytest.param(
            chains({"evm": {"Config": encoded('{"state-sync-enabled": false}')}, "C": {}}),
            STATE_SYNC,
            id="the chain's first name wins over the other",
        ),
        pytest.param(
            "\n".join(
                (c_chain({"state-sync-enabled": False})[:8], c_chain({"state-sync-enabled": False})[8:])
            )
            + "\r\n",
            FULL_SYNC,
            id="folded lines of base64",
        ),
    ],
)
def test_state_sync_of_the_c_chain(content: str, mode: SyncMode) -> None:
    assert configuration_of(on_fuji({CONTENT: content})).sync_mode is mode
    if content:
        assert configuration_of(on_fuji(arguments=[f"--chain-config-content={content}"])).sync_mode is mode


@pytest.mark.parametrize(
    ("content", "start", "end"),
    [
        pytest.param("***", f"{CONTENT} is not base64 (", "): encode it", id="not base64"),
        pytest.param("e30", f"{CONTENT} is not base64 (", "): encode it", id="base64 cut off"),
        pytest.param("é", f"{CONTENT} is not base64 (", "): encode it", id="not even ASCII"),
        pytest.param(encoded("{"), f"{CONTENT} is not JSON (", "): fix it", id="not JSON"),
        pytest.param("/w==", f"{CONTENT} is not JSON (", "): fix it", id="not text"),
        pytest.param(
            chains({"evm": "x"}),
            f'{CONTENT}: "evm" is not a JSON object',
            ': it must be {"Config": "<base64>"}',
            id="chain under its other name is not an object",
        ),
        pytest.param(
            encoded("[" * 100_000), f"{CONTENT} is not JSON (", "): fix it", id="JSON that is too deep"
        ),
        pytest.param(chains([]), f"{CONTENT} is not a JSON object (", "found list): fix it", id="no object"),
        pytest.param(
            chains({"C": "x"}),
            f'{CONTENT}: "C" is not a JSON object',
            ': it must be {"Config": "<base64>"}',
            id="chain is not an object",
        ),
        pytest.param(
            chains({"C": {"Config": {}}}),
            f'{CONTENT}: "C": "Config" is not a string',
            ": it must be base64 of the C-Chain's JSON",
            id="configuration is not a text",
        ),
        pytest.param(
            chains({"C": {"Config": "***"}}),
            f'{CONTENT}: "C": "Config" is not base64 (',
            "): encode it",
            id="configuration is not base64",
        ),
        pytest.param(
            chains({"C": {"Config": encoded("{")}}),
            f'{CONTENT}: "C": "Config" is not JSON (',
            "): fix it",
            id="configuration is not JSON",
        ),
        pytest.param(
            c_chain("x"),
            f'{CONTENT}: "C": "Config" is not a JSON object (',
            "found str): fix it",
            id="configuration holds no object",
        ),
        pytest.param(
            c_chain({"state-sync-enabled": "no"}),
            f'{CONTENT}: "C": "Config": "state-sync-enabled" is \'no\'',
            ": it must be true or false",
            id="state sync is another word",
        ),
        pytest.param(
            c_chain({"state-sync-enabled": ""}),  # encoding/json decodes no boolean from a string
            f'{CONTENT}: "C": "Config": "state-sync-enabled" is \'\'',
            ": it must be true or false",
            id="state sync is empty",
        ),
        pytest.param(
            c_chain({"state-sync-enabled": 0}),
            f'{CONTENT}: "C": "Config": "state-sync-enabled" is 0',
            ": it must be true or false",
            id="state sync is a number",
        ),
    ],
)
def test_a_malformed_c_chain_says_which_layer_failed(content: str, start: str, end: str) -> None:
    line = failure(on_fuji({CONTENT: content}))

    assert (line[: len(start)], line[-len(end) :]) == (start, end)


@pytest.mark.parametrize(
    ("network", "found", "mode"),
    [
        pytest.param("fuji", {FUJI_C_CHAIN: OFF}, FULL_SYNC, id="the ID alone"),
        pytest.param(
            "fuji", {"C": ON, "evm": ON, FUJI_C_CHAIN: OFF}, FULL_SYNC, id="the ID wins over both names"
        ),
        pytest.param(
            "fuji", {FUJI_C_CHAIN: None, "C": OFF}, STATE_SYNC, id="the ID wins, though it holds nothing"
        ),
        pytest.param("5", {FUJI_C_CHAIN: OFF, "C": ON}, FULL_SYNC, id="however the network is written"),
        pytest.param("mainnet", {MAINNET_C_CHAIN: OFF, "C": ON}, FULL_SYNC, id="on mainnet"),
        pytest.param("mainnet", {FUJI_C_CHAIN: OFF, "C": ON}, STATE_SYNC, id="the ID of another network"),
        pytest.param("fuji", {"c": OFF, "EVM": OFF}, STATE_SYNC, id="names have their case"),
        pytest.param("54321", {"C": OFF, "evm": ON, "my-l1": ON}, FULL_SYNC, id="no ID on another network"),
    ],
)
def test_the_c_chain_is_looked_up_as_the_node_does(
    network: str, found: Mapping[str, object], mode: SyncMode
) -> None:
    assert configuration_of(node({NETWORK_ID: network, CONTENT: chains(found)})).sync_mode is mode


def test_an_id_that_may_be_the_c_chains_is_named_with_the_flag_that_settles_it() -> None:
    container = node({NETWORK_ID: "54321", CONTENT: chains({"C": OFF, FUJI_C_CHAIN: ON})})

    assert failure(container) == (
        f'{CONTENT}: "{FUJI_C_CHAIN}" may be the C-Chain, whose blockchain ID on network-54321 is unknown: '
        "set --sync-mode"
    )
    assert configuration_of(container, sync_mode=FULL_SYNC).sync_mode is FULL_SYNC


def test_an_alias_of_the_operator_is_looked_up_last() -> None:
    aliases = {"AVAGO_CHAIN_ALIASES_FILE": "/aliases.json"}

    assert (
        configuration_of(on_fuji({CONTENT: chains({"mine": ON, "evm": OFF}), **aliases})).sync_mode
        is FULL_SYNC
    )
    assert failure(on_fuji({CONTENT: chains({"mine": OFF}), **aliases})) == (
        f"AVAGO_CHAIN_ALIASES_FILE may give the C-Chain another name in {CONTENT}, which is not visible to the "
        "monitor: set --sync-mode"
    )


@pytest.mark.parametrize(
    ("environment", "sync_mode", "hazard"),
    [
        pytest.param({CONTENT: c_chain({"state-scheme": "firewood"})}, None, True, id="by default"),
        pytest.param(
            {CONTENT: c_chain({"State-Scheme": "firewood", "state-sync-enabled": True})}, None, True, id="on"
        ),
        pytest.param({CONTENT: c_chain({"state-scheme": "firewood"})}, STATE_SYNC, True, id="by --sync-mode"),
        pytest.param(
            {CONTENT: c_chain({"state-scheme": "firewood", "state-sync-enabled": False})},
            None,
            False,
            id="off",
        ),
        pytest.param(
            {CONTENT: c_chain({"state-scheme": "firewood"}), PARTIAL: "true"}, None, False, id="no C-Chain"
        ),
        pytest.param({CONTENT: c_chain({"state-scheme": "hash"})}, None, False, id="another scheme"),
        pytest.param({CONTENT: c_chain({})}, None, False, id="no scheme"),
        pytest.param({CONTENT: "***"}, STATE_SYNC, False, id="what cannot be read, and is settled"),
        pytest.param({}, None, False, id="no chains"),
    ],
)
def test_firewood_with_state_sync_is_a_hazard(
    environment: Environment,
    sync_mode: SyncMode | None,
    hazard: bool,  # noqa: FBT001 - a test parameter
) -> None:
    container = on_fuji(environment)

    assert state_sync_hazard(container, configuration_of(container, sync_mode=sync_mode)) == (
        f'{CONTENT}: "C": "Config" sets "state-scheme" to "firewood" with state sync on; AvalancheGo 1.15.0 exits '
        '(FATAL): set "state-sync-enabled" to false or remove "state-scheme"'
        if hazard
        else None
    )


PARTIAL_FLAG = "--partial-sync-primary-network=true"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        pytest.param(["/sbin/tini", "--", "./avalanchego", PARTIAL_FLAG], [], id="tini in the command"),
        pytest.param(
            ["/sbin/tini", "--"], ["./avalanchego", PARTIAL_FLAG], id="tini, and the node as an argument"
        ),
        pytest.param([], ["/sbin/tini", "--", "./avalanchego", PARTIAL_FLAG], id="tini in the arguments"),
        pytest.param(["dumb-init", "--", "gosu", "user", "./avalanchego"], [PARTIAL_FLAG], id="two wrappers"),
        pytest.param(["env", f"{PARTIAL}=true", "./avalanchego"], [], id="env that sets the variable"),
        pytest.param(["env", "-u", CONTENT, "./avalanchego"], [PARTIAL_FLAG], id="env that removes another"),
    ],
)
def test_a_wrapper_hides_no_flag(command: Sequence[str], arguments: Sequence[str]) -> None:
    container = node({NETWORK_ID: "fuji", PARTIAL: "false"}, arguments, command=command)

    assert configuration_of(container).sync_mode is ONLY_P


def test_a_variable_that_env_removes_is_not_set() -> None:
    literal = {NETWORK_ID: "fuji", PARTIAL: "true"}
    hidden = {CONTENT: "secret s"}
    container = node(literal, command=["env", "-u", PARTIAL, "-u", CONTENT, "./avalanchego"], hidden=hidden)
    cleared = node(
        literal,
        command=["env", "-i", f"{NETWORK_ID}=mainnet", "./avalanchego"],
        hidden=hidden,
        sources=["secret/s"],
    )

    assert configuration_of(container).sync_mode is STATE_SYNC
    found = configuration_of(cleared)
    assert (found.network, found.sync_mode) == ("mainnet", STATE_SYNC)


HIDDEN_SETTINGS = [
    pytest.param(NETWORK_ID, "network-id", "--network", id="network ID"),
    pytest.param(PARTIAL, "partial-sync-primary-network", "--sync-mode", id="partial sync"),
    pytest.param(CONTENT, "chain-config-content", "--sync-mode", id="chains"),
    pytest.param("AVAGO_CHAIN_CONFIG_DIR", "chain-config-dir", "--sync-mode", id="chains' folder"),
]


@pytest.mark.parametrize(("variable", "key", "flag"), HIDDEN_SETTINGS)
def test_a_variable_from_elsewhere_is_named_with_the_flag_that_settles_it(
    variable: str, key: str, flag: str
) -> None:
    container = node({NETWORK_ID: "fuji"} if variable != NETWORK_ID else {}, hidden={variable: "secret s"})
    line = (
        f"container 'node': {variable} (from secret s) may set {key}, which is not visible to the monitor: "
        f"set {flag}"
    )

    assert failure(container) == line


def test_a_network_name_from_elsewhere_is_named_with_the_flag_that_settles_it() -> None:
    line = (
        "container 'node': AVAGO_NETWORK_NAME (from secret s) may set network-name, which is not visible to the "
        "monitor: set --network"
    )

    assert failure(node(hidden={NETWORK_NAME: "secret s"})) == line


def test_the_name_is_not_needed_where_the_node_has_its_id() -> None:
    container = node({NETWORK_ID: "fuji"}, hidden={NETWORK_NAME: "secret s"})

    assert configuration_of(container).network == "fuji"


UNSEEN = [
    pytest.param(node(sources=["configMap/x"]), "configMap/x", id="envFrom"),
    pytest.param(
        node(arguments=["--config-file=/etc/node.json"]), "argument --config-file", id="file, by argument"
    ),
    pytest.param(
        node(arguments=["--config-file-content=e30="]),
        "argument --config-file-content",
        id="file's content, by argument",
    ),
    pytest.param(
        node({"AVAGO_CONFIG_FILE": "/etc/node.json"}), "AVAGO_CONFIG_FILE", id="file, by a variable"
    ),
    pytest.param(
        node({"AVAGO_CONFIG_FILE_CONTENT": "e30="}),
        "AVAGO_CONFIG_FILE_CONTENT",
        id="file's content, by a variable",
    ),
    pytest.param(
        node(hidden={"AVAGO_CONFIG_FILE": "secret s"}), "AVAGO_CONFIG_FILE", id="file, from elsewhere"
    ),
    pytest.param(
        node(command=["/bin/sh", "-c", "exec /avalanchego"]),
        "the shell script in its command",
        id="shell script",
    ),
    *(
        pytest.param(node(arguments=arguments, command=command), source, id=" ".join((*command, *arguments)))
        for command, arguments, source in (
            (["tini", "--", "sh", "-c", "./avalanchego"], [], "the shell script in its command"),
            (["env", "bash", "-c", "./avalanchego"], [], "the shell script in its command"),
            (["busybox", "sh", "-c", "./avalanchego"], [], "the shell script in its command"),
            ([], ["/bin/sh", "-c", "./avalanchego"], "the shell script in its command"),
            (["tini", "--"], ["sh", "/start.sh"], "the shell script in its command"),
            (["/launch", "node"], [], "the program '/launch'"),
        )
    ),
]


@pytest.mark.parametrize(("container", "source"), UNSEEN)
def test_a_source_that_cannot_be_seen_is_named_with_the_flag_that_settles_it(
    container: Container, source: str
) -> None:
    without = (
        f"container 'node': {source} may set network-id, which is not visible to the monitor: set --network"
    )
    with_network = (
        f"container 'node': {source} may set partial-sync-primary-network, which is not visible to the monitor: "
        "set --sync-mode"
    )

    assert failure(container) == without
    assert failure(container, network="fuji") == with_network


@pytest.mark.parametrize(("container", "_source"), UNSEEN)
def test_flags_settle_what_cannot_be_seen(container: Container, _source: str) -> None:
    found = configuration_of(container, "5", FULL_SYNC)

    assert (found.network, found.sync_mode) == ("fuji", FULL_SYNC)


@pytest.mark.parametrize(("container", "_source"), UNSEEN)
def test_what_is_literal_needs_no_flag(container: Container, _source: str) -> None:
    literal = on_fuji({PARTIAL: "true"}).environment
    found = configuration_of(replace(container, environment=(*container.environment, *literal)))

    assert (found.network, found.sync_mode) == ("fuji", ONLY_P)


@pytest.mark.parametrize(
    ("environment", "arguments", "where"),
    [
        pytest.param({"AVAGO_CHAIN_CONFIG_DIR": "/c"}, [], "AVAGO_CHAIN_CONFIG_DIR", id="by a variable"),
        pytest.param({}, ["--chain-config-dir=/c"], "argument --chain-config-dir", id="by an argument"),
    ],
)
def test_a_folder_of_chains_cannot_be_seen(
    environment: Environment, arguments: Sequence[str], where: str
) -> None:
    line = (
        f"{where} may hold the C-Chain's configuration, which is not visible to the monitor: set --sync-mode"
    )

    assert failure(on_fuji(environment, arguments)) == line
    assert configuration_of(on_fuji(environment, arguments), sync_mode=FULL_SYNC).sync_mode is FULL_SYNC


def test_of_content_and_folder_the_node_takes_the_content() -> None:
    chosen = {CONTENT: c_chain({"state-sync-enabled": False}), "AVAGO_CHAIN_CONFIG_DIR": "/c"}

    assert configuration_of(on_fuji(chosen)).sync_mode is FULL_SYNC


@pytest.mark.parametrize(
    ("environment", "arguments", "where"),
    [
        pytest.param({NETWORK_ID: "$(NET)"}, [], NETWORK_ID, id="in a variable"),
        pytest.param({}, ["--network-id=$(NET)"], "argument --network-id", id="in an argument"),
    ],
)
def test_a_reference_to_a_variable_from_elsewhere_is_named(
    environment: Environment, arguments: Sequence[str], where: str
) -> None:
    line = (
        f"{where} uses $(NET), whose value (from secret s) is not visible to the monitor: use a literal value"
    )

    assert failure(node(environment, arguments, hidden={"NET": "secret s"})) == line


def test_a_flag_wins_over_the_mode_that_the_container_says() -> None:
    assert configuration_of(on_fuji({PARTIAL: "true"}), "fuji", FULL_SYNC).sync_mode is FULL_SYNC


def test_a_flag_that_contradicts_the_network_that_the_node_obeys_is_refused() -> None:
    assert failure(on_fuji(), network="mainnet") == (
        "--network is 'mainnet' but AVAGO_NETWORK_ID is 'fuji', which the node uses: remove --network"
    )


def test_a_flag_that_names_no_network_is_refused() -> None:
    assert failure(on_fuji(), network="fuyi") == (
        "--network is 'fuyi', which is not a network: use one of "
        "cascade, denali, everest, fuji, local, mainnet, testing, testnet, or network-<ID>"
    )


def test_one_flag_does_not_settle_the_other_value() -> None:
    container = node(hidden={NETWORK_ID: "secret s"})
    line = (
        "container 'node': AVAGO_NETWORK_ID (from secret s) may set network-id, which is not visible to the "
        "monitor: set --network"
    )

    assert failure(container, sync_mode=FULL_SYNC) == line


@pytest.mark.parametrize(
    ("environment", "arguments", "alone"),
    [
        pytest.param({}, ["--network-id=fuji"], False, id="a public network"),
        pytest.param({}, ["--network-id=fuji", "--bootstrap-ips="], True, id="a public network, cut off"),
        pytest.param({}, ["--network-id=local"], True, id="a network without default nodes"),
        pytest.param({}, ["--network-id=local", "--bootstrap-ips=10.0.0.1:9651"], False, id="another node"),
        pytest.param({"AVAGO_BOOTSTRAP_IPS": "10.0.0.1:9651"}, ["--network-id=9"], False, id="as a variable"),
        pytest.param(
            {},
            ["--network-id=local", "--sybil-protection-enabled=false", "--bootstrap-ips=10.0.0.1:9651"],
            False,
            id="another node without sybil protection",
        ),
        pytest.param({}, ["--network-id=local", "--config-file=/x"], False, id="a file may name a node"),
        pytest.param(
            {},
            ["--network-id=local", "--config-file=/x", "--sybil-protection-enabled=false"],
            True,
            id="without sybil protection",
        ),
    ],
)
def test_whether_a_node_is_alone_by_its_configuration(
    environment: Environment, arguments: Sequence[str], *, alone: bool
) -> None:
    assert configuration_of(node(environment, arguments), None, FULL_SYNC).alone is alone


def digest(container: Container) -> str:
    found = configuration_of(container, None, FULL_SYNC)
    assert found == NodeConfiguration(found.network, FULL_SYNC, found.settings_digest)
    return found.settings_digest


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        pytest.param({"AVAGO_LOG_LEVEL": "debug"}, [], id="log, as a variable"),
        pytest.param({}, ["--log-level=debug"], id="log, as an argument"),
        pytest.param({"AVAGO_HTTP_HOST": "0.0.0.0"}, [], id="HTTP"),  # noqa: S104 - nothing listens there
        pytest.param({"AVAGO_BOOTSTRAP_IPS": "10.0.0.1:9651"}, [], id="addresses of peers"),
        pytest.param({"AVAGO_BOOTSTRAP_IDS": "NodeID-1"}, [], id="IDs of peers"),
        pytest.param({"AVAGO_STAKING_TLS_KEY_FILE_CONTENT": "x"}, [], id="identity"),
        pytest.param({}, ["--public-ip=10.0.0.1"], id="own address"),
        pytest.param({}, ["--network-max-reconnect-delay=1s"], id="how peers are kept"),
        pytest.param({"UNRELATED": "1"}, [], id="a variable that the node does not read"),
    ],
)
def test_settings_that_do_not_change_a_bootstrap(environment: Environment, arguments: Sequence[str]) -> None:
    assert digest(on_fuji(environment, arguments)) == digest(on_fuji())


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        pytest.param({"AVAGO_DB_TYPE": "pebble"}, [], id="database, as a variable"),
        pytest.param({}, ["--db-type=pebble"], id="database, as an argument"),
        pytest.param({NETWORK_ID: "mainnet"}, [], id="network"),
        pytest.param({CONTENT: "e30="}, [], id="chains"),
        pytest.param(
            {}, ["--bootstrap-ancestors-max-containers-received=10"], id="a bootstrap's own settings"
        ),
    ],
)
def test_settings_that_change_a_bootstrap(environment: Environment, arguments: Sequence[str]) -> None:
    assert digest(on_fuji(environment, arguments)) != digest(on_fuji())


@pytest.mark.parametrize(
    "container",
    [
        pytest.param(on_fuji(arguments=["--db-type=pebble", "--x=1"]), id="arguments"),
        pytest.param(on_fuji(arguments=["--x=1", "--db-type", "pebble"]), id="in another order, apart"),
        pytest.param(on_fuji({"AVAGO_X": "1", "AVAGO_DB_TYPE": "pebble"}), id="variables"),
        pytest.param(
            on_fuji({"AVAGO_X": "1", "AVAGO_DB_TYPE": "leveldb"}, ["--db-type=pebble"]),
            id="an argument that wins over its variable",
        ),
    ],
)
def test_a_setting_is_the_same_however_it_is_given(container: Container) -> None:
    assert digest(container) == digest(on_fuji({"AVAGO_DB_TYPE": "pebble", "AVAGO_X": "1"}))


def test_what_a_wrapper_hands_on_is_a_setting() -> None:
    wrapped = ["tini", "--", "env", "AVAGO_X=1", "./avalanchego"]

    assert digest(node({NETWORK_ID: "fuji"}, ["--db-type=pebble"], command=wrapped)) == digest(
        on_fuji({"AVAGO_DB_TYPE": "pebble", "AVAGO_X": "1"})
    )


def test_a_script_is_a_setting() -> None:
    first, second = (
        node({NETWORK_ID: "fuji"}, command=["sh", "-c", f"./avalanchego --db-type={kind}"])
        for kind in ("a", "b")
    )

    assert digest(first) != digest(second)


def test_a_setting_from_another_place_elsewhere_is_another_setting() -> None:
    first, second = (
        node({NETWORK_ID: "fuji"}, hidden={"AVAGO_DB_TYPE": source}) for source in ("secret a", "secret b")
    )

    assert digest(first) != digest(second)


@pytest.mark.parametrize(
    ("environment", "arguments", "value"),
    [
        pytest.param({}, [], None, id="not set"),
        pytest.param({"AVAGO_HTTP_PORT": ""}, [], None, id="empty"),
        pytest.param({"AVAGO_HTTP_PORT": "9750"}, [], "9750", id="variable"),
        pytest.param({"AVAGO_HTTP_PORT": "9750"}, ["--http-port=9850"], "9850", id="argument wins"),
    ],
)
def test_visible_setting(environment: Environment, arguments: Sequence[str], value: str | None) -> None:
    assert visible_setting(on_fuji(environment, arguments), "http-port") == value


def test_a_setting_that_cannot_be_seen_is_not_there() -> None:
    assert visible_setting(node(hidden={"AVAGO_HTTP_PORT": "secret s"}), "http-port") is None


MONITOR = Container("monitor", "monitor:1", mounts=(Mount("/data", "volume"),))
NODE_MOUNT = Mount("/node", "volume", "avalanchego")


@pytest.mark.parametrize(
    ("monitor", "data_dir", "mounts", "environment"),
    [
        pytest.param(MONITOR, "/data", [NODE_MOUNT], {"AVAGO_DATA_DIR": "/node"}, id="by its own subPath"),
        pytest.param(
            MONITOR,
            "/data",
            [Mount("/data", "volume")],
            {"AVAGO_DATA_DIR": "/data/avalanchego"},
            id="on the whole volume",
        ),
        pytest.param(
            MONITOR, "/data/", [NODE_MOUNT], {"AVAGO_DATA_DIR": "/node/./"}, id="however paths are written"
        ),
        pytest.param(
            MONITOR, "/data", [NODE_MOUNT], {"AVAGO_DATA_DIR": "/node/deeper"}, id="a folder inside it"
        ),
        pytest.param(
            MONITOR,
            "/data",
            [NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/node", "AVAGO_DB_DIR": "/node/db"},
            id="database inside it",
        ),
        pytest.param(
            MONITOR,
            "/data/a",
            [Mount("/node", "volume", "a/avalanchego")],
            {"AVAGO_DATA_DIR": "/node"},
            id="data folder below the volume's root",
        ),
        pytest.param(
            replace(MONITOR, mounts=(Mount("/data", "volume", "b"),)),
            "/data",
            [Mount("/node", "volume", "b/avalanchego")],
            {"AVAGO_DATA_DIR": "/node"},
            id="monitor on a subPath",
        ),
        pytest.param(
            MONITOR,
            "/data",
            [Mount("/node/db", "volume", "avalanchego/db"), NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/node", "AVAGO_DB_DIR": "/node/db"},
            id="the innermost mount counts",
        ),
    ],
)
def test_the_node_writes_what_is_cleared(
    monitor: Container, data_dir: str, mounts: Sequence[Mount], environment: Environment
) -> None:
    check_node_data(node(environment, mounts=mounts), monitor, data_dir)
    arguments = [f"--{name[6:].lower().replace('_', '-')}={path}" for name, path in environment.items()]
    check_node_data(node(arguments=arguments, mounts=mounts), monitor, data_dir)


def elsewhere(where: str, path: str) -> str:
    return (
        f"{where} is {path}, which is not in /data/avalanchego of volume 'volume': "
        "the node's data must be in the folder that is cleared for a new run"
    )


@pytest.mark.parametrize(
    ("monitor", "mounts", "environment", "line"),
    [
        pytest.param(
            replace(MONITOR, mounts=()),
            [NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/node"},
            "--data-dir /data is not on a volume of container 'monitor': mount the volume there",
            id="monitor without the volume",
        ),
        pytest.param(
            replace(MONITOR, mounts=(Mount("/dat", "volume"),)),
            [NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/node"},
            "--data-dir /data is not on a volume of container 'monitor': mount the volume there",
            id="a mount whose name only begins alike",
        ),
        pytest.param(
            MONITOR,
            [NODE_MOUNT],
            {},
            "container 'node' does not set AVAGO_DATA_DIR, so its data would not be on the volume: "
            "set it to the path where /data/avalanchego is mounted",
            id="no data folder",
        ),
        pytest.param(
            MONITOR,
            [NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/root"},
            elsewhere("AVAGO_DATA_DIR", "/root"),
            id="on no volume",
        ),
        pytest.param(
            MONITOR,
            [Mount("/node", "other", "avalanchego")],
            {"AVAGO_DATA_DIR": "/node"},
            elsewhere("AVAGO_DATA_DIR", "/node"),
            id="on another volume",
        ),
        pytest.param(
            MONITOR,
            [Mount("/node", "volume", "avalanchego-2")],
            {"AVAGO_DATA_DIR": "/node"},
            elsewhere("AVAGO_DATA_DIR", "/node"),
            id="in a folder whose name only begins alike",
        ),
        pytest.param(
            MONITOR,
            [Mount("/node", "volume")],
            {"AVAGO_DATA_DIR": "/node"},
            elsewhere("AVAGO_DATA_DIR", "/node"),
            id="on the whole volume, beside the ledger",
        ),
        pytest.param(
            MONITOR,
            [NODE_MOUNT],
            {"AVAGO_DATA_DIR": "/node/.."},
            elsewhere("AVAGO_DATA_DIR", "/node/.."),
            id="out of it again",
        ),
        pytest.param(
            MONITOR,
            [NODE_MOUNT, Mount("/db", "scratch")],
            {"AVAGO_DATA_DIR": "/node", "AVAGO_DB_DIR": "/db"},
            elsewhere("AVAGO_DB_DIR", "/db"),
            id="database elsewhere",
        ),
        pytest.param(
            MONITOR,
            [NODE_MOUNT, Mount("/node/db", "scratch")],
            {"AVAGO_DATA_DIR": "/node", "AVAGO_DB_DIR": "/node/db"},
            elsewhere("AVAGO_DB_DIR", "/node/db"),
            id="database on a volume mounted into it",
        ),
    ],
)
def test_the_node_writes_elsewhere(
    monitor: Container, mounts: Sequence[Mount], environment: Environment, line: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_node_data(node(environment, mounts=mounts), monitor, "/data")

    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("variable", "key"),
    [("AVAGO_DATA_DIR", "data-dir"), ("AVAGO_DB_DIR", "db-dir")],
    ids=["data", "database"],
)
def test_a_folder_from_elsewhere_has_to_be_written_out(variable: str, key: str) -> None:
    literal = {} if variable == "AVAGO_DATA_DIR" else {"AVAGO_DATA_DIR": "/node"}
    container = node(literal, hidden={variable: "secret s"}, mounts=[NODE_MOUNT])
    with pytest.raises(ConfigurationError) as caught:
        check_node_data(container, MONITOR, "/data")

    assert str(caught.value) == (
        f"container 'node': {variable} (from secret s) may set {key}, which is not visible to the monitor: "
        "set it as a literal value"
    )


def test_the_value_in_the_page_of_kustomize_is_that_of_a_full_sync() -> None:
    page = (Path(__file__).parents[3] / "deploy" / "kustomize" / "README.md").read_text()
    ((network, content),) = re.findall(
        rf"name: {NETWORK_ID}, value: (\w+)}}\n- {{name: {CONTENT}, value: (\S+)}}", page
    )
    found = configuration_of(node({NETWORK_ID: network, CONTENT: content}), None, None)

    assert (found.network, found.sync_mode) == ("mainnet", FULL_SYNC)
