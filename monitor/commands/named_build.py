"""The build that a user names in `rerun`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from monitor.domain.build import Build
from monitor.domain.run import Run
from monitor.domain.sanitize import printable
from monitor.errors import ConfigurationError
from monitor.output.format import build_text

_HEXADECIMAL = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")
_DIGEST_CHARACTERS = 64


def named_image(text: str, runs: Sequence[Run], repository: str) -> str:
    """Return the image of a build.

    Args:
        text: a run's number, the first characters of a digest or a commit, or an image, which is returned
            unchanged.
        runs: the runs of the tester, newest first.
        repository: the repository of an image that no run has.

    Raises:
        ConfigurationError: no run has the number, the digest or the commit, or several builds match.
    """
    numbered = next((run for run in runs if str(run.number) == text), None)
    if numbered is not None:
        return numbered.build.image
    match = _HEXADECIMAL.fullmatch(text.lower())
    if match is None and not text.isdecimal():
        return text
    beginning = match[1] if match else text
    newest: dict[frozenset[str], Run] = {}
    for run in runs:
        if any(name.startswith(beginning) for name in _names(run.build)):
            newest.setdefault(run.build.digests, run)
    match list(newest.values()):
        case [run]:
            return run.build.image
        case []:
            if len(beginning) == _DIGEST_CHARACTERS:
                return f"{repository}@sha256:{beginning}"
            what = f"run {text} not found" if text.isdecimal() else f"no run has a build {text}"
            raise ConfigurationError(f"{what}: history lists the existing runs")
        case several:
            builds = ", ".join(f"run {run.number} of {printable(build_text(run.build))}" for run in several)
            raise ConfigurationError(f"{text} matches several builds: name one by its run: {builds}")


def _names(build: Build) -> Iterable[str]:
    yield from (digest.removeprefix("sha256:") for digest in build.digests)
    yield build.commit
