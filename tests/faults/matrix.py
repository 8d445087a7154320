"""The matrix: the faults, the moments, and the conditions that must hold afterwards.

A cell applies one fault at one moment for some seconds, removes it, and then pushes another good build.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from faults import machine
from faults.harness import DIGESTS, REPOSITORY, Tester, killed, power_cut, tester
from support.fake_api_server import Fault as Answer

from monitor.avalanchego.details_file import FILE_NAME, read_details
from monitor.domain.run import Outcome, Run

FAULT_SECONDS = 3.0
# Long enough for a node that ends at each start to restart as often as the crash limit allows.
CRASHING_SECONDS = 6.0
SLOW_SECONDS = 10.0
HOUR = 3600.0
OTHER = f"{REPOSITORY}@{DIGESTS[-1]}"  # of a build that no cell pushes while this image is in a pod
# A fifth of the soak in these tests.
STEADY_SECONDS = 0.3
# Steps of the harness, the start of a process, and rounding.
SLACK_SECONDS = 0.7

MOMENTS = {
    "clearing": "while init clears",
    "pinning": "while pinning",
    "soaking": "before the result is recorded (soaking)",
    "recorded": "after the result is recorded",
    "idle": "while idle",
}


@dataclass(frozen=True)
class Fault:
    """One way in which a dependency of the tester fails.

    `breaks_health`: the node ends or seems to end, so that it must become healthy again. `mixes_data`:
    another build runs on the data of an open run.

    A cell is valid only if the commands notice the fault (`is_met`). With `counted`, the harness counts the
    operations that the fault affected. With `signs`, the commands log one of these texts. The fault lasts
    at least until then, unless it is `met_afterwards`.
    """

    title: str
    begin: Callable[[Tester], None]
    end: Callable[[Tester], None]
    own_file_system: bool = False
    breaks_health: bool = False
    mixes_data: bool = False
    counted: bool = False
    met_afterwards: bool = False
    seconds: float = FAULT_SECONDS
    signs: tuple[str, ...] = ()

    def is_met(self, made: Tester) -> bool:
        """Return whether the commands noticed the fault."""
        counted = made.meetings > 0 or not self.counted
        return counted and (not self.signs or any(sign in made.output for sign in self.signs))


class Lasting(list[Answer]):
    """One answer to all requests."""

    def __init__(self, answer: Answer, made: Tester) -> None:
        super().__init__([answer])
        self._made = made

    def pop(self, _index: object = -1) -> Answer:
        self._made.meetings += 1
        return self[0]


def _answers(answer: Answer) -> Callable[[Tester], None]:
    def begin(made: Tester) -> None:
        made.api.faults = Lasting(answer, made)

    return begin


def _serves(made: Tester) -> None:
    made.api.faults = []


def _set(name: str, value: object) -> Callable[[Tester], None]:
    return lambda made: setattr(made, name, value)


def _clock(seconds: float) -> Callable[[Tester], None]:
    def begin(made: Tester) -> None:
        boot_ahead = machine.Clocks.read(made.folder).boot_ahead
        machine.Clocks(wall_ahead=seconds, boot_ahead=boot_ahead).write(made.folder)

    return begin


def _nothing(_: Tester) -> None:
    pass


def _swap_build(made: Tester) -> None:
    """Change the image in the pod itself: the kubelet restarts the node with it, without running init."""
    made.pod.image = made.api.pods["tester-0"]["spec"]["containers"][1]["image"] = OTHER
    killed(made.pod.node)


def _evict(made: Tester) -> None:
    made.unschedulable = True
    made.api.pods.pop("tester-0")


def _part(made: Tester) -> None:
    made.pod.parted = True
    made.api.pods.pop("tester-0")


def _end_parted(made: Tester) -> None:
    for pod in made.pods:
        pod.parted = False


FAULTS = {
    "api-down": Fault(
        "API server down",
        lambda made: made.api_gate.close(),
        lambda made: made.api_gate.open(),
        signs=("no answer from the API server",),
    ),
    "api-slow": Fault(
        "API server slow (10 s)", _answers(Answer(delay_seconds=SLOW_SECONDS)), _serves, counted=True
    ),
    "api-429": Fault(
        "API server answers 429",
        _answers(Answer(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})),
        _serves,
        counted=True,
    ),
    "api-500": Fault(
        "API server answers 500",
        _answers(Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "etcd")),
        _serves,
        counted=True,
    ),
    "api-401": Fault(
        "API server answers 401",
        _answers(Answer(HTTPStatus.UNAUTHORIZED, "Unauthorized")),
        _serves,
        counted=True,
    ),
    "registry-down": Fault(
        "registry down (ImagePullBackOff)",
        _set("registry_down", True),
        _set("registry_down", False),
        counted=True,
    ),
    "node-closed": Fault(
        "node API down",
        _set("node_closed", True),
        _set("node_closed", False),
        counted=True,
        breaks_health=True,  # a closed port looks like a node that has ended
    ),
    "node-silent": Fault(
        "node API silent", _set("node_silent", True), _set("node_silent", False), counted=True
    ),
    "volume-read-only": Fault(
        "volume read-only",
        Tester.freeze,
        Tester.thaw,
        own_file_system=True,
        breaks_health=True,
        seconds=CRASHING_SECONDS,
        signs=("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "cannot be written", "Read-only"),
    ),
    "volume-full": Fault(
        "volume full",
        Tester.fill,
        Tester.empty,
        own_file_system=True,
        breaks_health=True,
        counted=True,
    ),
    "clock-forward": Fault(
        "wall clock an hour forward",
        _clock(HOUR),
        _clock(0.0),
        signs=("the wall clock jumped by",),
        met_afterwards=True,
    ),
    "clock-back": Fault(
        "wall clock an hour back",
        _clock(-HOUR),
        _clock(0.0),
        signs=("the wall clock jumped by",),
        met_afterwards=True,
    ),
    "init-killed": Fault("`kill -9` of init", lambda made: killed(made.pod.init), _nothing),
    "sidecar-killed": Fault("`kill -9` of the sidecar", lambda made: killed(made.pod.sidecar), _nothing),
    "node-killed": Fault(
        "`kill -9` of the node", lambda made: killed(made.pod.node), _nothing, breaks_health=True
    ),
    "kubelet-restarted": Fault(
        "kubelet restarted (stale status)", _set("kubelet_away", True), _set("kubelet_away", False)
    ),
    "pod-evicted": Fault("pod evicted", _evict, _set("unschedulable", False), breaks_health=True),
    "second-pod": Fault(
        "a second pod on the volume",
        _part,
        _end_parted,
        breaks_health=True,
        counted=True,
    ),
    "init-skipped": Fault(
        "init skipped after a reboot", power_cut, _set("kubelet_away", False), breaks_health=True
    ),
    "other-build": Fault(
        "another image in the pod (init skipped)",
        _swap_build,
        _nothing,
        breaks_health=True,
        mixes_data=True,
        signs=("the node is running, but init has not started a run for it",),
    ),
}

_NO_NODE = "The node does not run until init has ended."
_INIT_ENDED = "init has ended, and does not start again in this pod."
IMPOSSIBLE = {
    ("node-closed", "clearing"): _NO_NODE,
    ("node-silent", "clearing"): _NO_NODE,
    ("node-killed", "clearing"): _NO_NODE,
    ("sidecar-killed", "clearing"): "The sidecar does not run until init has ended.",
    ("init-skipped", "clearing"): "The kubelet skips init only if it has already ended in this pod.",
    ("other-build", "clearing"): _NO_NODE,
    ("other-build", "pinning"): "The pod is replaced next, regardless of its image.",
    ("init-killed", "soaking"): _INIT_ENDED,
    ("init-killed", "recorded"): _INIT_ENDED,
    ("init-killed", "idle"): _INIT_ENDED,
}
CELLS = tuple((fault, moment) for fault in FAULTS for moment in MOMENTS if (fault, moment) not in IMPOSSIBLE)

STARTING = "starting"  # not a moment of the matrix: the sidecar starts while the fault lasts


@dataclass(frozen=True)
class At:
    """The state when the fault was applied: the run, and the active seconds until its node was healthy."""

    run: Run | None
    healthy_seconds: float | None


def shown(fault_name: str, moment: str, folder: Path) -> str:
    """Run one cell, and return a short description of the result."""
    fault = FAULTS[fault_name]
    holdable = "init" if fault_name == "init-killed" or moment == "clearing" else "wait-for-completion"
    with tester(folder, holdable, own_file_system=fault.own_file_system) as made:
        at = _brought_to(made, fault_name, moment)
        made.forget_output()
        fault.begin(made)
        made.let_go()
        made.run_for(fault.seconds)
        made.until(lambda: fault.met_afterwards or fault.is_met(made), f"the commands notice: {fault.title}")
        fault.end(made)
        affected = made.newest + 1
        made.until(lambda: made.snapshot.results == affected, f"a result of run {affected}")
        made.newest += 1
        made.until(lambda: made.snapshot.results == affected + 1, "a result of the build pushed after it")
        _check(made, fault, moment, at, affected)
        return _words(made.snapshot.runs, affected, moment)


def sidecar_starts_read_only(folder: Path) -> str:
    """Restart a sidecar while the volume is read-only; the new one must write once the volume is writable."""
    with tester(folder, "", own_file_system=True) as made:
        made.until(lambda: made.snapshot.results == 1, "the first result")
        made.freeze()
        killed(made.pod.sidecar)
        made.until(lambda: made.pod.sidecar.runs, "the sidecar is started again")
        made.run_for(FAULT_SECONDS)
        made.thaw()
        made.newest += 1
        made.until(lambda: made.snapshot.results == 2, "a result of the build pushed after it")
        assert all(len(each) == 1 for each in made.watch.results.values()), made.details()
        return "the sidecar wrote again"


def _brought_to(made: Tester, fault_name: str, moment: str) -> At:
    """Bring a tester to a moment, and hold the process that reaches it."""
    if moment == "clearing" or (moment == "pinning" and fault_name != "init-killed"):
        made.until(lambda: made.snapshot.results == 1, "the first result")
        made.arm(moment)
        made.newest = 1
    else:
        if moment == "idle":
            made.until(lambda: _is_idle(made), "the tester is idle")
        if moment == "soaking":
            made.until(lambda: _soaks(made), "the run soaks")
        made.arm(moment)
    made.until(lambda: made.held, f"the moment: {MOMENTS[moment]}")
    snapshots = made.snapshots
    made.until(
        lambda: made.snapshots > snapshots or not made.snapshot.runs,
        "a poll of the ledger's runs while the process is held",
    )
    run = made.snapshot.runs[0] if made.snapshot.runs else None
    healthy = run.tracking.healthy if run is not None else None
    return At(run, healthy.active_seconds_at_start if healthy is not None else None)


def _soaks(made: Tester) -> bool:
    """Return whether the node has been healthy for some ticks; new chains make it unhealthy at first."""
    healthy = made.snapshot.runs[0].tracking.healthy if made.snapshot.runs else None
    return healthy is not None and healthy.observed_seconds >= STEADY_SECONDS


def _is_idle(made: Tester) -> bool:
    """Return whether the tester has a result, and has looked for a newer build since."""
    ended = made.snapshot.runs[0].ended_at if made.snapshot.runs else None
    return ended is not None and made.snapshot.image_checked_at > ended


def _check(made: Tester, fault: Fault, moment: str, at: At, affected: int) -> None:
    """Check the conditions that hold in every cell."""
    story = made.details()
    assert fault.is_met(made), f"the commands did not notice: {fault.title}\n{story}"
    runs = sorted(made.snapshot.runs, key=lambda run: run.number)
    images = [f"{REPOSITORY}@{digest}" for digest in DIGESTS[: affected + 1]]
    assert [run.build.image for run in runs] == images, story
    assert all(run.build.versions for run in runs), story
    for run in runs:
        mixed = fault.mixes_data and moment == "soaking" and run.number == affected
        assert run.outcome is Outcome.SUCCEEDED, story
        assert not run.recovered, story
        assert run.tracking.other_build == (OTHER if mixed else ""), (run, story)
        limit = made.node_seconds.get(run.number, 0.0) + SLACK_SECONDS
        assert 0 < (run.duration_seconds or 0.0) <= limit, (run, limit, story)
    starts, results = made.watch.starts, made.watch.results
    assert all(len(each) == 1 for each in starts.values()), (starts, story)
    assert len(results) == affected + 1, (results, story)
    assert all(len(each) == 1 for each in results.values()), (results, story)
    made.until(lambda: not _untold(made, runs), "one Event reports each start and each result")
    if moment == "soaking" and not fault.breaks_health:
        assert runs[-2].duration_seconds == at.healthy_seconds, (runs[-2], at, story)
    if moment in {"recorded", "idle"}:
        assert at.run == runs[-2], (at, story)
    made.until(
        lambda: _check_details(made.volume.path, images[-1], affected + 1),
        "the details file reports the success",
    )


def _untold(made: Tester, runs: list[Run]) -> list[str]:
    """Return the starts and results that are not reported by exactly one Event."""
    messages = [str(each["message"]) for each in made.api.events]
    expected = [f"A run of {run.build.image} started" for run in runs]
    expected += [f"Run {run.number} of {run.build.image} {run.outcome}" for run in runs]
    return [each for each in expected if sum(found.startswith(each) for found in messages) != 1]


def _check_details(data_dir: Path, image: str, number: int) -> bool:
    """Return whether the details file, which is written after the ledger, reports this success."""
    found = read_details(data_dir / FILE_NAME)
    expected = (image, number, Outcome.SUCCEEDED)
    return found is not None and (found.image, found.number, found.outcome) == expected


def _words(runs: tuple[Run, ...], affected: int, moment: str) -> str:
    run = next(run for run in runs if run.number == affected)
    result = "succeeded" if run.outcome is Outcome.SUCCEEDED else f"failed as expected: {run.reason}"
    match moment:
        case "recorded" | "idle":
            return "the result did not change; the next build succeeded"
        case "soaking":
            return f"the open run kept its data and {result}; the next build succeeded"
        case _:
            return f"the due run started once and {result}; the next build succeeded"
