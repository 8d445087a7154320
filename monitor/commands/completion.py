"""`completion SHELL`: prints a script that completes commands, flags, values and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import shtab
from pydantic_settings import CliSettingsSource

from monitor import settings as known
from monitor.errors import ConfigurationError

_SHELLS = ("bash", "zsh", "fish")
_USAGE = """\
usage: bootstrap-monitor completion [-h] {bash,zsh,fish}

In ~/.bashrc:                     source <(bootstrap-monitor completion bash)
In a folder of zsh's fpath:       bootstrap-monitor completion zsh > _bootstrap-monitor
In ~/.config/fish/completions:    bootstrap-monitor completion fish > bootstrap-monitor.fish"""
_FOLDERS = frozenset({"data_dir"})


def completion(commands: Mapping[str, tuple[str, str]], words: Sequence[str]) -> str:
    """Return the completion script, or the usage.

    Args:
        commands: the purpose of each command and the class of its settings (empty without settings), by name.
        words: the arguments after `completion`.

    Raises:
        ConfigurationError: the argument is not one of the shells.
    """
    match words:
        case [shell] if shell in _SHELLS:
            return str(shtab.complete(_parser(commands), shell))
        case ["-h" | "--help"]:
            return _USAGE
        case _:
            raise ConfigurationError(
                f"completion needs one shell: {', '.join(_SHELLS)}; see bootstrap-monitor completion --help"
            )


def _parser(commands: Mapping[str, tuple[str, str]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bootstrap-monitor")
    under = parser.add_subparsers()
    for name, (purpose, settings) in commands.items():
        command = under.add_parser(name, help=purpose)
        if settings:
            kind = getattr(known, settings)
            CliSettingsSource(kind, root_parser=command)
            without_use = kind.model_fields.keys() - known.offered(kind).keys()
            for action in command._actions:  # noqa: SLF001 - argparse offers no public access to all actions
                if action.dest in without_use:
                    action.help = argparse.SUPPRESS
                _complete(action)
    return parser


def _complete(action: argparse.Action) -> None:
    """Set what completes an action: its choices, files or folders."""
    kind = str(action.metavar or "")
    if kind.startswith("{"):
        action.choices = [word for word in kind.strip("{}").split(",") if word.islower()]
    elif kind in {"Path", "BUILD"}:
        action.complete = shtab.DIRECTORY if action.dest in _FOLDERS else shtab.FILE  # type: ignore[attr-defined]
    if action.dest == "until":
        action.choices = [kind]
