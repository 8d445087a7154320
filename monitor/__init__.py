"""bootstrap-monitor keeps proving that a blockchain node can still bootstrap."""

__version__ = "0.1.0"
