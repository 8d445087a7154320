"""`local --compare OLD NEW`: which of two builds bootstraps faster, by runs of both in turns."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from monitor.commands.local_call import GOES_ON, Call
from monitor.commands.local_folder import (
    configuration_of_node,
    exclusively,
    usual_folder,
    with_folder,
)
from monitor.commands.patience import patiently_opened, tried
from monitor.commands.signals import INTERRUPTED
from monitor.commands.turns import Plan, Turns
from monitor.comparison import Difference, compared
from monitor.durations import Duration
from monitor.errors import ConfigurationError
from monitor.ledger import Ledger
from monitor.model import Build
from monitor.platforms.builds import BUILDS_FOLDER, BuildStore, FileSource, content_digest, repository_of
from monitor.settings import LocalSettings
from monitor.terminal_comparison import Compared, comparison_table, comparison_text
from monitor.volume import Volume

# A duration is as exact as the node is looked at often; whether it stays healthy is not what is asked.
_MOMENTS = {
    "health_check_interval": Duration(1),
    "soak": Duration(30),
    "image_check_interval": Duration(1),
    "disk_check_interval": Duration(30),
}


def run_comparison(settings: LocalSettings, old: Path, arguments: Sequence[str]) -> int:
    """Bootstrap both in turns until there are as many runs of each as are asked for, and compare them."""
    if not settings.debug:
        logging.getLogger("monitor").setLevel(logging.WARNING)  # results come by the dozen
    call, paths = Call(), (old, settings.build)
    digests = [content_digest(path) for path in paths]
    if digests[0] == digests[1]:
        raise ConfigurationError(
            f"{paths[0]} and {paths[1]} are the same program: there is nothing to compare"
        )
    configuration = configuration_of_node(settings, arguments, os.environ)
    usual = usual_folder(configuration, os.environ)
    pair = "-".join(digest.removeprefix("sha256:")[:8] for digest in digests)
    settings = with_folder(_looking_closely(settings), usual.parent / "comparisons" / f"{usual.name}-{pair}")
    with exclusively(settings.data_dir):
        builds = [_kept(call, settings, path) for path in paths]
        plan = Plan(builds[0], builds[1], settings.runs, configuration, settings.testbed)
        with closing(patiently_opened(settings.data_dir, call.stopping)) as ledger:
            _refuse_other_builds(ledger, plan, settings.data_dir)
            turns = Turns(plan, ledger, call.stopping)
            call.console.print(
                f"old is {old}, new is {settings.build}; {settings.runs} runs of each", soft_wrap=True
            )
            if turns.due() is not None:
                call.watch(settings, arguments, turns, turns, turns.named)
            if turns.failure is not None:
                raise turns.failure
            if turns.due() is not None:
                call.console.print(GOES_ON)
                return INTERRUPTED
            Volume(settings.data_dir).clear()  # of no use any more, and large
            return _told(settings, turns, plan)


def _looking_closely(settings: LocalSettings) -> LocalSettings:
    """The settings, with what was not asked for as a comparison needs it."""
    changed = {name: value for name, value in _MOMENTS.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=changed)


def _kept(call: Call, settings: LocalSettings, path: Path) -> Build:
    """A build, copied, so that its file may change meanwhile."""
    store = BuildStore(settings.data_dir / BUILDS_FOLDER)
    source = FileSource(path, store, repository=repository_of(settings.build))
    return tried(source.newest, call.stopping.wait)


def _refuse_other_builds(ledger: Ledger, plan: Plan, data_dir: Path) -> None:
    """A tester's folder is its own: a comparison would clear the data there.

    Raises:
        ConfigurationError: there are runs of another build.
    """
    for run in ledger.runs(-1):
        if not run.build.same(plan.old) and not run.build.same(plan.new):
            raise ConfigurationError(
                f"{data_dir} has runs of {run.build.image}, which is not compared here: give another --data-dir"
            )


def _told(settings: LocalSettings, turns: Turns, plan: Plan) -> int:
    """Print the result; the exit code."""
    old, new = (Compared(plan.name_of(build), turns.counted(build)) for build in (plan.old, plan.new))
    found = compared(old.durations, new.durations)
    console = Console(highlight=False)
    console.print(comparison_table((old, new)))
    console.print(comparison_text(found), soft_wrap=True)
    return int(settings.fail_if_slower and found.difference is Difference.SLOWER)
