"""How often `local --compare` is right, on drawn durations: builds that are alike, and builds that are not.

    python -m bench.comparison

The durations of a build have log-normal noise of some percent. With outliers, one in twenty is 15 to 50 %
longer.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.tables import table
from monitor.domain.comparison import Difference, compared, order

DRAWS = 2000
OUTLIERS, MIN_OUTLIER, MAX_OUTLIER = 0.05, 0.15, 0.50
USUAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Two builds: their noise, how much longer the new one takes, runs of each, and the share of outliers.

    `drift` is how much longer every run takes than the one before.
    """

    noise: float
    longer: float
    runs: int = 7
    outliers: float = 0.0
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The required share of some verdicts in a scene, in percent of the draws: an upper or a lower bound."""

    statement: str
    scene: Scene
    called: frozenset[Difference]
    at_most: float = 100.0
    at_least: float = 0.0

    def percent(self, found: Counter[Difference]) -> float:
        """Return the measured share, in percent."""
        return 100 * sum(found[each] for each in self.called) / found.total()

    def holds(self, percent: float, tolerance: float = 0.0) -> bool:
        """Return whether a share is within the bounds; a small sample needs a tolerance, also in percent."""
        return self.at_least - tolerance <= percent <= self.at_most + tolerance


ANY = frozenset({Difference.FASTER, Difference.SLOWER})
SLOWER, FASTER = frozenset({Difference.SLOWER}), frozenset({Difference.FASTER})
ALIKE, LONGER_BY_TENTH, SHORTER_BY_TENTH = Scene(0.05, 0.0), Scene(0.05, 0.10), Scene(0.05, -0.10)
CLAIMS = (
    Claim("no difference is called one", ALIKE, ANY, at_most=5),
    Claim(
        "no difference is called one on a machine that gets 1 % slower each run",
        Scene(0.05, 0.0, drift=0.01),
        ANY,
        at_most=5,
    ),
    Claim("+10 % is called slower", LONGER_BY_TENTH, SLOWER, at_least=90),
    Claim("-10 % is called faster", SHORTER_BY_TENTH, FASTER, at_least=90),
    Claim("+10 % is called faster", LONGER_BY_TENTH, FASTER, at_most=0.1),
)
LONGER = (0.0, 0.03, 0.05, 0.10, 0.20)
SITUATIONS = (
    *((0.02, runs, 0.0) for runs in (4, 5, 7)),
    *((0.05, runs, 0.0) for runs in (4, 5, 7)),
    (0.05, 7, OUTLIERS),
    (0.10, 7, 0.0),
    (0.20, 7, 0.0),
)


def draw(scene: Scene, seed: str) -> tuple[list[float], list[float]]:
    """Return durations of the old and of the new build, in seconds."""
    chance = random.Random(seed)  # noqa: S311 - a simulation, which must be reproducible
    deviation = math.sqrt(math.log1p(scene.noise**2))

    found: dict[bool, list[float]] = {False: [], True: []}
    for position, is_new in enumerate(order(scene.runs)):
        level = USUAL_SECONDS * (1 + (scene.longer if is_new else 0)) * (1 + scene.drift) ** position
        outlier = chance.uniform(MIN_OUTLIER, MAX_OUTLIER) if chance.random() < scene.outliers else 0.0
        found[is_new].append(level * (1 + outlier) * chance.lognormvariate(0, deviation))
    return found[False], found[True]


def verdicts(scene: Scene, draws: int, seed: int) -> Counter[Difference]:
    """Return how often each verdict was reached."""
    return Counter(compared(*draw(scene, f"{seed} {scene} {number}")).difference for number in range(draws))


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.comparison", description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=DRAWS, help="in each scene (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one, other durations (%(default)s)")
    asked = parser.parse_args(arguments)
    if asked.draws < 1:
        parser.error("--draws must be 1 or more")
    rows, held = [], True
    for claim in CLAIMS:
        reached = claim.percent(verdicts(claim.scene, asked.draws, asked.seed))
        held = held and claim.holds(reached)
        bound = f"≥ {claim.at_least:g} %" if claim.at_least else f"≤ {claim.at_most:g} %"
        rows.append(
            (claim.statement, bound, f"{reached:.1f} %{'' if claim.holds(reached) else ' **missed**'}")
        )
    table(f"Of {asked.draws:,} comparisons of 7 runs each at 5 % noise:", ("", "claimed", "reached"), rows)
    table(
        "Comparisons of 100 in which the new build is called slower, or at +0 % anything:",
        ("noise, runs of each", *(f"+{100 * longer:.0f} %" for longer in LONGER)),
        [_row(situation, asked.draws, asked.seed) for situation in SITUATIONS],
    )
    return 0 if held else 1


def _row(situation: tuple[float, int, float], draws: int, seed: int) -> list[str]:
    noise, runs, outliers = situation
    cells = [f"{100 * noise:.0f} %, {runs}{', outliers' if outliers else ''}"]
    for longer in LONGER:
        found = verdicts(Scene(noise, longer, runs, outliers), draws, seed)
        called = SLOWER if longer else ANY
        cells.append(f"{100 * sum(found[each] for each in called) / draws:.1f}")
    return cells


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
