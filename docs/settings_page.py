"""Generates docs/settings.md from the classes of `monitor.settings`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, CliPositionalArg

from monitor import settings as known
from monitor.cli import _COMMANDS
from monitor.settings import (
    ENVIRONMENT_PREFIX,
    CommonSettings,
    Duration,
    PodSettings,
    ShowSettings,
    TesterSettings,
    WebSettings,
)

SETTINGS = Path(__file__).with_name("settings.md")
# Settings that several commands share: a title, and the class that has them.
GROUPS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Common", CommonSettings),
    ("Test and limits", TesterSettings),
    ("In a pod", PodSettings),
    ("Page, metrics and API", WebSettings),
    ("Commands for an existing tester", ShowSettings),
)
_TEXT = """\
# Settings

Settings of each command; `bootstrap-monitor COMMAND --help` lists them. This page is generated from the code
(`make generate`).

- A flag follows its command, as `--flag value` or `--flag=value`. A switch needs no value; `--no-…` turns it off.
- Each flag has an environment variable. The flag takes precedence.
- A variable that begins with `{prefix}` and is not a setting is an error. Variables of other commands are
  ignored, so you can set them once for all containers of a pod.
- Durations are written as in Go, and also in days: `30s`, `1m30s`, `12h`, `14d`. They must be longer than zero.
- `init` and `wait-for-completion` of one tester must have the same values for the flags that both accept.

This table lists the groups of settings of each command:

| command | purpose | {titles} |
| --- | --- | {lines} |
{commands}

`version`, and `completion bash`, `zsh` or `fish`, have no settings.

{groups}## Settings by command

A flag that is also listed above has another default, or another meaning, for this command.

{own}"""
_HEAD = "| flag | variable | default | |\n| --- | --- | --- | --- |\n"
_POSITIONAL = get_args(CliPositionalArg[str])[1]


def settings_page() -> str:
    """Return the page of all settings."""
    return _TEXT.format(
        prefix=ENVIRONMENT_PREFIX,
        titles=" | ".join(f"[{title}](#{_anchor(title)})" for title, _ in GROUPS),
        lines=" | ".join("---" for _ in GROUPS),
        commands="\n".join(_overview()),
        groups="".join(f"## {title}\n\n{_HEAD}{_table(own_fields(kind))}\n" for title, kind in GROUPS),
        own="\n".join(_sections()),
    )


def settings_of_commands() -> Mapping[str, type[BaseSettings]]:
    """Return the settings class of each command."""
    return {name: getattr(known, each.settings) for name, each in _COMMANDS.items()}


def own_fields(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the fields of a class that none of its bases has with an equal row."""
    inherited = {
        name: field
        for base in reversed(kind.__mro__[1:])
        if issubclass(base, BaseSettings)
        for name, field in base.model_fields.items()
    }
    return {
        name: field
        for name, field in kind.model_fields.items()
        if name not in inherited or _row(name, field) != _row(name, inherited[name])
    }


def _overview() -> Iterator[str]:
    for name, kind in settings_of_commands().items():
        has = " | ".join("yes" if issubclass(kind, group) else "" for _, group in GROUPS)
        yield f"| [`{name}`](#{name}) | {_COMMANDS[name].purpose} | {has} |"


def _sections() -> Iterator[str]:
    for name, kind in settings_of_commands().items():
        purpose = _COMMANDS[name].purpose
        yield f"### {name}\n\n{purpose[0].upper()}{purpose[1:]}.\n"
        if without_use := kind.model_fields.keys() - known.offered(kind).keys():
            flags = ", ".join(f"`--{name.replace('_', '-')}`" for name in sorted(without_use))
            yield f"This command has no {flags}.\n"
        shared = kind in {group for _, group in GROUPS}
        if fields := {} if shared else own_fields(kind):
            yield f"{_HEAD}{_table(fields)}"


def _table(fields: Mapping[str, FieldInfo]) -> str:
    return "".join(f"{_row(name, field)}\n" for name, field in fields.items())


def _row(name: str, field: FieldInfo) -> str:
    name = field.alias or name
    positional = _POSITIONAL in field.metadata
    flag = name.upper().replace("_", "-") if positional else f"--{name.replace('_', '-')}"
    text = (field.description or "").replace("\n", " ")
    choices = _choices(field.annotation)
    meaning = f"{text} {_choice_text(choices)}" if choices else text
    # A required argument must be on the command line.
    variable = "" if positional and field.is_required() else f"`{ENVIRONMENT_PREFIX}{name.upper()}`"
    cells = (f"`{flag}`", variable, _default(field, text), meaning)
    return f"| {' | '.join(cells)} |"


def _choices(annotation: object) -> tuple[str, ...]:
    """Return the choices of a setting that accepts no other values."""
    kinds = [annotation] if get_origin(annotation) is Literal else [*get_args(annotation)]
    kinds = [each for each in kinds if each is not type(None)]
    if not kinds or any(get_origin(each) is not Literal for each in kinds):
        return ()
    return tuple(str(word) for each in kinds for word in get_args(each))


def _choice_text(choices: tuple[str, ...]) -> str:
    words = ", ".join(f"`{each}`" for each in choices)
    return f"One of {words}." if len(choices) > 1 else f"The only value is {words}."


def _default(field: FieldInfo, text: str) -> str:
    """Return the default of a setting; empty if its description states it."""
    value: Any = field.default
    if value is PydanticUndefined:
        return "none: required"
    if value is None or value == "" or "default:" in text:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{Duration(value) if isinstance(value, Duration) else value}`"


def _anchor(title: str) -> str:
    """Return the anchor that GitHub creates for a heading."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
