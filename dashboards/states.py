"""The values ("words") of each state, with a number, a text and a colour.

Prometheus stores a state as one series for each word, with the value 1 for the current word. A panel needs
one series for each tester. Therefore the words are numbered, the expression selects the number of the current
word, and the panel maps the number to its text. Each colour has a text beside it, for viewers who cannot
distinguish colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMapping, ValueMappingResult

from monitor.domain.run import Outcome
from monitor.domain.status import Phase
from monitor.output.metrics.attention import Attention

GREY = "#8e8e8e"


@dataclass(frozen=True, slots=True)
class State:
    """The text and the colour of a word."""

    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Words:
    """A metric whose label `label` has one of `states`, numbered from 1.

    If two of them are current, the last one wins.
    """

    metric: str
    label: str
    states: Mapping[str, State]

    def numbers(self) -> dict[str, int]:
        """Return the number of each word."""
        return {word: number for number, word in enumerate(self.states, start=1)}


PHASES = Words(
    "run_phase",
    "phase",
    {
        Phase.DISCOVERING: State("discovering", "light-purple"),
        Phase.CLEARING: State("clearing", "purple"),
        Phase.STARTING: State("starting", "light-blue"),
        Phase.BOOTSTRAPPING: State("bootstrapping", "blue"),
        Phase.SOAKING: State("soaking", "light-green"),
        Phase.IDLE: State("idle", "green"),
        Phase.PAUSED: State("paused", GREY),
        Phase.BLOCKED: State("blocked", "orange"),
    },
)
_ENDS: dict[str, State] = {
    Outcome.SUCCEEDED: State("succeeded", "green"),
    Outcome.SUPERSEDED: State("superseded", GREY),
    Outcome.FAILED: State("failed", "red"),
}
LAST_OUTCOME = Words("last_run_info", "outcome", _ENDS)
OUTCOMES = Words("result_info", "outcome", _ENDS)
VERDICTS = Words(
    "regression",
    "verdict",
    {
        "insufficient_data": State("too few runs", GREY),
        "none": State("none", "green"),
        "suspected": State("suspected", "orange"),
        "confirmed": State("confirmed", "red"),
    },
)

# States that are 0 or 1 already.
UP = {0: State("not running", GREY), 1: State("up", "green"), 2: State("down", "red")}
HEALTHY = {0: State("not yet healthy", GREY), 1: State("healthy", "green"), 2: State("unhealthy", "orange")}
PROGRESS = {
    0: State("moving", "green"),
    1: State("stalled", "red"),
    2: State("unknown", "orange"),
    3: State("waits", "orange"),
}
LATE = {0: State("in time", "green"), 1: State("late", "orange")}
# One state for both, of which the greatest is shown.
PACE = {
    0: State("moving", "green"),
    1: State("late", "orange"),
    2: State("stalled", "red"),
    3: State("unknown", "orange"),
    4: State("waits", "orange"),
}
# Whether a tester needs attention, and why; the greatest is the most urgent.
_REASONS = {
    Attention.NONE: State("ok", "green"),
    Attention.LATE: State("late", "orange"),
    Attention.NO_SUCCESS: State("no success", "orange"),
    Attention.VOLUME: State("volume", "orange"),
    Attention.PROBLEM: State("problem", "orange"),
    Attention.RESTARTING: State("restarting", "orange"),
    Attention.UNHEALTHY: State("unhealthy", "orange"),
    Attention.PROGRESS_UNKNOWN: State("unknown", "orange"),
    Attention.NODE_DOWN: State("node down", "orange"),
    Attention.BLOCKED: State("blocked", "orange"),
    Attention.STALLED: State("stalled", "red"),
    Attention.REGRESSED: State("regressed", "red"),
    Attention.FAILED: State("failed", "red"),
}
UNANSWERED = len(Attention)
NO_ANSWER = State("no answer", "red")
ATTENTION = {number: _REASONS[reason] for number, reason in enumerate(Attention)} | {UNANSWERED: NO_ANSWER}
# The phases by their numbers in `phase_number`.
PHASE_NUMBERS = {number: PHASES.states[phase] for number, phase in enumerate(Phase, 1)}


def mapping_of(words: Words) -> list[ValueMapping]:
    """Return the mapping of each word's number to its text and colour."""
    return value_mapping({number: words.states[word] for word, number in words.numbers().items()})


def label_mapping(words: Words, **more: State) -> list[ValueMapping]:
    """Return the mapping of each word, as the value of a label, to its text and colour."""
    return value_mapping({**words.states, **more})


def value_mapping(states: Mapping[int, State] | Mapping[str, State]) -> list[ValueMapping]:
    """Return the mapping of each value to its text and colour."""
    return [
        ValueMap(
            options={
                str(value): ValueMappingResult(text=state.text, color=state.color, index=index)
                for index, (value, state) in enumerate(states.items())
            }
        )
    ]
