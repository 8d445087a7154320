"""`local --compare OLD NEW`: runs two builds alternately and reports which one bootstraps faster."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from rich.console import Console

from monitor.commands.comparison_runs import ComparisonRuns, Plan
from monitor.commands.local_folder import configuration_of_node, exclusively, usual_folder, with_folder
from monitor.commands.local_session import RESUME_HINT, LocalSession
from monitor.commands.signals import INTERRUPTED
from monitor.commands.startup import opened_ledger, tried
from monitor.domain.build import Build
from monitor.domain.compared_pair import NEW, OLD, pair_json
from monitor.domain.comparison import Comparison, Difference, compared
from monitor.domain.json_text import JsonObject, json_text
from monitor.domain.observations import DataState
from monitor.engine.clock import SystemClock
from monitor.engine.volume import Volume
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import Ledger
from monitor.ledger.codecs import COMPARISON
from monitor.local.build_store import (
    BUILDS_FOLDER,
    BuildStore,
    FileSource,
    content_digest,
    program_path,
    refuse_mistakes,
)
from monitor.output.comparison_json import comparison_json
from monitor.output.format import build_text
from monitor.output.terminal_comparison import Compared, comparison_table, comparison_text, failures_text
from monitor.settings import Duration, LocalSettings

# A duration is only as precise as the health checks are frequent; a long soak adds nothing to a comparison.
_INTERVALS = {
    "health_check_interval": Duration(1),
    "soak": Duration(30),
    "image_check_interval": Duration(1),
    "disk_check_interval": Duration(30),
}


def run_comparison(settings: LocalSettings, old: Path, arguments: Sequence[str]) -> int:
    """Bootstrap both builds alternately until each has the requested number of runs, and compare them."""
    if not settings.debug:
        logging.getLogger("monitor").setLevel(logging.WARNING)  # there are dozens of results
    session, paths = LocalSession(has_result_of_its_own=True), (old, settings.build)
    digests, names = [content_digest(path) for path in paths], [program_path(path) for path in paths]
    if digests[0] == digests[1]:
        raise ConfigurationError(
            f"{names[0]} and {names[1]} are the same program: compare two different builds"
        )
    for path in paths:
        refuse_mistakes(path, arguments)
    configuration = configuration_of_node(settings, arguments, os.environ)
    usual = usual_folder(configuration, os.environ)
    suffix = "-".join(digest.removeprefix("sha256:")[:8] for digest in digests)
    if not settings.tester:
        settings = settings.model_copy(update={"tester": " against ".join(names)})
    settings = with_folder(
        _with_short_intervals(settings), usual.parent / "comparisons" / f"{usual.name}-{suffix}"
    )
    with (
        exclusively(settings.data_dir),
        closing(opened_ledger(settings.data_dir, session.stopping)) as ledger,
    ):
        old_and_new = ((names[0], digests[0]), (names[1], digests[1]))
        pair = pair_json(*old_and_new, settings.runs, configuration.settings_digest, settings.testbed)
        reported_runs = _claim(ledger, settings, pair)
        builds = [_stored_build(session, settings, path) for path in paths]
        plan = Plan(builds[0], builds[1], settings.runs, configuration, settings.testbed)
        _refuse_other_builds(ledger, plan, settings.data_dir)
        _mark(ledger, settings, pair, reported_runs)
        comparison = ComparisonRuns(plan, ledger, session.stopping, settings.stall_timeout)
        session.console.print(
            f"{OLD} is {names[0]}, {NEW} is {names[1]}; {settings.runs} runs of each", soft_wrap=True
        )
        comparison.advance()
        if comparison.due() is not None and comparison.failure is None:
            try:
                session.watch(settings, arguments, comparison)
            except MonitorError as error:
                comparison.failure = error
        if comparison.failure is not None:
            with suppress(MonitorError):  # a full volume must not hide the failure
                _mark(ledger, settings, {**pair, "failure": str(comparison.failure)}, reported_runs)
            raise comparison.failure
        if comparison.due() is not None:
            session.console.print(RESUME_HINT)
            return INTERRUPTED
        last = ledger.last()
        if last is None or not last.open:  # a run with other arguments may be open
            Volume(settings.data_dir).clear()  # no longer needed, and large
        results = [
            Compared(plan.name_of(build), comparison.counted(build), comparison.failed(build))
            for build in (plan.old, plan.new)
        ]
        difference = compared(results[0].durations, results[1].durations)
        result = comparison_text(difference).plain
        _mark(ledger, settings, {**pair, "result": result}, reported_runs=settings.runs)
        return _report_result(settings, results, difference)


def _with_short_intervals(settings: LocalSettings) -> LocalSettings:
    """Return the settings with the intervals of a comparison where the user set none."""
    changed = {name: value for name, value in _INTERVALS.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=changed)


def _stored_build(session: LocalSession, settings: LocalSettings, path: Path) -> Build:
    """Return a build after copying it, so that its file may change during the comparison."""
    store = BuildStore(settings.data_dir / BUILDS_FOLDER)
    source = FileSource(path, store)
    return tried(source.newest, session.stopping.wait)


def _claim(ledger: Ledger, settings: LocalSettings, pair: JsonObject) -> int | None:
    """Claim an empty folder for this comparison, or verify that it is one's: its data will be deleted.

    Return the number of runs of the reported result; `None` before a result. Only an empty folder is changed,
    because a check that follows may refuse the folder of a comparison.

    The error rate of the result holds only for a number of runs that is fixed in advance. Choosing another
    number after seeing a result would bias the comparison.

    Raises:
        ConfigurationError: the folder has a tester's runs or data, or a result of another number of runs was
            reported.
    """
    data_dir, mark = settings.data_dir, ledger.reading(COMPARISON)
    if mark is None:
        if ledger.known() or Volume(data_dir).node_data().state is DataState.PRESENT:
            raise ConfigurationError(
                f"{data_dir} has runs or a node's data of another tester, which a comparison would delete: "
                "use another --data-dir"
            )
        _mark(ledger, settings, pair, reported_runs=None)
        return None
    reported_runs: int | None = mark.value["told_runs"]
    if reported_runs not in {None, settings.runs}:
        raise ConfigurationError(
            f"--runs {settings.runs}: the comparison in {data_dir} has already reported its result for {reported_runs} "
            f"runs; a result after more or fewer runs would be biased. Use --runs {reported_runs} to see it again, or "
            "another --data-dir for a new comparison"
        )
    return reported_runs


def _mark(ledger: Ledger, settings: LocalSettings, pair: JsonObject, reported_runs: int | None) -> None:
    """Record that the folder belongs to a comparison of a pair, and the runs of its reported result."""
    reading = {**pair, "told_runs": reported_runs}
    ledger.record(SystemClock()(), settings.testbed, readings={COMPARISON: reading})


def _refuse_other_builds(ledger: Ledger, plan: Plan, data_dir: Path) -> None:
    """Raise if the folder has runs of another build, as each comparison has its own folder.

    Raises:
        ConfigurationError: there are runs of another build.
    """
    for run in ledger.runs(-1):
        if not run.build.same(plan.old) and not run.build.same(plan.new):
            raise ConfigurationError(
                f"{data_dir} has runs of another build, {build_text(run.build)}, which is not compared here: "
                "use another --data-dir"
            )


def _report_result(settings: LocalSettings, results: Sequence[Compared], difference: Comparison) -> int:
    """Print the results of the old and the new build and their difference, and return the exit code."""
    old, new = results
    if settings.json_output:
        print(json_text(comparison_json(old, new, difference), indent=2))
        return _exit_code(settings, difference)
    console = Console(highlight=False)
    console.print(comparison_table((old, new)))
    console.print(comparison_text(difference), soft_wrap=True)
    if old.failed or new.failed:
        console.print(failures_text((old, new)), soft_wrap=True)
    return _exit_code(settings, difference)


def _exit_code(settings: LocalSettings, difference: Comparison) -> int:
    return int(settings.fail_if_slower and difference.difference is Difference.SLOWER)
