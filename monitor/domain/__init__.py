"""Pure values and calculations.

Besides `monitor.errors`, the package imports only the standard library. It does no I/O and reads no clock. It
does not depend on Kubernetes, or on the names of AvalancheGo's metrics and log lines.
"""
