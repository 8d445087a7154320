"""Tests of shell completion in a real bash, with the script that `completion bash` prints."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitor.commands.completion import completion
from monitor.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
# Calls a registered completion function in the same way as bash.
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"$(complete -p bootstrap-monitor | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the output of `completion bash` to a file."""
    path = tmp_path_factory.mktemp("completion") / "script"
    command = [sys.executable, "-m", "monitor", "completion", "bash"]
    path.write_bytes(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    return path


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        pytest.param(["his"], ["history"], id="a command"),
        pytest.param(["comp"], ["completion"], id="one without settings"),
        pytest.param(["history", "--ex"], ["--export"], id="a flag"),
        pytest.param(["local", "--fail-if"], ["--fail-if-slower"], id="a switch"),
        pytest.param(["status", "--log"], [], id="a flag without use"),
        pytest.param(["local", "--until", ""], ["succeeded"], id="the one word"),
        pytest.param(["local", "--log-format", "p"], ["plain"], id="one of some words"),
        pytest.param(["local", "--deadline", ""], ["auto"], id="a word beside a duration"),
        pytest.param(["local", "--compare", "./RE"], ["./README.md"], id="a file"),
        pytest.param(["status", "--data-dir", "./mon"], ["./monitor"], id="a folder"),
    ],
)
def test_bash(script: Path, words: Sequence[str], completed: Sequence[str]) -> None:
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", str(script), "bootstrap-monitor", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (completed, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_scripts_too(shell: str) -> None:
    assert "fail-if-slower" in completion({"local": ("tests", "LocalSettings")}, [shell])


@pytest.mark.parametrize("words", [[], ["tcl"], ["bash", "zsh"]], ids=["none", "another", "two"])
def test_an_unknown_shell_is_one_line(words: Sequence[str]) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"^completion needs one shell: bash, zsh, fish; see bootstrap-monitor completion --help",
    ):
        completion({}, words)
