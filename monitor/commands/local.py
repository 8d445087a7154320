"""`local`: a tester without Kubernetes, for developers of a node."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from rich.text import Text

from monitor.avalanchego.node_config import NodeConfiguration
from monitor.commands.local_folder import (
    configuration_of_node,
    exclusively,
    refuse_folder_of_others,
    usual_folder,
    with_folder,
)
from monitor.commands.local_session import RESUME_HINT, LocalSession
from monitor.commands.own_command import own_command
from monitor.commands.signals import INTERRUPTED
from monitor.commands.startup import opened_ledger, tried
from monitor.domain.run import Outcome, Run
from monitor.errors import BuildFailedError, ConfigurationError, InconclusiveError, MonitorError
from monitor.ledger import Ledger
from monitor.local.build_store import BUILDS_FOLDER, BuildStore, FileSource, refuse_mistakes
from monitor.output.terminal import ResultPrinter, result_text
from monitor.output.verdict_text import is_slower, not_compared_text, worse_lines
from monitor.settings import LocalSettings


def run_local(settings: LocalSettings, arguments: Sequence[str]) -> int:
    """Bootstrap a build and its replacements until interrupted, or until `--until` or `--compare` ends."""
    _refuse_flags_without_use(settings)
    if not settings.debug:
        # The reporter shows each decision and each result.
        logging.getLogger("monitor.engine.loop").addFilter(lambda record: not hasattr(record, "rule"))
    if settings.until is None and settings.compare is None:
        return _run(settings, arguments)
    with _code_1_is_for_builds():
        if settings.compare is None:
            return _run(settings, arguments)
        from monitor.commands.compare import run_comparison  # noqa: PLC0415 - only needed with --compare

        return run_comparison(settings, settings.compare, arguments)


@contextmanager
def _code_1_is_for_builds() -> Iterator[None]:
    """Turn other errors into `InconclusiveError`, as scripts take exit code 1 for a failure of the build."""
    try:
        yield
    except MonitorError as error:
        if error.exit_code != MonitorError.exit_code or isinstance(error, BuildFailedError):
            raise
        raise InconclusiveError(str(error)) from error
    except Exception as error:
        raise InconclusiveError(f"unexpected {type(error).__name__}: {error}; --debug shows where") from error


def _run(settings: LocalSettings, arguments: Sequence[str]) -> int:
    refuse_mistakes(settings.build, arguments)
    session = LocalSession()
    configuration = configuration_of_node(settings, arguments, os.environ)
    settings = with_folder(settings, usual_folder(configuration, os.environ))
    with exclusively(settings.data_dir):
        refuse_folder_of_others(settings.data_dir, configuration, session.stopping)
        if settings.until is not None:
            return _until_verdict(session, settings, configuration, arguments)
        session.watch(settings, arguments)
        session.console.print(RESUME_HINT)
    return 0


def _refuse_flags_without_use(settings: LocalSettings) -> None:
    """Raise for flags that have no effect, so that a script that lost a flag fails early.

    Raises:
        ConfigurationError: the flags cannot be combined, or one requires another.
    """
    if settings.compare is None:
        if settings.again and settings.until is None:
            raise ConfigurationError("--again requires --until succeeded")
        if "runs" in settings.model_fields_set:
            raise ConfigurationError("--runs requires --compare OLD")
        if settings.json_output:
            raise ConfigurationError("--json requires --compare OLD; history --json shows the runs")
        if settings.fail_if_slower and settings.until is None:
            raise ConfigurationError("--fail-if-slower requires --until succeeded or --compare OLD")
    elif settings.until is not None:
        raise ConfigurationError("--until and --compare cannot be combined: --compare ends without --until")
    elif settings.again:
        raise ConfigurationError(
            "--again and --compare cannot be combined: use another --data-dir to compare again"
        )
    elif settings.retest_after is not None:
        raise ConfigurationError(
            "--retest-after and --compare cannot be combined: --compare ends after its runs"
        )


def _until_verdict(
    session: LocalSession,
    settings: LocalSettings,
    configuration: NodeConfiguration,
    arguments: Sequence[str],
) -> int:
    """Return 0 if the build succeeded and 1 if it failed; reuse a verdict that the ledger already has."""
    from monitor.commands.until import Until, Wanted  # noqa: PLC0415 - only needed with --until

    source = FileSource(settings.build, BuildStore(settings.data_dir / BUILDS_FOLDER))
    build = tried(source.newest, session.stopping.wait)
    with closing(opened_ledger(settings.data_dir, session.stopping)) as ledger:
        until = Until(
            Wanted(build, configuration, settings.testbed),
            ledger,
            session.stopping,
            settings.stall_timeout,
            again=settings.again,
        )
        run = until.verdict()
        if run is not None:
            results = ResultPrinter(session.console)
            results.print(result_text(run))
            for line in worse_lines(run, ledger.verdicts_of(run)):
                results.print(Text(line))
            session.console.print("result of an earlier run; use --again to bootstrap the build again")
            return _exit_code(session, settings, run, ledger)
        until.advance()  # request a run now, as no job does so yet
        if until.failure is None:
            session.watch(settings, arguments, until)
        if until.failure is not None:
            raise until.failure
        run = until.verdict() or until.obstacle()
        if run is None:
            session.console.print(RESUME_HINT)
            return INTERRUPTED
        return _exit_code(session, settings, run, ledger)


def _exit_code(session: LocalSession, settings: LocalSettings, run: Run, ledger: Ledger) -> int:
    if run.outcome is Outcome.SUCCEEDED:
        return _exit_code_by_speed(session, run, ledger) if settings.fail_if_slower else 0
    history = own_command("history", "--run", run.number, "--data-dir", settings.data_dir)
    session.console.print(f"this command shows the details of the run:\n  {history}", soft_wrap=True)
    if run.is_conclusive:
        return 1
    session.console.print(
        f"{run.reason} is caused by this machine or the command line, not by the build: fix it, and run the same "
        "command again",
        soft_wrap=True,
    )
    return InconclusiveError.exit_code


def _exit_code_by_speed(session: LocalSession, run: Run, ledger: Ledger) -> int:
    """Return 1 if a success is slower than the runs before it allow, and 0 if it is not or too few are known."""
    verdicts = ledger.verdicts_of(run)
    if reason := not_compared_text(run, verdicts):
        session.console.print(f"run {run.number} is not compared with earlier ones: {reason}", soft_wrap=True)
    return int(is_slower(verdicts))
