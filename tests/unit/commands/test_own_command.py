"""Tests that a printed command works in any folder."""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest
from rich.console import Console
from support.builders import build
from support.recorded_runs import begin, end
from support.simulated_builds import free_port, write_build

from monitor.commands.local_tester import LocalTester
from monitor.commands.own_command import own_command
from monitor.domain.run import Reason
from monitor.ledger import open_ledger
from monitor.settings import LocalSettings


def test_in_a_clone_the_command_works_in_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", own_command("version")], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("bootstrap-monitor ")


def test_the_page_of_local_shows_a_command_that_prints_the_run(tmp_path: Path) -> None:
    data_dir, node, web = tmp_path / "a folder", free_port(), free_port()
    data_dir.mkdir()
    write_build(tmp_path / "avalanchego")
    with closing(open_ledger(data_dir)) as ledger:
        begin(ledger, build())
        end(ledger, reason=Reason.CRASHED)
    settings = LocalSettings(
        build=tmp_path / "avalanchego", data_dir=data_dir, web_listen_address=f"127.0.0.1:{web}"
    )
    arguments = ["--network-id=fuji", "--sync-mode=full", f"--http-port={node}"]
    local = LocalTester(settings, arguments, {}, Console(file=io.StringIO()), threading.Event())
    local.stopping.set()
    local.monitor.listen()
    try:
        with urlopen(f"http://127.0.0.1:{web}/") as response:
            page = response.read().decode()
    finally:
        local.monitor.run()
        local.ledger.close()
    (command,) = re.findall(r"not shown here; <code>(.*)</code> prints it", page)
    done = subprocess.run(
        ["sh", "-c", html.unescape(command)], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("run       1 · failed: crashed\n")


def test_an_installed_command_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bootstrap-monitor", "local"])

    assert own_command("history", "--data-dir", "/a b") == "bootstrap-monitor history --data-dir '/a b'"
