"""The operator commands of the monitor, as functions that tests call."""

from __future__ import annotations

from pathlib import Path

from monitor.commands.requests import run_pause, run_rerun, run_resume
from monitor.commands.show import run_history, run_status
from monitor.settings import HistorySettings, RequestSettings, RerunSettings, StatusSettings


def rerun(data_dir: Path, image: str | None = None, *, unchecked: bool = True) -> int:
    """Run `rerun`; by default without asking a registry, as most tests have none."""
    return run_rerun(RerunSettings(data_dir=data_dir, run_or_image=image, unchecked=unchecked))


def cancel_rerun(data_dir: Path, image: str | None = None, *, unchecked: bool = False) -> int:
    """Run `rerun --cancel`."""
    return run_rerun(RerunSettings(data_dir=data_dir, run_or_image=image, unchecked=unchecked, cancel=True))


def pause(data_dir: Path) -> int:
    """Run `pause`."""
    return run_pause(RequestSettings(data_dir=data_dir))


def resume(data_dir: Path) -> int:
    """Run `resume`."""
    return run_resume(RequestSettings(data_dir=data_dir))


def status(data_dir: Path, *, json_output: bool = False) -> int:
    """Run `status`."""
    return run_status(StatusSettings(data_dir=data_dir, json=json_output))


def history(data_dir: Path, *, json_output: bool = False, run: int | str | None = None) -> int:
    """Run `history`."""
    name = None if run is None else str(run)
    return run_history(HistorySettings(data_dir=data_dir, json=json_output, run=name))
