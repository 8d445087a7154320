"""Parsing of a command's settings from flags and variables; all mistakes become one line with advice."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, partial
from itertools import pairwise
from types import NoneType
from typing import Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, CliSettingsSource, EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from monitor import settings
from monitor.avalanchego.conventions import COMMON_FLAGS
from monitor.errors import ConfigurationError
from monitor.flag_help import POSITIONAL, command_help
from monitor.settings import ENVIRONMENT_PREFIX, Duration, LocalSettings, offered

# Variables that Kubernetes injects for a Service whose name begins with `bootstrap-monitor`.
_SERVICE_VARIABLE = re.compile(r".*SERVICE_(HOST|PORT(_.+)?)|(.*_)?PORT(_\d+_(TCP|UDP|SCTP)(_.+)?)?")
_OFF_WORDS = frozenset({"0", "f", "false", "n", "no", "off"})
_MIN_SIMILARITY = 0.7  # a transposition in a word of four letters has 0.75

# What a value must be, by the type of pydantic's error, whose own texts describe its parser.
_REQUIREMENTS = {
    "bool_parsing": "it must be true or false",
    "finite_number": "it must be a finite number",
    "float_parsing": "it must be a number",
    "greater_than_equal": "it must be at least {ge:g}",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "it must have fewer digits",
    "less_than": "it must be less than {lt:g}",
    "less_than_equal": "it must be at most {le:g}",
    "literal_error": "it must be {expected}",
    "string_too_short": "it must not be empty",
}

_Settings = TypeVar("_Settings", bound=BaseSettings)


def parse(
    kind: type[_Settings], command: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> _Settings:
    """Read a command's settings from `arguments` and `environment`.

    `POD_NAME`, `POD_NAMESPACE` and `POD_UID` are read from this process's environment, not from
    `environment`.

    Raises:
        ConfigurationError: the settings are invalid; the message lists every mistake on one line.
        SystemExit: `--help` was printed.
    """
    _refuse_unknown(environment)
    flags = _flag_source(kind, command)(args=list(arguments))
    variables = EnvSettingsSource(kind)
    variables.env_vars = {name.lower(): value for name, value in environment.items()}
    try:
        return kind(_build_sources=((flags, variables), {}))
    except ValidationError as error:
        mistakes = (_mistake(details, _fields(kind)) for details in error.errors())
        raise ConfigurationError("; ".join(mistakes)) from error


@cache
def _flag_source(kind: type[BaseSettings], command: str) -> CliSettingsSource[BaseSettings]:
    """Return the parser of a command's flags, once a process: `check --wait` parses them repeatedly."""
    return CliSettingsSource(
        kind,
        cli_prog_name=f"bootstrap-monitor {command}",
        parse_args_method=partial(_namespace, kind, command),
    )


def _namespace(
    kind: type[BaseSettings], command: str, parser: ArgumentParser, arguments: Sequence[str]
) -> Namespace:
    """Parse the arguments.

    Raises:
        ConfigurationError: an argument is unknown or missing, or lacks its value.
    """
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(f"{command_help(kind, command)}\n")
        raise SystemExit(0)
    parser.exit_on_error = False
    fields = _flags_of(offered(kind))
    without_use = {f"--{flag}" for flag in _fields(kind).keys() - fields.keys()}
    try:
        namespace, unknown = parser.parse_known_args(arguments)
    except ArgumentError as error:
        problem, flag = str(error), error.argument_name or ""
        if misused := _misused_switch(flag.split("/"), arguments):
            problem = misused
        elif flag in arguments:
            words = _choices(fields, flag)
            problem = f"{flag} needs a value" + (f": one of {', '.join(words)}" if words else "")
    except SettingsError:
        problem = _missing(fields, arguments)
    else:
        unknown += [word for word in arguments if word.partition("=")[0] in without_use]
        if not unknown:
            return namespace
        problem = _unknown(unknown, command, fields)
        if kind is LocalSettings and problem.startswith("--"):
            problem = _of_the_node(unknown) or f"{problem}; the node's own flags go after --"
    raise ConfigurationError(f"{problem}; see bootstrap-monitor {command} --help")


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = sorted(flag.replace("-", "_").upper() for flag in _fields_of_all_commands())
    for name in sorted(environment):
        rest = name.removeprefix(ENVIRONMENT_PREFIX)
        if rest == name or rest in known or _SERVICE_VARIABLE.fullmatch(rest):
            continue
        near = _nearest(rest.upper(), known) or _only_beginning_with(f"{rest.upper()}_", known)
        raise ConfigurationError(
            f"{name} is not a setting: "
            + (f"did you mean {ENVIRONMENT_PREFIX}{near}?" if near else "remove it")
        )


def _fields_of_all_commands() -> dict[str, FieldInfo]:
    kinds = [
        kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, BaseSettings)
    ]
    return {flag: field for kind in kinds for flag, field in _fields(kind).items()}


def _fields(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return the settings by their flags without dashes in front; positional arguments have no flag."""
    return _flags_of(kind.model_fields)


def _flags_of(fields: Mapping[str, FieldInfo]) -> dict[str, FieldInfo]:
    return {(field.alias or name).replace("_", "-"): field for name, field in fields.items()}


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return the most similar word; empty if none is similar enough to be meant."""
    return next(iter(get_close_matches(word, sorted(known), 1, _MIN_SIMILARITY)), "")


def _only_beginning_with(start: str, known: Iterable[str]) -> str:
    """Return the word with a beginning; empty unless exactly one has it."""
    words = [word for word in known if word.startswith(start)]
    return words[0] if len(words) == 1 else ""


def _misused_switch(names: Sequence[str], arguments: Sequence[str]) -> str:
    """Return the error of a switch with a value; empty if none of the names is such an argument."""
    for name, equals, value in (word.partition("=") for word in arguments):
        if equals and name in names and len(names) > 1:
            off = value.lower() in _OFF_WORDS
            meant = next((other for other in names if (other != name) == off), name)
            return f"{name} takes no value; use {meant}"
    return ""


def _missing(fields: Mapping[str, FieldInfo], arguments: Sequence[str]) -> str:
    for flag, word in pairwise(arguments):  # a flag without a value has consumed the missing argument
        words = _choices(fields, flag)
        if words and word not in words:
            return f"{flag} needs a value, one of {', '.join(words)}, and {word!r} is not one of them"
    name, text = next(
        (name, field.description or "")
        for name, field in fields.items()
        if POSITIONAL in field.metadata and field.is_required()
    )
    return f"{name.upper()} is missing: {text[:1].lower()}{text[1:].rstrip('.')}"


def _unknown(words: Sequence[str], command: str, fields: Mapping[str, FieldInfo]) -> str:
    flag = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
    if not flag:
        return f"{words[0].partition(chr(10))[0]!r} is not expected here"
    other = _fields_of_all_commands().get(flag.removeprefix("--"))
    if other is not None and POSITIONAL not in other.metadata:
        return f"{flag} is not a flag of {command}"
    flags = [name for name, field in fields.items() if POSITIONAL not in field.metadata]
    if flag.startswith("--no-"):
        flags = [f"no-{name}" for name in flags if fields[name].annotation is bool]
    name = flag.removeprefix("--")
    near = _only_beginning_with(name, flags) or _nearest(name, flags)
    return f"{flag} is not a flag" + (f" (did you mean --{near}?)" if near else "")


def _of_the_node(words: Sequence[str]) -> str:
    """Return the error of a node's flag before `--`; empty if the first unknown flag is not a known one."""
    word = next(word for word in words if word.startswith("--"))
    flag = word.partition("=")[0]
    if flag.removeprefix("--") not in COMMON_FLAGS:
        return ""
    return f"{flag} is a flag of the node: put it after --, as in local BUILD -- {word}"


def _choices(fields: Mapping[str, FieldInfo], flag: str) -> tuple[str, ...]:
    """Return the words that a flag accepts; empty if it accepts other values too."""
    field = fields.get(flag.removeprefix("--"))
    annotation = field.annotation if field else None
    members = [member for member in get_args(annotation) if member is not NoneType]
    kind = members[0] if len(members) == 1 and get_origin(annotation) is not Literal else annotation
    return get_args(kind) if get_origin(kind) is Literal else ()


def _mistake(error: ErrorDetails, fields: Mapping[str, FieldInfo]) -> str:
    flag = str(error["loc"][0]).replace("_", "-") if error["loc"] else "settings"
    variable = ENVIRONMENT_PREFIX + flag.replace("-", "_").upper()
    positional = flag in fields and POSITIONAL in fields[flag].metadata
    where = flag.upper() if positional else f"--{flag} ({variable})"
    if error["type"] == "missing":
        return f"{where} is required"
    requirement = _REQUIREMENTS.get(error["type"])
    message = (
        requirement.format_map(error.get("ctx", {})).replace("'", "")
        if requirement
        else error["msg"].removeprefix("Value error, ")
    )
    value = error["input"]
    # Only a default is a Duration before parsing; its text is shown without quotes.
    shown = "is not set" if value is None else f"is {value if isinstance(value, Duration) else repr(value)}"
    return f"{where} {shown}: {message[0].lower()}{message[1:]}"
