"""The matrix as a section of a document: one row per fault, one column per moment."""

from __future__ import annotations

from collections.abc import Mapping

from faults.matrix import FAULT_SECONDS, FAULTS, IMPOSSIBLE, MOMENTS
from support.cells import CANNOT, row

HEADING = "## What a fault leaves behind"
_INTRODUCTION = f"""\
{HEADING}

Written by `pytest tests/faults --all-cells`, which runs the real `init` and `wait-for-completion` against an API
server that speaks the protocol, a simulated node and a real volume. In each cell one fault is put in at one moment,
lasts {FAULT_SECONDS:g} seconds or longer where it lasts (all intervals are about a hundredth of their defaults), until
the commands have met it, and is taken away; then a new build is pushed. Whatever a cell says, all of this held in it:

- each run has one start and one result, of the right build, which never changed again; no build ran twice;
- the versions of each build were learned, and one Event tells of each start and of each result;
- the node's data stayed from a run's start until another run was due, and no run went on with the data of another;
- a run's duration is not longer than its node ran; where the fault came while it soaked and the node went on, it is
  the one that was known before;
- without a hand, the build that was pushed afterwards was bootstrapped and succeeded.

Not shown here: two faults at once; a process that stands still for longer than the holder of a volume may be silent;
a real kubelet, registry and node, which the end-to-end tests have. Among them are a node that its container runtime
cannot start (`not_started`, retried once the command is another one), a volume that a neighbour fills until the node
stops (the run goes on), and another image in the pod of an open run (the run is compared with none).
"""


def rows() -> dict[str, str]:
    """Return the title of each row, by the name of the fault."""
    return {name: fault.title for name, fault in FAULTS.items()}


def written(told: Mapping[tuple[str, str], str]) -> str:
    """Return the section of the document, from the result of each cell."""
    lines = [
        row("fault", *MOMENTS.values()),
        row("---", *("---" for _ in MOMENTS)),
        *(row(title, *(_cell(told, name, moment) for moment in MOMENTS)) for name, title in rows().items()),
    ]
    return _INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def _cell(told: Mapping[tuple[str, str], str], fault: str, moment: str) -> str:
    why = IMPOSSIBLE.get((fault, moment))
    return told[fault, moment] if why is None else CANNOT + why
