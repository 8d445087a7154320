"""Tests that a printed command works in any folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from monitor.commands.own_command import own_command


def test_in_a_clone_the_command_works_in_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", own_command("version")], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("bootstrap-monitor ")


def test_an_installed_command_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/bootstrap-monitor", "local"])

    assert own_command("history", "--data-dir", "/a b") == "bootstrap-monitor history --data-dir '/a b'"
