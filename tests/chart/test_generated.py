"""The generated files in the chart are up to date."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.helm import CHART, PROJECT

from deploy.generate import CHARTS_OWN, camel_case, contents, settings
from monitor.settings import InitSettings, WaitSettings

_MADE = contents()


@pytest.mark.parametrize("path", _MADE, ids=lambda path: path.name)
def test_a_file_is_what_is_made_now(path: Path) -> None:
    assert path.read_text() == _MADE[path], "run `make generate` and commit what it wrote"


def test_no_other_file_is_there() -> None:
    assert {each for each in (CHART / "files").rglob("*") if each.is_file()} <= _MADE.keys()


def test_every_flag_is_a_value_or_the_charts_own() -> None:
    fields = InitSettings.model_fields.keys() | WaitSettings.model_fields.keys()
    assert fields == settings().keys() | CHARTS_OWN
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["$defs"]["settings"]["properties"].keys() == {camel_case(name) for name in settings()}


def _open(schema: Any, where: str = "") -> list[str]:
    """Return the paths of the objects in a schema that allow unknown properties."""
    # Keywords next to a reference only extend it.
    if not isinstance(schema, dict) or "$ref" in schema:
        return []
    closed = schema.get("additionalProperties") is False
    found = [where] if "properties" in schema and not closed else []
    return found + [each for name, value in schema.items() for each in _open(value, f"{where}/{name}")]


def test_a_typo_is_seen_everywhere() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert _open(schema) == []
    del schema["$defs"]["tester"]["properties"]["image"]["additionalProperties"]
    assert _open(schema) == ["/$defs/tester/properties/image"]


def test_every_value_is_described() -> None:
    rows = [
        line.split(" | ") for line in (CHART / "README.md").read_text().splitlines() if line.startswith("| `")
    ]
    values = [row for row in rows if len(row) == 4 and row[0].startswith(("| `defaults", "| `testers"))]
    assert len(values) > len(settings())
    assert all(row[3].strip(" |") for row in values), values


def test_the_table_of_values_is_about_values() -> None:
    """A value's default is that of the chart, and a text names other values, not the flags of the monitor."""
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", (CHART / "README.md").read_text(), re.MULTILINE))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())["defaults"]["monitor"]["settings"]

    for name, default in defaults.items():
        assert f" | `{json.dumps(default)}` | " in rows[f"defaults.monitor.settings.{name}"]
    assert [row for row in rows.values() if "--" in row] == []


def test_the_versions_of_chart_and_monitor_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    namespace: dict[str, str] = {}
    exec((PROJECT / "monitor" / "__init__.py").read_text(), namespace)  # noqa: S102 - our own file
    assert chart["appVersion"] == namespace["__version__"]
