"""The cluster behind one door: what the monitor reads from Kubernetes and asks of it, as plain values.

`access` finds the API server, and alone imports the `kubernetes` client, where there is a kubeconfig to read;
`connection` sends the calls; `answers` says what each answer means; `objects` turns JSON into values; `gateway` has
the operations.
"""

from monitor.cluster.answers import UnavailableError
from monitor.cluster.connection import Connection, Pause, forever
from monitor.cluster.gateway import Cluster
from monitor.cluster.objects import Claim, FieldManager, StatefulSet

__all__ = [
    "Claim",
    "Cluster",
    "Connection",
    "FieldManager",
    "Pause",
    "StatefulSet",
    "UnavailableError",
    "forever",
]
