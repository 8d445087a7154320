"""The cluster behind one door: what the monitor reads from Kubernetes and asks of it, as plain values.

`connection` is the only module that imports the `kubernetes` client, and only once it connects; `answers`
says what each answer means; `objects` turns JSON into values; `gateway` has the operations.
"""

from monitor.cluster.connection import Connection, Pause, forever
from monitor.cluster.gateway import Cluster
from monitor.cluster.objects import FieldManager, StatefulSet

__all__ = ["Cluster", "Connection", "FieldManager", "Pause", "StatefulSet", "forever"]
