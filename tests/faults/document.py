"""The matrix as a section of a document: one row per fault, one column per moment."""

from __future__ import annotations

from collections.abc import Mapping

from faults.matrix import FAULT_SECONDS, FAULTS, IMPOSSIBLE, MOMENTS
from support.cells import CANNOT, row

HEADING = "## What a fault leaves behind"
_INTRODUCTION = f"""\
{HEADING}

Written by `pytest tests/faults --all-cells`, which runs the real `init` and `wait-for-completion` against an API
server that speaks the protocol, a simulated node and a real volume. In each cell one fault is applied at one moment. If
the fault lasts, it is removed after {FAULT_SECONDS:g} seconds or later, once the commands have noticed it. Then a new
build is pushed. All intervals are about a hundredth of their defaults. In every cell, all of these conditions held:

- each run has one start and one result, of the right build, and the result never changed; no build ran twice;
- the versions of each build were read, and one Event reports each start and each result;
- the node's data stayed from the start of a run until another run was due, and no run continued with the data of
  another;
- the duration of a run is not longer than its node ran; if the fault came during the soak and the node kept running,
  the duration is the one that was known before the fault;
- the build that was pushed afterwards was bootstrapped and succeeded without intervention.

Not shown here: two faults at the same time; a process that is frozen for longer than `--holder-timeout`;
a real kubelet, registry and node. The end-to-end tests use real ones. They include a node that its container
runtime cannot start (`not_started`, retried once the command has changed), a volume that another process fills until
the node stops (the run continues), and another image in the pod of an open run (the run is not compared).
"""


def rows() -> dict[str, str]:
    """Return the title of each row, by the name of the fault."""
    return {name: fault.title for name, fault in FAULTS.items()}


def written(texts: Mapping[tuple[str, str], str]) -> str:
    """Return the section of the document, from the result of each cell."""
    lines = [
        row("fault", *MOMENTS.values()),
        row("---", *("---" for _ in MOMENTS)),
        *(row(title, *(_cell(texts, name, moment) for moment in MOMENTS)) for name, title in rows().items()),
    ]
    return _INTRODUCTION + "\n" + "\n".join(lines) + "\n"


def _cell(texts: Mapping[tuple[str, str], str], fault: str, moment: str) -> str:
    why = IMPOSSIBLE.get((fault, moment))
    return texts[fault, moment] if why is None else CANNOT + why
