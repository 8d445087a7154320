"""Tests that the committed dashboards match the code, show all states, are readable and can be imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml

from dashboards.expressions import Expression, Kind, expressions, filled
from dashboards.files import FOLDER, contents
from dashboards.states import LAST_OUTCOME, OUTCOMES, PHASES, VERDICTS, Words
from monitor.domain.baseline import Verdict
from monitor.domain.run import Outcome
from monitor.domain.status import Phase

FILES = ("fleet.json", "tester.json")
SELECTOR = 'up{tester=~"$tester"}'


def dashboard(**changes: Any) -> dict[str, Any]:
    """Return an empty dashboard with the changes."""
    return {"panels": [], "templating": {"list": []}, "annotations": {"list": []}} | changes


def panel(title: str, *targets: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {"type": "timeseries", "title": title, "targets": list(targets)} | changes


@pytest.mark.parametrize("name", FILES)
def test_the_committed_file_is_what_the_code_makes(name: str) -> None:
    assert contents()[name] == (FOLDER / name).read_text(), "run `make generate` and commit what it wrote"


def test_no_other_dashboard_is_committed() -> None:
    assert sorted(contents()) == sorted(FILES) == sorted(each.name for each in FOLDER.glob("*.json"))


@pytest.mark.parametrize(
    ("words", "all_words"),
    [(PHASES, Phase), (OUTCOMES, Outcome), (LAST_OUTCOME, Outcome), (VERDICTS, Verdict)],
    ids=["phases", "outcomes", "last outcome", "verdicts"],
)
def test_every_word_of_a_state_is_shown(words: Words, all_words: Iterable[str]) -> None:
    assert set(words.states) == set(all_words)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        pytest.param("up", "up", id="nothing to fill in"),
        pytest.param('up{a="$tester"}', 'up{a="t-0"}', id="bare"),
        pytest.param('up{a="${tester}"}', 'up{a="t-0"}', id="in braces"),
        pytest.param('up{a="${tester:regex}"}', 'up{a="t-0"}', id="with a format"),
        pytest.param('up{a="[[tester]]"}', 'up{a="t-0"}', id="in square brackets"),
        pytest.param("rate(up[$__rate_interval])", "rate(up[1m])", id="rate interval"),
        pytest.param("up[$__range]", "up[1h]", id="range"),
        pytest.param("up[${__interval}]", "up[5m]", id="a built-in one that is given"),
        pytest.param('f(up, "$1 $2")', 'f(up, "$1 $2")', id="groups of a label_replace"),
        pytest.param("$tester$tester", "t-0t-0", id="side by side"),
    ],
)
def test_variables_are_filled_in(expr: str, expected: str) -> None:
    assert filled(expr, {"tester": "t-0", "__interval": "5m"}) == expected


def test_a_variable_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="network"):
        filled('up{network="$network"}', {"tester": "t-0"})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            dashboard(
                panels=[panel("P", {"refId": "A", "expr": "a"}, {"refId": "B", "expr": "b", "instant": True})]
            ),
            [Expression("P", "A", "a", instant=False), Expression("P", "B", "b", instant=True)],
            id="targets of a panel",
        ),
        pytest.param(
            dashboard(panels=[{"type": "row", "panels": [panel("P", {"refId": "A", "expr": "a"})]}]),
            [Expression("P", "A", "a", instant=False)],
            id="a panel in a folded row",
        ),
        pytest.param(dashboard(panels=[panel("P")]), [], id="a panel without targets"),
        pytest.param(
            dashboard(
                templating={
                    "list": [
                        {"type": "datasource", "name": "datasource", "query": "prometheus"},
                        {
                            "type": "query",
                            "name": "tester",
                            "query": {"query": f"label_values({SELECTOR}, tester)"},
                        },
                    ]
                }
            ),
            [Expression("tester", "tester", SELECTOR, instant=True, kind=Kind.VARIABLE)],
            id="a variable",
        ),
        pytest.param(
            dashboard(annotations={"list": [{"name": "Run", "expr": "a"}, {"name": "built in"}]}),
            [Expression("Run", "A", "a", instant=False, kind=Kind.ANNOTATION)],
            id="an annotation",
        ),
    ],
)
def test_expressions_are_found(found: dict[str, Any], expected: list[Expression]) -> None:
    assert expressions(found) == expected


@pytest.mark.parametrize("name", FILES)
def test_expressions_of_all_kinds_are_in_each_dashboard(name: str) -> None:
    kinds = {each.kind for each in expressions(json.loads((FOLDER / name).read_text()))}
    assert kinds == set(Kind)


def test_the_config_map_holds_both_and_is_labelled_for_the_sidecar() -> None:
    (generator,) = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"]
    assert sorted(generator["files"]) == sorted(FILES)
    assert generator["options"] == {
        "disableNameSuffixHash": True,
        "labels": {"grafana_dashboard": "1"},
        "annotations": {"grafana_folder": "Bootstrap monitor"},
    }


def test_the_provider_reads_a_folder_of_files() -> None:
    (provider,) = yaml.safe_load((FOLDER / "provisioning.yaml").read_text())["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/")
    assert provider["allowUiUpdates"] is False
