"""The rules pass their tests with an old and a new promtool, and pint and amtool find no problem.

The tests of each alert are shown to fail if its rule is broken.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from servers.breakages import BREAKAGES
from servers.tools import VERSIONS
from support.local_life import ROOT

ALERTS = ROOT / "alerts"
TESTED = sorted(path.stem for path in (ALERTS / "tests").glob("*.yaml"))


def result_of(*command: str | Path) -> tuple[int, str]:
    """Return the exit code and the output of a program."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the alerts that a test may break."""
    return Path(shutil.copytree(ALERTS, tmp_path / "alerts"))


def broken(folder: Path, old: str, new: str) -> None:
    """Break the rules of a copy."""
    rules = folder / "rules.yaml"
    before = rules.read_text()
    assert old in before
    rules.write_text(before.replace(old, new))


@pytest.mark.parametrize("version", VERSIONS)
def test_promtool_accepts_the_rules(promtools: Mapping[str, Path], version: str) -> None:
    code, text = result_of(promtools[version], "check", "rules", ALERTS / "rules.yaml")

    assert code == 0, text


@pytest.mark.parametrize("version", VERSIONS)
def test_promtool_finds_a_broken_rule(promtools: Mapping[str, Path], version: str, copied: Path) -> None:
    broken(copied, "max by (cluster", "mux by (cluster")
    code, text = result_of(promtools[version], "check", "rules", copied / "rules.yaml")

    assert code != 0, text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("alert", TESTED)
def test_an_alert_passes_its_tests(promtools: Mapping[str, Path], version: str, alert: str) -> None:
    code, text = result_of(promtools[version], "test", "rules", ALERTS / "tests" / f"{alert}.yaml")

    assert code == 0, text


@pytest.mark.parametrize(("alert", "old", "new"), BREAKAGES)
def test_a_broken_alert_fails_its_tests(
    promtools: Mapping[str, Path], copied: Path, alert: str, old: str, new: str
) -> None:
    broken(copied, old, new)
    code, text = result_of(promtools["3"], "test", "rules", copied / "tests" / f"{alert}.yaml")

    assert code != 0, text
    assert "exp" in text, "it fails by what fires, not by how it is written"


def test_there_is_a_breakage_of_each_alert() -> None:
    assert {each.values[0] for each in BREAKAGES} == set(TESTED)


def pint_of(pint: Path, folder: Path) -> tuple[int, str]:
    """Return the exit code and the report of pint, down to the lowest severity."""
    severity = ("--min-severity=info", "--fail-on=info")
    return result_of(
        pint,
        "--no-color",
        "--offline",
        f"--config={folder / 'pint.hcl'}",
        "lint",
        *severity,
        folder / "rules.yaml",
    )


def test_pint_finds_nothing(pint: Path) -> None:
    code, text = pint_of(pint, ALERTS)

    assert (code, "Problems found" in text) == (0, False), text


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        pytest.param("alert: BootstrapLate", "alert: Late", "rule/name", id="name"),
        pytest.param(
            "max by (cluster, namespace, ", "max by (namespace, ", "promql/aggregate", id="a label less"
        ),
        pytest.param("cause) (", "cause, pod) (", "promql/aggregate", id="a label of pods"),
        pytest.param("severity: critical", "severity: page", "rule/label", id="severity"),
        pytest.param(
            "sync_mode }}): blocked", "pod }}): blocked", "alerts/template", id="a label that there is not"
        ),
        pytest.param(
            "          summary: A bootstrap failed.",
            "          runbook_url: https://wiki/BootstrapFails.md\n          summary: A bootstrap failed.",
            "alerts/annotation",
            id="another alert's runbook",
        ),
        pytest.param("for: 45m", "for: 45h", "rule/for", id="too long"),
    ],
)
def test_pint_finds_what_is_wrong(pint: Path, copied: Path, old: str, new: str, check: str) -> None:
    broken(copied, old, new)
    code, text = pint_of(pint, copied)

    assert code != 0
    assert f"({check})" in text


@pytest.fixture(scope="session")
def amtool(alertmanager_program: Path) -> Path:
    """Return the path of amtool, which is part of Alertmanager."""
    return alertmanager_program.with_name("amtool")


def test_amtool_accepts_the_example(amtool: Path) -> None:
    code, text = result_of(amtool, "check-config", ALERTS / "alertmanager.yaml")

    assert code == 0, text
    assert "1 templates" in text


def test_amtool_accepts_the_readme_s_receiver(amtool: Path, copied: Path) -> None:
    examples = re.findall(r"```yaml\n(.+?)```", (ALERTS / "README.md").read_text(), re.DOTALL)
    (receiver,) = yaml.safe_load(examples[1])
    file = copied / "alertmanager.yaml"
    configured = yaml.safe_load(file.read_text())
    names = [each["name"] for each in configured["receivers"]]
    configured["receivers"][names.index(receiver["name"])] = receiver
    file.write_text(yaml.safe_dump(configured))
    code, text = result_of(amtool, "check-config", file)

    assert code == 0, text


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param(("severity=warning", "network=fuji"), "testnets", id="a warning of a test network"),
        pytest.param(("severity=warning", "network=mainnet"), "mainnet", id="a warning of mainnet"),
        pytest.param(("severity=critical", "network=mainnet"), "on-call,mainnet", id="mainnet, now"),
        pytest.param(("severity=critical", "network=fuji"), "on-call,testnets", id="a test network, now"),
    ],
)
def test_who_hears_of_it(amtool: Path, labels: Sequence[str], receivers: str) -> None:
    config = f"--config.file={ALERTS / 'alertmanager.yaml'}"
    code, text = result_of(amtool, "config", "routes", "test", config, *labels)

    assert (code, text.splitlines()[0]) == (0, receivers)


def message(amtool: Path, folder: Path, template: str, alerts: list[dict[str, object]]) -> str:
    """Return the text that a template renders for the alerts of one group."""
    common = {"alertname": "BootstrapRegressed", "network": "fuji"}
    data = {"status": "firing", "commonLabels": common, "groupLabels": common, "alerts": alerts}
    (folder / "data.json").write_text(json.dumps(data))
    code, text = result_of(
        amtool,
        "template",
        "render",
        f"--template.glob={ALERTS / 'bootstrap-monitor.tmpl'}",
        f'--template.text={{{{ template "{template}" . }}}}',
        f"--template.data={folder / 'data.json'}",
    )
    assert code == 0, text
    return text.strip()


def alert(status: str, labels: Mapping[str, str], **annotations: str) -> dict[str, object]:
    """Return an alert in the format that templates receive."""
    texts = {
        "summary": "It got worse.",
        "description": "one (fuji, full-sync): worse.",
        "dashboard_url": "/d/bootstrap-monitor-tester?var-tester=one",
        **annotations,
    }
    return {"status": status, "labels": labels, "annotations": texts}


def test_the_message_for_people(amtool: Path, tmp_path: Path) -> None:
    """Links that are not set are left out."""
    alerts = [
        alert("firing", {"cluster": "west", "namespace": "n"}, compare_url="https://compare"),
        alert(
            "resolved",
            {},
            compare_url="",
            runbook_url="https://runbook",
            dashboard_url="https://grafana.corp/d/x",
        ),
    ]

    assert (
        message(amtool, tmp_path, "bootstrap_monitor.title", alerts)
        == "[FIRING:1] BootstrapRegressed on fuji"
    )
    assert message(amtool, tmp_path, "bootstrap_monitor.text", alerts) == (
        "It got worse.\n"
        "one (fuji, full-sync): worse.\n"
        "Cluster: west\n"
        "Namespace: n\n"
        "Changes: https://compare\n"
        "\n"
        "Resolved: It got worse.\n"
        "one (fuji, full-sync): worse.\n"
        "Runbook: https://runbook\n"
        "Dashboard: https://grafana.corp/d/x"
    )
