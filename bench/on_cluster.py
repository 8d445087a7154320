"""What a tester costs a real cluster, and how soon it takes a new build: `python -m bench.on_cluster`.

Three testers of a real AvalancheGo run on the test bed of the end-to-end tests. Two of them get no new
builds: one has the default intervals, the other has a tenth of them. While both are scraped, the third one,
with the default intervals, gets new builds. Needs root on Debian. The exit code is 1 if a claim does not
hold.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from e2e.conftest import deployed, full_sync, furnish, started_source
from e2e.tester import DeployedTester
from support.provisioned import MissingError
from testbed.bed import bed_of

from bench.processes import Memory, memory_by_kind
from bench.standing_testers import BY_THE_HOUR, Asked, Standing, scraped
from bench.switching import STEPS, Switch, switched
from bench.tables import Claim, concluded, table
from monitor.commands.pod import REGISTRY_LOOKUP_SECONDS
from monitor.engine.workload_observer import WORKLOAD_KEPT_SECONDS
from monitor.settings import WaitSettings

MINUTES, PUSHES = 10.5, 5
FASTER = 10
SHORT_SOAK = {"soak": "3s"}


@dataclass(frozen=True, slots=True)
class Found:
    """Requests, memory and lookups of the idle testers in `seconds`, and the switches of the third."""

    seconds: float
    asked: Mapping[str, Asked]
    memory: Mapping[str, list[Memory]]
    lookups: Mapping[str, float]
    switches: list[Switch]


def default_seconds(setting: str) -> float:
    """Return the default of an interval, in seconds."""
    return float(WaitSettings.model_fields[setting].default)


def a_tenth() -> dict[str, str]:
    """Return settings with a tenth of each default interval."""
    return {
        **SHORT_SOAK,
        "healthCheckInterval": f"{default_seconds('health_check_interval') / FASTER:g}s",
        "diskCheckInterval": f"{default_seconds('disk_check_interval') / FASTER:g}s",
        "imageCheckInterval": f"{REGISTRY_LOOKUP_SECONDS / FASTER:g}s",
    }


def await_idle(tester: DeployedTester) -> None:
    """Wait until the tester's first run has ended and the tester waits for the next build."""
    tester.await_end(1)
    tester.await_idle()


def lookups_of(tester: DeployedTester) -> float:
    """Return the number of successful lookups of a newer build."""
    name, wanted = "bootstrap_monitor_image_checks_total", {"source": "registry", "result": "success"}
    return sum(count for labels, count in tester.samples().get(name, ()) if wanted.items() <= labels.items())


def measured(
    testers: Sequence[Standing], pushed: DeployedTester, log: Path, minutes: float, pushes: int
) -> Found:
    """Observe some testers while another one gets new builds."""
    for each in (*(each.tester for each in testers), pushed):
        await_idle(each)
    lookups = {each.words: lookups_of(each.tester) for each in testers}
    begin = time.time()
    with scraped(testers) as memory:
        switches = []
        for number in range(pushes):
            # Runs end at ticks, so without a delay all pushes would meet the lookups at the same moment.
            time.sleep(REGISTRY_LOOKUP_SECONDS * number / pushes)
            switches.append(switched(pushed, log, number + 2))
        time.sleep(max(0.0, begin + 60 * minutes - time.time()))
    end = time.time()
    return Found(
        seconds=end - begin,
        asked={each.words: each.asked(log, begin, end) for each in testers},
        memory=memory,
        lookups={each.words: lookups_of(each.tester) - lookups[each.words] for each in testers},
        switches=switches,
    )


def request_claims(testers: Sequence[Standing], found: Found) -> list[Claim]:
    """Print the requests of each tester, and return the claims about them."""
    rows, claims = [], []
    for each in testers:
        counts = found.asked[each.words]
        an_hour = {what: count * each.scale(what, found.seconds) for what, count in counts.items()}
        rows += [
            (
                each.words,
                " ".join(what),
                f"{counts[what]}",
                f"x {each.scale(what, found.seconds):.3g}",
                f"{an_hour.get(what, 0.0):.1f}",
            )
            for what in sorted({*counts, BY_THE_HOUR, ("create", "pods")})
        ]
        claims += [
            Claim(f"requests in an hour, {each.words}", sum(an_hour.values()), 20),
            Claim(f"pods created, {each.words}", counts["create", "pods"], 0),
        ]
    table(
        f"Requests of a tester's ServiceAccount in {found.seconds:.0f} s with nothing new; "
        f"{' '.join(BY_THE_HOUR)} is every {WORKLOAD_KEPT_SECONDS:.0f} s whatever the intervals, "
        "so of the hour alone:",
        ("intervals", "request", "counted", "scale", "an hour"),
        rows,
    )
    return claims


def memory_claims(testers: Sequence[Standing], found: Found, kinds: Mapping[str, float]) -> list[Claim]:
    """Print the memory of each sidecar, and return the claims about it."""
    rows = []
    for each in testers:
        held = found.memory[each.words]
        last = held[-1]
        rows.append(
            (
                each.words,
                f"{len(held)}",
                f"{found.lookups[each.words]:.0f}",
                f"{held[0].resident:.1f}",
                f"{last.resident:.1f}",
                f"{max(one.resident for one in held):.1f}",
                f"{last.proportional:.1f}",
                f"{last.private:.1f}",
            )
        )
    table(
        f"Memory of a sidecar over {found.seconds:.0f} s, MiB:",
        ("intervals", "scrapes", "lookups", "at first", "at last", "most", "proportional", "its own"),
        rows,
    )
    table(
        "By kind, with the default intervals:",
        ("", "MiB"),
        [(name, f"{mib:.1f}") for name, mib in kinds.items()],
    )
    return [Claim(f"resident, {testers[0].words}", found.memory[testers[0].words][-1].resident, 60, " MiB")]


def switch_claims(switches: Sequence[Switch]) -> list[Claim]:
    """Print the time of each step to a new build, and return the claims about it."""
    table(
        "From the end of a push to the new run's start, default intervals, s:",
        (*STEPS, "together"),
        [[f"{step:.1f}" for step in (*each.steps, each.seconds)] for each in switches],
    )
    look_up = max(each.steps[0] for each in switches)
    rest = max(each.seconds - each.steps[0] for each in switches)
    return [
        Claim("lookup, the longest", look_up, REGISTRY_LOOKUP_SECONDS, " s", by_the_clock=True),
        Claim(
            "push to start, the longest", max(each.seconds for each in switches), 90, " s", by_the_clock=True
        ),
        Claim(
            "with a lookup of a whole interval", rest + REGISTRY_LOOKUP_SECONDS, 90, " s", by_the_clock=True
        ),
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(prog="bench.on_cluster", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help="with nothing new (%(default)s); under 10 a reading of the pod may be missed",
    )
    parser.add_argument("--pushes", type=int, default=PUSHES, help="of new builds in that time (%(default)s)")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "audit.log"
        os.environ["TESTBED_AUDIT_LOG"] = str(log)
        try:
            bed = stack.enter_context(bed_of("", ""))
        except MissingError as error:
            raise SystemExit(str(error)) from error
        if not log.exists():
            raise SystemExit(
                "this cluster keeps no audit log: run it where there is no kind, as root on Debian"
            )
        furnish(bed)
        source = started_source(bed)
        made = [
            deployed(bed, stack, words, pace=pace, **full_sync(source))
            for words, pace in (("standing", SHORT_SOAK), ("quick", a_tenth()), ("pushed", SHORT_SOAK))
        ]
        testers = [Standing("default", made[0]), Standing("a tenth of them", made[1], FASTER)]
        found = measured(testers, made[2], log, asked.minutes, asked.pushes)
        kinds = memory_by_kind(testers[0].process())
    claims = [
        *request_claims(testers, found),
        *memory_claims(testers, found, kinds),
        *switch_claims(found.switches),
    ]
    return concluded(claims)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
