"""Writes the pages that are generated from the code: `python -m docs.generate`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from docs.api_page import API, api_page
from docs.lifecycle_page import HOW_IT_WORKS, how_it_works
from docs.settings_page import SETTINGS, settings_page
from monitor.output.metrics import EVERY_FAMILY, label_names
from monitor.output.metrics.collector import COMMON_LABELS

METRICS = Path(__file__).with_name("metrics.md")
_METRICS_TEXT = """\
# Metrics

Served at `/metrics`, in the Prometheus text format or as OpenMetrics. This page is generated from the code
(`make generate`).

- Every series except `{prefix}build_info` has the labels {common}. Series of a run have the
  network and the sync mode of that run, which may differ from the tester's current settings.
- An unknown value is absent. A metric about a problem is present only while the problem lasts.
  [Runbooks](runbooks) describe what to do about an alert.
- Metrics are read from the ledger at each scrape, so they survive a restart. `{prefix}image_checks_total`,
  `{prefix}task_…` and `{prefix}errors_total`, which describe the process, are exceptions.
- If a metric cannot be rendered, only its own series are missing, and
  `{prefix}errors_total{{operation="metrics"}}` increases.
- Results cover the newest 20 ended runs. The label `chain` is `P`, `X`, `C`, or the alias or blockchain ID of an L1
  that the node tracks, at most 16 chains. The number of series is therefore bounded.

| name | type | own labels | |
| --- | --- | --- | --- |
{rows}
"""
PREFIX = "bootstrap_monitor_"


def metrics_page() -> str:
    """Return the page of all metrics."""
    common = ", ".join(f"`{label}`" for label in COMMON_LABELS)
    return _METRICS_TEXT.format(prefix=PREFIX, common=common, rows="\n".join(_rows()))


def _rows() -> Iterable[str]:
    for family in EVERY_FAMILY:
        own = [label for label in label_names(family) if label not in COMMON_LABELS]
        labels = ", ".join(f"`{label}`" for label in own)
        kind = "counter" if family.name.endswith("_total") else "gauge"
        yield f"| `{family.name}` | {kind} | {labels} | {family.text} |"


def lifecycle_page() -> str:
    """Return docs/how-it-works.md with diagrams of the current rules."""
    return how_it_works(HOW_IT_WORKS.read_text(encoding="utf-8"))


PAGES: Mapping[Path, Callable[[], str]] = {
    METRICS: metrics_page,
    SETTINGS: settings_page,
    API: api_page,
    HOW_IT_WORKS: lifecycle_page,
}


def main() -> None:
    """Write all pages."""
    for path, made in PAGES.items():
        path.write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
