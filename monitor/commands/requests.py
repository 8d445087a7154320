"""`rerun`, `mark-baseline`, `pause` and `resume`: write an operator's request into the ledger of a tester.

The monitor reads the request at its next tick. The commands work wherever the volume is mounted, for example
in the pod with `kubectl exec`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from monitor.commands.local_folder import is_left
from monitor.commands.named_runs import named_image
from monitor.commands.show import folder_of
from monitor.domain.build import Build
from monitor.domain.image_reference import ImageReference
from monitor.domain.instant import time_text
from monitor.domain.run import AttemptCause, RequestKind, Run
from monitor.domain.sanitize import printable
from monitor.errors import ConfigurationError, MonitorError
from monitor.ledger import Ledger, open_existing
from monitor.ledger.codecs import COMPARISON
from monitor.ledger.status import status_of
from monitor.local.build_store import BUILDS_FOLDER, BuildStore
from monitor.output.format import SILENT_SECONDS, build_text
from monitor.settings import MarkBaselineSettings, RequestSettings, RerunSettings


def run_rerun(settings: RerunSettings) -> int:
    """Request another run, or withdraw the request."""
    folder = folder_of(settings)
    copies = folder / BUILDS_FOLDER
    with closing(open_existing(folder)) as ledger:
        if ledger.reading(COMPARISON) is not None:
            raise ConfigurationError(
                f"{folder} belongs to a comparison, which repeats runs itself: run local --compare again"
            )
        if settings.cancel:
            return _cancel_rerun(settings, ledger)
        last = ledger.last()
        if last is None:
            raise MonitorError("no run to repeat yet; the first one starts automatically")
        if settings.run_or_image == "":
            raise ConfigurationError(
                "RUN-OR-IMAGE is empty: name a run or a build, or omit it for the last build"
            )
        image = settings.run_or_image or ""
        runs = ledger.runs(-1)
        if image:
            had = ImageReference.parse(last.build.image)
            image = named_image(image, runs, had.repository)
            wanted = ImageReference.parse(image)
            if wanted.digest is None:
                raise ConfigurationError(
                    f"{image} is not pinned: name a run by its number, a build by its commit, or the image by digest"
                )
            if wanted.repository != had.repository and not copies.is_dir():
                raise ConfigurationError(
                    f"{image} is not from {had.repository}, the repository of this tester"
                )
            if not settings.unchecked and not copies.is_dir():
                from monitor.commands.image_presence import refuse_absent  # noqa: PLC0415 - only needed for an image

                refuse_absent(wanted)
        _refuse_lost_copy(copies, image or last.build.image, ledger)
        replaced = ledger.ask(RequestKind.RERUN, image, time.time())
        digest = ImageReference.parse(image or last.build.image).digest
        run = next((run for run in runs if str(run.number) == settings.run_or_image), None) or next(
            (run for run in runs if digest in run.build.digests), None
        )
        name = f"{_name(run.build, [run])}," if run else image
        instead = ""
        if replaced is not None and digest not in replaced.digests:
            instead = f", instead of the requested run of {_name(replaced, runs)},"
        print(f"{name} will be bootstrapped again{instead} {_when(last, ledger)}{_unread(folder, ledger)}")
    return 0


def _cancel_rerun(settings: RerunSettings, ledger: Ledger) -> int:
    """Withdraw the requested rerun, and report a requested run that is already starting.

    Raises:
        ConfigurationError: a build or `--unchecked` is set too.
        MonitorError: no rerun is requested.
    """
    if unused := settings.run_or_image or ("--unchecked" if settings.unchecked else ""):
        raise ConfigurationError(
            f"--cancel and {unused} cannot be combined: --cancel withdraws the requested rerun"
        )
    withdrawn, attempt, runs = ledger.withdraw_rerun(time.time()), ledger.attempt(), ledger.runs(-1)
    starting = ""
    if attempt is not None and attempt.cause is AttemptCause.REQUEST:
        name = _name(attempt.build, runs)
        starting = f"; the requested run is already starting and is not withdrawn: {name}"
    if withdrawn is None:
        raise MonitorError(f"no rerun is requested{starting}")
    print(f"withdrawn: the requested run of {_name(withdrawn, runs)}{starting}")
    return 0


def _name(build: Build, runs: Sequence[Run]) -> str:
    """Return the name of a build with its newest run; its image if it has no run."""
    run = next((run for run in runs if run.build.same(build)), None)
    return printable(f"{build_text(run.build)}, the build of run {run.number}") if run else build.image


def _when(last: Run, ledger: Ledger) -> str:
    """Return when a requested run starts if a monitor reads the request."""
    if not last.open:
        return "once the tester is resumed" if ledger.paused() else "at the next poll"
    paused = "; the tester is paused, so this run also waits for resume" if ledger.paused() else ""
    return f"once the open run {last.number} has ended{paused}"


def _unread(folder: Path, ledger: Ledger) -> str:
    """Return that no monitor reads the request, and until when; empty if one does, or if that is unknown."""
    if is_left(folder):
        return f"; local is not running in {folder}, so this run also waits until you start it again"
    now = time.time()
    tick_at = status_of(ledger.snapshot(1), now).tick_at
    if tick_at is None or now - tick_at <= SILENT_SECONDS:
        return ""
    return f"; the monitor has been silent since {time_text(tick_at)}, so this run also waits until it works again"


def _refuse_lost_copy(folder: Path, image: str, ledger: Ledger) -> None:
    """Raise if `local` has no copy of the build, as only copies can run again."""
    if not folder.is_dir():
        return
    kept = BuildStore(folder).kept()
    if ImageReference.parse(image).digest in kept:
        return
    builds = [ledger.build_of(frozenset({digest})) for digest in kept]
    names = [build_text(build) if build else digest for build, digest in zip(builds, kept, strict=True)]
    raise ConfigurationError(
        f"no copy of {image} is left: name one of the builds that have a copy ({', '.join(names) or 'none'}), or run "
        "local with that program again"
    )


def run_mark_baseline(settings: MarkBaselineSettings) -> int:
    """Request that baselines use only the runs from a given one on."""
    with closing(open_existing(folder_of(settings))) as ledger:
        last = ledger.last()
        following = last.number + 1 if last else 1
        first = settings.from_run or following
        if first > following:
            raise ConfigurationError(f"run {first} does not exist yet: the next run is {following}")
        ledger.ask(RequestKind.MARK_BASELINE, str(first), time.time())
    if first == 1:
        print("baselines use all runs")
    else:
        print(f"baselines use run {first} and later runs; earlier runs are no longer compared")
    return 0


def run_pause(settings: RequestSettings) -> int:
    """Request that the tester takes no new builds."""
    with closing(open_existing(folder_of(settings))) as ledger:
        ledger.ask(RequestKind.PAUSE, "", time.time())
    print("paused: an open run continues, and no other run starts until resume")
    return 0


def run_resume(settings: RequestSettings) -> int:
    """Request that the tester takes new builds again."""
    with closing(open_existing(folder_of(settings))) as ledger:
        ledger.ask(RequestKind.RESUME, "", time.time())
    print("resumed")
    return 0
