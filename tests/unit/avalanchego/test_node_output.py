"""Tests of the reason why a node's process ended, from its output; the messages are those of AvalancheGo 1.14.2."""

from __future__ import annotations

import pytest

from monitor.avalanchego.node_output import last_words, rejects_configuration

UNKNOWN_FLAG = "couldn't configure flags: unknown flag: --nonsense"
PANIC = "panic: assignment to entry in nil map"
FATAL = '[11-30|10:45:20.146] FATAL app/app.go:67 failed to set fd-limit {"error": "greater than max"}'


@pytest.mark.parametrize(
    ("output", "words", "rejected"),
    [
        pytest.param("", "", False, id="silent"),
        pytest.param("\n \n", "", False, id="blank lines"),
        pytest.param(f"{UNKNOWN_FLAG}\n", UNKNOWN_FLAG, True, id="unknown flag"),
        pytest.param(
            "couldn't configure flags: unknown shorthand flag: 'q' in -q\n",
            "couldn't configure flags: unknown shorthand flag: 'q' in -q",
            True,
            id="unknown short flag",
        ),
        pytest.param(
            "couldn't configure flags: open /none.json: no such file or directory\n",
            "couldn't configure flags: open /none.json: no such file or directory",
            True,
            id="no configuration file",
        ),
        pytest.param(
            "couldn't load node config: sybil protection disabled on public network\n",
            "couldn't load node config: sybil protection disabled on public network",
            True,
            id="a value that does not fit the network",
        ),
        pytest.param("failed to load config: EOF\n", "failed to load config: EOF", True, id="a file"),
        pytest.param(
            "unknown flag: --nonsense\nUsage of avalanchego:\n  --acp-support ints   ACPs\n",
            "unknown flag: --nonsense",
            True,
            id="with the usage after it",
        ),
        pytest.param(
            f"{FATAL}\ncouldn't start node: greater than max\n",
            "couldn't start node: greater than max",
            False,
            id="a start that fails, which may be the build's fault",
        ),
        pytest.param(
            f"starting\n{PANIC}\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d\nexit status 2\n",
            PANIC,
            False,
            id="a panic with its stacks",
        ),
        pytest.param(
            "couldn't load node config: open /data/staking/staker.key: no space left on device\n",
            "couldn't load node config: open /data/staking/staker.key: no space left on device",
            False,
            id="a full volume",
        ),
        pytest.param(
            "warning: unknown flag: --x is ignored\n",
            "warning: unknown flag: --x is ignored",
            False,
            id="in a sentence",
        ),
    ],
)
def test_why_a_process_ended(output: str, words: str, *, rejected: bool) -> None:
    assert last_words(output) == words
    assert rejects_configuration(words) is rejected
