"""The metrics: one table defines each metric and its samples; a collector renders them.

Families are built again at every scrape, so that a series disappears together with its subject. An unknown
value is absent; no number stands for it.
"""

from monitor.output.metrics.collector import EVERY_FAMILY, StatusCollector, label_names

__all__ = ["EVERY_FAMILY", "StatusCollector", "label_names"]
