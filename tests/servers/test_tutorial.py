"""The commands of docs/tutorial.md, run as they stand there, bring about an alert, and then a build that works.

A comment before a block tells how it is run: `by hand` not at all, `keeps running` in the background until the end.
Ports are replaced by free ones, as nothing else is.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import tools
from servers.conftest import found
from servers.prometheus import Prometheus
from support.local_life import environment
from support.simulated_builds import PATIENCE_SECONDS, free_port, processes_of

from monitor.domain.run import Outcome, Reason
from monitor.ledger import open_read_only

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"(?:^<!-- (?P<how>[a-z ]+) -->\n)?^```sh\n(?P<commands>.*?)^```$", re.DOTALL | re.MULTILINE
)
BY_HAND, KEEPS_RUNNING = "by hand", "keeps running"
# What the page has to bring about, on a machine that may have other things to do.
BLOCK_SECONDS = 120.0
PORTS = ("9641", "9099")
# What Debian has, which is what the page installs.
VERSION = "2.42"


@dataclass(frozen=True)
class Block:
    """Commands between fences; `how` is empty where they are run one after the other."""

    how: str
    commands: str


def blocks() -> list[Block]:
    """Those of the page, in their order."""
    text = PAGE.read_text(encoding="utf-8")
    return [Block(each["how"] or "", each["commands"]) for each in BLOCK.finditer(text)]


def clone(folder: Path) -> Path:
    """What the commands need of a clone, so that they leave nothing in this one."""
    folder.mkdir()
    for name in ("monitor", "alerts"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@dataclass
class Story:
    """The commands of one reader: where they are run, and what they have said."""

    folder: Path
    path: str
    ports: Mapping[str, int]
    running: ExitStack
    said: str = ""

    def run(self, block: Block) -> None:
        """Run a block as its marker says, or leave it."""
        commands = block.commands
        for port, free in self.ports.items():
            commands = commands.replace(port, str(free))
        if block.how == KEEPS_RUNNING:
            self.running.enter_context(self._begun(commands))
        elif block.how != BY_HAND:
            done = self._done(commands)
            self.said += f"{done.stdout}{done.stderr}"
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
        """What the commands that keep running have said."""
        return "\n".join(log.read_text() for log in sorted(self.folder.glob("log-*")))

    def _begun(self, commands: str) -> ExitStack:
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
    """As by Ctrl-C."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A reader with Prometheus on the PATH; nothing of theirs runs on afterwards."""
    folder = clone(tmp_path / "clone")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "prometheus").symlink_to(found(tools.PROMETHEUS[VERSION]))
    (programs / "promtool").symlink_to(found(tools.PROMTOOL[VERSION]))
    path = os.pathsep.join((str(programs), str(Path(sys.prefix) / "bin"), os.environ["PATH"]))
    with ExitStack() as running:
        yield Story(folder, path, {port: free_port() for port in PORTS}, running)
    assert not processes_of(str(folder / "tutorial"))


def test_it_ends_with_an_alert_and_a_build_that_works(story: Story) -> None:
    *told, clean_up = blocks()
    for block in told:
        story.run(block)

    with closing(open_read_only(story.folder / "tutorial" / "data")) as ledger:
        succeeded, failed = ledger.runs(10)
        evidence = ledger.evidence(failed.number)
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, Reason.STALLED), failed.message
    assert succeeded.outcome is Outcome.SUCCEEDED
    assert evidence is not None
    assert evidence.text.splitlines()[-1] in story.said
    prometheus = Prometheus(VERSION, f"http://127.0.0.1:{story.ports['9099']}")
    assert prometheus.firing() == {"BootstrapFailed"}
    story.running.close()
    story.run(clean_up)
    assert not (story.folder / "tutorial").exists()


def test_what_is_left_to_the_reader_is_said_so_in_the_text() -> None:
    """A marker is read by this test alone: who reads the page needs the words."""
    marked = [each.how for each in blocks()]

    assert set(marked) == {"", BY_HAND, KEEPS_RUNNING}
    assert marked.count(BY_HAND) == len(
        re.findall(r"^\*By hand: ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.commands.split("\n")[0][:40])
def test_a_block_is_what_a_shell_takes(block: Block) -> None:
    done = subprocess.run(["sh", "-n", "-c", block.commands], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
