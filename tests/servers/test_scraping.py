"""The servers accept the configurations in docs/scraping.md."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from servers.tools import VERSIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scraping.md"
EXAMPLES = re.findall(
    r"^## (.+?)\n.*?```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
CONFIGURATIONS = {title: text for title, text in EXAMPLES if "kind" not in yaml.safe_load(text)}
# Debian builds its Prometheus without Kubernetes service discovery.
PAIRS = [
    pytest.param(version, text, id=f"{title}-{version}")
    for title, text in CONFIGURATIONS.items()
    for version in VERSIONS
    if version != "2.42" or "kubernetes_sd_configs" not in text
]


def checked(promtool: Path, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Return the result of promtool's check of a configuration."""
    file = folder / "prometheus.yml"
    file.write_text(text, encoding="utf-8")
    command = [str(promtool), "check", "config", "--syntax-only", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("version", "text"), PAIRS)
def test_an_example_is_a_configuration(
    promtools: Mapping[str, Path], tmp_path: Path, version: str, text: str
) -> None:
    done = checked(promtools[version], tmp_path, text)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_misspelt_example_would_be_found(
    promtools: Mapping[str, Path], tmp_path: Path, version: str
) -> None:
    text = CONFIGURATIONS["One machine"]

    assert checked(promtools[version], tmp_path, text.replace("targets", "target")).returncode != 0


def test_the_pod_monitor_selects_a_port_by_the_name_that_the_page_uses() -> None:
    (monitor,) = (found for _, text in EXAMPLES if "kind" in (found := yaml.safe_load(text)))
    (kept,) = (
        rule["regex"]
        for _, text in EXAMPLES
        for job in yaml.safe_load(text).get("scrape_configs", ())
        for rule in job.get("relabel_configs", ())
        if rule.get("action") == "keep"
    )

    assert (monitor["kind"], len(CONFIGURATIONS)) == ("PodMonitor", 3)
    assert kept.split(";")[1] == monitor["spec"]["podMetricsEndpoints"][0]["port"]
