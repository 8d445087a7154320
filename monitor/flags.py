"""Parsing of a command's settings from flags and variables; all mistakes become one line with advice."""

from __future__ import annotations

import difflib
import re
from argparse import Action, ArgumentError, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import NoneType, UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    CliApp,
    CliPositionalArg,
    CliSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from monitor import settings
from monitor.errors import ConfigurationError
from monitor.settings import ENVIRONMENT_PREFIX, Duration, LocalSettings

# Variables that Kubernetes injects for a Service whose name begins with `bootstrap-monitor`.
_SERVICE_VARIABLE = re.compile(r".*SERVICE_(HOST|PORT(_.+)?)|(.*_)?PORT(_\d+_(TCP|UDP|SCTP)(_.+)?)?")
_POSITIONAL = get_args(CliPositionalArg[str])[1]
_NO_DEFAULT = re.compile(r" \(default: (None|\.)?\)")

_Settings = TypeVar("_Settings", bound=BaseSettings)


class _HelpFormatter(RawDescriptionHelpFormatter):
    """A formatter that omits missing defaults, because the setting's description explains them."""

    def _get_help_string(self, action: Action) -> str:
        return _NO_DEFAULT.sub("", action.help or "")


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
    try:
        with_sources = type(
            kind.__name__,
            (kind,),
            {
                "__doc__": kind.__doc__,
                # The fields have their descriptions; reading them again would search all loaded modules.
                "model_config": SettingsConfigDict(use_attribute_docstrings=False),
                "settings_customise_sources": classmethod(_from_flags_and(environment)),
            },
        )
        source: CliSettingsSource[_Settings] = CliSettingsSource(
            with_sources,
            cli_prog_name=f"bootstrap-monitor {command}",
            formatter_class=_HelpFormatter,
            parse_args_method=partial(_namespace, kind, command),
        )
        return CliApp.run(with_sources, cli_args=list(arguments), cli_settings_source=source)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_mistake(each, kind) for each in error.errors())) from error


def _namespace(
    kind: type[BaseSettings], command: str, parser: ArgumentParser, arguments: Sequence[str]
) -> Namespace:
    """Parse the arguments.

    Raises:
        ConfigurationError: an argument is unknown or missing, or lacks its value.
    """
    parser.exit_on_error = False
    try:
        namespace, unknown = parser.parse_known_args(arguments)
    except (ArgumentError, SettingsError) as error:
        flag = getattr(error, "argument_name", None)
        if flag is None:
            problem = _missing(kind, arguments)
        elif flag in arguments:
            words = _choices(kind, flag)
            problem = f"{flag} needs a value" + (f": one of {', '.join(words)}" if words else "")
        else:
            problem = str(error)
    else:
        if not unknown:
            return namespace
        problem = _unknown(unknown, kind)
    raise ConfigurationError(f"{problem}; see bootstrap-monitor {command} --help")


def _from_flags_and(environment: Mapping[str, str]) -> Callable[..., tuple[PydanticBaseSettingsSource, ...]]:
    """Return a function that limits the sources of settings to the flags and `environment`."""

    def sources(
        _kind: object,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        variables = EnvSettingsSource(settings_cls)
        variables.env_vars = {name.lower(): value for name, value in environment.items()}
        return init_settings, variables

    return sources


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = sorted({name.upper() for name in _names()})
    for name in sorted(environment):
        rest = name.removeprefix(ENVIRONMENT_PREFIX)
        if rest == name or rest in known or _SERVICE_VARIABLE.fullmatch(rest):
            continue
        close = difflib.get_close_matches(rest.upper(), known, 1)
        raise ConfigurationError(
            f"{name} is not a setting: "
            + (f"did you mean {ENVIRONMENT_PREFIX}{close[0]}?" if close else "remove it")
        )


def _names() -> set[str]:
    kinds = [
        kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, BaseSettings)
    ]
    return {name for kind in kinds for name in _given_names(kind)}


def _given_names(kind: type[BaseSettings]) -> set[str]:
    return {field.alias or name for name, field in kind.model_fields.items()}


def _missing(kind: type[BaseSettings], arguments: Sequence[str]) -> str:
    for flag, word in pairwise(arguments):  # a flag without a value has consumed the missing argument
        words = _choices(kind, flag)
        if words and word not in words:
            return f"{flag} needs a value, one of {', '.join(words)}, and {word!r} is not one of them"
    name = next(name for name in _positionals(kind) if kind.model_fields[name].is_required())
    told = kind.model_fields[name].description or ""
    return f"{name.upper()} is missing: {told[:1].lower()}{told[1:].rstrip('.')}"


def _unknown(words: Sequence[str], kind: type[BaseSettings]) -> str:
    given = next((word.partition("=")[0] for word in words if word.startswith("--")), "")
    if not given:
        return f"{words[0].partition(chr(10))[0]!r} is not expected here"
    flags = ["--" + name.replace("_", "-") for name in _given_names(kind) - _positionals(kind)]
    close = difflib.get_close_matches(given, flags, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    if kind is LocalSettings:
        hint += "; the node's own flags go after --"
    return f"{given} is not a flag{hint}"


def _choices(kind: type[BaseSettings], flag: str) -> tuple[str, ...]:
    """Return the values that a flag accepts; empty if it accepts other values too."""
    name = flag.removeprefix("--").replace("-", "_")
    found = (field.annotation for key, field in kind.model_fields.items() if name in {key, field.alias})
    annotation = next(found, None)
    members = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    kinds = [each for each in members if each is not NoneType]
    if not all(get_origin(each) is Literal for each in kinds):
        return ()
    return tuple(word for each in kinds for word in get_args(each))


def _positionals(kind: type[BaseSettings]) -> set[str]:
    """Return the settings that are positional arguments."""
    return {name for name, field in kind.model_fields.items() if _POSITIONAL in field.metadata}


def _mistake(error: ErrorDetails, kind: type[BaseSettings]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    flag = name.replace("_", "-")
    where = flag.upper() if name in _positionals(kind) else f"--{flag} ({ENVIRONMENT_PREFIX}{name.upper()})"
    if error["type"] == "missing":
        return f"{where} is required"
    message = error["msg"].removeprefix("Value error, ")
    value = error["input"]
    # Only a default is a Duration before parsing; its text is shown without quotes.
    given = "is not set" if value is None else f"is {value if isinstance(value, Duration) else repr(value)}"
    return f"{where} {given}: {message[0].lower()}{message[1:]}"
