"""`local`: a tester without Kubernetes, for the person who works on a node."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

from monitor.commands.local_call import GOES_ON, Call
from monitor.commands.local_folder import configuration_of_node, exclusively, usual_folder, with_folder
from monitor.commands.patience import patiently_opened, tried
from monitor.commands.signals import INTERRUPTED
from monitor.errors import ConfigurationError
from monitor.ledger import Ledger
from monitor.model import Build, Outcome, Run
from monitor.platforms.builds import BUILDS_FOLDER, BuildStore, FileSource
from monitor.settings import LocalSettings
from monitor.terminal import result_text


def run_local(settings: LocalSettings, arguments: Sequence[str]) -> int:
    """Bootstrap a build, and each that replaces it, until interrupted; or until what was asked for is known."""
    if settings.compare is not None:
        if settings.until is not None:
            raise ConfigurationError("--until and --compare do not go together: --compare ends by itself")
        from monitor.commands.compare import run_comparison  # noqa: PLC0415 - for those who ask for it

        return run_comparison(settings, settings.compare, arguments)
    FileSource(settings.build, BuildStore(settings.data_dir)).check()
    call = Call()
    configuration = configuration_of_node(settings, arguments, os.environ)
    settings = with_folder(settings, usual_folder(configuration, os.environ))
    source = FileSource(settings.build, BuildStore(settings.data_dir / BUILDS_FOLDER))
    with exclusively(settings.data_dir):
        if settings.until is not None:
            return _until_verdict(call, settings, arguments, source)
        call.watch(settings, arguments, source)
        call.console.print(GOES_ON)
    return 0


def _until_verdict(call: Call, settings: LocalSettings, arguments: Sequence[str], source: FileSource) -> int:
    """0 once the build has succeeded, 1 once it has failed; what the ledger knows already is not done again."""
    build = tried(source.newest, call.stopping.wait)
    with closing(patiently_opened(settings.data_dir, call.stopping)) as ledger:
        run = verdict(ledger, build)
        if run is not None:
            call.console.print(result_text(run), soft_wrap=True)
            call.console.print("known from before: rerun has the build bootstrapped once more")
            return _exit_code(call, settings, run)

        def end_with_verdict() -> None:
            if verdict(ledger, build) is not None:
                call.stopping.set()

        call.watch(settings, arguments, source, end_with_verdict)
        run = verdict(ledger, build)
    if run is None:
        call.console.print(GOES_ON)
        return INTERRUPTED
    return _exit_code(call, settings, run)


def verdict(ledger: Ledger, build: Build) -> Run | None:
    """The newest run of a build, if that has succeeded or failed and no other one of it is on its way."""
    requested, attempt = ledger.requested(), ledger.attempt()
    if (requested and requested.same(build)) or (attempt and attempt.build.same(build)):
        return None
    run = next((run for run in ledger.runs(-1) if run.build.same(build)), None)
    return run if run is not None and run.outcome in {Outcome.SUCCEEDED, Outcome.FAILED} else None


def _exit_code(call: Call, settings: LocalSettings, run: Run) -> int:
    if run.outcome is Outcome.SUCCEEDED:
        return 0
    where = f"history --run {run.number} --data-dir {settings.data_dir}"
    call.console.print(f"{where} shows what its node said last", soft_wrap=True)
    return 1
