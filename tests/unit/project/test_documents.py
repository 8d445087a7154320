"""Tests that generated pages match the output of `make generate` and are complete."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.builders import (
    FAILING_SINCE,
    NOW,
    OLD,
    PROBLEMS,
    REGRESSIONS,
    VERDICTS,
    build,
    ended,
    full_status,
    run,
)

from docs.api_page import HISTORY, STATUS, Field
from docs.generate import METRICS, PAGES
from docs.lifecycle_page import HOW_IT_WORKS, INIT_ENDS, WAIT_ENDS
from docs.settings_page import SETTINGS, settings_of_commands
from monitor.avalanchego.chain_signals import MESSAGES, NEWER_PEER
from monitor.decide.init_rules import INIT_RULES
from monitor.decide.wait_rules import WAIT_RULES
from monitor.domain.observations import ChainActivity, ChainLog
from monitor.domain.run import AttemptCause, Reason
from monitor.domain.signals import COUNTERS
from monitor.domain.status import Phase, ProgressStatus, Status
from monitor.engine.activity import Activity
from monitor.errors import Cause
from monitor.output.metrics import EVERY_FAMILY, StatusCollector
from monitor.output.metrics.collector import COMMON_LABELS
from monitor.output.status_json import history_json, status_json

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("alerts/*.md")])
JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@pytest.mark.parametrize(("path", "made"), PAGES.items(), ids=[path.stem for path in PAGES])
def test_a_page_is_up_to_date(path: Path, made: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == made(), "make generate"


def test_the_page_of_metrics_names_each_metric_once() -> None:
    named = [
        line.split("`")[1] for line in METRICS.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"
    ]

    assert named == [family.name for family in EVERY_FAMILY]
    assert len({*named}) == len(named)


def test_the_exposition_has_what_the_page_says_of_a_metric() -> None:
    """Every name and label of a full scrape is on the metrics page.

    `test_metrics` checks that a scrape has every family.
    """
    registry = CollectorRegistry()
    registry.register(StatusCollector(full_status, Activity()))
    page = METRICS.read_text(encoding="utf-8")
    for metric in parsed(generate_latest(registry).decode()):
        for sample in metric.samples:
            row = next(
                (line for line in page.splitlines() if f"| `{sample.name}` |" in line),
                "| | | none | |",
            )
            documented = set(row.split("|")[3].replace("`", "").replace(",", " ").split())
            assert documented == {*sample.labels} - {*COMMON_LABELS}, sample.name


@pytest.mark.parametrize("command", settings_of_commands())
def test_each_flag_of_a_command_is_on_the_page_of_settings(command: str) -> None:
    fields = settings_of_commands()[command].model_fields
    documented = {
        each.lower().lstrip("-").replace("-", "_")
        for each in re.findall(r"^\| `([^`]+)` \|", SETTINGS.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert {field.alias or name for name, field in fields.items()} <= documented


def whole_status() -> Status:
    """Return a Status in which every field has a value."""
    chains = {"P": ChainLog(ChainActivity.EXECUTING, ratio=0.5, end_at=NOW.wall + 60)}
    shown = full_status(
        progress=ProgressStatus(chains, stalled=False),
        regressions=REGRESSIONS,
        late=False,
        baseline_begins=2,
        tick_at=NOW.wall,
        requested=build(),
        problems=PROBLEMS,
        confirming=ended(5),
        build_results=FAILING_SINCE,
    )
    node = shown.node
    assert node is not None
    return replace(shown, node=replace(node, failing_checks=("network",)))


def values_of(found: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Yield the path and the value of every field, with paths as on the page."""
    for name, value in found.items():
        path = f"{before}{name}"
        path = re.sub(r"^regressions\.[a-z_]+", "regressions.{measure}", path)
        path = re.sub(r"^chains\.[PXC]", "chains.{chain}", path)
        if not path.endswith("}"):  # the fields below describe the entry for each name
            yield path, value
        for each in value if isinstance(value, list) else ():
            if isinstance(each, dict):
                yield from values_of(each, f"{path}[].")
        if isinstance(value, dict):
            yield from values_of(value, f"{path}.")


def fits(value: object, field: Field) -> bool:
    """Return whether a value has the type on the page; booleans are not numbers."""
    if value is None or isinstance(value, bool):
        return field.nullable if value is None else field.kind == "boolean"
    return isinstance(value, JSON_TYPES[field.kind])


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param(STATUS, status_json(whole_status()), id="a full status"),
        pytest.param(STATUS, status_json(full_status(run=ended(1))), id="with a run that has ended"),
        pytest.param(
            HISTORY, history_json(ended(1), VERDICTS[3], AttemptCause.CONFIRM), id="a run in the history"
        ),
        pytest.param(
            HISTORY,
            history_json(run(build=replace(build(OLD), versions=None)), {}, None),
            id="one that is open",
        ),
    ],
)
def test_each_field_of_the_api_is_on_its_page_with_its_type(
    fields: Mapping[str, Field], found: Mapping[str, object]
) -> None:
    for path, value in values_of(found):
        assert path in fields, f"{path} is not described in docs/api_page.py"
        assert fits(value, fields[path]), f"{path} is {value!r}, but {fields[path]}"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param(STATUS, status_json(whole_status()), id="status"),
        pytest.param(HISTORY, history_json(run(), VERDICTS[3], None), id="history"),
    ],
)
def test_the_page_of_the_api_describes_no_field_that_is_gone(
    fields: Mapping[str, Field], found: Mapping[str, object]
) -> None:
    assert fields.keys() == dict(values_of(found)).keys()


@pytest.mark.parametrize(
    ("rules", "ends"),
    [pytest.param(INIT_RULES, INIT_ENDS, id="init"), pytest.param(WAIT_RULES, WAIT_ENDS, id="wait")],
)
def test_each_rule_is_documented_with_its_reasons(
    rules: tuple[Callable[..., object], ...], ends: Mapping[str, str]
) -> None:
    assert list(ends) == [rule.__name__ for rule in rules]
    for rule in rules:
        given = {each for each in Reason if each.name in rule.__code__.co_names}
        documented = {each for each in Reason if re.search(rf"\b{each}\b", ends[rule.__name__])}
        assert documented == given, rule.__name__


def test_each_phase_reason_and_cause_is_explained() -> None:
    rows = set(re.findall(r"^\| (.*?) \|", HOW_IT_WORKS.read_text(encoding="utf-8"), re.MULTILINE))
    first_cells = " ".join(rows)

    for each in (*Phase, *Reason, *Cause):
        assert f"`{each}`" in first_cells, f"docs/how-it-works.md has no row of {each}"


def test_each_event_is_explained() -> None:
    reasons = re.findall(r'Announcement\(\s*"(\w+)"', (ROOT / "monitor/decide/events.py").read_text())
    section = (
        HOW_IT_WORKS.read_text(encoding="utf-8").partition("## Kubernetes Events")[2].partition("## ")[0]
    )
    explained = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))

    assert sorted(explained) == sorted({*reasons})


def test_each_signal_of_progress_is_in_the_table() -> None:
    table = HOW_IT_WORKS.read_text(encoding="utf-8").partition("<!-- signals")[2].partition("<!-- end")[0]

    assert [text for text in (*MESSAGES, NEWER_PEER) if f"`{text}`" not in table] == []
    for counter in COUNTERS:
        rows = [row for row in table.splitlines() if f"| {counter.signal}: `avalanche_" in row]
        assert {row.split("`")[1] for row in rows} == {*counter.stages}, counter.signal


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_links_to_is_there(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), f"{document.relative_to(ROOT)} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{document.relative_to(ROOT)} links to {target}"


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
