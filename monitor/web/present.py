"""What the page says of now: the phase, the run, its chains, the node and the volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from monitor.model import ChainLog, Outcome, Phase
from monitor.regression import compare_link
from monitor.texts import (
    LATE,
    MEASURES,
    NOTHING_SHOWS_IT,
    PAUSED,
    PROGRESS_UNKNOWN,
    SILENT_SECONDS,
    blocks_text,
    build_text,
    chain_name,
    chain_text,
    in_order,
    left_text,
    regression_sentence,
    size_text,
    stall_text,
    tested_text,
)
from monitor.view import Status
from monitor.web.elements import (
    UNKNOWN,
    bar,
    commit,
    image,
    link,
    outcome,
    pairs,
    size,
    text,
    time,
    version,
)

NOT_STARTED = "not started"
_AMISS = frozenset({Phase.BLOCKED, Phase.PAUSED})


def phase(status: Status) -> str:
    """What it does, and what a person should know of it."""
    name = status.phase or NOT_STARTED
    message = "" if status.message == name else text(status.message.removeprefix(f"{name}: "))
    told = "".join(f'<li class="warn">⚠ {html}</li>' for html in _warnings(status))
    return (
        f'<div class="phase {_tone(status)}"><p><strong>{text(name)}</strong> {message}</p>{_subject(status)}'
        + (f"<ul>{told}</ul>" if told else "")
        + "</div>"
    )


def _subject(status: Status) -> str:
    """The run that all of it is about."""
    run = status.run
    if run is None:
        return ""
    how = f" {outcome(run)}" if run.outcome else ""
    return f"<p>Run {run.number}{how} · {version(run.build)} {commit(run.build, 'phase-commit')}</p>"


def _tone(status: Status) -> str:
    """The class of the phase's color."""
    if status.phase in _AMISS or any(_warnings(status)):
        return "warn"
    if status.run and status.run.outcome:
        return status.run.outcome
    return "going"


def _warnings(status: Status) -> Iterator[str]:
    if status.tick_at is not None and status.at - status.tick_at > SILENT_SECONDS:
        yield f"silent since {time(status.tick_at)}: what follows is as old"
    if status.notice:
        yield text(status.notice)
    if status.paused and status.phase is not Phase.PAUSED:
        yield f"paused: {PAUSED}"
    if status.progress and status.progress.stalled and status.run:
        yield f"stalled: {text(stall_text(status.run))}"
    if status.progress and status.progress.unknown:
        yield f"{PROGRESS_UNKNOWN}: {NOTHING_SHOWS_IT}"
    if status.late:
        yield f"late: {LATE}"
    for measure, regression in status.regressions.items():
        if regression.first_bad:
            yield f"{MEASURES[measure]}: {text(regression_sentence(measure, regression))}"


def chains(status: Status) -> str:
    """How far each chain is, one by one."""
    logs = status.progress.chains if status.progress else {}
    shown = in_order({chain for chain, _ in status.counts} | set(logs))
    if not shown:
        return '<p class="quiet">No chain has told of its progress yet.</p>'
    return f'<ul class="chains">{"".join(_chain(status, chain, logs.get(chain)) for chain in shown)}</ul>'


def _chain(status: Status, chain: str, log: ChainLog | None) -> str:
    counted = blocks_text(chain, status.counts)
    details = [counted] if counted else []
    if log and (left := left_text(log, status.at)):
        details.append(left)
    doing = text(chain_text(log)) if log else ""
    ratio = log.ratio if log else None
    name = text(chain_name(chain))
    drawn = "" if ratio is None else bar(f"chain {chain}: {ratio:.0%}", [("part", ratio)])
    return (
        f"<li><div><h3>Chain {name}</h3><span>{doing}</span></div>{drawn}"
        f'<p class="quiet">{" · ".join(details)}</p></li>'
    )


def run(status: Status) -> str:
    """What the newest run is of."""
    found = status.run
    if found is None:
        return '<p class="quiet">None has started yet.</p>'
    rows = [
        ("Number", text(str(found.number))),
        ("State", outcome(found)),
        ("Tested", text(tested_text(found))),
        *([("Why", text(found.message))] if found.outcome is Outcome.FAILED else []),
        ("Version", version(found.build)),
        ("Commit", commit(found.build, "run-commit")),
        ("Image", image(found.build)),
        ("Started", time(found.started_at)),
        *([("Ended", time(found.ended_at))] if found.ended_at is not None else []),
        ("Node restarts", str(found.bookkeeping.node_restarts)),
    ]
    return pairs(rows)


def node(status: Status) -> str:
    """What was read of the node last."""
    found = status.node
    if found is None:
        return '<p class="quiet">Not seen yet.</p>'
    bootstrapped = {True: "yes", False: "no", None: UNKNOWN}[found.bootstrapped]
    rows = [
        ("Process", "up" if found.up else "down"),
        ("Health", text(found.health)),
        ("Bootstrapped", bootstrapped),
        ("Peers", UNKNOWN if found.peers is None else f"{found.peers:,}"),
        ("Last check", time(found.seen_at)),
    ]
    if found.failing_checks:
        rows.insert(2, ("Failing checks", text(", ".join(found.failing_checks))))
    return pairs(rows)


def volume(status: Status) -> str:
    """What was measured of the volume last."""
    found = status.volume
    if found is None:
        return '<p class="quiet">Not measured yet.</p>'
    return pairs(
        [
            ("Node's data", size(found.usage_bytes) or UNKNOWN),
            ("Free", f"{size_text(found.available_bytes)} of {size_text(found.size_bytes)}"),
            ("Measured", time(found.measured_at)),
        ]
    )


def builds(status: Status) -> str:
    """When a newer build was looked for, and which waits."""
    rows = [("Last check", time(status.last_image_check_at))]
    if status.new_build:
        rows += [
            ("Next build", text(build_text(status.new_build))),
            ("Commit", commit(status.new_build, "next-commit")),
            ("Image", image(status.new_build)),
        ]
    else:
        rows.append(("Next build", "none waits"))
    if status.requested:
        rows.append(("To run again", f"{text(build_text(status.requested))}, as was asked for"))
    return pairs(rows)


def compared(status: Status) -> str:
    """Whether the newest runs are as the ones before."""
    rows = list(_comparisons(status))
    if status.baseline_begins:
        rows.append(("Marked", f"baselines are of run {status.baseline_begins} and those after it"))
    return pairs(rows) if rows else '<p class="quiet">Nothing to compare with yet.</p>'


def _comparisons(status: Status) -> Iterable[tuple[str, str]]:
    for measure, regression in status.regressions.items():
        url = compare_link(regression)
        changes = f" · {link(url, 'what changed', f'changes-{measure}')}" if url else ""
        yield MEASURES[measure].capitalize(), text(regression_sentence(measure, regression)) + changes
