"""The command line of the node, which refuses unknown flags as AvalancheGo does."""

import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import fields

from simulated_node.go import SettingError
from simulated_node.options import Simulation

_LINES = (pkgutil.get_data(__package__, "flags.txt") or b"").decode().splitlines()
# Whether each flag is a switch, by its name.
_FLAGS: Mapping[str, bool] = {
    "help": True,
    "write-build": False,
    **{line.split()[0]: line.endswith("switch") for line in _LINES if not line.startswith("#")},
    **{"simulate-" + option.name.replace("_", "-"): option.type is bool for option in fields(Simulation)},
}


class FlagError(SettingError):
    """A flag is unknown, or lacks its value."""


def read_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Parse flags in the forms `--name=value`, `--name value` and `--switch`; ignore other words.

    Raises:
        FlagError: a flag is unknown, or lacks its value.
    """
    flags, rest = {}, list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("-") and not word.startswith("--") and word != "-":
            if word[1] == "h":
                word = "--help"
            else:
                raise FlagError(f"unknown shorthand flag: '{word[1]}' in {word}")
        if not word.startswith("--"):
            continue
        name, equals, value = word.removeprefix("--").partition("=")
        if name not in _FLAGS and not name.startswith("simulate-"):
            raise FlagError(f"unknown flag: --{name}")
        if not equals and _FLAGS.get(name):
            value = "true"
        elif not equals:
            if not rest:
                raise FlagError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        flags[name] = value
    return flags
