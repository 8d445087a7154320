"""Writes the generated files of the chart: `python -m deploy.generate`.

Each fact has one source. `monitor.settings` defines the monitor's flags. `values.schema.json` defines all
other values, and `values.yaml` and the README's table are generated from it. Rules and dashboards are copied
from their folders.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from annotated_types import Ge
from pydantic.fields import FieldInfo

from docs.marked import marked
from monitor.settings import Duration, InitSettings, WaitSettings

PROJECT = Path(__file__).parent.parent
CHART = PROJECT / "deploy" / "chart"
README_MARKS = ("<!-- values: made by `make generate` -->\n", "<!-- end of values -->\n")
# Settings that the chart sets from other values, or itself.
CHARTS_OWN = frozenset(
    {"data_dir", "node_container_name", "namespace", "pod_name", "pod_uid"}
    | {"network", "sync_mode", "rolling_tag", "registry_config", "registry_ca"}
    | {"web_listen_address", "web_tls_certificate", "web_tls_key"}
)
_HEADING = "# Made by `make generate`; changes go to {}.\n"
_LINE = 118
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number"}

Schema = dict[str, Any]


def contents() -> dict[Path, str]:
    """Return the text of each generated file by its path."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    schema["$defs"]["settings"] = settings_schema()
    readme = (CHART / "README.md").read_text()
    return {
        CHART / "values.schema.json": json.dumps(schema, indent=2) + "\n",
        CHART / "values.yaml": _HEADING.format("values.schema.json")
        + "\n".join(_lines(schema, schema, ""))
        + "\n",
        CHART / "README.md": marked("README.md", readme, *README_MARKS, f"\n{_table(schema)}\n"),
        CHART / "files" / "settings.yaml": _HEADING.format("monitor/settings.py")
        + yaml.safe_dump(_settings_facts()),
        CHART / "files" / "rules.yaml": (PROJECT / "alerts" / "rules.yaml").read_text(),
        **{
            CHART / "files" / "dashboards" / name: (PROJECT / "dashboards" / name).read_text()
            for name in ("fleet.json", "tester.json")
        },
    }


def settings() -> dict[str, FieldInfo]:
    """Return the monitor's settings that can be set in the values, by their names in Python."""
    fields = {**InitSettings.model_fields, **WaitSettings.model_fields}
    return {name: field for name, field in fields.items() if name not in CHARTS_OWN}


def camel_case(name: str) -> str:
    """Return a setting's name in the values: `stall_timeout` becomes `stallTimeout`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def settings_schema() -> Schema:
    """Return the schema of `monitor.settings`."""
    properties = {camel_case(name): _field_schema(field) for name, field in settings().items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _settings_facts() -> dict[str, list[str] | str]:
    """Return facts for the templates: flags that `init` does not accept, durations, and a default."""
    found = settings()
    return {
        "onlyWait": [
            camel_case(name) for name in WaitSettings.model_fields if name not in InitSettings.model_fields
        ],
        "checkPodTimeout": str(found["check_pod_timeout"].default),
        "durations": [camel_case(name) for name, field in found.items() if Duration in _types(field)],
    }


def _types(field: FieldInfo) -> tuple[Any, ...]:
    """Return the types that a setting may have, without `None`."""
    annotation = field.annotation
    several = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return tuple(each for each in several if each is not NoneType)


def _field_schema(field: FieldInfo) -> Schema:
    found: Schema = {"description": " ".join((field.description or "").split())}
    types = _types(field)
    if len(types) == 1 and get_origin(types[0]) is Literal:
        found["enum"] = list(get_args(types[0]))
    else:
        found["type"] = [_JSON_TYPES.get(types[0], "string"), "null"]
    for limit in field.metadata:
        if isinstance(limit, Ge):
            found["minimum"] = limit.ge
    if field.default is not None:
        found["default"] = str(field.default) if isinstance(field.default, Duration) else field.default
    return found


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Return a schema with its reference resolved.

    The schema's own keys override those of the referenced schema, except `properties`.
    """
    reference = schema.get("$ref")
    if reference is None:
        return schema
    beside = {name: value for name, value in schema.items() if name != "properties"}
    named: Schema = root["$defs"][reference.rpartition("/")[2]]
    return named | beside


def _lines(schema: Schema, root: Schema, indent: str) -> Iterator[str]:
    """Yield the lines of `values.yaml` for an object: comment and default of each value."""
    for name, raw in schema["properties"].items():
        if name == "global":
            continue
        value = _resolved(raw, root)
        comment = f"{indent}# "
        yield from textwrap.wrap(
            value.get("description", ""), _LINE, initial_indent=comment, subsequent_indent=comment
        )
        if "default" in value:
            yield f"{indent}{name}: {json.dumps(value['default'])}"
        elif "examples" in value:
            yield f"{indent}# {name}: {value['examples'][0]}"
        elif "properties" in value:
            yield f"{indent}{name}:"
            yield from _lines(value, root, indent + "  ")


def _table(schema: Schema) -> str:
    """Return the README's table with a row for each value."""
    rows = ["| value | type | default | |", "| --- | --- | --- | --- |"]
    rows += [
        f"| `{path}` | {kind} | {default} | {text} |"
        for path, kind, default, text in _rows(schema, schema, "")
    ]
    return "\n".join(rows) + "\n"


def _rows(schema: Schema, root: Schema, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, raw in schema["properties"].items():
        value, path = _resolved(raw, root), prefix + name
        inner = "properties" in value and raw.get("$ref") not in {"#/$defs/resources", "#/$defs/probe"}
        if name == "settings" or not inner:
            default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
            yield path, _kind(value), default, value["description"].replace("|", "\\|")
        if inner:
            yield from _rows(value, root, f"{path}.")


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(each for each in kinds if each != "null")


if __name__ == "__main__":
    for path, text in contents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
