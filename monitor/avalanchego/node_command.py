"""A parser for the command that starts AvalancheGo in a container, with its wrappers and flags.

The parser skips the options of known wrappers.  An unknown program is assumed to start the next word that
names the node, a shell or a wrapper.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.avalanchego.conventions import EXECUTABLE

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
# For each wrapper: options that take the next word as a value, and the number of operands before the command.
_WRAPPERS: Mapping[str, tuple[frozenset[str], int]] = {
    "busybox": (frozenset(), 0),
    "catatonit": (frozenset(), 0),
    "dumb-init": (frozenset({"-r", "--rewrite"}), 0),
    "env": (frozenset({"-u", "--unset", "-C", "--chdir"}), 0),
    "exec": (frozenset({"-a"}), 0),
    "gosu": (frozenset(), 1),
    "ionice": (frozenset({"-c", "--class", "-n", "--classdata"}), 0),
    "nice": (frozenset({"-n", "--adjustment"}), 0),
    "nohup": (frozenset(), 0),
    "setsid": (frozenset(), 0),
    "stdbuf": (frozenset({"-i", "--input", "-o", "--output", "-e", "--error"}), 0),
    "su-exec": (frozenset(), 1),
    "timeout": (frozenset({"-k", "--kill-after", "-s", "--signal"}), 1),
    "tini": (frozenset({"-p", "-e"}), 0),
    "tini-static": (frozenset({"-p", "-e"}), 0),
}
_KNOWN = _SHELLS | _WRAPPERS.keys() | {EXECUTABLE}
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_REMOVAL = re.compile(r"(?:-u|--unset=)(.+)", re.DOTALL)
_CLEARING = re.compile(r"-|-[0v]*i[0iv]*|--ignore-environment")
_SPLITTING = re.compile(r"-[0iv]*S.*|--split-string.*", re.DOTALL)
_SCRIPT_OPTION = re.compile(r"-[a-z]*c[a-z]*")
_ALL_ARGUMENTS = re.compile(r"\$\{?[@*]")

_SCRIPT = "the shell script in its command"


@dataclass(frozen=True, slots=True)
class NodeCommand:
    """The node's command, parsed from the command and arguments of a container.

    Attributes:
        flags: the visible arguments of the node.
        variables: the variables that `env` sets, or unsets (`None`).
        cleared: whether `env` removes all other variables.
        hidden: the source of possible further settings that are not visible; empty if all are visible.
    """

    flags: tuple[str, ...] = ()
    variables: Mapping[str, str | None] = field(default_factory=dict)
    cleared: bool = False
    hidden: str = ""


def node_command(words: Sequence[str]) -> NodeCommand:
    """Parse a container's `command` followed by its `args`."""
    command, position = NodeCommand(), 0
    while position < len(words):
        name, behind = _name(words[position]), tuple(words[position + 1 :])
        if name == EXECUTABLE:
            return replace(command, flags=behind)
        if name in _SHELLS:
            return replace(command, flags=_handed_on(behind), hidden=_SCRIPT)
        if name in _WRAPPERS:
            end = _end_of_wrapper(words, position)
            if name == "env":
                command = _behind_env(command, words[position + 1 : end])
            if command.hidden:
                return command
            position = end
            continue
        known = (at for at in range(position + 1, len(words)) if _is_started(words, at))
        if (later := next(known, None)) is None:
            return _of_unknown_program(command, tuple(words[position:]))
        if any(" " in each for each in words[position:later]):  # su -c "…" avalanchego
            return replace(command, hidden=_SCRIPT)
        position = later
    return command


def _name(word: str) -> str:
    """Return the program name in a word, or an empty string for an option or an assignment."""
    return "" if word.startswith("-") or "=" in word else posixpath.basename(word)


def _is_started(words: Sequence[str], position: int) -> bool:
    """Return whether a word names a known program that an unknown program starts.

    A word that is the value of a flag (`--data-dir /data/avalanchego`) or a user (`sudo -u avalanchego sh`)
    does not.
    """
    name, before, behind = _name(words[position]), words[position - 1], words[position + 1 : position + 2]
    if name not in _KNOWN or (before.startswith("--") and before != "--" and "=" not in before):
        return False
    return name != EXECUTABLE or all(each.startswith("--") for each in behind)


def _end_of_wrapper(words: Sequence[str], position: int) -> int:
    """Return the position of the command that the wrapper at `position` starts."""
    name = _name(words[position])
    options_with_value, operands = _WRAPPERS[name]
    position += 1
    while position < len(words) and words[position].startswith("-"):
        option = words[position]
        position += 2 if option in options_with_value else 1
        if option == "--":
            break
    while name == "env" and position < len(words) and _ASSIGNMENT.fullmatch(words[position]):
        position += 1
    return position + operands


def _behind_env(command: NodeCommand, words: Sequence[str]) -> NodeCommand:
    """Apply the options and assignments of `env` to a command."""
    for position, word in enumerate(words):
        if _SPLITTING.fullmatch(word):
            return replace(command, hidden=_SCRIPT)
        if _CLEARING.fullmatch(word):
            command = replace(command, variables={}, cleared=True)
        elif position and words[position - 1] in {"-u", "--unset"}:
            command = replace(command, variables={**command.variables, word: None})
        elif removal := _REMOVAL.fullmatch(word):
            command = replace(command, variables={**command.variables, removal[1]: None})
        elif assignment := _ASSIGNMENT.fullmatch(word):
            command = replace(command, variables={**command.variables, assignment[1]: assignment[2]})
    return command


def _handed_on(behind: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments of a shell that can reach the node.

    For `sh -c SCRIPT NAME WORD…`, these are the WORDs, if the script uses `$@`.
    """
    if not any(_SCRIPT_OPTION.fullmatch(each) for each in behind):
        return behind
    script = next((at for at, each in enumerate(behind) if _ALL_ARGUMENTS.search(each)), len(behind))
    return behind[script + 2 :]


def _of_unknown_program(command: NodeCommand, words: tuple[str, ...]) -> NodeCommand:
    """Interpret the arguments of an unknown program or of the image's entry point.

    If all arguments are flags, they are the node's flags.  Otherwise, the program may also pass hidden
    settings.
    """
    program = _name(words[0])
    flags = words[1:] if program else words
    end = flags.index("--") if "--" in flags else len(flags)
    hides = bool(program and flags and not flags[0].startswith("--"))
    hides = hides or any(not each.startswith("-") for each in flags[end:])
    what = f"the program {words[0]!r}" if program else "the image's entry point"
    return replace(command, flags=flags, hidden=what if hides else "")
