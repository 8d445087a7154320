"""Tests that a node's flags are found behind any wrapper; a wrapper that may hide flags is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from monitor.avalanchego.node_command import node_command

FLAGS = ("--network-id=fuji", "--partial-sync-primary-network=true")

# Commands that a container may run the node's executable with.
WRAPPERS = [
    [],
    ["/sbin/tini", "--"],
    ["tini"],
    ["tini", "-g", "-p", "SIGTERM", "--"],
    ["dumb-init", "--"],
    ["dumb-init", "--rewrite", "15:3", "--verbose"],
    ["catatonit", "--"],
    ["env", "A=B"],
    ["env", "-u", "HOME", "--chdir", "/avalanchego", "A=/avalanchego"],
    ["nice", "-n", "5"],
    ["nice", "-5"],
    ["ionice", "-c", "3"],
    ["nohup"],
    ["setsid", "--wait"],
    ["stdbuf", "-oL"],
    ["timeout", "--kill-after", "1m", "3d"],
    ["gosu", "avalanchego"],
    ["su-exec", "1000:1000"],
    ["busybox", "nice", "-n", "5"],
    ["exec"],
    ["/sbin/tini", "--", "gosu", "user", "env", "A=B"],
]
UNKNOWN = [
    ["/entrypoint.sh"],
    ["taskset", "-c", "0,1"],
    ["sudo", "-u", "avalanchego"],
    ["s6-setuidgid", "avalanchego"],
    ["/wrap", "--verbose", "--"],
    ["/wrap", "--level=1"],
]


def ids(words: Sequence[str]) -> str:
    return " ".join(words) or "nothing"


@pytest.mark.parametrize("wrapper", [*WRAPPERS, *UNKNOWN], ids=ids)
@pytest.mark.parametrize("executable", ["./avalanchego", "avalanchego", "/avalanchego/build/avalanchego"])
def test_words_up_to_the_executable_are_skipped(wrapper: Sequence[str], executable: str) -> None:
    found = node_command([*wrapper, executable, *FLAGS])

    assert (found.flags, found.hidden) == (FLAGS, "")


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=ids)
def test_an_executable_of_another_name_is_found_behind_a_wrapper_that_is_known(
    wrapper: Sequence[str],
) -> None:
    found = node_command([*wrapper, "/node", *FLAGS])

    assert (found.flags, found.hidden) == (FLAGS, "")


@pytest.mark.parametrize(
    "script",
    [
        ["sh", "-c", "exec ./avalanchego"],
        ["/bin/bash", "-ec", "exec ./avalanchego", *FLAGS],
        ["/usr/bin/dash", "-c", "./avalanchego --partial-sync-primary-network"],
        ["sh", "-c", 'exec ./avalanchego "$@"', *FLAGS[:1]],  # the argument after a script is its name, `$0`
        ["su", "-c", "./avalanchego --partial-sync-primary-network", "avalanchego"],
        ["env", "-S", "./avalanchego --partial-sync-primary-network=true"],
        ["env", "--split-string=./avalanchego --partial-sync-primary-network=true"],
    ],
    ids=ids,
)
@pytest.mark.parametrize("wrapper", [*WRAPPERS, *UNKNOWN], ids=ids)
def test_a_script_hides_the_flags(wrapper: Sequence[str], script: Sequence[str]) -> None:
    found = node_command([*wrapper, *script])

    assert found.hidden == "the shell script in its command"
    assert not [each for each in found.flags if each.startswith("--")]


def test_a_script_hands_its_arguments_on() -> None:
    assert node_command(["sh", "-c", 'exec ./avalanchego "$@"', "node", *FLAGS]).flags == FLAGS
    assert node_command(["bash", "/start.sh", *FLAGS]).flags[1:] == FLAGS


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        pytest.param([], "", id="nothing: the image's own command"),
        pytest.param(FLAGS, "", id="flags alone, for the image's own entry point"),
        pytest.param(["--data-dir", "/data/avalanchego", *FLAGS], "", id="a value like the executable"),
        pytest.param(
            ["/node", "--data-dir", "/data/avalanchego"], "", id="the same behind another executable"
        ),
        pytest.param(["/node"], "", id="another executable alone"),
        pytest.param(["/node", *FLAGS], "", id="another executable before flags"),
        pytest.param(["/start.sh", "fuji"], "the program '/start.sh'", id="a word"),
        pytest.param(["/launch", "run", *FLAGS], "the program '/launch'", id="a word before flags"),
        pytest.param(
            ["/wrap", "-v", "/node", *FLAGS], "the program '/wrap'", id="options that are not the node's"
        ),
        pytest.param(
            ["/wrap", "--", "/node", *FLAGS], "the program '/wrap'", id="a command behind two dashes"
        ),
        pytest.param(["--", "/node", *FLAGS], "the image's entry point", id="the same for the image's own"),
        pytest.param(["su", "avalanchego", "-c", "/start.sh"], "the program 'su'", id="a user"),
        pytest.param(["tini", "--", "/launch", "run"], "the program '/launch'", id="behind a wrapper"),
    ],
)
def test_what_is_not_followed_by_flags_alone_hides_them(words: Sequence[str], hidden: str) -> None:
    assert node_command(words).hidden == hidden


@pytest.mark.parametrize(
    ("options", "variables", "cleared"),
    [
        pytest.param(["A=1"], {"A": "1"}, False, id="assigned"),
        pytest.param(["A=1", "A=2", "B="], {"A": "2", "B": ""}, False, id="the last holds"),
        pytest.param(["-u", "A", "-uB", "--unset=C"], {"A": None, "B": None, "C": None}, False, id="removed"),
        pytest.param(["-u", "A", "A=1"], {"A": "1"}, False, id="removed, and assigned"),
        pytest.param(["-i", "A=1"], {"A": "1"}, True, id="nothing else"),
        pytest.param(["-", "A=1"], {"A": "1"}, True, id="nothing else, by a dash"),
        pytest.param(["A=1", "env", "--ignore-environment"], {}, True, id="removed by a second one"),
        pytest.param(["A=1", "nice", "env", "B=2"], {"A": "1", "B": "2"}, False, id="two of them"),
    ],
)
def test_variables_of_env(
    options: Sequence[str],
    variables: Mapping[str, str | None],
    cleared: bool,  # noqa: FBT001 - a test parameter
) -> None:
    found = node_command(["env", *options, "./avalanchego", *FLAGS])

    assert (dict(found.variables), found.cleared, found.flags) == (variables, cleared, FLAGS)
