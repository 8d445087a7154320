"""Generates the table of progress signals in docs/how-it-works.md.

The signals are those of `monitor.avalanchego.chain_signals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from monitor.avalanchego.chain_signals import MESSAGES, METRIC_PATTERNS, NEWER_PEER, QUEUED_BLOCKS, Meaning
from monitor.domain.observations import ChainActivity
from monitor.domain.signals import COUNTERS, GROWTH_BYTES, Counter

_HEAD = "| stage | source | signal | proves | if it is absent |\n| --- | --- | --- | --- | --- |"
# The parts of a pattern that match any name, and those that match one of several names.
_ANY_NAME = re.compile(r"\[[^\]]+\]\{1,\d+\}")
_ALTERNATIVES = re.compile(r"(.*)\(\?:(.*)\)(.*)")
_ENDS = frozenset({ChainActivity.WAITING, ChainActivity.DONE})
_COUNTED = frozenset(stage for counter in COUNTERS for stage in counter.stages)
_ANOTHER = "another signal of the stage counts"
_ABSENT = {
    Meaning.STAGE: "the chain keeps its last stage; without a stage, its counters show whether it is at work",
    Meaning.PROGRESS: _ANOTHER,
    Meaning.NEW_PROCESS: "the start time of the process separates its lines from older ones",
    Meaning.SUMMARY: "the counters of the state sync show it",
    Meaning.SKIPPED: "blocks that are fetched or executed show it",
    Meaning.TRANSITION: "a success does not mention a queue that is not visible",
    Meaning.RETURN: "the next line that names a stage ends the transition",
    Meaning.ENDS_STAGE: "the next line that names a stage ends it",
}

_Row = tuple[str, str, str, str, str]


def signals_table() -> str:
    """Return the table by stage, with a row for each metric and each meaning of log messages."""
    rows = [row for stage in (*ChainActivity, None) for row in _rows(stage)]
    return "\n".join((_HEAD, *(f"| {' | '.join(cells)} |" for cells in rows)))


def _rows(stage: ChainActivity | None) -> Iterator[_Row]:
    yield from (_counter_row(stage, counter) for counter in COUNTERS if stage in counter.stages)
    for meaning in Meaning:
        messages = [
            text for text, message in MESSAGES.items() if (message.stage, message.meaning) == (stage, meaning)
        ]
        if messages:
            yield _name(stage), "log line", _codes(messages), _proof(stage, meaning), _ABSENT[meaning]
    if stage is ChainActivity.SYNCING_STATE:
        grown = f"each {GROWTH_BYTES >> 20} MiB by which the node's data grows"
        yield f"{_name(stage)}, or none", "file system", grown, "progress", _ANOTHER
    if stage is None:
        queue = _codes([_readable(QUEUED_BLOCKS)])
        yield (
            *(_name(stage), "metric", queue, "how many accepted blocks are not executed yet"),
            "the message of a success says that the queue was not visible",
        )
        yield (
            *(_name(stage), "log line of `main.log`", _codes([NEWER_PEER]), "a peer refuses this build"),
            "a node without peers is only `blocked`",
        )


def _counter_row(stage: ChainActivity | None, counter: Counter) -> _Row:
    found = _ALTERNATIVES.fullmatch(METRIC_PATTERNS[counter.signal])
    patterns = (
        [found[1] + each + found[3] for each in found[2].split("|")]
        if found
        else [METRIC_PATTERNS[counter.signal]]
    )
    metrics = _codes(_readable(each) for each in patterns)
    when = "while the page has it" if counter.visible_at_zero else "after the first one in the stage"
    proves = f"a rise is progress; no rise {when} is a stall"
    return _name(stage), "metric", f"{counter.signal}: {metrics}", proves, _ANOTHER


def _proof(stage: ChainActivity | None, meaning: Meaning) -> str:
    if meaning is Meaning.PROGRESS:
        return "the stage, and progress with each new line"
    only_log = meaning is Meaning.STAGE and stage not in _COUNTED | _ENDS
    return "the stage; no later line is a stall" if only_log else meaning.value


def _readable(pattern: str) -> str:
    return _ANY_NAME.sub("*", pattern)


def _name(stage: ChainActivity | None) -> str:
    return f"`{stage}`" if stage else "any"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in texts)
