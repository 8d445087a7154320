"""The metrics: one table says what each is and how it comes out of a Status; a collector renders it.

Families are built anew at every scrape, so that nothing outlives what it spoke of.  What is unknown is
absent, never a number that stands for it.
"""

from monitor.output.metrics.collector import EVERY_FAMILY, StatusCollector, label_names

__all__ = ["EVERY_FAMILY", "StatusCollector", "label_names"]
