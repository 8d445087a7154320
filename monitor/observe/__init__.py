"""Everything that decisions are made by, read once a step into one state: one observer for each list of rules.

What cannot be read stays absent: a platform that does not answer is no workload, a node that does not answer
is `NodeDown` or `NodeSilent`.  Only the ledger must answer; without it nothing is decided at all.
"""

from monitor.observe.init import InitObserver
from monitor.observe.problems import problems_of
from monitor.observe.wait import Seen, WaitObserver
from monitor.observe.workload import WORKLOAD_KEPT_SECONDS

__all__ = ["WORKLOAD_KEPT_SECONDS", "InitObserver", "Seen", "WaitObserver", "problems_of"]
