"""The two builds of `local --compare`, and the runs of each so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from monitor.domain.build import Build
from monitor.domain.comparison import next_is_new
from monitor.domain.regression import Success, comparable

OLD, NEW = "OLD", "NEW"


@dataclass(frozen=True, slots=True)
class ComparedBuild:
    """One of the builds: the path of its program and its digest.

    `durations` are those of its valid runs, in seconds, and `runs` their numbers.
    """

    path: str
    digest: str
    durations: tuple[float, ...] = ()
    runs: tuple[int, ...] = ()

    @property
    def mean_seconds(self) -> float | None:
        """Mean duration, as the result of the comparison reports it; `None` before the first valid run."""
        return geometric_mean(self.durations) if self.durations else None


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """The two builds, by their names `OLD` and `NEW`, and the number of runs that each of them gets.

    `result` is the reported result of the comparison, and `failure` is why it ended without one. Both are
    empty before its end.
    """

    builds: Mapping[str, ComparedBuild]
    runs: int
    result: str = ""
    failure: str = ""

    @property
    def next_text(self) -> str:
        """What the comparison does after the newest run: the next run, its result, or why it has none."""
        if self.result:
            return f"comparison finished: {self.result}"
        if self.failure:
            return f"comparison ended without a result: {self.failure}"
        old_runs, new_runs = (len(self.builds[name].durations) for name in (OLD, NEW))
        is_new = next_is_new(self.runs, old_runs, new_runs)
        if is_new is None:
            return "all runs have ended"
        name, done = (NEW, new_runs) if is_new else (OLD, old_runs)
        return f"next: {name} {done + 1}/{self.runs}"

    @property
    def progress_text(self) -> str:
        """How many of the runs of each build have ended."""
        runs = (f"{name} {len(build.durations)} of {self.runs}" for name, build in self.builds.items())
        return f"{', '.join(runs)} runs"

    def name_of(self, build: Build) -> str:
        """Return the name of a build; empty if it is not one of the pair."""
        return next((name for name, one in self.builds.items() if one.digest in build.digests), "")


def pair_json(
    old: tuple[str, str], new: tuple[str, str], runs: int, settings_digest: str, testbed: str
) -> dict[str, Any]:
    """Return the pair as the ledger stores it; each build is its path and its digest.

    The runs of the comparison have this digest of the node's settings, and this testbed.
    """
    return {
        "runs": runs,
        "settings_digest": settings_digest,
        "testbed": testbed,
        OLD: {"path": old[0], "digest": old[1]},
        NEW: {"path": new[0], "digest": new[1]},
    }


def pair_of(value: Mapping[str, Any] | None, successes: Iterable[Success]) -> ComparedPair | None:
    """Return the stored pair with its runs so far; `None` if nothing is stored, or an older monitor stored it.

    A folder may also have runs with other node arguments or of another testbed, which are not counted. If an
    older monitor stored neither, all runs are counted.
    """
    if value is None or not {"runs", OLD, NEW} <= value.keys():
        return None
    runs = [
        success.run
        for success in successes
        if comparable(success)
        and value.get("settings_digest", success.run.settings_digest) == success.run.settings_digest
        and value.get("testbed", success.run.testbed) == success.run.testbed
    ]
    builds = {}
    for name in (OLD, NEW):
        path, digest = value[name]["path"], value[name]["digest"]
        counted = [run for run in runs if digest in run.build.digests][: value["runs"]]
        builds[name] = ComparedBuild(
            path,
            digest,
            tuple(run.duration_seconds for run in counted if run.duration_seconds is not None),
            tuple(run.number for run in counted),
        )
    return ComparedPair(builds, value["runs"], value.get("result", ""), value.get("failure", ""))
