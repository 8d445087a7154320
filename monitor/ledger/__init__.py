"""Durable state: the runs and their results, in one SQLite file on the volume.

The file is next to the node's data and is never deleted with it.  `init` and the daemon share the file, which
uses a rollback journal and `synchronous = EXTRA`, so that the directory is synced too.  Each decision is one
transaction.

A file that is not a database is renamed and kept.  Every other error is attributed to the volume and may be
temporary: the file is left unchanged and the call is retried.
"""

from monitor.ledger.connection import VolumeFullError
from monitor.ledger.recovery import FILE as LEDGER_FILE
from monitor.ledger.recovery import open_existing, open_ledger, open_read_only, recover
from monitor.ledger.store import Ledger

__all__ = [
    "LEDGER_FILE",
    "Ledger",
    "VolumeFullError",
    "open_existing",
    "open_ledger",
    "open_read_only",
    "recover",
]
