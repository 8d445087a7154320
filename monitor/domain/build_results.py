"""Results of the runs of one build: whether they agree, and whether they changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.domain.run import Outcome, Run

JUDGED = 2


class BuildVerdict(StrEnum):
    """Verdict on a build by its newest two conclusive runs: `FLAKY` if they differ."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FLAKY = "flaky"


@dataclass(frozen=True, slots=True)
class BuildResults:
    """The conclusive runs of one build on one network, sync mode and testbed, newest first."""

    runs: tuple[Run, ...] = ()

    @property
    def failures(self) -> int:
        """Number of runs that failed because of the build."""
        return sum(run.outcome is Outcome.FAILED for run in self.runs)

    @property
    def are_mixed(self) -> bool:
        """Whether some runs succeeded and others failed."""
        return 0 < self.failures < len(self.runs)

    @property
    def verdict(self) -> BuildVerdict | None:
        """The verdict on the build; `None` without a run."""
        failed = {run.outcome is Outcome.FAILED for run in self.runs[:JUDGED]}
        if not failed:
            return None
        if len(failed) > 1:
            return BuildVerdict.FLAKY
        return BuildVerdict.FAILED if True in failed else BuildVerdict.SUCCEEDED

    @property
    def change(self) -> tuple[Run, Run] | None:
        """The last success and the first failure, if the build always succeeded before and failed at least twice since.

        Neither the build nor the node's arguments changed between them, so the network's history or the testbed
        did. A build that failed before it succeeded is flaky: its failures show no change.
        """
        if self.verdict is not BuildVerdict.FAILED or not self.are_mixed:
            return None
        failures = self.failures
        succeeded, failed = self.runs[failures], self.runs[failures - 1]
        is_split = all(run.outcome is Outcome.SUCCEEDED for run in self.runs[failures:])
        return (
            (succeeded, failed) if is_split and succeeded.settings_digest == failed.settings_digest else None
        )

    def success_before(self, failure: Run) -> Run | None:
        """Return the last success of the build if `failure` is one of the failures since a `change`.

        A failure with other arguments of the node has no such success.
        """
        if self.change is None or failure.number not in {run.number for run in self.runs[: self.failures]}:
            return None
        succeeded, _ = self.change
        return succeeded if failure.settings_digest == succeeded.settings_digest else None


def results_by_build(runs: Iterable[Run]) -> Sequence[BuildResults]:
    """Return the results of each build in each test; runs and results are ordered newest first."""
    groups: list[list[Run]] = []
    by_digest: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        if not run.judges_build:
            continue
        names = [(digest, run.network, run.sync_mode, run.testbed) for digest in run.build.digests]
        group = next((by_digest[name] for name in names if name in by_digest), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(run)
        by_digest.update(dict.fromkeys(names, group))
    return [BuildResults(tuple(group)) for group in groups]
