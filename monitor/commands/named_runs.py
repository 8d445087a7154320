"""The runs that a user names in `rerun` and `history --run`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from monitor.domain.build import Build
from monitor.domain.run import Run
from monitor.domain.sanitize import printable
from monitor.errors import ConfigurationError, MonitorError
from monitor.output.format import build_text

_HEXADECIMAL = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})")
# An image that is pinned has an @, so such a word can only be meant as a commit or a digest.
_BARE_WORD = re.compile(r"(?:sha256:)?[0-9a-z]*")
_DIGEST_CHARACTERS = 64
_MIN_COMMIT_DIGITS = 7  # fewer digits alone are always the number of a run
_SEVERAL_SHOWN = 5


def named_image(text: str, runs: Sequence[Run], repository: str) -> str:
    """Return the image of a build.

    Args:
        text: a run's number, the first characters of a digest or a commit, or an image, which is returned
            unchanged.
        runs: the runs of the tester, newest first.
        repository: the repository of an image that no run has.

    Raises:
        ConfigurationError: no run has the number, the digest or the commit, several builds match, or the text
            is none of these.
    """
    match = _HEXADECIMAL.fullmatch(text.lower())
    if match is None and not _is_number(text):
        if _BARE_WORD.fullmatch(text.lower()):
            raise ConfigurationError(
                f"{text} is not a run or a build: use a run's number, the first characters (at least 4) of a commit or "
                "a digest, or an image pinned by digest"
            )
        return text
    newest: dict[frozenset[str], Run] = {}
    for run in _runs_named(text, runs):
        newest.setdefault(run.build.digests, run)
    match list(newest.values()):
        case [run]:
            return run.build.image
        case [] if match is not None and len(match[1]) == _DIGEST_CHARACTERS:
            return f"{repository}@sha256:{match[1]}"
        case []:
            what = f"run {text} not found" if _is_number(text) else f"no run has a build {text}"
            raise ConfigurationError(f"{what}: {_hint(text, runs)}")
        case several:
            builds = ", ".join(f"run {run.number} of {printable(build_text(run.build))}" for run in several)
            raise ConfigurationError(f"{text} matches several builds: name one by its run: {builds}")


def run_named(text: str, runs: Sequence[Run]) -> Run:
    """Return the run with a number, or the only run of a build.

    Args:
        text: the run's number, or the first characters of a digest or a commit.
        runs: the runs of the tester, newest first.

    Raises:
        ConfigurationError: the text is neither, or several runs match.
        MonitorError: no run matches.
    """
    if not _is_number(text) and _HEXADECIMAL.fullmatch(text.lower()) is None:
        raise ConfigurationError(
            f"--run {text} is not a run: use its number, or the first characters (at least 4) of a commit or a digest"
        )
    match _runs_named(text, runs):
        case [run]:
            return run
        case []:
            what = f"run {text}" if _is_number(text) else f"a run of {text}"
            raise MonitorError(f"{what} not found: {_hint(text, runs)}")
        case several:
            numbers = ", ".join(str(run.number) for run in several[:_SEVERAL_SHOWN])
            more = len(several) - _SEVERAL_SHOWN
            numbers += f" and {more} more" if more > 0 else ""
            raise ConfigurationError(
                f"{text} was tested by several runs ({numbers}): name one by its number, such as "
                f"--run {several[0].number}"
            )


def _runs_named(text: str, runs: Sequence[Run]) -> Sequence[Run]:
    """Return the run with a number, or else the runs of builds whose digest or commit begins with a text."""
    numbered = [run for run in runs if str(run.number) == text]
    if numbered or (_is_number(text) and len(text) < _MIN_COMMIT_DIGITS):
        return numbered
    match = _HEXADECIMAL.fullmatch(text.lower())
    return [run for run in runs if match and any(name.startswith(match[1]) for name in _names(run.build))]


def _hint(text: str, runs: Sequence[Run]) -> str:
    """Return what to do if no run has the name."""
    if any(name.startswith(text) for run in runs for name in _names(run.build)):
        return f"a commit or a digest that begins with {text} needs {_MIN_COMMIT_DIGITS} characters"
    return "history lists the existing runs"


def _is_number(text: str) -> bool:
    """Return whether a text is a whole number; imported runs may have negative numbers."""
    return text.removeprefix("-").isdecimal()


def _names(build: Build) -> Iterable[str]:
    yield from (digest.removeprefix("sha256:") for digest in build.digests)
    yield build.commit
