"""The text of `COMMAND --help`: usage, examples, and the flags in groups."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, CliPositionalArg

from monitor.settings import ENVIRONMENT_PREFIX, Duration, LocalSettings, offered

POSITIONAL = get_args(CliPositionalArg[str])[1]
# The group of each flag; all others are in the last one.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What to test",
        (
            "data_dir",
            "network",
            "sync_mode",
            "testbed",
            "tester",
            "rolling_tag",
            "on_new_build",
            "retest_after",
        ),
    ),
    (
        "Verdicts",
        (
            *("until", "again", "fail_if_slower", "soak", "stall_warning", "stall_timeout", "deadline"),
            *("crash_limit", "start_timeout", "unhealthy_timeout", "disk_floor"),
        ),
    ),
    ("Comparison", ("compare", "runs")),
    ("In a pod", ("namespace", "pod_name", "pod_uid", "node_container_name", "version_pod_timeout")),
    (
        "Registry",
        (
            *("image_source", "registry_config", "registry_ca", "registry_plain_http"),
            "registry_auth_host",
        ),
    ),
    (
        "Page, metrics and API",
        ("web_listen_address", "web_evidence", "web_tls_certificate", "web_tls_key"),
    ),
    ("Output", ("run", "limit", "json_output", "csv_output", "log_format", "debug")),
    ("Advanced", ()),
)
_MIN_GROUPED = 10  # fewer flags are one list
_METAVARS = {
    "adopt": "keep|clear:TOKEN",
    "compare": "OLD",
    "data_dir": "FOLDER",
    "disk_floor": "PERCENT",
    "network": "NETWORK",
    "node_url": "URL",
    "pod_uid": "UID",
    "registry_auth_host": "HOST[:PORT]",
    "rolling_tag": "TAG",
    "run": "RUN",
    "web_listen_address": "[HOST]:PORT",
}
_EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "local": (
        "./avalanchego -- --network-id=fuji --partial-sync-primary-network",
        "--until succeeded ./avalanchego -- --network-id=fuji",
        "--compare ./old/avalanchego ./avalanchego -- --network-id=fuji",
    ),
    "history": ("--limit 5", "--run 3"),
    "mark-baseline": ("", "12"),
    "rerun": ("", "3", "900d900d", "--cancel"),
    "check": ("--wait 5m",),
}
_VALUES = ((Duration, "DURATION"), (Path, "FILE"), (str, "NAME"), (int, "N"))
_NOTE = (
    "A switch needs no value; --no-… turns it off. Durations are written as 30s, 1m30s, 12h or 14d. Each flag has a "
    f"variable, over which it takes precedence, such as {ENVIRONMENT_PREFIX}DATA_DIR."
)
_MIN_COLUMNS, _MAX_COLUMNS = 40, 100
_INDENT = " " * 6


def command_help(kind: type[BaseSettings], command: str) -> str:
    """Return the help of a command, wrapped to the terminal."""
    columns = min(max(shutil.get_terminal_size().columns, _MIN_COLUMNS), _MAX_COLUMNS)
    return "\n".join(_lines(kind, command, columns))


def _lines(kind: type[BaseSettings], command: str, columns: int) -> Iterable[str]:
    fields = offered(kind)
    positional = {name: field for name, field in fields.items() if POSITIONAL in field.metadata}
    words = [_positional_text(name, field) for name, field in positional.items()]
    tail = ["-- NODE-ARGUMENTS"] if kind is LocalSettings else []
    yield f"usage: {' '.join(['bootstrap-monitor', command, '[flags]', *words, *tail])}"
    yield ""
    yield from textwrap.wrap(" ".join((kind.__doc__ or "").split()), columns)
    if examples := _EXAMPLES.get(command):
        yield "\nexamples:"
        yield from (f"  bootstrap-monitor {command} {example}".rstrip() for example in examples)
    if positional:
        yield ""
    for name, field in positional.items():
        yield from _entry(_name_of(name), field, columns)
    flags = {name: field for name, field in fields.items() if name not in positional}
    for title, names in _grouped(flags):
        yield f"\n{title}:"
        for name in names:
            yield from _entry(_flag_text(name, flags[name]), flags[name], columns)
    yield ""
    yield from textwrap.wrap(_NOTE, columns)


def _grouped(flags: Mapping[str, FieldInfo]) -> Iterable[tuple[str, list[str]]]:
    """Yield the title and the flags of each group."""
    if len(flags) < _MIN_GROUPED:
        yield "flags", list(flags)
        return
    named = {name for _, names in _GROUPS for name in names}
    for title, names in _GROUPS:
        members = names or [name for name in flags if name not in named]
        if shown := [name for name in members if name in flags]:
            yield title, shown


def _entry(head: str, field: FieldInfo, columns: int) -> Iterable[str]:
    yield f"  {head}"
    text = " ".join((field.description or "").split())
    if default := _default_text(field, text):
        text += f" ({default})"
    yield from textwrap.wrap(
        text, columns, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def _default_text(field: FieldInfo, text: str) -> str:
    """Return the default of a flag, or that it is required; empty if its description explains it."""
    value = field.default
    if value is PydanticUndefined:
        return "required" if POSITIONAL not in field.metadata else ""
    if value in (None, "", False) or "default:" in text or value == Path():
        return ""
    return f"default: {value}"


def _name_of(name: str) -> str:
    return name.upper().replace("_", "-")


def _positional_text(name: str, field: FieldInfo) -> str:
    return _name_of(name) if field.is_required() else f"[{_name_of(name)}]"


def _flag_text(name: str, field: FieldInfo) -> str:
    flag = f"--{(field.alias or name).replace('_', '-')}"
    return f"{flag} {value}" if (value := _METAVARS.get(name) or _value_text(field.annotation)) else flag


def _value_text(annotation: object) -> str:
    """Return the placeholder for a value of a type; empty for a switch."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if members := [member for member in get_args(annotation) if member is not NoneType]:
        return "|".join(filter(None, map(_value_text, members)))
    return next((word for kind, word in _VALUES if annotation is kind), "")
