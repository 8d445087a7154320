"""How often a regression verdict is right: `python -m bench.regression`.

Judges simulated histories with the shipped rule and some others, and prints tables. The exit code is 1 if the
shipped rule misses a claim of docs/regression.md. `--write` updates the tables of that page.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.histories import RULES, SHIPPED, Rule, Scene, bootstrap_all, judge
from docs.marked import marked

DOCUMENT = Path(__file__).parents[1] / "docs" / "regression.md"
BEGIN, END = "<!-- begin of what the bench wrote -->", "<!-- end of what the bench wrote -->"
HISTORIES = 20_000
CHUNK = 500  # histories that one process judges per task

NOISES, SHIFTS, GROWTHS = (0.03, 0.05, 0.08), (0.15, 0.25, 0.50), (0, 0.01)
QUIET = {
    (noise, growth): Scene(noise, growth, 0, before=10, after=20) for growth in GROWTHS for noise in NOISES
}
YOUNG = {growth: Scene(0.05, growth, 0, before=6, after=4) for growth in GROWTHS}
SHIFTED = {(shift, noise): Scene(noise, 0, shift, before=10, after=3) for shift in SHIFTS for noise in NOISES}
SETTLED = Scene(0.05, 0, 0.25, before=20, after=3)
GROWING = Scene(0.05, 0.01, 0.25, before=10, after=3)
STAYING = {growth: Scene(0.05, growth, 0.25, before=10, after=10) for growth in GROWTHS}
SCENES = (*QUIET.values(), *YOUNG.values(), *SHIFTED.values(), SETTLED, GROWING, *STAYING.values())


# What a build costs is simulated in these scenes, without and with confirmation by another run of the build.
CONFIRMED_QUIET, CONFIRMED_SHIFTED = QUIET[0.05, 0], SHIFTED[0.25, 0.05]
CONFIRMED_SCENES = (CONFIRMED_QUIET, QUIET[0.05, 0.01], CONFIRMED_SHIFTED, GROWING)
WITHOUT, CONFIRMING = "as shipped, without confirmation", "as shipped, with confirmation"

Results = Mapping[tuple[str, Scene], Counter[str]]


def simulate(histories: int, seed: int) -> Results:
    """Return the counts of each rule in each scene, computed on all processors."""
    results: dict[tuple[str, Scene], Counter[str]] = {
        (rule.name, scene): Counter() for rule in RULES for scene in SCENES
    }
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        pending = [
            (scene, pool.submit(judge, scene, seed, range(begin, min(begin + CHUNK, histories))))
            for scene in SCENES
            for begin in range(0, histories, CHUNK)
        ]
        repeated = [
            (scene, pool.submit(bootstrap_all, scene, seed, range(begin, min(begin + CHUNK, histories))))
            for scene in CONFIRMED_SCENES
            for begin in range(0, histories, CHUNK)
        ]
        for scene, totals in repeated:
            for name, total in zip((WITHOUT, CONFIRMING), totals.result(), strict=True):
                results.setdefault((name, scene), Counter()).update(total)
        for scene, totals in pending:
            for rule, total in zip(RULES, totals.result(), strict=True):
                results[rule.name, scene].update(total)
    return results


def percent(total: Counter[str], counted: str, of: str = "histories") -> float:
    """Return a count as a percentage of another."""
    return 100 * total[counted] / total[of]


@dataclass(frozen=True, slots=True)
class Claim:
    """The required result of the shipped rule in a scene, in percent: an upper or a lower bound."""

    statement: str
    scene: Scene
    counted: str
    of: str = "histories"
    at_most: float | None = None
    at_least: float | None = None
    rule: str = SHIPPED.name

    def percent(self, results: Results) -> float:
        """Return the measured result, in percent."""
        return percent(results[self.rule, self.scene], self.counted, self.of)

    def holds(self, reached: float, tolerance: float = 0) -> bool:
        """Return whether a result is within the bounds; a small sample needs a tolerance, also in percent."""
        few_enough = self.at_most is None or reached <= self.at_most + tolerance
        return few_enough and (self.at_least is None or reached >= self.at_least - tolerance)

    @property
    def bound(self) -> str:
        """The bound as text."""
        return f"≤ {self.at_most:g} %" if self.at_most is not None else f"≥ {self.at_least:g} %"


CLAIMS = (
    Claim("false confirmations in 100 runs", QUIET[0.05, 0], "alarms", "runs", at_most=0.5),
    Claim("false confirmations, the chain growing 1 % a run", QUIET[0.05, 0.01], "alarms", "runs", at_most=1),
    Claim("+25 % confirmed by its second run", SHIFTED[0.25, 0.05], "found_by_second", at_least=84),
    Claim("+25 % confirmed by its third run", SHIFTED[0.25, 0.05], "found_by_third", at_least=96),
    Claim("still confirmed ten runs after +25 %", STAYING[0], "standing_at_end", at_most=2),
    Claim("the same, the chain growing 1 % a run", STAYING[0.01], "standing_at_end", at_most=3),
    Claim(
        "with confirmation: false confirmations in 100 runs",
        CONFIRMED_QUIET,
        "alarms",
        "runs",
        at_most=0.5,
        rule=CONFIRMING,
    ),
    Claim(
        "with confirmation: +25 % confirmed by its first build",
        CONFIRMED_SHIFTED,
        "found_by_first",
        at_least=80,
        rule=CONFIRMING,
    ),
)

QUIET_TITLE = (
    "False confirmations in 100 runs, by noise and growth: runs 11 to 30 of a history without a shift."
)
MORE_TITLE = """\
At 5 % noise, by growth: false confirmations in 100 of the runs 7 to 10, the first that have a verdict; how many of 100
runs stand as confirmed, as an alarm lasts for more than one; histories of 100 still confirmed ten runs after +25 %."""
SHIFTED_TITLE = """\
Shifts of 100 confirmed by the second / by the third run of the slower build, by size and noise: ten runs of the build
before, and no growth."""
CONFIRMED_TITLE = """\
Builds instead of runs, at 5 % noise. With confirmation, a build runs once more if its run makes a regression
suspected. False confirmations in 100 runs and reruns of 100 builds in histories without a shift; shifts of +25 % of
100 confirmed by the first / second / third slower build."""
OTHER_TITLE = "The same for +25 % at 5 % noise, in other histories."


def tables(results: Results) -> Iterator[str]:
    """Yield the lines of the tables, in Markdown."""
    reached = {claim: claim.percent(results) for claim in CLAIMS}
    claims = [
        (
            claim.statement,
            claim.bound,
            f"{found:.2f} %" if claim.holds(found) else f"{found:.2f} % **missed**",
        )
        for claim, found in reached.items()
    ]
    yield from _table("What is claimed, at 5 % noise:", ("", "claimed", "reached"), claims)

    def row(rule: Rule, scenes: Iterable[Scene], counted: str, of: str = "histories") -> list[str]:
        return [f"{percent(results[rule.name, scene], counted, of):.2f}" for scene in scenes]

    def found(rule: Rule, scenes: Iterable[Scene]) -> list[str]:
        totals = [results[rule.name, scene] for scene in scenes]
        return [
            f"{percent(of, 'found_by_second'):.1f} / {percent(of, 'found_by_third'):.1f}" for of in totals
        ]

    def by_build(rule: str, scene: Scene) -> str:
        counts = results[rule, scene]
        return " / ".join(f"{percent(counts, f'found_by_{nth}'):.1f}" for nth in ("first", "second", "third"))

    confirmed = [
        (
            rule,
            *(f"{percent(results[rule, scene], 'alarms', 'runs'):.2f}" for scene in CONFIRMED_SCENES[:2]),
            f"{percent(results[rule, CONFIRMED_QUIET], 'reruns', 'builds'):.1f}",
            *(by_build(rule, scene) for scene in CONFIRMED_SCENES[2:]),
        )
        for rule in (WITHOUT, CONFIRMING)
    ]
    columns_of_builds = (
        "rule",
        "false confirmations",
        "false confirmations, growing 1 %",
        "reruns",
        "confirmed by the 1st / 2nd / 3rd build",
        "the same, growing 1 %",
    )
    yield from _table(CONFIRMED_TITLE, columns_of_builds, confirmed)
    quiet = [(rule.name, *row(rule, QUIET.values(), "alarms", "runs")) for rule in RULES]
    yield from _table(QUIET_TITLE, ("rule", *(f"{_share(n)}, {_growth(g)}" for n, g in QUIET)), quiet)
    more = [
        (
            rule.name,
            *row(rule, YOUNG.values(), "alarms", "runs"),
            *row(rule, (QUIET[0.05, growth] for growth in GROWTHS), "standing", "runs"),
            *row(rule, STAYING.values(), "standing_at_end"),
        )
        for rule in RULES
    ]
    columns = [
        f"{what}, {_growth(growth)}"
        for what in ("runs 7 to 10", "standing", "after ten")
        for growth in GROWTHS
    ]
    yield from _table(MORE_TITLE, ("rule", *columns), more)
    shifted = [(rule.name, *found(rule, SHIFTED.values())) for rule in RULES]
    yield from _table(SHIFTED_TITLE, ("rule", *(f"+{_share(s)} at {_share(n)}" for s, n in SHIFTED)), shifted)
    other = [(rule.name, *found(rule, (SETTLED, GROWING))) for rule in RULES]
    yield from _table(OTHER_TITLE, ("rule", "20 runs before", "10 runs before, growing 1 % a run"), other)


def _share(of: float) -> str:
    return f"{100 * of:.0f} %"


def _growth(growth: float) -> str:
    return f"growing {_share(growth)}" if growth else "no growth"


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from ("", title, "")
    for cells in (columns, ["---"] * len(columns), *rows):
        yield f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.regression", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--histories", type=int, default=HISTORIES, help="in each scene (%(default)s); few prove nothing"
    )
    parser.add_argument("--seed", type=int, default=1, help="another one, other histories (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {DOCUMENT.name}")
    asked = parser.parse_args(arguments)
    if asked.histories < 1:
        parser.error("--histories must be 1 or more")
    begin = time.monotonic()
    results = simulate(asked.histories, asked.seed)
    heading = f"{asked.histories:,} histories in each scene (`--seed {asked.seed}`)."
    section = "\n".join([heading, *tables(results)])
    sys.stdout.write(f"{section}\n\n{time.monotonic() - begin:.0f} s\n")
    if asked.write:
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(marked(DOCUMENT.name, document, BEGIN, END, f"\n{section}\n"), encoding="utf-8")
    return 0 if all(claim.holds(claim.percent(results)) for claim in CLAIMS) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
