"""The commands of docs/tutorial.md, run as written, deliver an alert and then find a working build.

A comment before a block says how to run it: `by hand` means that it is skipped, `keeps running` that it
runs in the background until the end. Only the ports are replaced, with free ones.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import tools
from servers.alertmanager import command_of
from servers.conftest import found
from servers.prometheus import Prometheus
from support.local_life import environment
from support.simulated_builds import TIMEOUT_SECONDS, eventually, free_port, processes_of

from monitor.domain.run import Outcome, Reason
from monitor.ledger import open_read_only

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"(?:^<!-- (?P<how>[a-z ]+) -->\n)?^```sh\n(?P<commands>.*?)^```$", re.DOTALL | re.MULTILINE
)
BY_HAND, KEEPS_RUNNING = "by hand", "keeps running"
# The time limit of a block, which allows for a busy machine.
BLOCK_SECONDS = 120.0
PORTS = ("9641", "9099", "9098", "9097")
# Debian's version, which the page installs.
VERSION = "2.42"


@dataclass(frozen=True)
class Block:
    """The commands of one fenced block; `how` is empty if they run in sequence."""

    how: str
    commands: str


def blocks() -> list[Block]:
    """Return the blocks of the page, in order."""
    text = PAGE.read_text(encoding="utf-8")
    return [Block(each["how"] or "", each["commands"]) for each in BLOCK.finditer(text)]


def clone(folder: Path) -> Path:
    """Create a folder with the parts of a clone that the commands need, and return it.

    The commands leave the real clone unchanged.
    """
    folder.mkdir()
    for name in ("monitor", "simulated_node", "alerts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@dataclass
class Story:
    """The commands of one reader: their folder, and their output."""

    folder: Path
    path: str
    ports: Mapping[str, int]
    running: ExitStack
    output: str = ""

    def run(self, block: Block) -> None:
        """Run a block as its marker says, or skip it."""
        commands = block.commands
        for port, free in self.ports.items():
            commands = commands.replace(port, str(free))
        if block.how == KEEPS_RUNNING:
            self.running.enter_context(self._start(commands))
        elif block.how != BY_HAND:
            done = self._done(commands)
            self.output += f"{done.stdout}{done.stderr}"
            assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}\n{self.logs()}"

    def _done(self, commands: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                ["sh", "-e", "-c", commands],
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=BLOCK_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            pytest.fail(f"not done within {BLOCK_SECONDS} s:\n{commands}\n{self.logs()}", pytrace=False)

    def logs(self) -> str:
        """Return the output of the commands that run in the background."""
        return "\n".join(log.read_text() for log in sorted(self.folder.glob("log-*")))

    def _start(self, commands: str) -> ExitStack:
        number = len([*self.folder.glob("log-*")])
        log = (self.folder / f"log-{number}").open("w")
        process = subprocess.Popen(
            ["sh", "-c", f"exec {commands}"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack = ExitStack()
        stack.callback(log.close)
        stack.callback(ended, process)
        return stack

    def _environment(self) -> dict[str, str]:
        return environment() | {"PATH": self.path}


def ended(process: subprocess.Popen[bytes]) -> None:
    """Stop a process as Ctrl-C does."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(TIMEOUT_SECONDS)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Yield a reader with the servers on the PATH; check afterwards that no process of the tutorial runs."""
    folder = clone(tmp_path / "clone")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "prometheus").symlink_to(found(tools.PROMETHEUS[VERSION]))
    (programs / "promtool").symlink_to(found(tools.PROMTOOL[VERSION]))
    alertmanager = found(tools.ALERTMANAGER)
    (programs / "amtool").symlink_to(alertmanager.with_name("amtool"))
    wrapper = programs / "prometheus-alertmanager"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(command_of(alertmanager))} "$@"\n')
    wrapper.chmod(0o755)
    path = os.pathsep.join((str(programs), str(Path(sys.prefix) / "bin"), os.environ["PATH"]))
    with ExitStack() as running:
        yield Story(folder, path, {port: free_port() for port in PORTS}, running)
    assert not processes_of(str(folder / "tutorial"))


def test_it_ends_with_an_alert_and_a_build_that_works(story: Story) -> None:
    *steps, clean_up = blocks()
    for block in steps:
        story.run(block)

    with closing(open_read_only(story.folder / "tutorial" / "data")) as ledger:
        succeeded, confirming, failed = ledger.runs(10)
        evidence = ledger.evidence(failed.number)
    for run in (failed, confirming):
        assert (run.outcome, run.reason) == (Outcome.FAILED, Reason.STALLED), run.message
    assert succeeded.outcome is Outcome.SUCCEEDED
    assert evidence is not None
    assert evidence.text.splitlines()[-1] in story.output
    assert re.search(
        r"^⚠ run 7 took .*: suspected\n  slower since run 7 of .*last good: run 6", story.output, re.MULTILINE
    )
    assert "exit code 1\n" in story.output
    prometheus = Prometheus(VERSION, f"http://127.0.0.1:{story.ports['9099']}")
    assert prometheus.firing() == {"BootstrapFailed"}
    delivered = r"^firing BootstrapFailed tutorial \(fuji, c-chain-state-sync\): run 1 failed: stalled: "
    eventually(
        lambda: bool(re.search(delivered, story.logs(), re.MULTILINE)),
        f"the receiver prints the alert:\n{story.logs()}",
        TIMEOUT_SECONDS,
    )
    story.running.close()
    story.run(clean_up)
    assert not (story.folder / "tutorial").exists()


def test_the_text_names_the_steps_that_the_reader_does_by_hand() -> None:
    """Only this test reads the markers, so readers of the page need the words."""
    marked = [each.how for each in blocks()]

    assert set(marked) == {"", BY_HAND, KEEPS_RUNNING}
    assert marked.count(BY_HAND) == len(
        re.findall(r"^\*By hand: ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.commands.split("\n")[0][:40])
def test_a_block_is_what_a_shell_takes(block: Block) -> None:
    done = subprocess.run(["sh", "-n", "-c", block.commands], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
