"""What must survive: runs and their results, on the volume, beside the node's data and never cleared with it.

One SQLite file (rollback journal, synchronous EXTRA: the directory is synced too) that `init` and the daemon
share.  Each decision is one transaction.  A file that is not a database is moved aside and kept; every other
error is the volume's and may pass, so the file stays and the call is tried again.
"""

from monitor.ledger.recovery import FILE as LEDGER_FILE
from monitor.ledger.recovery import open_existing, open_ledger, open_read_only, recover
from monitor.ledger.store import Ledger, VolumeFullError

__all__ = [
    "LEDGER_FILE",
    "Ledger",
    "VolumeFullError",
    "open_existing",
    "open_ledger",
    "open_read_only",
    "recover",
]
