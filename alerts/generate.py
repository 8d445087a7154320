"""Writes `prometheus-rule.yaml`: the rules of `rules.yaml` as an object for the Prometheus Operator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
RULES, OBJECT = HERE / "rules.yaml", HERE / "prometheus-rule.yaml"
HEADING = "# Generated from rules.yaml by `make generate`; edit that file instead.\n"
LABELS = {"app.kubernetes.io/name": "bootstrap-monitor", "app.kubernetes.io/part-of": "bootstrap-monitor"}


class _Dumper(yaml.SafeDumper):
    """Writes expressions as blocks, and every text in full instead of as an alias."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - any data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def prometheus_rule(rules: str) -> dict[str, Any]:
    """Return the PrometheusRule with the groups of a rules file."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "bootstrap-monitor", "labels": LABELS},
        "spec": yaml.safe_load(rules),
    }


def rendered(rules: str) -> str:
    """Return the text of `prometheus-rule.yaml` for a rules file."""
    return HEADING + yaml.dump(prometheus_rule(rules), Dumper=_Dumper, sort_keys=False, width=120)


if __name__ == "__main__":
    OBJECT.write_text(rendered(RULES.read_text()))
